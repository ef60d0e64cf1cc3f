/** `runner run` against the simulated provider as a server of its own: real processes, real HTTP, a real ledger. */
import { closeSync, existsSync, openSync, readFileSync, readdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { judgeText, type SimulatedProvider, type SimulatedProviderOptions } from "../../src/provider/script.ts";
import { serveIn } from "./served.ts";
import { keys, plantedKey, quickJob, stage, type Stage } from "./stage.ts";

let project: Stage;

beforeEach(() => {
  project = stage();
});

afterEach(() => project.close());

const serve = (options?: SimulatedProviderOptions, job?: object): Promise<SimulatedProvider> => serveIn(project, options, job);

const always = (fault: string): SimulatedProviderOptions => ({
  simulation: { faults: [{ fault, rate: 1 }], seed: 1 },
  delays: { retryAfterMs: 10 },
});

/** Processes of this project's turns: they carry a run's marker, and their folders lie in the project's own temporary folder. */
function marked(): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        const environ = readFileSync(`/proc/${pid}/environ`, "latin1");
        return environ.includes("RUNNER_RUN_ID=") && environ.includes(project.temporary);
      } catch {
        return false;
      }
    });
}

interface RunDocument {
  readonly version: number;
  readonly kind: string;
  readonly run: {
    runId: string;
    status: string;
    exitCode: number;
    reason: string;
    output?: string;
    fault?: string;
    modelUsed?: string;
    tries: number;
    blockedBy?: string;
  };
}

function documentOf(stdout: string): RunDocument {
  const value: RunDocument = JSON.parse(stdout);
  expect(value).toMatchObject({ version: 1, kind: "run" });
  return value;
}

