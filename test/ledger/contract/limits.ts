import { expect, test } from "vitest";
import type { Repair } from "../../../src/errors.ts";
import { attemptStart, callStart, runFinish, runStart, tryFinish, tryStart, underWay } from "../records.ts";
import type { Bench } from "./bench.ts";

export function limits(bench: Bench): void {
  const warn = async (runId: string, count: number): Promise<readonly string[] | undefined> => {
    await bench.ledger().claimRun(runStart({ runId }));
    const warnings = Array.from({ length: count }, (_, at) => `${at} ${"w".repeat(600)}`);
    await bench.ledger().finishRun(runId, runFinish({ warnings }));
    return (await bench.ledger().history({ limit: 1 }))[0]?.warnings;
  };

  test("errors, reasons and whys are cut to 4,000 characters, never inside one", async () => {
    await bench.ledger().claimRun(runStart({ runId: "run" }));
    await bench.ledger().startAttempt(attemptStart({ runId: "run", why: "w".repeat(4001) }));
    await bench.ledger().startCall(callStart({ runId: "run" }));
    await bench.ledger().startTry(tryStart({ runId: "run" }));
    await bench.ledger().finishTry(tryStart({ runId: "run" }), tryFinish({ status: "failed", error: `${"e".repeat(3999)}🙂🙂` }));
    await bench.ledger().finishCall(callStart({ runId: "run" }), {
      finishedAt: 1,
      status: "failed",
      httpStatus: 500,
      reason: "r".repeat(9000),
    });
    await bench.ledger().finishRun("run", runFinish({ status: "failed", reason: "🙂".repeat(2001) }));
    const { run, attempts, calls, tries } = await bench.detail("run");
    expect(tries[0]?.error).toBe("e".repeat(3999));
    expect(run.reason).toBe("🙂".repeat(2000));
    expect(calls[0]?.reason).toBe("r".repeat(4000));
    expect(attempts[0]?.why).toBe("w".repeat(4000));
  });

  test("200 repairs of a try are kept, and the record says how many more there were", async () => {
    await underWay(bench.ledger(), "run");
    const repairs = Array.from({ length: 1003 }, (_, at): Repair => ({
      code: "dup_start",
      at,
      event: "message_start",
      proof: "same",
    }));
    await bench.ledger().finishTry(tryStart({ runId: "run" }), tryFinish({ repairs }));
    const kept = (await bench.detail("run")).tries[0]?.repairs ?? [];
    expect(kept.slice(0, 200)).toEqual(repairs.slice(0, 200));
    expect(kept.slice(200)).toMatchObject([
      { code: "more_repairs", at: 200, proof: expect.stringContaining("803 further repairs") },
    ]);
  });

  test("50 warnings of 500 characters are kept, and the record says how many more there were", async () => {
    expect((await warn("few", 50))?.map((line) => line.length)).toEqual(Array.from({ length: 50 }, () => 500));
    const many = await warn("many", 53);
    expect([many?.length, many?.at(-1)]).toEqual([51, "3 further warnings are not kept; the limit is 50"]);
    expect(await warn("none", 0)).toBeUndefined();
  });

  test("the output is kept whole, and only `run()` carries it", async () => {
    const output = "0123456789abcdef".repeat(65_536);
    await bench.ledger().claimRun(runStart({ runId: "long" }));
    await bench.ledger().finishRun("long", runFinish({ output }));
    expect((await bench.detail("long")).run.output === output).toBe(true);
    expect((await bench.ledger().history({}))[0]).not.toHaveProperty("output");
    expect((await bench.ledger().lastRuns()).get("job")).not.toHaveProperty("output");
  });

  test("times and durations are kept as whole numbers; what is no number is left out, or refused where it must be one", async () => {
    await bench.ledger().claimRun(runStart({ runId: "run", startedAt: 10.4 }));
    await bench.ledger().startAttempt(attemptStart({ runId: "run", startedAt: 11.5 }));
    await bench.ledger().startCall(callStart({ runId: "run" }));
    await expect(bench.ledger().startTry(tryStart({ runId: "run", waitedMs: Number.NaN }))).rejects.toThrow(/NaN is not a time/);
    await bench.ledger().startTry(tryStart({ runId: "run", waitedMs: 5312.499_999 }));
    await bench
      .ledger()
      .finishTry(tryStart({ runId: "run" }), tryFinish({ firstByteMs: 17.3, retryAfterMs: Number.POSITIVE_INFINITY }));
    const { run, attempts, tries } = await bench.detail("run");
    expect([run.startedAt, attempts[0]?.startedAt, tries[0]?.waitedMs, tries[0]?.firstByteMs]).toEqual([10, 12, 5312, 17]);
    expect(tries[0]).not.toHaveProperty("retryAfterMs");
  });
}
