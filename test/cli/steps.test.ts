/** The steps of a run beside its attempts, as an opponent sees them: real processes, real files, a simulated provider on a socket. */
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openLedger } from "../../src/ledger/index.ts";
import type { RunDetail } from "../../src/ledger/ledger.ts";
import type { SimulatedProvider, SimulatedProviderOptions } from "../../src/provider/script.ts";
import { sandboxFor } from "../../src/turn/sandbox.ts";
import { serveIn } from "./served.ts";
import { keys, plantedKey, quickJob, stage, type Stage } from "./stage.ts";

const sandbox = await sandboxFor(process.env);

let project: Stage;
let provider: SimulatedProvider | undefined;

beforeEach(() => {
  project = stage();
  provider = undefined;
});

afterEach(() => project.close());

async function serve(job: object, options?: SimulatedProviderOptions): Promise<SimulatedProvider> {
  return (provider = await serveIn(project, options, job));
}

/** The provider says this, one text after the other; the last one again and again. */
function says(...texts: readonly string[]): SimulatedProviderOptions & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    answer: ({ prompt }) => {
      asked.push(prompt);
      return { text: texts[Math.min(asked.length, texts.length) - 1] ?? "" };
    },
  };
}

/** A work folder of the project with a program in it. */
function program(name: string, script: string): { readonly workDir: string; readonly argv: string[] } {
  const workDir = path.join(project.dir, "work");
  mkdirSync(workDir, { recursive: true });
  writeFileSync(path.join(workDir, name), `#!/bin/sh\n${script}\n`);
  chmodSync(path.join(workDir, name), 0o755);
  return { workDir, argv: [`./${name}`] };
}

/** A process that has ended and was not collected by its parent yet does not live. */
function lives(pid: string): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

interface Shown {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly run: RunDetail["run"];
  readonly detail: RunDetail;
}

/** Carries the job out, and reads what the ledger has of it. */
async function run(...args: readonly string[]): Promise<Shown> {
  const { code, stdout, stderr } = await project.runner(["run", "quick", ...args], keys);
  const file = readdirSync(project.stateDir, { recursive: true, encoding: "utf8" }).find((name) =>
    name.endsWith("ledger.sqlite"),
  );
  const ledger = await openLedger({ stateDir: path.join(project.stateDir, file ?? "", ".."), create: false });
  const [last] = (await ledger?.history({ limit: 1 })) ?? [];
  const detail = await ledger?.run(last?.runId ?? "");
  await ledger?.close();
  if (detail === undefined || "ambiguous" in detail) throw new Error(`the run is not in the ledger: ${stderr}`);
  return { code, stdout, stderr, run: detail.run, detail };
}

