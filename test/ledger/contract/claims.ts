import { expect, test } from "vitest";
import type { ClaimResult, RunStart } from "../../../src/ledger/ledger.ts";
import { runStatuses, type RunStatus } from "../../../src/run/run.ts";
import { openRuns, owner, runFinish, runStart } from "../records.ts";
import type { Bench } from "./bench.ts";

function lost(because: "open_run" | "slot_taken", runId: string, status: RunStatus = "running"): ClaimResult {
  return { won: false, because, blocker: { runId, status, owner, startedAt: 10, leaseUntil: 40 } };
}

function slot(runId: string, slotAt: number, jobId = "job"): RunStart {
  return runStart({ runId, jobId, slotAt, trigger: "slot" });
}

export function claims(bench: Bench): void {
  test("one open run a job: the second claim is lost and names what stands in its way", async () => {
    await bench.ledger().claimRun(runStart({ runId: "first" }));
    expect(await bench.ledger().claimRun(runStart({ runId: "second" }))).toEqual(lost("open_run", "first"));
    expect(await bench.ledger().claimRun(runStart({ runId: "other", jobId: "another job" }))).toEqual({ won: true });
    expect(await bench.ledger().run("second"), "a lost claim records nothing").toBeUndefined();
    await bench.ledger().finishRun("first", runFinish());
    expect(await bench.ledger().claimRun(runStart({ runId: "second" }))).toEqual({ won: true });
  });

  test("a repeated claim of the same open run by the same owner wins again; an id is never used twice otherwise", async () => {
    await bench.ledger().claimRun(runStart({ runId: "same" }));
    expect(await bench.ledger().claimRun(runStart({ runId: "same" }))).toEqual({ won: true });
    await expect(bench.ledger().claimRun(runStart({ runId: "same", owner: { ...owner, pid: owner.pid + 1 } }))).rejects.toThrow(
      /broken invariant/,
    );
    const elsewhere = { ...owner, pidNamespace: "4026532001" };
    await expect(bench.ledger().claimRun(runStart({ runId: "same", owner: elsewhere }))).rejects.toThrow(/broken invariant/);
    await expect(bench.ledger().claimRun(runStart({ runId: "same", jobId: "another" }))).rejects.toThrow(/broken invariant/);
    await expect(bench.ledger().claimRun(runStart({ runId: "same", slotAt: 5 }))).rejects.toThrow(/broken invariant/);
    await bench.ledger().finishRun("same", runFinish());
    await expect(bench.ledger().claimRun(runStart({ runId: "same" }))).rejects.toThrow(/broken invariant/);
  });

  test("one run a slot, whatever became of it", async () => {
    expect(await bench.ledger().claimRun(slot("a", 1000))).toEqual({ won: true });
    expect(await bench.ledger().claimRun(slot("b", 1000)), "open").toEqual(lost("slot_taken", "a"));
    expect(await bench.ledger().claimRun(slot("c", 2000))).toEqual(lost("open_run", "a"));
    expect(await bench.ledger().claimRun(slot("d", 1000, "another job"))).toEqual({ won: true });
    await bench.ledger().finishRun("a", runFinish());
    expect(await bench.ledger().claimRun(slot("b", 1000)), "ended").toEqual(lost("slot_taken", "a", "succeeded"));
    await bench.ledger().recordRun(slot("skip", 3000), runFinish({ status: "skipped", reason: "paused" }));
    expect(await bench.ledger().claimRun(slot("e", 3000))).toEqual(lost("slot_taken", "skip", "skipped"));
    expect(await bench.ledger().claimRun(slot("c", 2000))).toEqual({ won: true });
  });

  test("of many claims at once, over several connections, exactly one wins", async () => {
    const others = [await bench.open(), await bench.open()];
    const ledgers = [bench.ledger(), ...others];
    const attempts = Array.from({ length: 10 }, (_, number) =>
      ledgers.map((ledger, at) => ledger.claimRun(runStart({ runId: `claim-${number * ledgers.length + at}` }))),
    );
    const results = await Promise.all(attempts.flat());
    expect(results.filter((result) => result.won)).toHaveLength(1);
    const winner = results.findIndex((result) => result.won);
    const blockers = new Set(results.map((result) => (result.won ? undefined : result.blocker.runId)));
    expect(blockers).toEqual(new Set([undefined, `claim-${winner}`]));
    await Promise.all(others.map((other) => other.close()));
  });

  test("a skip is recorded beside the open run and does not hinder anything", async () => {
    await bench.ledger().claimRun(runStart({ runId: "open" }));
    await bench
      .ledger()
      .recordRun(runStart({ runId: "skip" }), runFinish({ status: "skipped", reason: "open is running", output: "none" }));
    expect(await openRuns(bench.ledger())).toEqual(["open"]);
    expect((await bench.ledger().history({})).map((run) => `${run.runId} ${run.status}`)).toEqual([
      "skip skipped",
      "open running",
    ]);
  });

  test("a run or a slot that is recorded stays as it is", async () => {
    const start = runStart({ runId: "miss", slotAt: 5, trigger: "slot" });
    await bench.ledger().recordRun(start, runFinish({ status: "missed", reason: "machine was off" }));
    await bench.ledger().recordRun(start, runFinish({ status: "skipped", reason: "again" }));
    await bench.ledger().recordRun({ ...start, runId: "other" }, runFinish({ status: "skipped", reason: "same slot" }));
    expect((await bench.ledger().history({})).map((run) => `${run.runId} ${run.status} ${run.reason}`)).toEqual([
      "miss missed machine was off",
    ]);
  });

  test("what never started cannot have had an ending of something that ran", async () => {
    for (const status of runStatuses) {
      const written = await bench
        .ledger()
        .recordRun(runStart({ runId: `never ${status}` }), Object.assign(runFinish(), { status }))
        .then(
          () => true,
          (error: unknown) => /broken invariant/.test(String(error)) && false,
        );
      expect(`${status} ${written}`).toBe(
        `${status} ${["skipped", "missed", "deferred", "blocked", "cancelled", "failed"].includes(status)}`,
      );
    }
  });
}
