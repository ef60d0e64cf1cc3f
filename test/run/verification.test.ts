import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quantile, wilsonInterval } from "../../src/run/statistics.ts";
import { healingsOf, verification, type VerifiedRun } from "../../src/run/verification.ts";

describe("Wilson's interval", () => {
  // Computed apart with Python's statistics.NormalDist.
  it.each([
    [0, 5, 0, 0.4344825],
    [4, 5, 0.3755346, 0.963775],
    [0, 50, 0, 0.07134759],
    [40, 50, 0.6696265, 0.8875664],
    [10, 10, 0.7224672, 1],
    [1, 2, 0.0945312, 0.9054688],
  ])("%d of %d", (hits, trials, low, high) => {
    const interval = wilsonInterval(hits, trials);
    expect(interval.low).toBeCloseTo(low, 5);
    expect(interval.high).toBeCloseTo(high, 5);
  });

  it("holds the rate, lies in 0…1, narrows with more trials, and mirrors", () => {
    const trial = fc.integer({ min: 1, max: 10_000 }).chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)));
    fc.assert(
      fc.property(trial, ([hits, n]) => {
        const { low, high } = wilsonInterval(hits, n);
        expect(low >= 0 && low <= hits / n && hits / n <= high && high <= 1).toBe(true);
        const more = wilsonInterval(hits * 4, n * 4);
        expect(more.high - more.low).toBeLessThan(high - low);
        expect(wilsonInterval(n - hits, n).low).toBeCloseTo(1 - high, 9);
      }),
    );
  });

  it("says nothing without trials", () => expect(wilsonInterval(0, 0)).toEqual({ low: 0, high: 1 }));
});

describe("quantile", () => {
  it("is one of the values, by nearest rank", () => {
    expect(quantile([5, 1, 4, 2, 3], 0.5)).toBe(3);
    expect(quantile([5, 1, 4, 2, 3], 0.95)).toBe(5);
    expect(quantile([7], 0.5)).toBe(7);
    expect(quantile([], 0.5)).toBeUndefined();
  });

  it("is exceeded by no more than the rest", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.double({ min: 0.01, max: 1, noNaN: true }), (values, share) => {
        const found = quantile(values, share) ?? Number.NaN;
        expect(values).toContain(found);
        expect(values.filter((value) => value <= found).length).toBeGreaterThanOrEqual(share * values.length - 1e-9);
      }),
    );
  });
});

const streamed = { provider: "kimi-coding", model: "k2p5", stream: true };

describe("what healed an answer", () => {
  it.each([
    [{ rung: streamed, tries: 1, repairs: 0 }, []],
    [{ rung: streamed, tries: 1, repairs: 3 }, ["repair"]],
    [{ rung: streamed, tries: 2, repairs: 0 }, ["asked_again"]],
    [{ rung: { ...streamed, stream: false }, tries: 2, repairs: 0 }, ["stream_off"]],
    [{ rung: { ...streamed, provider: "anthropic" }, tries: 4, repairs: 1 }, ["repair", "next_model"]],
    // A ladder that begins with streaming off needed nothing.
    [{ rung: { ...streamed, stream: false }, first: { ...streamed, stream: false }, tries: 1, repairs: 0 }, []],
  ])("%j", (answered, wanted) => expect(healingsOf({ first: streamed, ...answered })).toEqual(wanted));
});

const run = (over: Partial<VerifiedRun>): VerifiedRun => ({
  runId: "r",
  status: "succeeded",
  exitCode: 0,
  reason: "",
  tookMs: 100,
  usage: { inputTokens: 10, outputTokens: 5 },
  costMicroUsd: 30,
  healedBy: [],
  faults: {},
  ...over,
});

describe("verification", () => {
  it("counts outcomes, healing, faults, time, tokens and price", () => {
    const found = verification([
      run({}),
      run({ healedBy: ["stream_off", "stream_off"], faults: { stream_order: 1 }, tookMs: 2_000 }),
      run({ status: "quiet", healedBy: ["repair"], costMicroUsd: undefined }),
      run({ status: "failed", exitCode: 69, healedBy: ["repair"], faults: { stream_order: 2, overloaded: 1 } }),
    ]);
    expect(found).toMatchObject({
      runs: 4,
      failed: 1,
      failureRate: 0.25,
      outcomes: { succeeded: 2, quiet: 1, failed: 1 },
      healedBy: { stream_off: 1, repair: 1 },
      unaided: 1,
      faults: { stream_order: 3, overloaded: 1 },
      tookMs: { p50: 100, p95: 2_000 },
      tokens: { p50: 15, p95: 15 },
      cost: { p50: 30, totalMicroUsd: 90, unpriced: 1 },
    });
  });

  it("does not count runs that never were, or that a person stopped", () => {
    expect(verification([run({ status: "skipped" }), run({ status: "cancelled" })])).toMatchObject({
      runs: 0,
      failed: 0,
      interval: { low: 0, high: 1 },
    });
  });

  it("counts every run once, whatever they are", () => {
    const status = fc.constantFrom("succeeded", "quiet", "failed", "timed_out", "blocked", "deferred") as fc.Arbitrary<
      VerifiedRun["status"]
    >;
    fc.assert(
      fc.property(fc.array(status), (statuses) => {
        const found = verification(statuses.map((one) => run({ status: one })));
        expect(Object.values(found.outcomes).reduce((sum, n) => sum + n, 0)).toBe(statuses.length);
        expect(found.runs - found.failed).toBe(found.unaided);
      }),
    );
  });
});