describe("the gate", () => {
  it("goes on with exit 0, and its facts reach the prompt", async () => {
    const gate = program("gate.sh", "echo two new orders; env > seen");
    const model = says("done");
    await serve(quickJob({ payload: { message: "Facts: {{gate}}." }, gate: gate.argv, workDir: gate.workDir }), model);
    const { code, stdout, run: recorded } = await run();
    expect({ code, stdout, asked: model.asked }).toEqual({ code: 0, stdout: "done\n", asked: ["Facts: two new orders."] });
    expect(recorded.gate).toMatchObject({ verdict: "go" });
    const seen = readFileSync(path.join(gate.workDir, "seen"), "utf8");
    expect(seen).toMatch(/^RUNNER_RUN_ID=/m);
    expect(seen).not.toContain(plantedKey);
  });

  it("ends the run quiet with exit 1 and nothing on stderr: exit 0, not one request", async () => {
    const gate = program("gate.sh", "echo nothing since noon; exit 1");
    const server = await serve(quickJob({ gate: gate.argv, workDir: gate.workDir }));
    const { code, stdout, run: recorded, detail } = await run();
    expect({ code, stdout, requests: server.requests, attempts: detail.attempts }).toEqual({
      code: 0,
      stdout: "",
      requests: 0,
      attempts: [],
    });
    expect(recorded).toMatchObject({ status: "quiet", gate: { verdict: "nothing_to_do" } });
    expect(recorded.reason).toContain("nothing since noon");
  });

  it.each([
    ["another exit code", "exit 3", /exited with code 3/],
    ["exit 1 with words on stderr", "echo 'no such table' >&2; exit 1", /code 1.*no such table/],
    ["a signal", "kill -9 $$", /killed by SIGKILL/],
    ["no end in its time", "sleep 60", /took longer than 1 s/],
  ])("takes %s for a gate that failed: exit 1, not one request", async (_, script, reason) => {
    const gate = program("gate.sh", script);
    const server = await serve(quickJob({ gate: { command: gate.argv, timeout: "1s" }, workDir: gate.workDir }));
    const { code, run: recorded } = await run();
    expect({ code, status: recorded.status, fault: recorded.fault }).toEqual({ code: 1, status: "failed", fault: "gate" });
    expect(recorded.reason).toMatch(reason);
    expect(recorded.gate?.verdict).toBe("failed");
    expect(server.requests).toBe(0);
  });

  it("is not asked with --no-gate, and the record says so", async () => {
    const gate = program("gate.sh", "exit 1");
    await serve(quickJob({ gate: gate.argv, workDir: gate.workDir }), says("done"));
    const { code, run: recorded } = await run("--no-gate");
    expect(code).toBe(0);
    expect(recorded.warnings).toContainEqual(expect.stringContaining("--no-gate"));
  });

  it("leaves nothing behind when runner is killed while it works, and the next run closes the record", async () => {
    const gate = program("gate.sh", "if [ -e second ]; then exit 1; fi; touch second; echo $$ > pid; sleep 300");
    await serve(quickJob({ gate: gate.argv, workDir: gate.workDir }));
    const first = project.start(["run", "quick"], keys);
    const pid = await vi.waitFor(
      () => readFileSync(path.join(gate.workDir, "pid"), "utf8").trim() || Promise.reject(new Error("none")),
      {
        timeout: 20_000,
      },
    );
    first.process.kill("SIGKILL");
    await first.ended;
    const { code, run: recorded } = await run();
    expect({ code, status: recorded.status }).toEqual({ code: 0, status: "quiet" });
    expect(lives(pid)).toBe(false);
    const before = JSON.parse((await project.runner(["history", "--json"], keys)).stdout).runs;
    expect(before[1]).toMatchObject({ status: "interrupted" });
  });
});

interface Blocked {
  readonly code: number | null;
  readonly requests: number | undefined;
  readonly run: { readonly status: string; readonly reason: string; readonly tries: number; readonly attempts: number };
}
const outcomeOf = async (env: Readonly<Record<string, string>> = keys): Promise<Blocked> => {
  const ended = await project.runner(["run", "quick", "--json"], env);
  return { code: ended.code, requests: provider?.requests, ...JSON.parse(ended.stdout) };
};
const blocked = (code: number, words: RegExp): object => ({
  code,
  requests: 0,
  run: { status: "blocked", tries: 0, attempts: 0, reason: expect.stringMatching(words) },
});

