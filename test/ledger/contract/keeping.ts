import { expect, test } from "vitest";
import { keptMs } from "../../../src/ledger/ledger.ts";
import { attemptStart, beginning, runFinish, runStart, slotClaim, slotRange, toolStart, underWay } from "../records.ts";
import type { Bench } from "./bench.ts";

const now = 1_800_000_000_000;
const skipped = runFinish({ status: "skipped", output: "said" });

export function keeping(bench: Bench): void {
  const record = async (runId: string, startedAt: number, jobId = "job"): Promise<void> =>
    bench.ledger().recordRun(runStart({ runId, jobId, startedAt }), skipped);
  const ids = async (): Promise<string[]> => (await bench.ledger().history({ limit: 9999 })).map((run) => run.runId).toSorted();

  const end = async (runId: string, finishedAt: number): Promise<number> => {
    await bench.ledger().claimRun(runStart({ runId, startedAt: finishedAt }));
    expect(await bench.ledger().finishRun(runId, runFinish({ finishedAt }))).toBe(true);
    return (await ids()).length;
  };

  test("prune removes what is beyond number and age, with everything under it, and never an open run", async () => {
    await underWay(bench.ledger(), "a1 ended");
    await bench.ledger().startTool(toolStart({ runId: "a1 ended" }));
    await bench.ledger().finishRun("a1 ended", runFinish({ finishedAt: 90, output: "said" }));
    await underWay(bench.ledger(), "a2 open");
    for (const [runId, age] of [
      ["a3 old", 101],
      ["a4 just kept", 100],
      ["a5 old", 500],
      ["a6 old, among the newest", 900],
      ["a7", 1],
    ] as const)
      await record(runId, now - age);
    await record("b1 only one", 0, "another");
    expect(await bench.ledger().prunable(now, { runs: 2, ms: 100 })).toBe(3);
    expect(await bench.ledger().prune(now, { runs: 2, ms: 100 })).toBe(3);
    expect(await bench.ledger().prunable(now, { runs: 2, ms: 100 })).toBe(0);
    expect(await ids()).toEqual(["a2 open", "a4 just kept", "a6 old, among the newest", "a7", "b1 only one"]);
    expect(await bench.ledger().run("a1 ended")).toBeUndefined();
    const { attempts, calls, tries } = await bench.detail("a2 open");
    expect([attempts.length, calls.length, tries.length]).toEqual([1, 1, 1]);
    expect(await bench.ledger().prune(now, { runs: 2, ms: 100 })).toBe(0);
    await expect(bench.ledger().prune(now, { runs: 0, ms: 100 })).rejects.toThrow(/broken invariant/);
    await bench.ledger().startAttempt(attemptStart({ runId: "a2 open", attempt: 2 }));
  });

  test("by default 1,000 runs of a job are kept, and 90 days", async () => {
    for (let number = 1; number <= 1002; number++)
      await record(`run-${String(number).padStart(4, "0")}`, number === 2 ? now - keptMs : 10 + number);
    expect(await bench.ledger().prune(now)).toBe(1);
    expect((await ids()).slice(0, 3)).toEqual(["run-0002", "run-0003", "run-0004"]);
    expect(await bench.ledger().prune(now + 1)).toBe(1);
    expect(await ids()).toHaveLength(1000);
  });

  test("the end of a run removes what is no longer kept, at most once an hour", async () => {
    for (let number = 1; number <= 1000; number++) await record(`run-${number}`, number);
    expect(await end("first", now)).toBe(1000);
    expect(await end("second", now + 3_599_999)).toBe(1001);
    expect(await end("third", now + 3_600_000)).toBe(1000);
    expect(await end("the clock was set back", now - 86_400_000)).toBe(1000);
  });

  test("what the next slot is computed from stays, and what waits; ranges go like any run", async () => {
    const ledger = bench.ledger();
    await ledger.recordSlots([slotRange({ runId: "old range" })]);
    await ledger.claimSlots([slotClaim({ runId: "newest slot", slotAt: 4000 })]);
    await ledger.finishRun("newest slot", runFinish({ status: "skipped" }));
    const { slotAt: _none, ...boot } = slotClaim({ runId: "boot", trigger: "boot" });
    await ledger.claimSlots([boot]);
    await ledger.beginRun("boot", beginning());
    await ledger.finishRun("boot", runFinish());
    await ledger.claimSlots([slotClaim({ runId: "queued", slotAt: 3500 })]);
    await ledger.requestCancel({ runId: "queued", at: 1, reason: "by hand" });
    for (const number of [1, 2, 3]) await record(`by hand ${number}`, number);
    expect(await ledger.prunable(now, { runs: 1, ms: 1 })).toBe(3);
    expect(await ledger.prune(now, { runs: 1, ms: 1 })).toBe(3);
    expect(await ids()).toEqual(["boot", "by hand 3", "newest slot", "queued"]);
    expect(await ledger.lastSlots()).toEqual(new Map([["job", 4000]]));
    await ledger.finishRun("queued", runFinish({ status: "cancelled" }));
    expect(await ledger.prune(now, { runs: 1, ms: 1 }), "with what asked it to end").toBe(1);
  });
}
