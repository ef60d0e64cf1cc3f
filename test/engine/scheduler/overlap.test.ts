/** What a slot does while a run of its job is open, and who has a place. */
import { afterEach, describe, expect, it } from "vitest";
import { hour, job, Machine, minute, type Play } from "./stage.ts";

let machine: Machine;
afterEach(() => machine.close());

/** A run ends when it is told. */
const open: Play = () => ({});

/** Each run takes two and a half intervals. */
const long: Play = () => ({ afterMs: 25 * minute });

describe("overlap", () => {
  it("skip: the slots that come meanwhile are skipped, with the run that is in their way", async () => {
    machine = new Machine("2026-11-25T07:59:00Z");
    const daemon = await machine.start([job("a", "*/10 * * * *")], { play: long });
    await machine.clock.skipUntil("2026-11-25T08:56:00Z");
    expect(await machine.story()).toEqual([
      "08:00 succeeded",
      "08:10-08:20×2 skipped",
      "08:30 succeeded",
      "08:40-08:50×2 skipped",
    ]);
    const [first, skipped] = await machine.rows();
    expect(skipped).toMatchObject({
      blockedBy: first?.runId,
      reason: `run ${first?.runId.slice(0, 8)} of this job is under way`,
    });
    expect(daemon.types()).toContain("slots_recorded");
  });

  it("queue: one slot waits for the end, and further ones are skipped for it", async () => {
    machine = new Machine("2026-11-25T07:59:00Z");
    await machine.start([job("a", "*/10 * * * *", { overlap: "queue" })], { play: long });
    await machine.clock.passUntil("2026-11-25T08:26:00Z");
    expect(await machine.story()).toEqual(["08:00 succeeded", "08:10 running", "08:20 skipped"]);
    const [, second, third] = await machine.rows();
    expect(third?.blockedBy).toBe(second?.runId);
    expect(machine.begun.map(({ at }) => new Date(at).toISOString().slice(11, 16))).toEqual(["08:00", "08:25"]);
  });

  it("replace: the open run is ended, and only when it is closed the newer one begins", async () => {
    machine = new Machine("2026-11-25T07:59:00Z");
    const daemon = await machine.start([job("a", "*/10 * * * *", { overlap: "replace" })], { play: () => ({}) });
    await machine.clock.skipUntil("2026-11-25T08:09:00Z");
    const old = daemon.running()[0];
    if (old === undefined) throw new Error("nothing runs");
    old.stubborn.value = true;
    await machine.clock.skipUntil("2026-11-25T08:12:00Z");
    expect(old.request.signal.aborted).toBe(true);
    expect(await machine.story()).toEqual(["08:00 running", "08:10 queued"]);
    await old.end("cancelled");
    await machine.clock.pass(10);
    expect(await machine.story()).toEqual(["08:00 cancelled", "08:10 running"]);
    await machine.clock.skipUntil("2026-11-25T08:20:05Z");
    expect(await machine.story()).toEqual(["08:00 cancelled", "08:10 cancelled", "08:20 running"]);
    expect((await machine.rows()).at(-2)?.reason).toBe("replaced by slot 2026-11-25T08:20:00.000Z (overlap: replace)");
  });

  it("replace: the open run does not wait on for hours where it was put aside just as it was to end", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const daemon = await machine.start([job("a", "*/10 * * * *", { overlap: "replace" })], { play: open });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    const [first] = daemon.running();
    if (first !== undefined) first.stubborn.value = true;
    await machine.clock.skipUntil("2026-11-25T08:10:02Z");
    expect(await machine.story(), "it is told to end, and does not hear it").toEqual(["08:00 running", "08:10 queued"]);
    await first?.park(machine.clock.now() + 5 * hour);
    await machine.clock.pass(1_000);
    expect(await machine.story()).toEqual(["08:00 cancelled", "08:10 running"]);
    expect((await machine.rows())[0]?.reason).toBe("replaced by slot 2026-11-25T08:10:00.000Z (overlap: replace)");
  });

  it("a run that waits for its next attempt is open: skipped under skip, ended at once under replace", async () => {
    machine = new Machine("2026-11-25T07:59:00Z");
    const until = Date.parse("2026-11-25T08:15:00Z");
    const play: Play = (run) =>
      run.status === "waiting" ? { afterMs: 1 } : { wait: { until, why: "", kind: "attempt", ranMs: 0, uncounted: 0 } };
    await machine.start([job("skip", "*/10 * * * *"), job("replace", "*/10 * * * *", { overlap: "replace" })], { play });
    await machine.clock.skipUntil("2026-11-25T08:11:00Z");
    expect(await machine.story("skip")).toEqual(["08:00 waiting", "08:10 skipped"]);
    expect(await machine.story("replace")).toEqual(["08:00 cancelled", "08:10 waiting"]);
    await machine.clock.skipUntil("2026-11-25T08:16:00Z");
    expect(await machine.story("skip")).toEqual(["08:00 succeeded", "08:10 skipped"]);
  });

  it.each([
    ["skip", ["manual running", "08:00 skipped"], ["manual succeeded", "08:00 skipped"]],
    ["queue", ["manual running", "08:00 queued"], ["manual succeeded", "08:00 running"]],
    ["replace", ["manual running", "08:00 queued"], ["manual succeeded", "08:00 running"]],
  ] as const)("%s counts for a run that somebody has started by hand", async (overlap, during, after) => {
    machine = new Machine("2026-11-25T07:59:50Z");
    await machine.start([job("a", "0 * * * *", { overlap })], { play: () => ({}) });
    const byHand = await machine.ledger();
    const owner = machine.owner();
    const startedAt = machine.clock.now();
    const start = {
      runId: "by-hand-1",
      jobId: "a",
      jobName: "a",
      trigger: "manual",
      startedAt,
      owner,
      leaseUntil: startedAt + hour,
    } as const;
    await byHand.claimRun({ ...start, modelAsked: "m", simulated: false, jobHash: "h" });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    expect(await machine.story()).toEqual(during);
    expect(await byHand.cancelRequests()).toHaveLength(overlap === "replace" ? 1 : 0);
    await byHand.finishRun("by-hand-1", { status: "succeeded", finishedAt: startedAt, reason: "", exitCode: 0, usage: {} });
    await byHand.close();
    await machine.clock.pass(1_500);
    expect(await machine.story()).toEqual(after);
  });
});

