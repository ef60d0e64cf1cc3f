import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { faults, type Fault } from "../../src/errors.ts";
import { breakerRule, type BreakerScope } from "../../src/run/breaker-rules.ts";
import { admit, longestOpenMs, onAnswer, onFailure, onRelease, type BreakerState } from "../../src/run/breaker.ts";
import { faultPolicies } from "../../src/run/fault.ts";

const minute = 60_000;
const hour = 60 * minute;
const now = Date.UTC(2026, 10, 25, 12);
const probeMs = 10 * minute;

type Failure = Partial<Parameters<typeof onFailure>[2]> & { readonly fault: Fault };

const scopeOf = (fault: Fault): BreakerScope => breakerRule(fault, false)?.scope ?? "model";

function fail(state: BreakerState | undefined, failure: Failure, at = now, random = 0): BreakerState | undefined {
  const whole = { stream: false, retryAfterMs: undefined, probe: false, ...failure };
  return onFailure(state, scopeOf(failure.fault), whole, at, random);
}

/** The state after so many failures in a row. */
const after = (times: number, failure: Failure): BreakerState | undefined =>
  Array.from({ length: times }).reduce<BreakerState | undefined>((state) => fail(state, failure), undefined);

const openFor = (state: BreakerState | undefined, at = now): number => Math.max(0, (state?.openUntil ?? 0) - at);

describe("what opens a breaker", () => {
  test.each([
    ["overloaded", 5, 30_000],
    ["server", 5, 30_000],
    ["network", 5, 30_000],
    ["rate_limit", 5, 30_000],
    ["timeout", 3, 2 * minute],
    ["stream_stall", 3, 2 * minute],
    ["quota_window", 1, 15 * minute],
    ["billing", 1, 5 * hour],
    ["auth", 1, hour],
    ["permission", 1, hour],
    ["model_gone", 1, hour],
  ] as const)("%s: after %i in a row, for %i ms at first", (fault, times, ms) => {
    expect(openFor(after(times - 1, { fault }))).toBe(0);
    expect(openFor(after(times, { fault }))).toBe(ms);
  });

  test("what the request is the reason for opens nothing, and a broken stream only without streaming", () => {
    const never = faults.filter((fault) => openFor(after(30, { fault })) === 0);
    expect(never).toEqual([
      "aborted",
      "content_policy",
      "context_overflow",
      "output_truncated",
      "bad_request",
      "turn_died",
      "not_ready",
      "budget",
      "declared",
      "gate",
      "event_handler",
      "breaker_open",
      "internal",
      "unknown",
    ]);
    for (const fault of ["stream_order", "stream_broken", "empty"] as const) {
      expect(openFor(after(30, { fault, stream: true }))).toBe(0);
      expect(openFor(after(5, { fault, stream: false }))).toBe(30_000);
    }
  });

  test("a fault of the key concerns the quota, one of the address the provider, as the policy table cools them", () => {
    const wide = faults.filter((fault) => (breakerRule(fault, false)?.scope ?? "model") !== "model");
    const counting = faults.filter((fault) => breakerRule(fault, false) !== undefined);
    expect(wide).toEqual(counting.filter((fault) => faultPolicies[fault].cools === "provider"));
    const other = onFailure(
      undefined,
      "model",
      { fault: "billing", stream: false, retryAfterMs: undefined, probe: false },
      now,
      0,
    );
    expect(other).toBeUndefined();
  });

  test("a time that the provider names counts at once and is a minimum; a short one is what the call waits for anyway", () => {
    expect(openFor(fail(undefined, { fault: "overloaded", retryAfterMs: 2 * hour }))).toBe(2 * hour);
    expect(openFor(fail(undefined, { fault: "quota_window", retryAfterMs: 3 * hour }))).toBe(3 * hour);
    expect(openFor(fail(undefined, { fault: "rate_limit", retryAfterMs: 60_000 }))).toBe(0);
    expect(openFor(fail(undefined, { fault: "rate_limit", retryAfterMs: 300 * 24 * hour }))).toBe(longestOpenMs);
    // A minute at most is added, so that not all come back in the same second and nobody waits for hours more.
    expect(openFor(fail(undefined, { fault: "quota_window", retryAfterMs: 3 * hour }, now, 1))).toBe(3 * hour + minute);
  });

  test("it says why, and until when", () => {
    expect(admit(after(5, { fault: "overloaded" }), now, probeMs).admission).toEqual({
      open: true,
      forMs: 30_000,
      fault: "overloaded",
      why: "left alone after 5 failures in a row, the last one overloaded, until 2026-11-25T12:00:30.000Z",
    });
    expect(admit(after(1, { fault: "auth" }), now, probeMs).admission).toMatchObject({
      why: "left alone after auth, until 2026-11-25T13:00:00.000Z",
    });
  });
});

