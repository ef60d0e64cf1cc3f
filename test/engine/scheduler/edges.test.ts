/** Corners in which one trouble meets another: a rescue that is slow, a clock that is set under a daemon that stands by or before it starts. */
import { afterEach, describe, expect, it } from "vitest";
import { hour, job, Machine, minute, type Play } from "./stage.ts";

let machine: Machine;
afterEach(() => machine.close());

const open: Play = () => ({});
const waits: Play = (run) => (run.status === "waiting" ? { afterMs: 1 } : {});

describe("a dead run whose processes are slow to die", () => {
  it("is repeated as well, once they are dead", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const first = await machine.start([job("a", "0 * * * *")], { play: open });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    await first.kill();
    const { clock } = machine;
    const sweep = async (): Promise<boolean> => {
      await clock.sleep(4_000, new AbortController().signal);
      return true;
    };
    await machine.start([job("a", "0 * * * *")], { sweep });
    await clock.pass(2_000);
    expect(await machine.story()).toEqual(["08:00 running"]);
    await clock.pass(8_000);
    expect(await machine.story()).toEqual(["08:00 interrupted", "retry succeeded"]);
  });
});

describe("a slot that is run by hand while no daemon is there", () => {
  it("says nothing of the slots before it: they are caught up with, and it is not run again", async () => {
    machine = new Machine("2026-11-25T07:59:55Z");
    const jobs = [job("a", "0 * * * *", { catchUp: { policy: "all" } }), job("b", "0 * * * *")];
    const first = await machine.start(jobs);
    await machine.clock.passUntil("2026-11-25T08:00:10Z");
    await first.kill();
    machine.clock.set(3.5 * hour);
    const ledger = await machine.ledger();
    for (const jobId of ["a", "b"]) {
      const startedAt = machine.clock.now();
      const run = {
        runId: `by-hand-${jobId}`,
        jobId,
        jobName: jobId,
        trigger: "slot",
        slotAt: Date.parse("2026-11-25T11:00:00Z"),
      } as const;
      const facts = { startedAt, owner: machine.owner(), modelAsked: "", simulated: false, jobHash: "" };
      expect(await ledger.claimRun({ ...run, ...facts })).toEqual({ won: true });
      await ledger.finishRun(run.runId, { status: "succeeded", finishedAt: startedAt, reason: "", exitCode: 0, usage: {} });
    }
    await ledger.close();
    const second = await machine.start(jobs);
    await machine.clock.pass(10_000);
    expect(await machine.story("a")).toEqual(["08:00 succeeded", "09:00 succeeded", "10:00 succeeded", "11:00 succeeded"]);
    expect(await machine.story("b")).toEqual(["08:00 succeeded", "09:00-10:00×2 missed", "11:00 succeeded"]);
    expect(machine.begun.map(({ runId }) => runId)).not.toContain("by-hand-a");
    await second.kill();
    machine.clock.set(2 * 24 * hour);
    const third = await machine.start([job("b", { kind: "at", at: "2026-11-25T11:00:00Z" })]);
    expect(third.types()).not.toContain("slots_recorded");
  });
});

describe("a run that waits for its next attempt, and a clock that is set back", () => {
  const daily = [job("a", "0 8 * * *")];

  it("before another daemon takes over: it is not carried on too early", async () => {
    machine = new Machine("2026-11-25T07:59:55Z");
    const first = await machine.start(daily, { play: waits });
    await machine.start(daily, { play: waits });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    machine.clock.set(-10 * minute);
    await machine.clock.pass(2_000);
    await first.running()[0]?.park(machine.clock.now() + 5 * minute);
    await machine.clock.pass(2_000);
    await first.kill();
    await machine.clock.pass(10_000);
    expect(await machine.story()).toEqual(["08:00 waiting"]);
    await machine.clock.pass(5 * minute);
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
  });

  it("while no daemon was there: it waits no longer than it was to", async () => {
    machine = new Machine("2026-11-25T07:59:55Z");
    const first = await machine.start(daily, { play: waits });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    await first.running()[0]?.park(machine.clock.now() + 5 * minute);
    await machine.clock.pass(2_000);
    await first.kill();
    machine.clock.set(-5 * hour);
    await machine.start(daily, { play: waits });
    await machine.clock.pass(6 * minute);
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
  });
});