describe("runner run", () => {
  it("prints the answer, and only the answer, on stdout", async () => {
    await serve();
    const { code, stdout, stderr } = await project.runner(["run", "quick"], keys);
    expect({ code, judged: judgeText(stdout.trimEnd()) }).toEqual({ code: 0, judged: "right" });
    expect(stderr).toContain("succeeded in");
  });

  it.each(["dup_start", "dup_start_29", "orphan_stop", "restart_new_id", "restart_same_id", "truncate", "missing_message_delta"])(
    "heals %s on every stream, by repair or with streaming off",
    async (fault) => {
      await serve(always(fault));
      const { code, stdout } = await project.runner(["run", "quick", "--json"], keys);
      const { run } = documentOf(stdout);
      expect({ code, status: run.status, judged: judgeText(run.output ?? "") }).toEqual({
        code: 0,
        status: "succeeded",
        judged: "right",
      });
    },
  );

  it.each(["empty_message", "garbage", "reset"])(
    "fails honestly when %s befalls every answer, streamed or not",
    async (fault) => {
      await serve(always(fault));
      const { code, stdout } = await project.runner(["run", "quick", "--json"], keys);
      const { run } = documentOf(stdout);
      expect({ status: run.status, output: run.output }).toEqual({ status: "failed", output: undefined });
      expect(code).not.toBe(0);
    },
  );

  it("asks without streaming from the first try when the job says so", async () => {
    const server = await serve({}, quickJob({ payload: { stream: false } }));
    expect((await project.runner(["run", "quick"], keys)).code).toBe(0);
    expect(server.log.map(({ stream }) => stream)).toEqual([false]);
  });

  it.each([
    ["--no-stream", false],
    ["--stream", true],
  ])("obeys %s over the job", async (flag, stream) => {
    const server = await serve({}, quickJob({ payload: { stream: !stream } }));
    expect((await project.runner(["run", "quick", flag], keys)).code).toBe(0);
    expect(server.log.map((entry) => entry.stream)).toEqual([stream]);
  });

  it("falls back to another model, also of another dialect, and records which one answered", async () => {
    const faults = { faults: [{ fault: "overloaded", rate: 1 }], seed: 1 };
    await serve({ models: { "model-a": faults } }, quickJob({ payload: { fallbacks: ["other/model-b"] } }));
    const { code, stdout } = await project.runner(["run", "quick", "--json"], keys);
    const { run } = documentOf(stdout);
    expect({ code, status: run.status, modelUsed: run.modelUsed, judged: judgeText(run.output ?? "") }).toEqual({
      code: 0,
      status: "succeeded",
      modelUsed: "other/model-b",
      judged: "right",
    });
  });

  it("gives a cut answer to the next model, and names the limit when there is none", async () => {
    const cut = { faults: [{ fault: "max_tokens_reached", rate: 1 }], seed: 1 };
    await serve({ models: { "model-a": cut } }, quickJob({ payload: { fallbacks: ["other/model-b"] } }));
    const healed = documentOf((await project.runner(["run", "quick", "--json"], keys)).stdout).run;
    expect({ status: healed.status, modelUsed: healed.modelUsed, judged: judgeText(healed.output ?? "") }).toEqual({
      status: "succeeded",
      modelUsed: "other/model-b",
      judged: "right",
    });
    project.write("jobs/quick.json", quickJob());
    const failed = documentOf((await project.runner(["run", "quick", "--json"], keys)).stdout).run;
    expect(failed).toMatchObject({ status: "failed", fault: "output_truncated", exitCode: 1 });
    expect(failed.reason).toContain("payload.maxTokens");
  });

  it("asks the model of --model first and keeps the job's own as the first fallback", async () => {
    const server = await serve({ models: { "model-c": { faults: [{ fault: "model_gone", rate: 1 }], seed: 1 } } });
    expect((await project.runner(["run", "quick", "--model", "test/model-c"], keys)).code).toBe(0);
    expect(server.log.map(({ model }) => model)).toEqual(["model-c", "model-a"]);
  });

  it("asks for a model, with its place, when neither the job nor the configuration nor the command line names one", async () => {
    await serve({}, { payload: { kind: "agentTurn", message: "hi" } });
    const refused = await project.runner(["run", "quick"], keys);
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 78, stdout: "" });
    expect(refused.stderr).toMatch(/jobs\/quick\.json:\d+:\d+: payload\.model/);
    expect((await project.runner(["run", "quick", "-q", "--model", "test/model-a"], keys)).code).toBe(0);
  });

  it("starts the next run with streaming off after a stream broke", async () => {
    const server = await serve(always("restart_new_id"));
    expect((await project.runner(["run", "quick"], keys)).code).toBe(0);
    expect((await project.runner(["run", "quick"], keys)).code).toBe(0);
    expect(server.log.map(({ stream }) => stream)).toEqual([true, false, false]);
  });

  it.each([
    ["auth", 77, "blocked"],
    ["billing", 77, "blocked"],
    ["rate_limit", 75, "deferred"],
    ["overloaded", 69, "failed"],
    ["server", 69, "failed"],
    ["bad_request", 78, "failed"],
    ["model_gone", 78, "failed"],
  ])("ends a run that only meets %s with exit %i, %s", async (fault, exitCode, status) => {
    await serve(always(fault));
    const { code, stdout } = await project.runner(["run", "quick", "--json"], keys);
    const { run } = documentOf(stdout);
    expect({ code, status: run.status, fault: run.fault, output: run.output }).toEqual({
      code: exitCode,
      status,
      fault,
      output: undefined,
    });
  });

  it("ends a run whose provider says nothing at its time limit, with exit 124", async () => {
    await serve(always("hang_before_headers"), quickJob({ payload: { timeoutSeconds: 1 } }));
    const { code, stderr } = await project.runner(["run", "quick"], keys);
    expect(code).toBe(124);
    expect(stderr).toMatch(/time|limit/);
    expect(marked()).toEqual([]);
  });

  it("is silent with -q unless the run fails, and then tells everything", async () => {
    await serve();
    expect(await project.runner(["run", "quick", "-q"], keys)).toMatchObject({ code: 0, stderr: "" });
    await serve(always("auth"));
    const failed = await project.runner(["run", "quick", "-q"], keys);
    expect(failed.code).toBe(77);
    expect(failed.stderr).toContain("auth");
    expect(failed.stderr).toContain("runner explain");
  });
});

