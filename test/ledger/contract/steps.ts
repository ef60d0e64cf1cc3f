import { expect, test } from "vitest";
import { attemptStart, callStart, runFinish, runStart, tryFinish, tryStart, underWay } from "../records.ts";
import type { Bench } from "./bench.ts";

export function steps(bench: Bench): void {
  test("nothing starts under what has ended or was never there", async () => {
    await expect(bench.ledger().startAttempt(attemptStart({ runId: "nobody" })), "no run").rejects.toThrow(
      /attempt 1 of run nobody cannot start/,
    );
    await bench.ledger().claimRun(runStart({ runId: "run" }));
    await expect(bench.ledger().startCall(callStart({ runId: "run" })), "no attempt").rejects.toThrow(
      /call 1\.1 of run run cannot start/,
    );
    await bench.ledger().startAttempt(attemptStart({ runId: "run" }));
    await expect(bench.ledger().startTry(tryStart({ runId: "run" })), "no call").rejects.toThrow(
      /try 1\.1\.1 of run run cannot start/,
    );
    await bench.ledger().startCall(callStart({ runId: "run" }));
    await bench.ledger().finishCall(callStart({ runId: "run" }), { finishedAt: 1, status: "failed", httpStatus: 502 });
    await expect(bench.ledger().startTry(tryStart({ runId: "run" })), "call ended").rejects.toThrow(/cannot start/);
    await bench.ledger().finishAttempt(attemptStart({ runId: "run" }), { finishedAt: 1, status: "failed", toolRuns: 0 });
    await expect(bench.ledger().startCall(callStart({ runId: "run", call: 2 })), "attempt ended").rejects.toThrow(/cannot start/);
    await bench.ledger().finishRun("run", runFinish({ status: "interrupted" }));
    await expect(bench.ledger().startAttempt(attemptStart({ runId: "run", attempt: 2 })), "run ended").rejects.toThrow(
      /cannot start/,
    );
    expect((await bench.detail("run")).attempts).toHaveLength(1);
  });

  test("what was never started cannot end", async () => {
    await bench.ledger().claimRun(runStart({ runId: "run" }));
    await expect(bench.ledger().finishTry(tryStart({ runId: "run" }), tryFinish())).rejects.toThrow(
      /try 1\.1\.1 of run run ended and was never started/,
    );
  });

  test("a repeated start or end of a step changes nothing", async () => {
    await underWay(bench.ledger(), "run");
    await bench.ledger().startTry(tryStart({ runId: "run", why: "told again", provider: "another" }));
    await bench.ledger().finishTry(tryStart({ runId: "run" }), tryFinish({ status: "failed", fault: "server", error: "first" }));
    await bench.ledger().finishTry(tryStart({ runId: "run" }), tryFinish({ status: "answered" }));
    await bench.ledger().startTry(tryStart({ runId: "run" }));
    expect((await bench.detail("run")).tries).toStrictEqual([
      { ...tryStart({ runId: "run" }), ...tryFinish({ status: "failed", fault: "server", error: "first" }) },
    ]);
  });

  test("steps come in their order, whatever the order of recording was", async () => {
    await underWay(bench.ledger(), "run");
    for (const number of [12, 2, 10]) await bench.ledger().startTry(tryStart({ runId: "run", try: number }));
    for (const number of [11, 2]) await bench.ledger().startCall(callStart({ runId: "run", call: number }));
    expect((await bench.detail("run")).tries.map((row) => row.try)).toEqual([1, 2, 10, 12]);
    expect((await bench.detail("run")).calls.map((row) => row.call)).toEqual([1, 2, 11]);
  });
}