describe("places", () => {
  it("are given in the order of due time, and a job without one holds up nobody", async () => {
    machine = new Machine("2026-11-25T07:59:59Z");
    const jobs = [
      job("long-1", "0 8 * * *", { group: "slow" }),
      job("long-2", "0 8 * * *", { group: "slow" }),
      job("asks-kimi", "1 8 * * *"),
      job("asks-kimi-too", "1 8 * * *"),
      job("free", "2 8 * * *"),
      job("late", "3 8 * * *"),
    ];
    const daemon = await machine.start(jobs, {
      play: open,
      settings: { maxRuns: 4, groups: new Map([["slow", 1]]), providers: new Map([["kimi", 1]]) },
      providersOf: ({ id }) => (id.startsWith("asks") ? ["kimi", "other"] : ["other"]),
    });
    await machine.clock.skipUntil("2026-11-25T08:04:00Z");
    const names = (): string[] => daemon.running().map(({ run }) => run.jobId);
    expect(names()).toEqual(["long-1", "asks-kimi", "free", "late"]);
    await daemon.running()[3]?.end("succeeded");
    await machine.clock.pass(10);
    expect(names(), "the group and the provider are full").toEqual(["long-1", "asks-kimi", "free"]);
    await daemon.running()[0]?.end("succeeded");
    await machine.clock.pass(10);
    expect(names()).toEqual(["asks-kimi", "free", "long-2"]);
  });

  it("are not more than the rate of starts allows", async () => {
    machine = new Machine("2026-11-25T07:59:59Z");
    const jobs = Array.from({ length: 12 }, (_, at) => job(`j${at}`, "0 8 * * *"));
    await machine.start(jobs, { play: open, settings: { maxRuns: 100, startsPerSecond: 4 } });
    await machine.clock.pass(1_500);
    expect(machine.begun).toHaveLength(6);
    await machine.clock.pass(1_500);
    expect(machine.begun.map(({ at }) => at - Date.parse("2026-11-25T08:00:00Z"))).toEqual([
      0, 0, 0, 0, 250, 500, 750, 1000, 1250, 1500, 1750, 2000,
    ]);
  });

  it("count what other processes run", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const daemon = await machine.start([job("a", "0 8 * * *")], { play: open, settings: { maxRuns: 1 } });
    const byHand = await machine.ledger();
    const startedAt = machine.clock.now();
    const start = {
      runId: "by-hand-1",
      jobId: "other",
      jobName: "other",
      trigger: "manual",
      startedAt,
      owner: machine.owner(),
    } as const;
    await byHand.claimRun({ ...start, leaseUntil: startedAt + hour, modelAsked: "m", simulated: false, jobHash: "h" });
    await machine.clock.passUntil("2026-11-25T08:01:00Z");
    expect(daemon.running()).toEqual([]);
    await byHand.finishRun("by-hand-1", { status: "succeeded", finishedAt: startedAt, reason: "", exitCode: 0, usage: {} });
    await byHand.close();
    await machine.clock.pass(1_500);
    expect(daemon.running()).toHaveLength(1);
  });
});