describe("preflight", () => {
  it("blocks a run without its key, with exit 77 and the variable's name", async () => {
    await serve(quickJob());
    expect(await outcomeOf({})).toMatchObject(blocked(77, /TEST_API_KEY.*is not set.*Set it where/));
  });

  it("goes on when only a fallback lacks its key, and says so", async () => {
    await serve(quickJob({ payload: { fallbacks: ["other/model-b"] } }), says("done"));
    const { code, stderr } = await project.runner(["run", "quick"], { TEST_API_KEY: plantedKey });
    expect(code).toBe(0);
    expect(stderr).toMatch(/OTHER_API_KEY.*is not set/);
  });

  it.each([
    ["a gate's program", { gate: ["no-such-program"] }, /no-such-program.*gate.*not in PATH/],
    ["an expectation's program", { expect: { command: ["no-such-program"] } }, /no-such-program.*expect\.command/],
    ["a shell program", { payload: { tools: { shell: { allow: ["no-such-program"] } } } }, /no-such-program.*tools\.shell/],
    [
      "an MCP server",
      { payload: { tools: { mcp: { mail: { command: ["no-such-program"] } } } } },
      /no-such-program.*tools\.mcp\.mail/,
    ],
    ["the work folder", { workDir: "/no/such/folder" }, /work folder \/no\/such\/folder is not there/],
  ])("blocks a run without %s, with exit 78 and not one request", async (_, over, words) => {
    await serve(quickJob(over));
    expect(await outcomeOf()).toMatchObject(blocked(78, words));
  });

  it("blocks a run whose MCP server wants a variable that is not set", async () => {
    const mail = { command: ["cat"], env: { TOKEN: "${NO_SUCH_TOKEN}" } };
    await serve(quickJob({ payload: { tools: { mcp: { mail } } } }));
    expect(await outcomeOf()).toMatchObject(blocked(78, /NO_SUCH_TOKEN.*payload\.tools\.mcp\.mail\.env\.TOKEN.*is not set/));
  });

  it("blocks a run whose MCP server does not start, without a token, after all its attempts", async () => {
    const mail = { command: ["false"] };
    await serve(quickJob({ payload: { tools: { mcp: { mail } } }, retry: { maxAttempts: 2 } }));
    const { code, run: recorded, detail } = await run();
    expect({ code, status: recorded.status, attempts: detail.attempts.length }).toEqual({
      code: 78,
      status: "blocked",
      attempts: 2,
    });
    expect(recorded.reason).toContain("mail");
    expect(provider?.requests).toBe(0);
  });

  it("blocks a run whose own model server does not answer", async () => {
    await serve(quickJob({ payload: { model: "here/model" } }));
    const here = { baseUrl: "http://127.0.0.1:9", dialect: "openai-completions" };
    project.write("runner.config.json", { providers: { here } });
    expect(await outcomeOf()).toMatchObject(blocked(78, /here does not answer at http:\/\/127\.0\.0\.1:9.*Start here/));
  });
});

describe("what counts as done", () => {
  it("asks once more with the reasons, and takes the answer that holds", async () => {
    const model = says("Yesterday was fine.", "Total: 12");
    await serve(quickJob({ retry: { maxAttempts: 2 }, expect: { matches: ["^Total: \\d+$"] } }), model);
    const { code, stdout, detail } = await run();
    expect({ code, stdout, attempts: detail.attempts.map(({ status }) => status) }).toEqual({
      code: 0,
      stdout: "Total: 12\n",
      attempts: ["failed", "succeeded"],
    });
    expect(model.asked[1]).toMatch(/not accepted[\s\S]*Total/);
  });

  it("ends with exit 65 when it does not hold again; the answer is kept and not printed", async () => {
    await serve(quickJob({ retry: { maxAttempts: 5 }, expect: { contains: ["Total"] } }), says("Nothing of the kind."));
    const { code, stdout, stderr, run: recorded, detail } = await run();
    expect({ code, stdout, attempts: detail.attempts.length }).toEqual({ code: 65, stdout: "", attempts: 2 });
    expect(recorded).toMatchObject({ status: "failed", output: "Nothing of the kind." });
    expect(recorded.fault).toBeUndefined();
    expect(stderr).toContain("the answer that was not accepted is kept");
  });

  it("gives the value of a schema", async () => {
    const jsonSchema = { type: "object", properties: { total: { type: "integer" } }, required: ["total"] };
    await serve(quickJob({ expect: { jsonSchema } }), says('{"total": 12}'));
    const { code, run: recorded } = await run();
    expect(code).toBe(0);
    expect(JSON.parse(recorded.value ?? "")).toEqual({ total: 12 });
  });

  it("ends quiet with the quiet word, and prints nothing", async () => {
    await serve(quickJob(), says("NO_REPLY"));
    const { code, stdout, run: recorded } = await run();
    expect({ code, stdout, status: recorded.status }).toEqual({ code: 0, stdout: "", status: "quiet" });
  });

  it("believes a turn that says it failed: exit 1, not asked again", async () => {
    const model = says("I could not log in.\nTASK_FAILED: the page asks for a code");
    await serve(quickJob({ retry: { maxAttempts: 3 } }), model);
    const { code, stdout, run: recorded } = await run();
    expect({ code, stdout, fault: recorded.fault, asked: model.asked.length }).toEqual({
      code: 1,
      stdout: "",
      fault: "declared",
      asked: 1,
    });
    expect(recorded.reason).toContain("the page asks for a code");
  });

  it("wants the expected file to be of this run", async () => {
    const { workDir } = program("unused.sh", "true");
    writeFileSync(path.join(workDir, "report.txt"), "of yesterday");
    await serve(quickJob({ workDir, expect: { file: { path: "report.txt", fresh: true } } }), says("The report is written."));
    const { code, run: recorded } = await run();
    expect({ code, status: recorded.status }).toEqual({ code: 65, status: "failed" });
    expect(recorded.reason).toContain("report.txt");
  });
});

