import { expect, test } from "vitest";
import type { RunRow, Wait } from "../../../src/ledger/ledger.ts";
import { attemptStart, beginning, owner, runFinish, runStart, slotClaim, slotRange, toolStart, underWay } from "../records.ts";
import type { Bench } from "./bench.ts";

const wait: Wait = {
  until: 5000,
  why: "the provider named a time",
  kind: "later",
  since: 2500,
  ranMs: 400,
  uncounted: 2,
  warnings: ["w"],
};
const successor = { ...owner, pid: owner.pid + 1, bootId: "the next boot" };

function lostToA(because: string): object {
  return { won: false, because, blocker: { runId: "a", status: "queued" } };
}

export function slots(bench: Bench): void {
  const claim = (...claims: Parameters<typeof slotClaim>[0][]) => bench.ledger().claimSlots(claims.map(slotClaim));
  const run = async (runId: string): Promise<RunRow> => (await bench.detail(runId)).run;

  test("a claimed slot is a queued run that nobody has, with its times", async () => {
    const start = slotClaim({ runId: "a", dueAt: 1500, scheduledFor: 900, startedAt: 1600.4 });
    expect(await bench.ledger().claimSlots([start])).toEqual([{ won: true }]);
    await bench.reopen();
    const queued = { ...start, startedAt: 1600, queuedAt: 1600, status: "queued" };
    expect(await run("a")).toStrictEqual(queued);
    expect(await bench.ledger().openRuns()).toStrictEqual([queued]);
    expect(await bench.ledger().history({ statuses: ["queued"] })).toHaveLength(1);
    expect(await bench.ledger().history({ statuses: ["running", "waiting"] })).toEqual([]);
    expect(await bench.ledger().renewLease("a", 9), "nobody has it, so it has no lease").toBe(false);
    await expect(bench.ledger().startAttempt(attemptStart({ runId: "a" }))).rejects.toThrow(/not open/);
  });

  test("claims are answered in their order, each by itself", async () => {
    const answers = await claim(
      { runId: "a" },
      { runId: "b", jobId: "another", slotAt: 1000 },
      { runId: "c", slotAt: 1000 },
      { runId: "d", slotAt: 2000 },
      { runId: "a" },
    );
    expect(answers).toEqual([{ won: true }, { won: true }, lostToA("slot_taken"), lostToA("queued_run"), { won: true }]);
    await expect(claim({ runId: "e", slotAt: 3000, jobId: "e" }, { runId: "b", slotAt: 9 })).rejects.toThrow(/recorded already/);
    expect(await bench.ledger().run("e"), "all of them or none").toBeUndefined();
    expect(await bench.ledger().claimSlots([])).toEqual([]);
  });

  test("a queued run is in nobody's way but another slot's; an open one is in the way of its beginning", async () => {
    await claim({ runId: "queued" });
    expect(await bench.ledger().claimRun(runStart({ runId: "by hand" }))).toEqual({ won: true });
    expect(await bench.ledger().claimRun(runStart({ runId: "x", trigger: "slot", slotAt: 1000 }))).toMatchObject({
      because: "slot_taken",
      blocker: { runId: "queued", status: "queued" },
    });
    expect(await bench.ledger().beginRun("queued", beginning())).toStrictEqual({
      begun: false,
      because: "open_run",
      blocker: { runId: "by hand", owner, startedAt: 10, status: "running", leaseUntil: 40 },
    });
    await bench.ledger().finishRun("by hand", runFinish());
    expect(await bench.ledger().beginRun("queued", beginning())).toEqual({ begun: true });
    expect(await claim({ runId: "next", slotAt: 2000 })).toEqual([{ won: true }]);
    expect((await bench.ledger().openRuns()).map(({ runId, status }) => `${runId} ${status}`)).toEqual([
      "queued running",
      "next queued",
    ]);
  });

  test("a run is begun once, parked, and carried on by somebody else, with its history", async () => {
    await claim({ runId: "a" });
    const ledger = bench.ledger();
    expect(await ledger.parkRun("a", wait), "nothing is under way").toBe(false);
    expect(await ledger.beginRun("a", beginning())).toEqual({ begun: true });
    expect(await ledger.beginRun("a", beginning({ owner: successor }))).toEqual({
      begun: false,
      because: "gone",
      status: "running",
    });
    expect(await run("a")).toMatchObject({ status: "running", startedAt: 2000, queuedAt: 10, leaseUntil: 3000 });
    await ledger.startAttempt(attemptStart({ runId: "a" }));
    await ledger.startTool(toolStart({ runId: "a" }));
    expect(await ledger.parkRun("a", { ...wait, until: 5000.4 })).toBe(true);
    expect(await ledger.parkRun("a", wait), "it is ours no longer").toBe(false);
    expect(await ledger.renewLease("a", 9999)).toBe(false);
    const parked = await bench.detail("a");
    expect(parked.run).toMatchObject({ status: "waiting", wait, owner });
    expect(parked.run).not.toHaveProperty("leaseUntil");
    expect([parked.attempts[0]?.status, parked.tools[0]?.status]).toEqual(["failed", "failed"]);
    await expect(ledger.startAttempt(attemptStart({ runId: "a", attempt: 2 }))).rejects.toThrow(/not open/);
    expect(await ledger.claimRun(runStart({ runId: "x" })), "it counts as open").toMatchObject({
      because: "open_run",
      blocker: { runId: "a", status: "waiting" },
    });
    const next = beginning({ owner: successor, at: 6000, leaseUntil: 7000, modelAsked: "m/m", jobHash: "new" });
    expect(await ledger.beginRun("a", next)).toEqual({ begun: true });
    expect(await run("a")).toMatchObject({
      status: "running",
      owner: successor,
      startedAt: 2000,
      queuedAt: 10,
      leaseUntil: 7000,
      wait,
      modelAsked: "m/m",
    });
    await ledger.startAttempt(attemptStart({ runId: "a", attempt: 2 }));
    expect(await ledger.finishRun("a", runFinish())).toBe(true);
    expect(await ledger.beginRun("a", next)).toEqual({ begun: false, because: "gone", status: "succeeded" });
    expect(await ledger.beginRun("nobody", next)).toEqual({ begun: false, because: "gone", status: undefined });
    expect(await ledger.parkRun("nobody", wait)).toBe(false);
  });

  test("a claim that is given back was never made; what has begun or ended stays", async () => {
    const ledger = bench.ledger();
    await claim({ runId: "a" }, { runId: "b", jobId: "2" }, { runId: "c", jobId: "3" });
    await claim({ runId: "r", jobId: "4", trigger: "retry", rerunOf: "a" });
    await ledger.requestCancel({ runId: "a", at: 1, reason: "by hand" });
    await ledger.beginRun("b", beginning());
    await ledger.finishRun("c", runFinish({ status: "skipped" }));
    await ledger.giveBackClaims(["a", "b", "c", "r", "nobody"]);
    await bench.reopen();
    expect((await bench.ledger().history({})).map(({ runId, status }) => `${runId} ${status}`).toSorted()).toEqual([
      "b running",
      "c skipped",
      "r queued",
    ]);
    expect(await bench.ledger().slotRecord("job", 1000)).toBeUndefined();
    expect((await bench.ledger().settledSlots(10_000)).get("job")).toBeUndefined();
    expect(await claim({ runId: "again" }), "its slot is free").toEqual([{ won: true }]);
    expect(await bench.ledger().cancelRequests()).toEqual([]);
    expect(await bench.ledger().beginRun("a", beginning())).toEqual({ begun: false, because: "gone", status: undefined });
  });

  test("what is ended before the time for which it was claimed took no time", async () => {
    await claim({ runId: "early", slotAt: 5000, startedAt: 5000 });
    await bench.ledger().finishRun("early", runFinish({ status: "cancelled", finishedAt: 4400 }));
    expect(await run("early")).toMatchObject({ startedAt: 4400, finishedAt: 4400, queuedAt: 5000 });
  });

  test("a queued and a waiting run end as the table of states allows", async () => {
    const ledger = bench.ledger();
    await claim({ runId: "q1" }, { runId: "q2", jobId: "2" }, { runId: "w", jobId: "3" });
    await expect(ledger.finishRun("q1", runFinish())).rejects.toThrow(/q1 is queued and cannot become succeeded/);
    expect(await ledger.finishRun("q1", runFinish({ status: "skipped", blockedBy: "other" }))).toBe(true);
    expect(await ledger.finishRun("q2", runFinish({ status: "missed" }), { leaseUntil: undefined })).toBe(true);
    await ledger.beginRun("w", beginning());
    await ledger.parkRun("w", wait);
    await expect(ledger.finishRun("w", runFinish())).rejects.toThrow(/w is waiting and cannot become succeeded/);
    expect(await ledger.finishRun("w", runFinish({ status: "timed_out" }))).toBe(true);
    expect(await run("q1")).toMatchObject({ status: "skipped", blockedBy: "other", queuedAt: 10 });
    expect(await run("w")).toMatchObject({ status: "timed_out", wait });
    expect(await ledger.openRuns()).toEqual([]);
  });

  test("an interrupted run is repeated once, and a boot is answered once", async () => {
    const { slotAt: _none, ...retry } = slotClaim({
      runId: "r1",
      jobId: "r1",
      trigger: "retry",
      rerunOf: "dead",
      scheduledFor: 7,
    });
    expect(await bench.ledger().claimSlots([retry])).toEqual([{ won: true }]);
    expect(await bench.ledger().claimSlots([{ ...retry, runId: "r2", jobId: "r2" }])).toMatchObject([
      { because: "retried", blocker: { runId: "r1", status: "queued" } },
    ]);
    await bench.ledger().finishRun("r1", runFinish({ status: "cancelled" }));
    expect(await bench.ledger().claimSlots([{ ...retry, runId: "r3" }])).toMatchObject([{ because: "retried" }]);
    expect(await bench.ledger().claimRun(runStart({ runId: "by hand", rerunOf: "dead" })), "a rerun by hand").toEqual({
      won: true,
    });

    const { slotAt: _nor, ...boot } = slotClaim({ runId: "b1", jobId: "b", trigger: "boot" });
    expect(await bench.ledger().claimSlots([boot])).toEqual([{ won: true }]);
    await bench.ledger().beginRun("b1", beginning({ owner: successor }));
    expect(await bench.ledger().claimSlots([{ ...boot, runId: "b2" }])).toMatchObject([
      { because: "booted", blocker: { runId: "b1", status: "running" } },
    ]);
    expect(await bench.ledger().claimSlots([{ ...boot, runId: "b3", owner: successor }])).toEqual([{ won: true }]);
    expect(await run("b3")).toMatchObject({ trigger: "boot", status: "queued", owner: successor });
    await bench.ledger().finishRun("b3", runFinish({ status: "cancelled" }));
    await bench.ledger().finishRun("b1", runFinish());
    const inContainer = { ...boot, boot: "container 1" };
    expect(await bench.ledger().claimSlots([{ ...inContainer, runId: "b4" }])).toEqual([{ won: true }]);
    await bench.ledger().finishRun("b4", runFinish({ status: "cancelled" }));
    expect(await bench.ledger().claimSlots([{ ...inContainer, runId: "b5", owner: successor }])).toMatchObject([
      { because: "booted", blocker: { runId: "b4" } },
    ]);
  });

  test("the newest runs of each job are given, newest first", async () => {
    const ledger = bench.ledger();
    for (const number of [1, 2, 3]) {
      await claim({ runId: `a${number}`, slotAt: number * 1000 });
      if (number < 3) await ledger.finishRun(`a${number}`, runFinish({ status: "deferred", deferredUntil: 77 }));
    }
    await ledger.recordSlots([slotRange({ runId: "b1", jobId: "b" })]);
    const ended = async (runId: string, jobId: string, finish: Parameters<typeof runFinish>[0]) => {
      await ledger.claimRun(runStart({ runId, jobId, startedAt: 9500 }));
      await ledger.finishRun(runId, runFinish(finish));
    };
    await ended("c1", "c", { status: "quiet", reason: "nothing to report" });
    for (const [runId, slotAt] of [
      ["d1", 1000],
      ["d2", 2000],
    ] as const) {
      await claim({ runId, jobId: "d", slotAt });
      await ledger.finishRun(runId, runFinish({ status: "blocked", reason: "no key", usage: {} }));
      await ledger.isFirstBlock(runId);
    }
    await ended("d3", "d", { status: "failed" });
    await ended("e1", "e", { status: "failed" });
    await ended("e2", "e", { status: "succeeded" });
    await ended("e3", "e", { status: "timed_out" });
    await ledger.claimRun(runStart({ runId: "e4", jobId: "e" }));
    for (const [at, status] of (["failed", "failed", "skipped", "timed_out", "failed"] as const).entries())
      await ended(`f${at}`, "f", { status });

    const recent = await ledger.recentRuns(100);
    expect(Object.fromEntries([...recent].map(([job, { runs }]) => [job, runs]))).toStrictEqual({
      job: [{ status: "queued" }, { status: "deferred" }, { status: "deferred" }],
      b: [{ status: "missed" }],
      c: [{ status: "quiet" }],
      d: [
        { status: "failed", told: { runId: "d3", since: 9500, slots: 1 } },
        { status: "blocked", told: { runId: "d2", since: 1000, slots: 2 } },
      ],
      e: [
        { status: "running" },
        { status: "timed_out", told: { runId: "e3", since: 9500, slots: 1 } },
        { status: "succeeded" },
        { status: "failed" },
      ],
      f: [
        { status: "failed", told: { runId: "f4", since: 9500, slots: 1 } },
        { status: "timed_out" },
        { status: "skipped" },
        { status: "failed" },
        { status: "failed", told: { runId: "f0", since: 9500, slots: 1 } },
      ],
    });
    const missed = { runId: "b1", status: "missed", startedAt: 9000, finishedAt: 9000, slotAt: 3000, slotFrom: 1000, slots: 3 };
    expect(recent.get("job")?.lastEnd).toMatchObject({ runId: "a2", status: "deferred", slotAt: 2000, deferredUntil: 77 });
    expect(recent.get("b")?.lastEnd).toMatchObject(missed);
    expect(recent.get("c")?.lastEnd).toMatchObject({ runId: "c1", reason: "nothing to report" });
    expect(recent.get("e")?.lastEnd).toMatchObject({ runId: "e3", startedAt: 9500, finishedAt: 90 });
    expect((await ledger.recentRuns(1)).get("job")).toMatchObject({ runs: [{ status: "queued" }], lastEnd: { runId: "a2" } });
    await expect(ledger.recentRuns(101)).rejects.toThrow(/broken invariant/);
  });

  test("the newest recorded slot of each job is where the next one is computed from", async () => {
    const ledger = bench.ledger();
    await claim({ runId: "a", slotAt: 1000 });
    await ledger.finishRun("a", runFinish({ status: "skipped" }));
    await claim({ runId: "b", slotAt: 3000 }, { runId: "c", jobId: "another", slotAt: 2000 });
    await underWay(ledger, "by hand", "no slots");
    await ledger.recordSlots([slotRange({ runId: "r", jobId: "gap" })]);
    expect(await ledger.lastSlots()).toEqual(
      new Map([
        ["job", 3000],
        ["another", 2000],
        ["gap", 3000],
      ]),
    );
  });
}
