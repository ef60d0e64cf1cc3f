/** In which order, and how fast, what is overdue is made up for beside what is on time. */
import { afterEach, describe, expect, it } from "vitest";
import type { Job } from "../../../src/job/job.ts";
import { job, Machine, settings as usual } from "./stage.ts";

let machine: Machine;
afterEach(() => machine.close());

describe("what is caught up with", () => {
  const startedAt = Date.parse("2026-11-25T09:29:58Z");
  const overdue = Array.from({ length: 40 }, (_, at) => job(`late-${at}`, "0 8 * * *"));
  const settings = { maxRuns: 1_000, startsPerSecond: 4, catchUpsPerSecond: 2 };

  /** Everything is overdue when the daemon starts. Returns since when each run was begun, in ms. */
  async function begin(jobs: readonly Job[], passMs: number): Promise<(jobId: string) => number[]> {
    machine = new Machine("2026-11-25T07:59:55Z");
    const first = await machine.start(jobs);
    await first.kill();
    machine.clock.set(startedAt - machine.clock.now());
    await machine.start(jobs, { random: () => 0, settings, play: () => ({ afterMs: 1 }) });
    await machine.clock.pass(passMs);
    return (jobId) => machine.begun.flatMap((begun) => (begun.jobId === jobId ? [begun.at - startedAt] : []));
  }

  it("has its share of the starts, and what is on time goes before all of it", async () => {
    const onTime = ["a", "b", "c"].map((id) => job(id, "30 9 * * *"));
    const begunAt = await begin([...overdue, ...onTime], 25_000);
    const late = overdue.flatMap(({ id }) => begunAt(id)).toSorted((a, b) => a - b);
    expect(late).toHaveLength(40);
    expect(late.slice(0, 4)).toEqual([0, 500, 1_000, 1_500]);
    expect(late.at(-1)).toBe(19_500);
    expect(onTime.flatMap(({ id }) => begunAt(id))).toEqual([2_000, 2_000, 2_000]);
  });

  it("is passed no longer once the job's next slot has come, which it stands for", async () => {
    const often = job("often", "*/10 * * * *");
    const begunAt = await begin([...overdue, often], 25_000);
    // Behind forty others its late slot would begin after twenty seconds; that of 09:30 comes after two.
    expect(begunAt("often")).toEqual([2_000]);
    expect((await machine.story("often")).slice(-2)).toEqual(["09:20 succeeded", "09:30 skipped"]);
  });

  it("has another share as soon as the configuration says so", async () => {
    machine = new Machine("2026-11-25T07:59:55Z");
    const first = await machine.start(overdue);
    await first.kill();
    machine.clock.set(startedAt - machine.clock.now());
    const daemon = await machine.start(overdue, { random: () => 0, settings, play: () => ({ afterMs: 1 }) });
    await machine.clock.pass(1_000);
    expect(machine.begun).toHaveLength(3);
    void daemon.scheduler.replaceJobs(overdue, true, { settings: { ...usual, ...settings, catchUpsPerSecond: 4 }, zone: "UTC" });
    await machine.clock.pass(1_000);
    // A new limit begins anew.
    expect(machine.begun).toHaveLength(3 + 5);
  });
});