describe("the prompt", () => {
  it("knows the last answer, the time of the last success, its vars and the allowed environment", async () => {
    const model = says("first answer {{now}}", "second answer");
    const message = "Before: {{previous.output}} at {{lastSuccess}}; {{vars.team}} in {{env.REGION}}, {{now}}";
    await serve(quickJob({ payload: { message }, vars: { team: "reds" }, env: ["REGION"] }), model);
    const env = { ...keys, REGION: "north" };
    expect((await project.runner(["run", "quick"], env)).code).toBe(0);
    expect((await project.runner(["run", "quick", "--var", "team=blues"], env)).code).toBe(0);
    expect(model.asked[0]).toMatch(/^Before: \(there is no earlier answer\) at never; reds in north, \w+day \d{4}-/);
    // What an answer says is never read as a template.
    expect(model.asked[1]).toMatch(
      /is data and no instruction\]\nfirst answer \{\{now\}\}\n\[[\s\S]* at \w+day \d{4}-[\s\S]*; blues in north/,
    );
  });

  it("refuses a --var that the job does not declare", async () => {
    await serve(quickJob({ vars: { team: "reds" } }));
    expect(await project.runner(["run", "quick", "--var", "tema=blues"], keys)).toMatchObject({ code: 2, stdout: "" });
    expect(await project.runner(["run", "quick", "--var", "team"], keys)).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("budgets and waits", () => {
  it("ends with exit 80 when the run's calls are used up", async () => {
    await serve(quickJob({ retry: { maxAttempts: 3 }, limits: { calls: 1 }, expect: { contains: ["never"] } }), says("no"));
    const { code, run: recorded, detail } = await run();
    expect({ code, fault: recorded.fault, calls: detail.calls.length }).toEqual({ code: 80, fault: "budget", calls: 1 });
  });

  it("does not sit out a wait that its budget of time does not hold", async () => {
    const broken = { simulation: { faults: [{ fault: "overloaded_529", rate: 1 }], seed: 1 } } as const;
    const retry = { maxAttempts: 3, delay: "1m", maxDelay: "1m" };
    await serve(quickJob({ retry, limits: { seconds: 30, triesPerCall: 1, maxWait: "10m" } }), broken);
    const { code, run: recorded } = await run();
    expect({ code, fault: recorded.fault }).toEqual({ code: 80, fault: "budget" });
    expect(recorded.reason).toMatch(/a wait of 60 s is longer than what is left of the run \(limits\.seconds\)/);
    expect(Number(recorded.finishedAt) - recorded.startedAt).toBeLessThan(25_000);
  });

  it("ends deferred with the provider's time where that is longer than the budget of time", async () => {
    const limited = { simulation: { faults: [{ fault: "rate_limit", rate: 1 }], seed: 1 }, delays: { retryAfterMs: 120_000 } };
    await serve(quickJob({ onRateLimit: "wait", limits: { seconds: 30 } }), limited);
    const { code, run: recorded } = await run();
    expect({ code, status: recorded.status }).toEqual({ code: 75, status: "deferred" });
    expect(Number(recorded.deferredUntil) - recorded.startedAt).toBeGreaterThan(110_000);
  });

  it("ends with exit 80 and what there is when the answer is longer than limits.outputBytes", async () => {
    await serve(quickJob({ limits: { outputBytes: 5 } }), says("hello world"));
    const { code, stdout, run: recorded } = await run();
    expect({ code, fault: recorded.fault, stdout, output: recorded.output }).toEqual({
      code: 80,
      fault: "budget",
      stdout: "hello\n",
      output: "hello",
    });
  });

  it("ends deferred with its time when the job does not wait", async () => {
    const limited = { simulation: { faults: [{ fault: "rate_limit", rate: 1 }], seed: 1 }, delays: { retryAfterMs: 120_000 } };
    await serve(quickJob({ onRateLimit: "defer" }), limited);
    const began = Date.now();
    const { code, stderr, run: recorded } = await run();
    expect({ code, status: recorded.status }).toEqual({ code: 75, status: "deferred" });
    expect(Number(recorded.deferredUntil) - began).toBeGreaterThan(110_000);
    expect(stderr).toMatch(/deferred until \d{4}-/);
  });
});

describe("the dry run", () => {
  it("shows what is granted, what is asked first, what counts as done, what it may cost, and the prompt as it would be", async () => {
    const gate = program("gate.sh", "touch asked");
    const tools = { shell: { allow: ["ls"] }, files: "rw", mcp: { mail: { command: ["cat"], env: { TOKEN: "${MAIL_TOKEN}" } } } };
    const server = await serve(
      quickJob({
        payload: { message: "For {{vars.team}}: {{gate}}", tools },
        vars: { team: "reds" },
        gate: gate.argv,
        workDir: gate.workDir,
        limits: { usd: 0.5 },
        expect: { contains: ["Total"] },
        onRateLimit: "defer",
      }),
    );
    const { code, stdout } = await project.runner(["run", "quick", "--dry-run", "--var", "team=blues"], keys);
    expect(code).toBe(78);
    for (const part of [
      "MAIL_TOKEN, which payload.tools.mcp.mail.env.TOKEN names, is not set",
      "the run would end blocked, exit 78",
      "./gate.sh",
      '"onRateLimit": "defer"',
      "limits.usd",
      '["Total"]',
      "For blues: <what the gate prints>",
      "all its tools",
    ])
      expect(stdout).toContain(part);
    expect(stdout).toMatch(/sandbox {2,}(?:namespaces|none: )/);
    expect(stdout).toMatch(/scheduler\.killGrace {2,}5 s {2,}from TERM to KILL\n {2}cgroup {2,}(?:below \/|none: )/);
    expect(server.requests).toBe(0);
    expect(existsSync(path.join(gate.workDir, "asked"))).toBe(false);
    expect(existsSync(project.stateDir)).toBe(false);
  });

  it("shows the job in words that make the same job again", async () => {
    const tools = {
      shell: { allow: ["ls"], timeout: "5s" },
      files: "rw",
      http: ["example.com"],
      mcp: {
        mail: { command: ["cat", "-u"], env: { TOKEN: "${TEST_API_KEY}" }, tools: ["send"] },
        far: { url: "https://example.com/mcp" },
      },
    };
    await serve(quickJob({ payload: { message: "{{vars.a}} {{env.PATH}}", tools }, vars: { a: "1" }, env: ["PATH"] }));
    const shown = async (): Promise<string> => {
      const { code, stdout } = await project.runner(["run", "quick", "--dry-run"], keys);
      expect(code).toBe(0);
      return stdout.slice(stdout.indexOf("{"), stdout.indexOf("\n\n"));
    };
    const first = await shown();
    project.write("jobs/quick.json", JSON.parse(first));
    expect(JSON.parse(await shown())).toEqual(JSON.parse(first));
  });

  it("shows a command's own environment, and only the limits that can end it", async () => {
    const payload = { kind: "command", argv: ["echo"], env: { KEY: "${TEST_API_KEY}" }, noOutputTimeoutSeconds: 2 };
    project.write("jobs/quick.json", { name: "quick", payload });
    const { stdout } = await project.runner(["run", "quick", "--dry-run"], keys);
    expect(stdout).toContain("KEY=${TEST_API_KEY}");
    expect(stdout).toMatch(/payload\.noOutputTimeoutSeconds {2,}2 s/);
    expect(stdout).not.toContain("limits.firstByte");
    expect(stdout).not.toContain(plantedKey);
  });

  it("knows a job without a model", async () => {
    project.write("jobs/quick.json", { name: "quick", payload: { kind: "command", argv: ["echo", "a b"] } });
    const { code, stdout } = await project.runner(["run", "quick", "--dry-run"]);
    expect(code).toBe(0);
    expect(stdout).toContain('the program echo "a b"');
    expect(await project.runner(["run", "quick"])).toMatchObject({ code: 0, stdout: "a b\n" });
  });
});

it("a server of tools that never starts blocks the run, and explain says so instead of speaking of a turn that died", async () => {
  const { argv, workDir } = program("server.sh", 'echo "no licence" >&2; exit 1');
  await serve(quickJob({ payload: { message: "Say it.", tools: { mcp: { mail: { command: argv } } } }, workDir }));
  const { code, run: recorded } = await run();
  expect({ code, status: recorded.status, fault: recorded.fault }).toEqual({ code: 78, status: "blocked", fault: undefined });
  const { stdout } = await project.runner(["explain", "last"], keys);
  expect(stdout).toContain("It failed: the MCP server mail did not start");
  expect(stdout).not.toContain("ended without a result");
});

it("hands secrets to nobody else: not to the record, not to the screen, not to a file", async () => {
  const secret = "mail-token-0123456789abcdef";
  const { argv, workDir } = program("server.sh", 'echo "the server has $TOKEN and key=$TEST_API_KEY" >&2; exit 1');
  const payload = { message: "Say it.", tools: { mcp: { mail: { command: argv, env: { TOKEN: "${MAIL_TOKEN}" } } } } };
  await serve(quickJob({ payload, workDir }), says(`your key is ${plantedKey}`));
  const env = { ...keys, MAIL_TOKEN: secret };
  const dead = await project.runner(["run", "quick", "--json"], env);
  expect(JSON.parse(dead.stdout).run).toMatchObject({ status: "blocked", exitCode: 78 });
  project.write("jobs/quick.json", quickJob());
  const said = await project.runner(["run", "quick"], env);
  expect([said.code, said.stdout]).toEqual([0, "your key is [redacted]\n"]);
  for (const text of [project.everyByte(), dead.stdout, dead.stderr, said.stdout, said.stderr]) {
    expect(text).not.toContain(plantedKey);
    expect(text).not.toContain(secret);
  }
});

/** What the turn of an earlier run has left in its work folder under a name that the job starts. */
const rewritten = `
cat /proc/[0-9]*/environ >> seen 2> /dev/null
test -r /proc/$PPID/stat && echo runner is seen >> seen
kill -USR1 $PPID
'${process.execPath}' --input-type=module -e "
  const at = Date.now();
  for (;;) {
    try { console.log(await (await fetch('http://127.0.0.1:9229/json')).text()); break; }
    catch { if (Date.now() > at + 1500) { console.log('no debugger'); break; } }
  }" >> seen`;

describe.runIf(sandbox.kind === "namespaces")("a program that the turn may write", () => {
  it("gets at no key, as a gate and as an expectation", async () => {
    const check = program("check.sh", rewritten);
    const tools = { files: "rw" };
    const job = { payload: { tools }, gate: check.argv, expect: { command: check.argv }, workDir: check.workDir };
    await serve(quickJob(job), says("done"));
    const { code } = await run();
    expect(code).toBe(0);
    const seen = readFileSync(path.join(check.workDir, "seen"), "utf8");
    expect(seen).not.toContain(plantedKey);
    expect(seen.match(/runner is seen|no debugger/g)).toEqual(["runner is seen", "no debugger", "runner is seen", "no debugger"]);
  });

  it("is still told from one that is not there", async () => {
    const check = program("check.sh", "exit 1");
    await serve(quickJob({ payload: { tools: { files: "rw" } }, gate: check.argv, workDir: check.workDir }));
    expect(await run()).toMatchObject({ code: 0, run: { status: "quiet" } });
    writeFileSync(path.join(check.workDir, "check.sh"), "#!/nonexistent\n");
    expect(await run()).toMatchObject({ code: 1, run: { fault: "gate" } });
  });
});
