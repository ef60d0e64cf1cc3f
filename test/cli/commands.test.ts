/** The other commands: what they print, where, and how they exit. */
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import vm from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { root, stage, type Stage } from "./stage.ts";

let project: Stage;

let prepared: (number | null)[] = [];

beforeAll(async () => {
  project = stage();
  project.write("jobs/fpl-daily-check.json", {
    id: "b393d508-ec9a-4b6d-bb97-7f584eb0ef83",
    name: "fpl-daily-check",
    schedule: { kind: "cron", expr: "0 12 * * *", tz: "Europe/London" },
    sessionTarget: "isolated",
    payload: { kind: "agentTurn", message: "Run FPL check...", model: "kimi-coding/k2p5", stream: false },
  });
  project.write(
    "jobs/digest.md",
    "---\nschedule: { kind: every, everyMs: 1800000 }\npayload:\n  kind: agentTurn\n  model: moonshot/kimi-k2.5\n---\n\nSum the mail up.\n",
  );
  const first = await project.runner(["run", "fpl-daily-check", "--simulate", "none"]);
  const second = await project.runner(["run", "fpl-daily-check", "--simulate", "auth:1"]);
  prepared = [first.code, second.code];
});

afterAll(() => project.close());

async function json(args: readonly string[]): Promise<{ code: number | null; stderr: string; body: Record<string, unknown> }> {
  const { code, stdout, stderr } = await project.runner([...args, "--json"]);
  const body: Record<string, unknown> = JSON.parse(stdout);
  expect(body["version"]).toBe(1);
  return { code, stderr, body };
}

it.each([
  [["-C", "sub", "list"], "An option stands behind its command: runner COMMAND -C … See: runner --help\n"],
  [["--state-dir=/x", "list"], "An option stands behind its command: runner COMMAND --state-dir … See: runner --help\n"],
  [["list", "-D"], "See: runner list --help\n"],
])("an option in front of the command is told where it belongs: %j", async (args, words) => {
  const { code, stderr } = await project.runner(args);
  expect([code, stderr.split("\n").at(-2)]).toEqual([2, words.trimEnd()]);
});

