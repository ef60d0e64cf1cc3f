import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Fault } from "../../src/errors.ts";
import { standardRetry } from "../../src/run/backoff.ts";
import { faultPolicies } from "../../src/run/fault.ts";
import { nextAttempt, type AttemptPolicy, type AttemptRecord, type AttemptStep } from "../../src/run/next-attempt.ts";

const limits = { runMs: 3_600_000, maxWaitMs: 600_000 };
const policy: AttemptPolicy = { retry: standardRetry, idempotent: false, limits };
const failed = (fault: Fault, more: Partial<AttemptRecord> = {}): AttemptRecord => ({
  startedAt: 0,
  finishedAt: 10_000,
  fault,
  toolRuns: 0,
  confirmedDead: true,
  ...more,
});

describe("the next attempt", () => {
  test("the first starts at once", () => {
    expect(nextAttempt([], policy, 0, 0.5)).toEqual({ kind: "attempt", waitMs: 0, why: "first attempt" });
  });

  test("the origin's shell loop: 5 s, then 10 s, then the end", () => {
    const one = failed("overloaded");
    expect(nextAttempt([one], policy, 10_000, 0)).toEqual({
      kind: "attempt",
      waitMs: 5_000,
      why: "attempt 2 of 3 after overloaded",
    });
    expect(nextAttempt([one, one], policy, 10_000, 0)).toMatchObject({ kind: "attempt", waitMs: 10_000 });
    expect(nextAttempt([one, one, one], policy, 10_000, 0)).toEqual({
      kind: "end",
      status: "failed",
      exitCode: 69,
      why: "overloaded: all 3 attempts are used (retry.maxAttempts)",
    });
  });

  test("a turn that has acted is not repeated, unless the job is idempotent", () => {
    const acted = failed("turn_died", { toolRuns: 1 });
    expect(nextAttempt([acted], policy, 10_000, 0)).toEqual({
      kind: "end",
      status: "interrupted",
      exitCode: 1,
      why: "turn_died: 1 tool has run, and the job does not say idempotent: true",
    });
    expect(nextAttempt([acted], { ...policy, idempotent: true }, 10_000, 0)).toMatchObject({ kind: "attempt", waitMs: 5_000 });
  });

  test("nothing follows a process that is not confirmed dead, idempotent or not", () => {
    const alive = failed("turn_died", { confirmedDead: false });
    expect(nextAttempt([alive], { ...policy, idempotent: true }, 10_000, 0)).toMatchObject({
      kind: "end",
      why: expect.stringContaining("not everything the attempt started is confirmed dead"),
    });
  });

  test("an answered attempt ends the run; one whose expectation fails ends it with 65", () => {
    const answered: AttemptRecord = { startedAt: 0, finishedAt: 1, toolRuns: 3, confirmedDead: true };
    expect(nextAttempt([answered], policy, 1, 0)).toMatchObject({ kind: "end", status: "succeeded", exitCode: 0 });
    expect(nextAttempt([{ ...answered, expectationFailed: true }], policy, 1, 0)).toMatchObject({
      status: "failed",
      exitCode: 65,
    });
  });

  test("a Retry-After is a minimum; one beyond the limits ends the run and says how long", () => {
    expect(nextAttempt([failed("rate_limit", { retryAfterMs: 90_000 })], policy, 10_000, 1)).toMatchObject({ waitMs: 112_500 });
    expect(nextAttempt([failed("rate_limit", { retryAfterMs: 7_200_000 })], policy, 10_000, 1)).toEqual({
      kind: "end",
      status: "deferred",
      exitCode: 75,
      why: "rate_limit: the provider asks to wait 2 h (limits.maxWait)",
    });
  });

  test("the run's time limit counts from the start of the run", () => {
    const late = { ...policy, runStartedAt: -3_588_000 };
    expect(nextAttempt([failed("server")], late, 10_000, 0)).toMatchObject({
      kind: "end",
      why: expect.stringContaining("limits.run"),
    });
    expect(nextAttempt([failed("server")], policy, 10_000, 0)).toMatchObject({ kind: "attempt" });
  });

  test("property: always within the limits, only when allowed, the same for the same input", () => {
    const faults = Object.keys(faultPolicies).filter((name): name is Fault => name in faultPolicies);
    const attempt = fc.record({
      fault: fc.constantFrom(...faults),
      toolRuns: fc.nat(2),
      confirmedDead: fc.boolean(),
      retryAfterMs: fc.option(fc.nat(4_000_000), { nil: undefined }),
      finishedAt: fc.integer({ min: 1, max: 3_600_000 }),
    });
    fc.assert(
      fc.property(
        fc.array(attempt, { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (raw, idempotent, random) => {
          const attempts = raw.map((one) => ({ ...one, startedAt: 0 }));
          const now = Math.max(...attempts.map((one) => one.finishedAt));
          const step = nextAttempt(attempts, { ...policy, idempotent }, now, random);
          expect(nextAttempt(attempts, { ...policy, idempotent }, now, random)).toEqual(step);
          expect(wrongs(attempts, step, idempotent, now)).toEqual([]);
        },
      ),
    );
  });
});

/** What is wrong with a step, in words. */
function wrongs(attempts: readonly AttemptRecord[], step: AttemptStep, idempotent: boolean, now: number): string[] {
  const last = attempts.at(-1);
  if (last?.fault === undefined) return ["nothing to judge"];
  const row = faultPolicies[last.fault];
  if (step.kind === "end") return step.status === row.status ? [] : [`ends ${step.status}`];
  const rules: [boolean, string][] = [
    [attempts.length < standardRetry.maxAttempts, "too many attempts"],
    [last.confirmedDead, "not confirmed dead"],
    [idempotent || last.toolRuns === 0, "tools have run"],
    [row.newAttempt, "of no use"],
    [step.waitMs <= limits.maxWaitMs, "waits too long"],
    [now + step.waitMs < limits.runMs, "past the run's limit"],
    [now + step.waitMs >= last.finishedAt + (last.retryAfterMs ?? 0), "before the Retry-After"],
  ];
  return rules.filter(([holds]) => !holds).map(([, name]) => name);
}
