/** `runner replay`: recorded streams under today's proof, and the same question asked of another model. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseSimulation, type SimulatedProvider } from "../../src/provider/script.ts";
import type { ReplayedTry } from "../../src/compose/replay.ts";
import { serveIn } from "./served.ts";
import { keys, quickJob, stage, type Stage } from "./stage.ts";

let project: Stage;

beforeEach(() => {
  project = stage();
});
afterEach(() => project.close());

const serve = (faults: string, job?: object): Promise<SimulatedProvider> =>
  serveIn(project, { simulation: parseSimulation(faults, 5) }, job);

async function replay(...args: readonly string[]): Promise<{ code: number | null; same: boolean; tries: ReplayedTry[] }> {
  const { code, stdout } = await project.runner(["replay", "last", ...args, "--json"], keys);
  return { code, ...(JSON.parse(stdout) as { same: boolean; tries: ReplayedTry[] }) };
}

describe("replay", () => {
  it.each(["dup_start_29:1", "truncate:1", "stream_order:1", "none"])(
    "judges every recorded try of %s as it was judged then, and sends nothing",
    async (faults) => {
      const server = await serve(faults);
      await project.runner(["run", "quick"], keys);
      const asked = server.requests;
      const { code, same, tries } = await replay();
      expect({ code, same }).toEqual({ code: 0, same: true });
      expect(tries.filter(({ now }) => now !== undefined).length).toBeGreaterThan(0);
      expect(server.requests).toBe(asked);
    },
  );

  it("prints each try then and now", async () => {
    await serve("dup_start_29:1");
    await project.runner(["run", "quick"], keys);
    const { code, stdout } = await project.runner(["replay", "quick"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^1\.1\.1 +test\/model-a +on +repaired: dup_start ×28 +repaired: dup_start ×28$/m);
  });

  it("says when nothing was recorded", async () => {
    await serve("none", quickJob({ record: "off" }));
    await project.runner(["run", "quick"], keys);
    const { code, stderr, stdout } = await project.runner(["replay", "last"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("Nothing was recorded") as string });
    expect(stdout).toContain("not recorded");
  });

  it("takes the options of asking again only with a model", async () => {
    await serve("none");
    const { code, stderr } = await project.runner(["replay", "last", "--with-tools"]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining("--with-tools means something only together with --model") as string,
    });
  });
});

describe("replay --model", () => {
  it("asks that model alone and compares the answers", async () => {
    const server = await serve("none", quickJob({ payload: { fallbacks: ["test/model-b"] } }));
    await project.runner(["run", "quick"], keys);
    const { code, stdout, stderr } = await project.runner(["replay", "last", "--model", "other/model-c"], keys);
    expect({ code, requests: server.requests }).toEqual({ code: 0, requests: 2 });
    expect(stdout).toMatch(/^--- [0-9a-f]{8} /m);
    expect(stdout).toMatch(/^\+.*model-c/m);
    expect(stderr).toContain("other/model-c");
  });

  it("is not the job's last run, and knows of which run it is a repetition", async () => {
    await serve("none");
    await project.runner(["run", "quick"], keys);
    const { stdout: first } = await project.runner(["show", "quick", "--json"]);
    const { stdout } = await project.runner(["replay", "quick", "--model", "other/model-c", "--json"], keys);
    const told = JSON.parse(stdout) as { kind: string; runId: string; run: { runId: string }; comparison: { same: boolean } };
    const { run } = JSON.parse(first) as { run: { runId: string } };
    expect(told).toMatchObject({ kind: "replay", runId: run.runId, comparison: { same: false } });
    expect((JSON.parse((await project.runner(["show", "quick", "--json"])).stdout) as { run: object }).run).toMatchObject(run);
    expect((await project.runner(["show", told.run.runId])).stdout).toContain(run.runId.slice(0, 8));
  });

  it("exits as the new run ends", async () => {
    await serve("none");
    await project.runner(["run", "quick"], keys);
    expect((await project.runner(["replay", "last", "--model", "anthropic/claude-sonnet-4-6"], keys)).code).toBe(77);
  });

  it("refuses a program, and a job that has changed", async () => {
    await serve("none");
    await project.runner(["run", "quick"], keys);
    project.write("jobs/quick.json", quickJob({ payload: { message: "Other." } }));
    expect(await project.runner(["replay", "last", "--model", "other/m"], keys)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("has changed since") as string,
    });
    project.write("jobs/program.json", { name: "program", payload: { kind: "command", argv: ["true"] } });
    await project.runner(["run", "program"]);
    expect(await project.runner(["replay", "program", "--model", "other/m"], keys)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is a program") as string,
    });
  });
});
