/** The engine as a program uses it, through the public entry. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { createEngine, UsageError } from "../../src/index.ts";
import { judgeText } from "../../src/provider/script.ts";

it("runs a project's jobs, heals them, and says how each ended", async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), "runner-library-"));
  mkdirSync(path.join(dir, "jobs"));
  const payload = { message: "Say something to {{vars.team}}.", model: "kimi-coding/k2p5" };
  writeFileSync(path.join(dir, "jobs", "hello.json"), JSON.stringify({ payload, vars: { team: "reds" } }));
  const engine = await createEngine({
    dir,
    stateDir: path.join(dir, "state"),
    env: { PATH: process.env["PATH"] },
    simulate: { faults: "stream_order:1", seed: 1 },
  });
  try {
    expect(engine.jobs.map(({ name }) => name)).toEqual(["hello"]);
    const told: string[] = [];
    const outcome = await engine.run("hello", { listen: ({ type }) => void told.push(type) });
    expect(outcome).toMatchObject({ status: "succeeded", exitCode: 0, simulated: true });
    expect(judgeText(outcome.output ?? "")).toBe("right");
    expect([told[0], told.at(-1)]).toEqual(["run_started", "run_finished"]);
    await expect(engine.run("nobody")).rejects.toBeInstanceOf(UsageError);
  } finally {
    await engine.close();
    rmSync(dir, { recursive: true });
  }
});
