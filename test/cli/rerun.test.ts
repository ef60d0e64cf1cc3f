/** `runner rerun`: a past run's job once more, unless it is not that job any more. */
import { closeSync, existsSync, openSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SimulatedProvider } from "../../src/provider/script.ts";
import { baseJobId, simulatedJobId, verifyJobId } from "../../src/run/run.ts";
import { serveIn } from "./served.ts";
import { keys, quickJob, stage, type Stage } from "./stage.ts";

let project: Stage;
let provider: SimulatedProvider;

beforeEach(async () => {
  project = stage();
  provider = await serveIn(project);
});
afterEach(() => project.close());

async function runId(...args: readonly string[]): Promise<string> {
  const { stdout } = await project.runner([...args, "--json"], keys);
  return (JSON.parse(stdout) as { run: { runId: string } }).run.runId;
}

describe("rerun", () => {
  it("runs the job once more and remembers of which run it is a repetition", async () => {
    const first = await runId("run", "quick");
    const again = await project.runner(["rerun", first.slice(0, 8)], keys);
    expect({ code: again.code, requests: provider.requests }).toEqual({ code: 0, requests: 2 });
    expect(again.stdout).toContain("End of simulated answer");
    expect(again.stderr).not.toContain("has acted");
    const { stdout } = await project.runner(["show", "last", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ run: { rerunOf: first, status: "succeeded" } });
  });

  it.runIf(existsSync("/dev/full"))("says that the answer could not be written, and where it is kept", async () => {
    const first = await runId("run", "quick");
    const full = openSync("/dev/full", "w");
    const { code, stderr } = await project.runner(["rerun", first, "-q"], keys, full);
    closeSync(full);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/could not be written.*runner show [0-9a-f]{8}/) as string,
    });
  });

  it("refuses a job that has changed, until that is said to be meant", async () => {
    const first = await runId("run", "quick");
    project.write("jobs/quick.json", quickJob({ payload: { message: "Say something else." } }));
    const refused = await project.runner(["rerun", first], keys);
    expect({ code: refused.code, requests: provider.requests }).toEqual({ code: 2, requests: 1 });
    expect(refused.stderr).toMatch(/jobs\/quick\.json:1\) has changed since run/);
    expect((await project.runner(["rerun", first, "--changed-ok"], keys)).code).toBe(0);
  });

  it("finds a job whose file was renamed by its id, and says so when it is gone", async () => {
    project.write("jobs/quick.json", quickJob({ id: "stable" }));
    const first = await runId("run", "quick");
    project.write("jobs/quick.json", quickJob({ id: "other", name: "other" }));
    expect(await project.runner(["rerun", first], keys)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("not in the job files any more") as string,
    });
  });

  it("repeats a simulated run only as a simulated one", async () => {
    const first = await runId("run", "quick", "--simulate", "none");
    expect(await project.runner(["rerun", first], keys)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("was simulated") as string,
    });
    expect((await project.runner(["rerun", first, "--simulate", "none"])).code).toBe(0);
    expect(provider.requests).toBe(0);
  });

  it("says that the run has acted before it does it again", async () => {
    project.write("jobs/quick.json", { name: "quick", payload: { kind: "command", argv: ["echo", "done"] } });
    const first = await runId("run", "quick");
    const again = await project.runner(["rerun", first]);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^done\n+$/) as string });
    expect(again.stderr).toContain("has acted: its program has run");
  });

  it("says what to write when there is no such run", async () => {
    expect(await project.runner(["rerun", "last"], keys)).toMatchObject({ code: 2 });
  });
});

describe("a job's own id", () => {
  it("is found in whichever id its runs are kept under", () => {
    for (const id of ["quick", "reports/a:b", "b393d508-ec9a"]) {
      expect(
        [id, simulatedJobId(id), verifyJobId(id, "alone-3"), simulatedJobId(verifyJobId(id, "runner-1"))].map(baseJobId),
      ).toEqual([id, id, id, id]);
    }
  });
});
