import { expect, test } from "vitest";
import { endedWithoutRecord } from "../../../src/ledger/ledger.ts";
import { attemptStart, callStart, runFinish, runStart, tryFinish, tryStart, underWay } from "../records.ts";
import type { Bench } from "./bench.ts";

export function endings(bench: Bench): void {
  test("the first ending stays", async () => {
    await bench.ledger().claimRun(runStart({ runId: "run" }));
    expect(
      await bench.ledger().finishRun("run", runFinish({ status: "interrupted", reason: "rescued", output: "partial" })),
    ).toBe(true);
    expect(
      await bench.ledger().finishRun("run", runFinish({ status: "succeeded", reason: "I was alive", output: "whole" })),
    ).toBe(false);
    expect((await bench.detail("run")).run).toMatchObject({ status: "interrupted", reason: "rescued", output: "partial" });
  });

  test("a run cannot end as running or missed, and an unknown one cannot end", async () => {
    await bench.ledger().claimRun(runStart({ runId: "run" }));
    await expect(bench.ledger().finishRun("run", Object.assign(runFinish(), { status: "running" }))).rejects.toThrow(
      /run is running and cannot become running/,
    );
    await expect(bench.ledger().finishRun("run", runFinish({ status: "missed" }))).rejects.toThrow(/cannot become missed/);
    await expect(bench.ledger().finishRun("nobody", runFinish())).rejects.toThrow(/no run nobody/);
    expect((await bench.detail("run")).run.status).toBe("running");
  });

  test("the end of a run closes what is open under it, and says that no end was recorded", async () => {
    await underWay(bench.ledger(), "died");
    await bench
      .ledger()
      .finishTry(tryStart({ runId: "died" }), tryFinish({ status: "failed", fault: "stream_order", error: "known" }));
    await bench.ledger().startTry(tryStart({ runId: "died", try: 2 }));
    await underWay(bench.ledger(), "bystander", "another job");
    await bench.ledger().finishRun("died", runFinish({ status: "interrupted", reason: "its process is gone", finishedAt: 99 }));
    const { attempts, calls, tries } = await bench.detail("died");
    expect(attempts).toStrictEqual([{ ...attemptStart({ runId: "died" }), status: "failed", error: endedWithoutRecord }]);
    expect(calls).toStrictEqual([{ ...callStart({ runId: "died" }), status: "failed", reason: endedWithoutRecord }]);
    expect(tries).toStrictEqual([
      { ...tryStart({ runId: "died" }), ...tryFinish({ status: "failed", fault: "stream_order", error: "known" }) },
      { ...tryStart({ runId: "died", try: 2 }), status: "failed", error: endedWithoutRecord, usage: {}, repairs: [] },
    ]);
    expect(
      (await bench.detail("bystander")).tries.map((row) => row.status),
      "another run's steps",
    ).toEqual(["running"]);
  });

  test("a step's real end, arriving after its run's, replaces the missing record, once", async () => {
    await underWay(bench.ledger(), "late");
    await bench.ledger().finishRun("late", runFinish({ status: "timed_out" }));
    await bench
      .ledger()
      .finishTry(
        tryStart({ runId: "late" }),
        tryFinish({ status: "failed", fault: "aborted", error: "run limit", finishedAt: 41 }),
      );
    await bench.ledger().finishTry(tryStart({ runId: "late" }), tryFinish({ status: "answered", finishedAt: 42 }));
    await bench.ledger().finishCall(callStart({ runId: "late" }), {
      finishedAt: 43,
      status: "failed",
      httpStatus: 504,
      reason: "run limit",
    });
    await bench.ledger().finishAttempt(attemptStart({ runId: "late" }), {
      finishedAt: 44,
      status: "failed",
      fault: "timeout",
      toolRuns: 2,
    });
    const { run, attempts, calls, tries } = await bench.detail("late");
    expect(run.status).toBe("timed_out");
    expect(tries).toMatchObject([{ status: "failed", fault: "aborted", error: "run limit", finishedAt: 41 }]);
    expect(calls).toMatchObject([{ status: "failed", httpStatus: 504, reason: "run limit", finishedAt: 43 }]);
    expect(attempts[0]).toStrictEqual({
      ...attemptStart({ runId: "late" }),
      finishedAt: 44,
      status: "failed",
      fault: "timeout",
      toolRuns: 2,
    });
  });
}