describe("list, next, validate", () => {
  it("lists every job; a simulated run does not pass for its last one", async () => {
    const { code, stdout } = await project.runner(["list"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/fpl-daily-check +0 12 \* \* \* +Europe\/London +kimi-coding\/k2p5 +never/);
    expect(stdout).toMatch(/digest +every 30m.* +moonshot\/kimi-k2\.5 +never/);
    const { body } = await json(["list"]);
    expect(body["jobs"]).toHaveLength(2);
  });

  it("finds the project from a folder below it", async () => {
    project.write("notes/deep/file.txt", "x");
    expect((await project.runner(["list", "-C", "notes/deep"])).stdout).toContain("fpl-daily-check");
  });

  it("shows the next slots in the job's zone and in UTC", async () => {
    const { code, stdout } = await project.runner(["next", "fpl-daily-check", "-n", "3"]);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toHaveLength(4);
    expect(stdout).toMatch(/12:00:00 \+0[01]:00 +Europe\/London +\d{4}-\d\d-\d\d 1[12]:00:00Z/);
    const { body } = await json(["next", "-n", "5"]);
    expect(body["slots"]).toHaveLength(5);
  });

  it("says that all is well", async () => {
    expect(await project.runner(["validate"])).toMatchObject({ code: 0, stdout: "" });
    expect((await json(["validate"])).body).toMatchObject({ kind: "validate", valid: true, issues: [] });
  });

  it("reports the problems of all files together, with places, and exits 78; good jobs go on running", async () => {
    const broken = stage();
    try {
      broken.write("jobs/good.json", { payload: { kind: "agentTurn", message: "hi", model: "kimi-coding/k2p5" } });
      broken.write("jobs/typo.json", '{\n  "payload": { "kind": "agentTurn", "mesage": "hi", "model": "kimi-coding/k2p5" }\n}\n');
      broken.write("jobs/cut.json", '{ "name": "cut",\n');
      broken.write("jobs/who.json", { payload: { kind: "agentTurn", message: "hi", model: "kimi-codin/k2p5" } });
      const { code, stderr } = await broken.runner(["validate"]);
      expect(code).toBe(78);
      expect(stderr).toContain("jobs/typo.json:2:");
      expect(stderr).toContain("message");
      expect(stderr).toContain("jobs/cut.json:2");
      expect(stderr).toContain("kimi-coding/k2p5");
      expect((await broken.runner(["run", "good", "--simulate", "none"])).code).toBe(0);
      expect((await broken.runner(["run", "typo", "--simulate", "none"])).code).toBe(78);
      expect((await broken.runner(["run", "who", "--simulate", "none"])).code).toBe(78);
    } finally {
      broken.close();
    }
  });

  it("tells the first twenty problems of many, what was asked for first, and all of them where all are asked for", async () => {
    const broken = stage();
    try {
      for (let number = 10; number < 40; number++) broken.write(`jobs/b${number}.yaml`, "command: [x]\nevry: 1h\nfoo: 1\n");
      const more = "and 40 more problems, 60 in 30 files in all (each of them: runner validate)";
      const lines = async (...args: string[]): Promise<string[]> => (await broken.runner(args)).stderr.trim().split("\n");
      const list = (await lines("list")).filter((line) => line.startsWith("error:"));
      expect([list.length, list.at(-1)]).toEqual([21, `error: ${more}`]);
      const absent = await lines("run", "absent");
      expect(absent).toHaveLength(21);
      expect(absent[0]).toContain('no job "absent"');
      expect(absent.at(-1)).toContain("and 41 more problems");
      const tick = await lines("tick", "-q");
      expect([tick.length, tick.at(-1)]).toEqual([21, expect.stringContaining(`not used: ${more}`)]);
      expect(await lines("validate")).toHaveLength(61);
      expect((await broken.runner(["list", "--json"])).stdout.match(/unknown key/g)).toHaveLength(60);
    } finally {
      broken.close();
    }
  });

  it("changes nothing on disk by looking", async () => {
    const fresh = stage();
    try {
      fresh.write("jobs/a.json", { payload: { kind: "agentTurn", message: "hi", model: "kimi-coding/k2p5" } });
      for (const args of [["list"], ["next"], ["validate"], ["history"], ["run", "a", "--dry-run"]])
        await fresh.runner(args, { KIMI_API_KEY: "sk-test-000000000" });
      expect(existsSync(fresh.stateDir)).toBe(false);
    } finally {
      fresh.close();
    }
  });
});

describe("history and show", () => {
  it("shows runs newest first, with why each ended so", async () => {
    const { code, stdout } = await project.runner(["history", "fpl-daily-check"]);
    expect({ code, prepared }).toEqual({ code: 0, prepared: [0, 77] });
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[1]).toContain("blocked (simulated)");
    expect(lines[2]).toContain("succeeded (simulated)");
  });

  it("shows one run whole by the beginning of its id, by `last`, and as JSON", async () => {
    const { body } = await json(["history", "-n", "1"]);
    const [{ runId }] = body["runs"] as [{ runId: string }];
    const byPrefix = await project.runner(["show", runId.slice(0, 6)]);
    expect(byPrefix.code).toBe(0);
    expect(byPrefix.stdout).toContain(runId);
    expect(byPrefix.stdout).toContain("attempt 1");
    expect(byPrefix.stdout).toContain("auth");
    expect((await project.runner(["show", "last"])).stdout).toBe(byPrefix.stdout);
    expect((await json(["show", runId])).body).toMatchObject({
      kind: "run-detail",
      run: { runId },
      tries: [{ status: "failed", fault: "auth" }],
    });
  });

  it("says so when there is no such run", async () => {
    expect(await project.runner(["show", "ffffffff-none"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("there is no run") as string,
    });
  });
});

describe("dry run", () => {
  it("prints the job, slots, ladder, timetable, limits, environment, keys and the exact request, and sends nothing", async () => {
    const { code, stdout, stderr } = await project.runner(["run", "fpl-daily-check", "--dry-run"], {
      KIMI_API_KEY: "sk-test-000000000",
    });
    expect(code).toBe(0);
    for (const part of [
      "Next slots (Europe/London, UTC)",
      "stream off",
      "KIMI_API_KEY is set",
      "limits.try",
      "RUNNER_RUN_ID",
      "POST https://api.kimi.com/coding/v1/messages",
      '"stream": false',
      "Run FPL check...",
    ]) {
      expect(stdout).toContain(part);
    }
    expect(stdout).not.toContain("sk-test");
    expect(stderr).toContain("nothing is sent");
    const { body } = await json(["run", "fpl-daily-check", "--dry-run"]);
    expect(body).toMatchObject({
      kind: "dry-run",
      usable: false,
      keys: [{ provider: "kimi-coding", variable: "KIMI_API_KEY", found: false }],
    });
    expect(body["slots"]).toHaveLength(5);
  });
});

describe("mock", () => {
  it("serves both dialects until it is stopped", async () => {
    const running = project.start(["mock", "--json", "--simulate", "overloaded:1"]);
    const url = await new Promise<string>((resolve) => {
      let text = "";
      running.process.stdout?.on("data", (chunk: string) => {
        text += chunk;
        const found = /"url": "([^"]+)"/.exec(text)?.[1];
        if (found !== undefined) resolve(found);
      });
    });
    const answer = await fetch(`${url}/v1/messages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "m", max_tokens: 10, messages: [{ role: "user", content: "hi" }] }),
    });
    expect([503, 529, 429]).toContain(answer.status);
    running.process.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ code: 0, stderr: expect.stringContaining("Requests answered: 1") as string });
  });

  it("lists the faults it knows", async () => {
    const { stdout } = await project.runner(["mock", "--faults"]);
    expect(stdout).toMatch(/^restart_new_id +stream_order +/m);
  });
});

describe("the command line itself", () => {
  it.each(["run", "list", "next", "validate", "history", "show", "mock"])("explains %s with examples", async (command) => {
    const { code, stdout } = await project.runner([command, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: runner ${command}`);
    expect(stdout).toMatch(/Examples:\n {2}/);
    expect(stdout).toContain("--json");
  });

  it.each<[string, string[], string]>([
    ["a command with a slip", ["runn"], "run"],
    ["an option with a slip", ["list", "--jsn"], "--json"],
    ["a job with a slip", ["run", "fpl-daly-check"], "fpl-daily-check"],
    ["a fault with a slip", ["run", "fpl-daily-check", "--simulate", "stream_oder:0.8"], "stream_order"],
    ["a rate above one", ["run", "fpl-daily-check", "--simulate", "stream_order:8"], "8"],
    ["a seed without a simulation", ["run", "fpl-daily-check", "--seed", "1"], "--simulate"],
    ["a missing argument", ["run"], "job"],
    ["a count that is none", ["next", "-n", "many"], "many"],
    ["a port that is none", ["mock", "--port", "http"], "http"],
    ["a model without a provider", ["run", "fpl-daily-check", "--model", "k2p5", "--simulate", "none"], "provider/model"],
    ["a provider nobody knows", ["run", "fpl-daily-check", "--model", "kimi-codin/k2p5", "--simulate", "none"], "kimi-coding"],
    ["a seed that is empty", ["run", "fpl-daily-check", "--simulate", "none", "--seed", ""], "--seed"],
    ["a model with a blank", ["run", "fpl-daily-check", "--model", "kimi-coding/k 2", "--simulate", "none"], "provider/model"],
    ["the history of a slip", ["history", "fpl-daly-check"], "fpl-daily-check"],
    ["no command at all", [], "Usage"],
  ])("answers %s with exit 2 and what to write", async (_name, args, told) => {
    const { code, stdout, stderr } = await project.runner(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(told);
    expect(stderr).not.toMatch(/\n\s+at .*:\d+/);
  });

  it("gives errors as documents too", async () => {
    const { code, body } = await json(["run", "fpl-daly-check"]);
    expect(code).toBe(2);
    expect(body).toMatchObject({ kind: "error", error: { code: "usage", exitCode: 2 } });
  });

  it("knows its version, with and without the rest of the program", async () => {
    expect((await project.runner(["--version"])).stdout).toBe(`${packageJson.version}\n`);
    expect((await project.runner(["--version", "--no-color"])).stdout).toContain(packageJson.version);
  });

  it("colours only where it is wanted", async () => {
    const escape = String.fromCharCode(27);
    expect((await project.runner(["list"])).stdout).not.toContain(escape);
    expect((await project.runner(["list"], { FORCE_COLOR: "1" })).stdout).toContain(escape);
    expect((await project.runner(["list"], { FORCE_COLOR: "1", NO_COLOR: "1" })).stdout).not.toContain(escape);
    expect((await project.runner(["list", "--no-color"], { FORCE_COLOR: "1" })).stdout).not.toContain(escape);
  });

  it.runIf(existsSync("/dev/full"))("says in one line that its output could not be written", async () => {
    const full = openSync("/dev/full", "w");
    for (const args of [["run", "--help"], ["list", "--json"], ["list"]]) {
      const { code, stderr } = await project.runner(args, {}, full);
      expect({ args, code, stderr }).toEqual({
        args,
        code: 1,
        stderr: expect.stringMatching(/^error: the output could not be written: .*\n$/),
      });
    }
    const { code, stderr } = await project.runner(["run", "no-such-job", "--json"], {}, full);
    expect({ code, said: stderr.startsWith("error: there is no job") }).toEqual({ code: 2, said: true });
    closeSync(full);
  });

  it("refuses an old Node in one line, with exit 78", () => {
    const source = readFileSync(`${root}/bin/runner.js`, "utf8");
    const told: string[] = [];
    const exits: number[] = [];
    class Exit extends Error {}
    const fake = {
      versions: { node: "20.20.2" },
      argv: [],
      stderr: { write: (text: string) => told.push(text) },
      exit: (code: number) => {
        exits.push(code);
        throw new Exit();
      },
    };
    const body = source.replace(/^#!.*\n/, "");
    // The file's own text is run with another process object, because an old Node is not at hand in every place the tests run.
    expect(() => vm.runInNewContext(`(function () {${body}})()`, { process: fake, require: () => ({}) })).toThrow(Exit);
    expect(exits).toEqual([78]);
    expect(told).toEqual([expect.stringMatching(/^runner needs Node 22\.18 or later, this is Node 20\.20\.2: .*\n$/)]);
  });
});
