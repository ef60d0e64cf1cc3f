/** `runner verify`: many whole runs, counted; beside them what the provider alone would have done. */
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { percent, verificationRows } from "../../src/cli/verify-table.ts";
import { sideEffectsOf } from "../../src/job/side-effects.ts";
import { parseSimulation, type SimulatedProvider } from "../../src/provider/script.ts";
import { verification, type Verification } from "../../src/run/verification.ts";
import { serveIn } from "./served.ts";
import { keys, plantedKey, quickJob, stage, type Stage } from "./stage.ts";

let project: Stage;

beforeEach(() => {
  project = stage();
});
afterEach(() => project.close());

const serve = (faults: string, job?: object): Promise<SimulatedProvider> =>
  serveIn(project, { simulation: parseSimulation(faults, 5) }, job);

interface Document {
  kind: string;
  exitCode: number;
  ways: Record<string, Verification & { all: { runId: string; status: string }[] }>;
}

async function verify(...args: readonly string[]): Promise<{ code: number | null; stderr: string; body: Document }> {
  const { code, stdout, stderr } = await project.runner(["verify", "quick", ...args, "--json"], keys);
  return { code, stderr, body: JSON.parse(stdout) as Document };
}

describe("verify", () => {
  it("shows the origin in one table: what fails four times in five alone does not fail here", async () => {
    await serve("dup_start_29:0.8");
    const { code, body } = await verify("--runs", "20", "--strict", "--concurrency", "4");
    const { runner, alone } = body.ways;
    expect({ code, runs: runner?.runs, failed: runner?.failed }).toEqual({ code: 0, runs: 20, failed: 0 });
    expect(alone?.runs).toBe(20);
    expect(alone?.failed).toBeGreaterThan(10);
    expect(runner?.healedBy.repair).toBeGreaterThan(5);
    expect(alone?.healedBy).toEqual({});
    expect(alone?.faults.stream_order).toBe(alone?.failed);
    expect(runner?.interval.high).toBeLessThan(alone?.interval.low ?? 0);
  });

  it("asks once and no more in a run of the provider alone", async () => {
    await serve("overloaded:1", quickJob({ payload: { fallbacks: ["other/m"] } }));
    const { code, body } = await verify("--runs", "3", "--strict");
    expect({ code, alone: body.ways["alone"]?.faults }).toEqual({ code: 1, alone: { overloaded: 3 } });
    expect(Object.values(body.ways["runner"]?.faults ?? {}).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(3);
  });

  it("prints a table for people and a line a run on stderr, and no key", async () => {
    await serve("none");
    const { code, stdout, stderr } = await project.runner(["verify", "quick", "--runs", "2"], keys);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^failed +0 of 2$/m);
    expect(stdout).toMatch(/^95 % interval +0 % to 66 %$/m);
    expect(stderr).toMatch(/1\/2 {2}runner {2}[0-9a-f]{8} {2}succeeded in /);
    expect(project.everyByte()).not.toContain(plantedKey);
  });

  it("exits 1 when a run fails", async () => {
    await serve("auth:1");
    const { code, body } = await verify("--runs", "2");
    expect({ code, failed: body.ways["runner"]?.failed, outcomes: body.ways["runner"]?.outcomes }).toEqual({
      code: 1,
      failed: 2,
      outcomes: { blocked: 2 },
    });
  });

  it("keeps its runs, without standing in the way of the job's own or passing for its last one", async () => {
    await serve("none");
    const { body } = await verify("--runs", "2", "--concurrency", "2");
    const [first] = body.ways["runner"]?.all ?? [];
    expect((await project.runner(["show", first?.runId ?? ""])).code).toBe(0);
    expect((await project.runner(["list"])).stdout).toMatch(/quick .*never/);
  });

  it("refuses a job that may change something, until that is said to be meant", async () => {
    project.write("jobs/quick.json", { name: "quick", payload: { kind: "command", argv: ["true"] } });
    const refused = await project.runner(["verify", "quick", "--runs", "2"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("payload.kind: command");
    const { code, body } = await verify("--runs", "2", "--yes");
    expect({ code, outcomes: body.ways["runner"]?.outcomes }).toEqual({ code: 0, outcomes: { succeeded: 2 } });
  });

  it("counts what has ended when it is stopped, and exits 130", async () => {
    await serve("none");
    const running = project.start(["verify", "quick", "--runs", "1000"], keys);
    await once(running.process.stderr ?? running.process, "data");
    running.process.kill("SIGINT");
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stderr }).toEqual({ code: 130, stderr: expect.stringContaining("Stopped: only") as string });
    expect(stdout).toMatch(/^failed +0 of \d+$/m);
  });

  it.each([
    [["--runs", "0"], "--runs takes a whole number from 1"],
    [["--concurrency", "x"], "--concurrency takes"],
    [["--seed", "3"], "--seed means something only together with --simulate"],
  ])("refuses %j", async (args, words) => {
    await serve("none");
    expect(await project.runner(["verify", "quick", ...args])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(words) as string,
    });
  });
});

describe("what a job may change", () => {
  const agent = { kind: "agentTurn", message: "hi", stream: "auto", maxTokens: 100 } as const;
  it.each([
    [{}, []],
    [{ files: { access: "ro" } }, []],
    [{ files: { access: "rw" } }, ["tools.files: rw"]],
    [{ shell: { allow: ["ls"], shellStrings: false, timeoutMs: 1 } }, ["tools.shell"]],
    [{ http: { allow: ["a.example"], methods: ["GET", "HEAD"], privateAddresses: false, timeoutMs: 1 } }, []],
    [{ http: { allow: ["a.example"], methods: ["GET", "post"], privateAddresses: false, timeoutMs: 1 } }, ["tools.http: post"]],
    [{ mcp: { mail: { transport: "http", url: "http://127.0.0.1", timeoutMs: 1 } } }, ["tools.mcp.mail"]],
  ] as const)("%j", (tools, found) => expect(sideEffectsOf({ payload: { ...agent, tools } })).toEqual(found));
});

describe("the table", () => {
  it("never rounds something to nothing or to everything", () => {
    expect([0, 0.001, 0.004, 0.5, 0.996, 1].map(percent)).toEqual(["0 %", "<1 %", "<1 %", "50 %", ">99 %", "100 %"]);
  });

  it("says nothing of no runs", () => {
    expect(verificationRows([["runner", verification([])]], (_, text) => text)).toEqual([
      ["", "RUNNER"],
      ["runs", "0"],
      ["failed", "0 of 0"],
    ]);
  });
});