describe("how it closes", () => {
  const open = after(5, { fault: "overloaded" });

  test("one probe after its time; each failure of one opens it for twice as long, up to the ceiling", () => {
    let state = open;
    let at = now;
    const times: number[] = [];
    for (let probes = 0; probes < 9; probes++) {
      times.push(openFor(state, at));
      at += openFor(state, at);
      expect(admit(state, at - 1, probeMs).admission.open).toBe(true);
      const first = admit(state, at, probeMs);
      expect(first.admission).toEqual({ open: false, probe: true });
      expect(admit(first.state, at, probeMs).admission).toMatchObject({ open: true, forMs: probeMs });
      state = fail(first.state, { fault: "overloaded", probe: true }, at);
    }
    expect(times.map((ms) => ms / 1_000)).toEqual([30, 60, 120, 240, 480, 960, 1_800, 1_800, 1_800]);
  });

  test("an answer closes it; a fault that says nothing gives the probe back", () => {
    const probing = admit(open, now + minute, probeMs).state;
    expect(onAnswer()).toBeUndefined();
    const again = fail(probing, { fault: "bad_request", probe: true }, now + minute);
    expect(admit(again, now + minute, probeMs).admission).toEqual({ open: false, probe: true });
    expect(admit(onRelease(probing, now + minute), now + minute, probeMs).admission).toEqual({ open: false, probe: true });
  });

  test("a probe whose process died holds nobody up for longer than a try can take", () => {
    const probing = admit(open, now + minute, probeMs).state;
    expect(admit(probing, now + minute + probeMs, probeMs).admission).toEqual({ open: false, probe: true });
  });

  test("a try from before it opened changes nothing but what the provider says", () => {
    const late = fail(open, { fault: "overloaded" }, now + 1_000);
    expect(late).toMatchObject({ openUntil: open?.openUntil, opened: 1, failures: 6 });
    expect(openFor(fail(open, { fault: "overloaded", retryAfterMs: hour }))).toBe(hour);
  });

  test("a clock that was set back by a year opens nothing for a year", () => {
    const back = now - 365 * 24 * hour;
    expect(admit(after(1, { fault: "auth" }), back, probeMs).admission).toMatchObject({ open: true, forMs: hour });
    expect(admit(after(4, { fault: "overloaded" }), back, probeMs).admission).toEqual({ open: false, probe: false });
  });

  test("failures that nobody added to for a week are forgotten", () => {
    const week = now + 8 * 24 * hour;
    expect(fail(after(4, { fault: "overloaded" }), { fault: "overloaded" }, week)).toMatchObject({ failures: 1, openUntil: 0 });
    expect(admit(open, week, probeMs)).toEqual({ admission: { open: false, probe: false }, state: undefined });
  });
});

/** What any of several processes may do at some instant. */
const acts = fc.array(
  fc.record({
    process: fc.nat(3),
    afterMs: fc.oneof(fc.nat(2_000), fc.nat(2 * hour)),
    end: fc.oneof(
      fc.record({
        fault: fc.constantFrom(...faults),
        stream: fc.boolean(),
        retryAfterMs: fc.option(fc.nat(20 * 24 * hour), { nil: undefined }),
      }),
      fc.constantFrom("answered" as const, "died" as const, "cancelled" as const),
    ),
  }),
  { maxLength: 60 },
);

describe("properties", () => {
  test("of any number of processes only one probes, an answer closes, and everybody is let in again in the end", () => {
    fc.assert(
      fc.property(acts, fc.double({ min: 0, max: 1, noNaN: true }), (steps, random) => {
        let state: BreakerState | undefined;
        let at = now;
        const kept: number[] = [];
        /** Who is in a try, and whether it is a probe; a dead one's is over with its time. */
        const trying = new Map<number, { probe: boolean; since: number }>();
        const aliveProbes = (): number => [...trying.values()].filter(({ probe, since }) => probe && at < since + probeMs).length;
        for (const { process, afterMs, end } of steps) {
          at += afterMs;
          // No try outlives its limit.
          for (const [who, { since }] of trying) if (at >= since + probeMs) trying.delete(who);
          const mine = trying.get(process);
          if (mine === undefined) {
            const admitted = admit(state, at, probeMs);
            state = admitted.state;
            const { admission } = admitted;
            if (admission.open) kept.push(admission.forMs);
            if (!admission.open) trying.set(process, { probe: admission.probe, since: at });
          } else {
            trying.delete(process);
            if (end === "answered") {
              state = onAnswer();
              // Whoever probes beside it has nothing left to find out.
              for (const [who, other] of trying) trying.set(who, { ...other, probe: false });
            } else if (end === "cancelled") state = mine.probe ? onRelease(state, at) : state;
            else if (end !== "died") state = onFailure(state, scopeOf(end.fault), { ...end, probe: mine.probe }, at, random);
            else if (mine.probe) trying.set(process, mine);
          }
          expect(aliveProbes()).toBeLessThanOrEqual(1);
          expect(openFor(state, at)).toBeLessThanOrEqual(longestOpenMs);
        }
        expect(kept.filter((ms) => ms <= 0)).toEqual([]);
        expect(admit(state, at + longestOpenMs + probeMs, probeMs).admission.open).toBe(false);
        expect(admit(onAnswer(), at, probeMs).admission).toEqual({ open: false, probe: false });
      }),
      { numRuns: 1_000 },
    );
  });

  test("whatever the clock does, nobody is kept out for longer than the longest time", () => {
    const jumping = fc.array(fc.integer({ min: -400 * 24 * hour, max: 400 * 24 * hour }), { maxLength: 60 });
    fc.assert(
      fc.property(acts, jumping, (steps, jumps) => {
        let state: BreakerState | undefined;
        let at = now;
        const kept: number[] = [];
        for (const [index, { afterMs, end }] of steps.entries()) {
          at += afterMs + (jumps[index] ?? 0);
          const { admission, state: next } = admit(state, at, probeMs);
          state = next;
          if (admission.open) kept.push(admission.forMs);
          else if (typeof end === "object")
            state = onFailure(state, scopeOf(end.fault), { ...end, probe: admission.probe }, at, 1);
        }
        expect(kept.filter((ms) => ms > longestOpenMs)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
