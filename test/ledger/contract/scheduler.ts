import { expect, test } from "vitest";
import { everyJob, keptEvents, keptPausesMs, type Armed, type Leader, type Pause } from "../../../src/ledger/ledger.ts";
import { beginning, leadership, owner, runFinish, runStart, slotClaim } from "../records.ts";
import type { Bench } from "./bench.ts";

function job(jobId: string, scheduleHash = "1", jobName = jobId): Armed {
  return { jobId, jobName, scheduleHash };
}

export function scheduler(bench: Bench): void {
  test("a job is armed when it is new or has another schedule, and forgotten when it is gone", async () => {
    const ledger = bench.ledger();
    expect(await ledger.armJobs([job("a"), job("b")], 100.4, true)).toEqual(
      new Map([
        ["a", 100],
        ["b", 100],
      ]),
    );
    expect(await ledger.armJobs([job("a"), job("b", "2")], 200, true)).toEqual(
      new Map([
        ["a", 100],
        ["b", 200],
      ]),
    );
    expect(await ledger.armJobs([job("c")], 300, false), "only those that were named").toEqual(new Map([["c", 300]]));
    await bench.reopen();
    expect(await bench.ledger().armJobs([job("a", "1", "renamed")], 400, true)).toEqual(new Map([["a", 100]]));
    expect(await bench.ledger().armed()).toEqual(new Map([["a", { since: 100, scheduleHash: "1" }]]));
    expect(await bench.ledger().armJobs([job("b", "2")], 500, false), "what was forgotten is new").toEqual(new Map([["b", 500]]));
    expect([...(await bench.ledger().armed(["b", "nobody"]))]).toEqual([["b", { since: 500, scheduleHash: "2" }]]);
  });

  test("the leader is what the last change left", async () => {
    const other = await bench.open();
    expect(await bench.ledger().leader()).toBeUndefined();
    expect(await bench.ledger().changeLeader(() => undefined), "nothing to remove").toBeUndefined();
    const first = leadership({
      report: { ...leadership().report, nextAt: 17, problems: Array.from({ length: 30 }, () => "p".repeat(600)) },
    });
    await bench.ledger().changeLeader((before) => before ?? first);
    const kept = { ...first, report: { ...first.report, problems: Array.from({ length: 20 }, () => "p".repeat(500)) } };
    expect(await other.leader()).toStrictEqual(kept);
    const rival = leadership({ owner: { ...owner, pid: 1 } });
    expect(await other.changeLeader((before) => before ?? rival), "the place is taken").toEqual(kept);
    expect(await other.changeLeader((before) => (before === undefined ? before : { ...before, seenAt: 250.4 }))).toMatchObject({
      seenAt: 250.4,
    });
    await bench.reopen();
    expect(await bench.ledger().leader()).toStrictEqual({ ...kept, seenAt: 250 });
    expect(await bench.ledger().changeLeader(() => undefined)).toBeUndefined();
    expect(await other.leader()).toBeUndefined();
    await other.close();
  });

  test("of many that want to lead at once, over several connections, exactly one does", async () => {
    const others = [await bench.open(), await bench.open()];
    const ledgers = [bench.ledger(), ...others];
    const wishes = Array.from({ length: 9 }, (_, pid) => leadership({ owner: { ...owner, pid } }));
    const leaders = await Promise.all(
      wishes.map(async (wish, at) => ledgers[at % 3]?.changeLeader((before: Leader | undefined) => before ?? wish)),
    );
    expect(new Set(leaders.map((one) => one?.owner.pid)).size).toBe(1);
    await Promise.all(others.map((one) => one.close()));
  });

  test("a pause holds until it is taken back, or its time is over", async () => {
    const ledger = bench.ledger();
    const pause: Pause = { jobId: "job", at: 100, by: "maria", reason: "the provider is down", until: 500 };
    const all: Pause = { jobId: everyJob, at: 100, by: "maria" };
    await ledger.pause(all);
    await ledger.pause({ ...pause, by: "somebody else" });
    await ledger.pause(pause);
    await bench.reopen();
    expect(await bench.ledger().pauses(499)).toStrictEqual(
      new Map([
        [everyJob, all],
        ["job", pause],
      ]),
    );
    expect([...(await bench.ledger().pauses(500)).keys()]).toEqual([everyJob]);
    expect(await bench.ledger().unpause("job", 500), "it was over").toBe(false);
    expect(await bench.ledger().unpause(everyJob, 500)).toBe(true);
    expect(await bench.ledger().unpause(everyJob, 500)).toBe(false);
    expect(await bench.ledger().pauses(0)).toEqual(new Map());
  });

  test("a pause that is over is kept: taken back, replaced, or because its time is up; after five weeks it is not", async () => {
    const ledger = bench.ledger();
    await ledger.pause({ jobId: "job", at: 100, by: "maria", reason: "holiday", until: 900 });
    expect(await ledger.endedPauses(899)).toEqual([]);
    const up = { jobId: "job", at: 100, by: "maria", reason: "holiday", endedAt: 900 };
    expect(await ledger.endedPauses(900), "nobody has looked").toStrictEqual([up]);
    await ledger.pause({ jobId: "job", at: 1_000, by: "joe" });
    await ledger.pause({ jobId: "job", at: 1_500, by: "joe", until: 5_000 });
    expect(await ledger.unpause("job", 2_000)).toBe(true);
    await ledger.pause({ jobId: everyJob, at: 3_000, by: "maria" });
    await ledger.unpause(everyJob, 2_900);
    await bench.reopen();
    const joe = { jobId: "job", by: "joe" };
    expect((await bench.ledger().endedPauses(4_000)).toSorted((a, b) => a.at - b.at)).toStrictEqual([
      up,
      { ...joe, at: 1_000, endedAt: 1_500 },
      { ...joe, at: 1_500, endedAt: 2_000 },
    ]);
    const later = 2_000 + keptPausesMs;
    expect(await bench.ledger().endedPauses(later)).toEqual([]);
    await bench.ledger().pause({ jobId: "job", at: later, by: "maria" });
    await bench.ledger().unpause("job", later + 1);
    expect(await bench.ledger().endedPauses(4_000), "those are gone").toHaveLength(1);
  });

  test("an open run can be asked to end; the first request stays, and ends nothing itself", async () => {
    const ledger = bench.ledger();
    await ledger.claimSlots([slotClaim({ runId: "queued" })]);
    await ledger.claimRun(runStart({ runId: "running", jobId: "b" }));
    await ledger.claimRun(runStart({ runId: "ended", jobId: "c" }));
    await ledger.finishRun("ended", runFinish());
    const ask = (runId: string, reason = "cancelled by maria") => ledger.requestCancel({ runId, at: 20.4, reason });
    expect([
      await ask("queued"),
      await ask("running"),
      await ask("running", "again"),
      await ask("ended"),
      await ask("nobody"),
    ]).toEqual([true, true, true, false, false]);
    const requests = ["queued", "running"].map((runId) => ({ runId, at: 20, reason: "cancelled by maria" }));
    expect(await ledger.cancelRequests()).toStrictEqual(requests);
    expect((await ledger.openRuns()).map((run) => run.status)).toEqual(["queued", "running"]);
    await ledger.beginRun("queued", beginning());
    expect(await ledger.cancelRequests()).toStrictEqual(requests);
    await ledger.finishRun("queued", runFinish({ status: "cancelled" }));
    expect(await ledger.cancelRequests()).toStrictEqual(requests.slice(1));
  });

  test("of the open runs it is told how each is, with the rows of those that are wanted, oldest first", async () => {
    const ledger = bench.ledger();
    expect(await ledger.lookAtOpen(() => true)).toEqual({ states: new Map(), rows: [] });
    await ledger.claimRun(runStart({ runId: "running, 1", jobId: "z" }));
    await ledger.claimSlots([slotClaim({ runId: 'queued "1"', jobId: "b" }), slotClaim({ runId: "queued 2", jobId: "a" })]);
    await ledger.claimRun(runStart({ runId: "waits", jobId: "c" }));
    await ledger.parkRun("waits", { until: 9, why: "later", kind: "later", since: 1, ranMs: 0, uncounted: 0 });
    await ledger.claimRun(runStart({ runId: "ended", jobId: "d" }));
    await ledger.finishRun("ended", runFinish());
    const asked: string[] = [];
    const look = await ledger.lookAtOpen((runId, status) => asked.push(`${runId}: ${status}`) > 0);
    const states = { 'queued "1"': "queued", "queued 2": "queued", "running, 1": "running", waits: "waiting" };
    expect(Object.fromEntries(look.states)).toEqual(states);
    expect(asked.toSorted()).toEqual(['queued "1": queued', "queued 2: queued", "running, 1: running", "waits: waiting"]);
    expect(look.rows).toStrictEqual(await ledger.openRuns());
    await ledger.beginRun("queued 2", beginning());
    const some = await ledger.lookAtOpen((_, status) => status !== "queued");
    expect(some.rows.map(({ runId }) => runId)).toEqual(["running, 1", "queued 2", "waits"]);
    expect(some.states.get("queued 2")).toBe("running");
    await ledger.giveBackClaims(['queued "1"']);
    expect((await ledger.lookAtOpen(() => false)).states.has('queued "1"')).toBe(false);
  });

  test("events are told newest first, of a job with those of everything, and the newest 10,000 are kept", async () => {
    const ledger = bench.ledger();
    await ledger.noteEvent({ at: 10, kind: "started", text: "x".repeat(600) });
    await ledger.noteEvent({ at: 30.4, kind: "armed", jobId: "a", text: "armed" });
    await ledger.noteEvent({ at: 20, kind: "reset", jobId: "b", text: "the clock was set back" });
    expect(await ledger.events({})).toStrictEqual([
      { at: 20, kind: "reset", jobId: "b", text: "the clock was set back" },
      { at: 30, kind: "armed", jobId: "a", text: "armed" },
      { at: 10, kind: "started", text: "x".repeat(500) },
    ]);
    const kinds = async (query: Parameters<typeof ledger.events>[0]) => (await ledger.events(query)).map((event) => event.kind);
    expect(await kinds({ jobId: "a" })).toEqual(["armed", "started"]);
    expect(await kinds({ since: 20, until: 30 })).toEqual(["reset", "armed"]);
    expect(await kinds({ limit: 1 })).toEqual(["reset"]);
    await expect(ledger.events({ limit: -1 })).rejects.toThrow(/broken invariant/);
    for (let number = 0; number < keptEvents - 1; number++) await ledger.noteEvent({ at: 40, kind: "slept", text: "" });
    expect(await kinds({ limit: 99_999, until: 39 })).toEqual(["reset"]);
    expect(await kinds({ kinds: ["reset", "armed"] })).toEqual(["reset"]);
    expect(await kinds({ kinds: [] })).toEqual([]);
  });

  test("which boots are answered outlives the other events, of the newest 100 at least", async () => {
    const ledger = bench.ledger();
    for (let number = 0; number < 120; number++) await ledger.noteEvent({ at: number, kind: "booted", text: `boot ${number}` });
    for (let number = 0; number < keptEvents; number++) await ledger.noteEvent({ at: 200, kind: "slept", text: "" });
    expect(await ledger.events({ kinds: ["booted"], limit: 999 })).toHaveLength(120);
    await ledger.noteEvent({ at: 300, kind: "booted", text: "boot 120" });
    const boots = await ledger.events({ kinds: ["booted"], limit: 999 });
    expect([boots.length, boots[0]?.text, boots.at(-1)?.text]).toEqual([100, "boot 120", "boot 21"]);
    // One that is noted again is one, keeps its time, and is the newest.
    await ledger.noteEvent({ at: 21, kind: "booted", text: "boot 21" });
    await ledger.noteEvent({ at: 301, kind: "booted", text: "boot 121" });
    expect(await ledger.events({ kinds: ["booted"], text: "boot 21" })).toEqual([{ at: 21, kind: "booted", text: "boot 21" }]);
    expect(await ledger.events({ kinds: ["booted"], text: "boot 22" }), "forgotten").toEqual([]);
    expect(await ledger.events({ kinds: ["booted"], limit: 999 })).toHaveLength(100);
  });

  test("of ticks the newest two of each project are kept", async () => {
    const ledger = bench.ledger();
    for (const at of [1, 2, 3]) for (const text of ["/a", "/b"]) await ledger.noteEvent({ at, kind: "ticked", text });
    expect((await ledger.events({ kinds: ["ticked"], text: "/a" })).map(({ at }) => at)).toEqual([3, 2]);
    expect((await ledger.events({})).map(({ at, text }) => `${text} ${at}`)).toEqual(["/b 3", "/a 3", "/b 2", "/a 2"]);
  });

  test("whatever was written, here or by another, is noticed once", async () => {
    const other = await bench.open();
    const ledger = bench.ledger();
    const changed = async (work: () => Promise<unknown>) => {
      await work();
      return [await ledger.hasChanged(), await ledger.hasChanged()];
    };
    expect(await changed(async () => {}), "the first time").toEqual([true, false]);
    expect(await changed(() => other.openRuns()), "reading is no change").toEqual([false, false]);
    expect(await changed(() => other.pause({ jobId: "job", at: 1, by: "maria" }))).toEqual([true, false]);
    expect(await changed(() => ledger.unpause("job", 1)), "its own").toEqual([true, false]);
    expect(await changed(() => other.claimRun(runStart({ runId: "run" })))).toEqual([true, false]);
    expect(await changed(() => other.renewLease("run", 99))).toEqual([true, false]);
    await other.close();
    expect(await changed(async () => {})).toEqual([false, false]);
  });

  test("it is told whether another connection has written, apart from whether anything was", async () => {
    const other = await bench.open();
    const ledger = bench.ledger();
    const changed = async (work: () => Promise<unknown>) => {
      await work();
      return [await ledger.hasChangedElsewhere(), await ledger.hasChangedElsewhere(), await ledger.hasChanged()];
    };
    expect(await changed(async () => {}), "the first time").toEqual([true, false, true]);
    expect(await changed(() => ledger.pause({ jobId: "job", at: 1, by: "maria" })), "its own").toEqual([false, false, true]);
    expect(await changed(() => other.unpause("job", 1))).toEqual([true, false, true]);
    await other.close();
  });
}
