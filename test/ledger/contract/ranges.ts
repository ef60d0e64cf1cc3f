import { expect, test } from "vitest";
import type { SlotRange } from "../../../src/ledger/ledger.ts";
import type { RunEnding } from "../../../src/run/run.ts";
import { runFinish, runStart, slotClaim, slotRange } from "../records.ts";
import type { Bench } from "./bench.ts";

const day = 86_400_000;

function next(runId: string, at: number, facts: Partial<SlotRange> = {}): SlotRange {
  return slotRange({ runId, from: at, to: at, slots: 1, ...facts });
}

export function ranges(bench: Bench): void {
  const rows = async (jobId = "job") =>
    (await bench.ledger().history({ jobId, limit: 99 })).map(
      ({ runId, status, slotFrom, slotAt, slots }) => `${runId} ${status} ${slotFrom}-${slotAt} ${slots}`,
    );
  const holder = async (...instants: number[]) => {
    const found = await Promise.all(instants.map((at) => bench.ledger().slotRecord("job", at)));
    return found.map((run) => run?.runId);
  };

  test("slots that nobody answered are one row, which answers each of them", async () => {
    const ledger = bench.ledger();
    const range = slotRange({ runId: "r", status: "skipped", blockedBy: "open", recordedAt: 9000.4 });
    await ledger.recordSlots([range]);
    await bench.reopen();
    expect((await bench.detail("r")).run).toMatchObject({
      trigger: "slot",
      status: "skipped",
      slotFrom: 1000,
      slotAt: 3000,
      slots: 3,
      reason: "nobody was there",
      blockedBy: "open",
      finishedAt: 9000,
    });
    expect(await holder(999, 1000, 2000, 2001, 3000, 3001)).toEqual([undefined, "r", "r", "r", "r", undefined]);
    expect(await bench.ledger().slotRecord("another", 2000)).toBeUndefined();
    const blocker = { runId: "r", status: "skipped" };
    expect(await bench.ledger().claimSlots([slotClaim({ runId: "a", slotAt: 2000 })])).toEqual([
      { won: false, because: "slot_taken", blocker },
    ]);
    expect(await bench.ledger().claimRun(runStart({ runId: "a", trigger: "slot", slotAt: 1000 }))).toMatchObject({
      because: "slot_taken",
      blocker,
    });
    await bench.ledger().recordRun(runStart({ runId: "a", slotAt: 2000 }), runFinish({ status: "missed" }));
    expect(await bench.ledger().run("a"), "a slot that is recorded stays as it is").toBeUndefined();
    expect(await bench.ledger().claimSlots([slotClaim({ runId: "a", slotAt: 4000 })])).toEqual([{ won: true }]);
  });

  test("a range grows while nothing else happens to its job", async () => {
    const ledger = bench.ledger();
    await ledger.recordSlots([slotRange({ runId: "r1" }), next("r2", 4000, { recordedAt: 9500 }), next("r3", 5000)]);
    expect(await rows()).toEqual(["r1 missed 1000-5000 5"]);
    await ledger.recordSlots([next("r4", 6000, { reason: "paused" }), next("r5", 7000, { reason: "paused", status: "skipped" })]);
    await ledger.recordSlots([next("r6", 8000, { reason: "paused", status: "skipped", blockedBy: "open" })]);
    await ledger.recordSlots([next("r7", 8000, { jobId: "another" })]);
    await ledger.claimSlots([slotClaim({ runId: "run", slotAt: 9000 })]);
    await ledger.recordSlots([next("r8", 10_000, { reason: "paused", status: "skipped", blockedBy: "open" })]);
    expect(await rows()).toEqual([
      "r8 skipped 10000-10000 1",
      "run queued undefined-9000 undefined",
      "r6 skipped 8000-8000 1",
      "r5 skipped 7000-7000 1",
      "r4 missed 6000-6000 1",
      "r1 missed 1000-5000 5",
    ]);
    await expect(ledger.recordSlots([next("bad", 9, { to: 8 })])).rejects.toThrow(/broken invariant/);
    await expect(ledger.recordSlots([next("bad", 9, { slots: 0 })])).rejects.toThrow(/broken invariant/);
  });

  test("what is recorded already stays: of a range that meets it only the rest is recorded", async () => {
    const ledger = bench.ledger();
    await ledger.recordSlots([slotRange({ runId: "r1" })]);
    await ledger.recordSlots([slotRange({ runId: "again", recordedAt: 9999 })]);
    await ledger.recordSlots([slotRange({ runId: "inner", from: 2000, to: 2000, slots: 1, reason: "another" })]);
    expect(await rows()).toEqual(["r1 missed 1000-3000 3"]);
    await ledger.recordSlots([slotRange({ runId: "r2", to: 5000, slots: 5, reason: "another" })]);
    expect(await rows()).toEqual(["r2 missed 3001-5000 2", "r1 missed 1000-3000 3"]);
    await ledger.recordSlots([slotRange({ runId: "r3", to: 6000, slots: 6, reason: "another" })]);
    expect(await rows()).toEqual(["r2 missed 3001-6000 3", "r1 missed 1000-3000 3"]);
    await ledger.recordRun(runStart({ runId: "by hand", trigger: "slot", slotAt: 8000 }), runFinish({ status: "skipped" }));
    await ledger.recordSlots([slotRange({ runId: "r4", from: 7000, to: 9000, slots: 3 })]);
    expect(await holder(6000, 7000, 8000, 9000)).toEqual(["r2", "r4", "by hand", "r4"]);
    await ledger.claimSlots([slotClaim({ runId: "claimed", slotAt: 11_000 })]);
    await ledger.recordSlots([slotRange({ runId: "r5", from: 10_000, to: 11_000, slots: 2 })]);
    expect(await holder(10_000, 11_000, 12_000)).toEqual(["r5", "claimed", undefined]);
    expect((await rows()).slice(0, 3)).toEqual([
      "r5 missed 10000-10999 1",
      "claimed queued undefined-11000 undefined",
      "r4 missed 7000-9000 2",
    ]);
    expect(await ledger.lastSlots()).toEqual(new Map([["job", 11_000]]));
  });

  const block = async (runId: string, slotAt: number | undefined, reason = "no key", facts: object = {}): Promise<boolean> => {
    await bench.ledger().claimRun(runStart({ runId, ...(slotAt === undefined ? {} : { slotAt, trigger: "slot" }) }));
    await bench.ledger().finishRun(runId, runFinish({ status: "blocked", reason, ...facts }));
    return bench.ledger().isFirstBlock(runId);
  };

  test("a job that is blocked stays one row, and is told of once", async () => {
    expect(await block("b1", 1000)).toBe(true);
    expect(await block("b2", 2000)).toBe(false);
    expect(await block("b3", 3000)).toBe(false);
    expect(await rows()).toEqual(["b3 blocked 1000-3000 3"]);
    expect(await holder(1000, 2000, 3000)).toEqual(["b3", "b3", "b3"]);
    expect(await bench.ledger().isFirstBlock("b3"), "asked again").toBe(false);
    expect(await block("b4", 4000, "another reason")).toBe(true);
    expect(await block("by hand", undefined, "another reason"), "known, and no slot to join").toBe(false);
    expect(await block("b5", 5000, "another reason")).toBe(false);
    expect(await rows()).toHaveLength(4);
    expect(await block("costly", 6000, "quota", { costMicroUsd: 5 })).toBe(true);
    expect(await block("b6", 7000, "quota"), "what was spent is not forgotten").toBe(false);
    expect(await rows()).toHaveLength(6);
    await expect(bench.ledger().isFirstBlock("nobody")).rejects.toThrow(/no run nobody/);
  });

  test("what stands in the way is known by its obstacle, and the newest words are kept", async () => {
    const [mail, notes] = [{ obstacle: "mcp.mail" }, { obstacle: "mcp.notes" }];
    expect(await block("b1", 1000, "mail did not start (pid 17)", mail)).toBe(true);
    expect(await block("b2", 2000, "mail did not start (pid 23)", mail)).toBe(false);
    expect(await bench.ledger().run("b2")).toMatchObject({ run: { reason: "mail did not start (pid 23)", slots: 2 } });
    expect(await block("b3", 3000, "mail did not start (pid 23)", notes), "the same words of another").toBe(true);
    expect(await block("b4", 4000, "mail did not start (pid 23)"), "none told, as by an older version: its words decide").toBe(
      false,
    );
    expect(await block("b5", 5000, "other words", notes)).toBe(true);
    expect(await rows()).toEqual(["b5 blocked undefined-5000 undefined", "b4 blocked 3000-4000 2", "b2 blocked 1000-2000 2"]);
  });

  test("what a person has started keeps its row, also for a slot", async () => {
    const ledger = bench.ledger();
    await ledger.recordSlots([slotRange({ runId: "r1", from: 2000, to: 3000, slots: 2 })]);
    await ledger.claimRun(runStart({ runId: "by hand", slotAt: 1000, trigger: "manual" }));
    await ledger.finishRun("by hand", runFinish({ status: "blocked", reason: "no key" }));
    expect(await block("b1", 4000)).toBe(false);
    expect(await rows()).toEqual([
      "b1 blocked undefined-4000 undefined",
      "by hand blocked undefined-1000 undefined",
      "r1 missed 2000-3000 2",
    ]);
  });

  test("a job stays blocked over slots that say nothing of it", async () => {
    const ledger = bench.ledger();
    expect(await block("b1", 1000)).toBe(true);
    await ledger.recordSlots([slotRange({ runId: "r1", from: 2000, to: 3000, slots: 2 })]);
    expect(await block("b2", 4000)).toBe(false);
    expect(await rows(), "each keeps its row").toHaveLength(3);
    await ledger.claimRun(runStart({ runId: "well", slotAt: 5000, trigger: "slot" }));
    await ledger.finishRun("well", runFinish({ status: "failed" }));
    expect(await block("b3", 6000)).toBe(true);
  });

  test("endings are counted by job and day, each slot of a range for itself, simulated and verified ones not", async () => {
    const ledger = bench.ledger();
    const end = async (runId: string, jobId: string, finishedAt: number, status: RunEnding = "succeeded", simulated = false) => {
      await ledger.claimRun(runStart({ runId, jobId, simulated }));
      await ledger.finishRun(runId, runFinish({ status, finishedAt }));
    };
    await end("a1", "a", 10 * day - 1);
    await end("a2", "a", 10 * day, "failed");
    await end("a3", "a", 12 * day, "failed");
    await ledger.finishRun("a3", runFinish({ finishedAt: 12 * day }));
    await ledger.recordRun(runStart({ runId: "a4", jobId: "a" }), runFinish({ status: "skipped", finishedAt: 11 * day }));
    await end("b1", "b", 11 * day);
    await end("s", "simulated:a", 11 * day, "failed", true);
    await end("v", "verify:a:1", 11 * day);
    await ledger.recordSlots([slotRange({ runId: "c1", jobId: "c", recordedAt: 9 * day })]);
    await ledger.recordSlots([slotRange({ runId: "c2", jobId: "c", from: 4000, to: 5000, slots: 2, recordedAt: 11 * day })]);
    await ledger.claimSlots([slotClaim({ runId: "open", jobId: "b" })]);
    const counts = async (since: number, jobId?: string) =>
      (await ledger.statusCounts({ since, ...(jobId === undefined ? {} : { jobId }) }))
        .map((count) => `${count.jobId} ${count.status} ${count.runs}`)
        .toSorted();
    expect(await counts(0)).toEqual(["a failed 2", "a skipped 1", "a succeeded 1", "b succeeded 1", "c missed 5"]);
    expect(await counts(10 * day + 5), "to the day").toEqual(["a failed 2", "a skipped 1", "b succeeded 1", "c missed 2"]);
    expect(await counts(11 * day, "a")).toEqual(["a failed 1", "a skipped 1"]);
    await bench.ledger().prune(500 * day, { runs: 1, ms: 1 });
    expect(await counts(0, "a"), "what is counted outlives its runs").toEqual([]);
  });
}