describe("what is printed", () => {
  it.runIf(existsSync("/dev/full"))("says that the answer could not be written, and where it is kept", async () => {
    await serve();
    const full = openSync("/dev/full", "w");
    const { code, stderr } = await project.runner(["run", "quick", "-q"], keys, full);
    closeSync(full);
    expect(code).toBe(1);
    expect(stderr).toMatch(/could not be written.*runner show [0-9a-f]{8}/);
    const shown = await project.runner(["show", "last", "--json"]);
    expect(judgeText((JSON.parse(shown.stdout) as { run: { output: string } }).run.output)).toBe("right");
  });

  it("does not mind a reader that has gone away", async () => {
    await serve();
    const running = project.start(["run", "quick", "-q"], keys);
    running.process.stdout?.destroy();
    expect((await running.ended).code).toBe(0);
  });

  it("can be stopped while nobody reads the answer", async () => {
    const text = "x".repeat(900_000);
    await serve({ answer: () => ({ text }) }, quickJob({ payload: { stream: false } }));
    const running = project.start(["run", "quick", "-q"], keys, "unread");
    // When the first of it has come, it is being written: a signal before that may still meet the run's own way of ending.
    const { stdout } = running.process;
    await new Promise((resolve) => {
      stdout?.once("data", (first) => resolve(stdout.pause() && first));
    });
    const { runs } = JSON.parse((await project.runner(["history", "--json"])).stdout) as { runs: { status: string }[] };
    expect(runs[0]?.status).toBe("succeeded");
    running.process.kill("SIGTERM");
    expect((await running.ended).signal).toBe("SIGTERM");
  });

  it("repeats no warning with -q, and tells a skip that is asked to fail", async () => {
    const asked = Promise.withResolvers<void>();
    await serve(
      { simulation: { faults: [{ fault: "hang", rate: 1 }], seed: 1 }, onRequest: () => asked.resolve() },
      quickJob({ agentId: "ops" }),
    );
    const first = project.start(["run", "quick", "-q"], keys);
    await asked.promise;
    expect(await project.runner(["run", "quick", "-q"], keys)).toMatchObject({ code: 0, stdout: "", stderr: "" });
    const failing = await project.runner(["run", "quick", "-q", "--fail-on-skip"], keys);
    expect(failing.code).toBe(1);
    expect(failing.stderr).toContain("skipped");
    first.process.kill("SIGTERM");
    expect((await first.ended).stderr).not.toContain("warning:");
  });
});

describe("two runs of one job at once", () => {
  it("skips the second, records it, and says which run blocked it", async () => {
    const asked = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    await serve(
      { simulation: { faults: [{ fault: "hang", rate: 1 }], seed: 1 }, onRequest: () => asked.resolve() },
      quickJob({ payload: { timeoutSeconds: 20 } }),
    );
    const first = project.start(["run", "quick", "--json"], keys);
    await asked.promise;
    const second = documentOf((await project.runner(["run", "quick", "--json"], keys)).stdout).run;
    const third = await project.runner(["run", "quick", "--fail-on-skip"], keys);
    first.process.kill("SIGTERM");
    released.resolve();
    const ended = await first.ended;
    expect({ status: second.status, exitCode: second.exitCode }).toEqual({ status: "skipped", exitCode: 0 });
    expect(second.blockedBy).toBe(documentOf(ended.stdout).run.runId);
    expect(third.code).toBe(1);
    const history = JSON.parse((await project.runner(["history", "quick", "--json"])).stdout) as { runs: { status: string }[] };
    expect(history.runs.map(({ status }) => status)).toEqual(["skipped", "skipped", "cancelled"]);
  });
});

describe("a simulated run", () => {
  it("neither stands in the way of a real one nor passes for the job's last run", async () => {
    await serve();
    const simulated = project.start(["run", "quick", "-q", "--simulate", "hang:1"]);
    await vi.waitFor(
      async () => {
        const { runs } = JSON.parse((await project.runner(["history", "quick", "--json"])).stdout) as {
          runs: { status: string; simulated: boolean }[];
        };
        expect(runs[0]).toMatchObject({ status: "running", simulated: true });
      },
      { timeout: 20_000 },
    );
    expect((await project.runner(["list"])).stdout).toContain("never");
    expect((await project.runner(["run", "quick", "-q"], keys)).code).toBe(0);
    simulated.process.kill("SIGTERM");
    await simulated.ended;
    expect((await project.runner(["list"])).stdout).toContain("succeeded");
  });
});

describe("being stopped", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 143],
  ] as const)("ends the turn on %s, records the run as cancelled and exits %i", async (signal, exitCode) => {
    const asked = Promise.withResolvers<void>();
    await serve({ ...always("hang"), onRequest: () => asked.resolve() });
    const running = project.start(["run", "quick", "--json"], keys);
    await asked.promise;
    running.process.kill(signal);
    const { code, stdout } = await running.ended;
    expect({ code, status: documentOf(stdout).run.status }).toEqual({ code: exitCode, status: "cancelled" });
    expect(marked()).toEqual([]);
  });

  it("finds after kill -9 what was under way, ends its processes, and runs again", async () => {
    const asked = Promise.withResolvers<void>();
    await serve({
      models: { "model-a": { faults: [], seed: 1 }, slow: { faults: [{ fault: "hang", rate: 1 }], seed: 1 } },
      onRequest: () => asked.resolve(),
    });
    const running = project.start(["run", "quick", "--model", "test/slow"], keys);
    await asked.promise;
    running.process.kill("SIGKILL");
    await running.ended;
    expect((await project.runner(["list"])).stdout).toContain("died (a daemon or the next run closes it)");
    expect((await project.runner(["history"])).stdout).toContain("died (a daemon or the next run closes it)");
    const { code, stderr } = await project.runner(["run", "quick"], keys);
    expect(code).toBe(0);
    expect(stderr).toContain("closed as interrupted");
    expect(marked()).toEqual([]);
    const { runs } = JSON.parse((await project.runner(["history", "--json"])).stdout) as {
      runs: { status: string; reason: string }[];
    };
    expect(runs.map(({ status }) => status)).toEqual(["succeeded", "interrupted"]);
  });
});

describe("keys", () => {
  it("are sent to the provider and are nowhere else, whatever the provider echoes", async () => {
    const server = await serve(always("auth"));
    const seen: (string | undefined)[] = [];
    await server.close();
    await serve({ ...always("auth"), requireKey: true, onRequest: ({ headers }) => seen.push(String(headers["x-api-key"])) });
    const run = await project.runner(["run", "quick"], keys);
    const json = await project.runner(["run", "quick", "--json"], keys);
    const shown = await project.runner(["show", "last", "--json"], keys);
    const dry = await project.runner(["run", "quick", "--dry-run"], keys);
    expect(seen).toContain(plantedKey);
    const everything = [run, json, shown, dry].flatMap(({ stdout, stderr }) => [stdout, stderr]).join("\n") + project.everyByte();
    expect(everything).not.toContain(plantedKey);
    expect(everything).not.toContain("planted");
    expect(dry.stdout).toContain("TEST_API_KEY is set");
  });

  it("are asked for by name when they are missing", async () => {
    await serve();
    const { code, stderr } = await project.runner(["run", "quick"]);
    expect(code).toBe(77);
    expect(stderr).toContain("TEST_API_KEY");
  });
});
