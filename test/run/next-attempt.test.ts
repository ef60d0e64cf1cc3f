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

const openFor = (retryAfterMs: number): AttemptRecord => failed("breaker_open", { retryAfterMs });

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

  test("what the job grants and that was not ready gets one more attempt, and none where a program is missing", () => {
    const one = failed("not_ready");
    const many = { ...policy, retry: { ...standardRetry, maxAttempts: 5 } };
    expect(nextAttempt([one], many, 10_000, 0)).toMatchObject({ kind: "attempt", waitMs: 5_000 });
    const blocked = { kind: "end", status: "blocked", exitCode: 78 };
    expect(nextAttempt([one, one], many, 10_000, 0)).toEqual({
      ...blocked,
      why: "not_ready: it was tried once more, and that did not help",
    });
    // Other failures in between are counted by `maxAttempts` alone.
    expect(nextAttempt([one, failed("overloaded")], many, 10_000, 0)).toMatchObject({ kind: "attempt" });
    expect(nextAttempt([failed("not_ready", { missing: true })], many, 10_000, 0)).toEqual({
      ...blocked,
      why: "not_ready: waiting would not change it",
    });
  });

  test("what another attempt would not change is told before a rule that the job could lift", () => {
    for (const fault of ["budget", "auth", "bad_request"] as const)
      expect(nextAttempt([failed(fault, { toolRuns: 2 })], policy, 10_000, 0)).toMatchObject({
        kind: "end",
        why: `${fault}: another attempt would not change it`,
      });
  });

  test("no wait is longer than the budget of time allows", () => {
    const budgeted = { ...policy, budgetLeftMs: 4_000 };
    expect(nextAttempt([failed("overloaded")], budgeted, 10_000, 0)).toEqual({
      kind: "end",
      status: "failed",
      exitCode: 80,
      fault: "budget",
      why: "overloaded: a wait of 5 s is longer than what is left of the run (limits.seconds)",
    });
    expect(nextAttempt([failed("overloaded", { retryAfterMs: 9_000 })], budgeted, 10_000, 0)).toMatchObject({
      status: "deferred",
      deferredForMs: 9_000,
    });
    const jittered = nextAttempt([failed("overloaded")], { ...policy, budgetLeftMs: 5_100 }, 10_000, 1);
    expect(jittered).toMatchObject({ kind: "attempt", waitMs: 5_099 });
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
      why: expect.stringContaining("3 tools have run"),
    });
  });

  test("a Retry-After is a minimum; one beyond the limits ends the run and says how long", () => {
    expect(nextAttempt([failed("rate_limit", { retryAfterMs: 90_000 })], policy, 10_000, 1)).toMatchObject({ waitMs: 112_500 });
    expect(nextAttempt([failed("rate_limit", { retryAfterMs: 7_200_000 })], policy, 10_000, 1)).toEqual({
      kind: "end",
      status: "deferred",
      exitCode: 75,
      why: "rate_limit: the provider asks to wait 2 h (limits.maxWait)",
      deferredForMs: 7_200_000,
    });
  });

  test("whatever the fault, a wait that the job does not allow puts the run off, with the time from now on", () => {
    const deferred = { kind: "end", status: "deferred", exitCode: 75, deferredForMs: 7_199_000 };
    expect(nextAttempt([failed("overloaded", { retryAfterMs: 7_200_000 })], policy, 11_000, 1)).toMatchObject(deferred);
    const late = { ...policy, runStartedAt: -3_580_000 };
    expect(nextAttempt([failed("server", { retryAfterMs: 60_000 })], late, 10_000, 0)).toMatchObject({
      ...deferred,
      deferredForMs: 60_000,
      why: "server: a wait of 60 s is longer than what is left of the run (limits.run)",
    });
    expect(nextAttempt([failed("quota_window", { retryAfterMs: 1_000 })], policy, 10_000, 0)).toMatchObject({
      ...deferred,
      deferredForMs: 1_000,
    });
    expect(nextAttempt([failed("quota_window")], policy, 10_000, 0)).not.toHaveProperty("deferredForMs");
  });

  test("what has acted is not put off: whoever reads `deferred` or 75 would start it again", () => {
    for (const [fault, more] of [
      ["rate_limit", { toolRuns: 1 }],
      ["quota_window", { toolRuns: 1 }],
      ["rate_limit", { confirmedDead: false }],
    ] as const) {
      const record = failed(fault, { retryAfterMs: 7_200_000, ...more });
      expect(nextAttempt([record], policy, 10_000, 0)).toMatchObject({ kind: "end", status: "failed", exitCode: 1 });
    }
    const acted = failed("rate_limit", { retryAfterMs: 7_200_000, toolRuns: 1 });
    expect(nextAttempt([acted], { ...policy, idempotent: true }, 10_000, 0)).toMatchObject({ status: "deferred", exitCode: 75 });
  });

  test("onRateLimit: defer waits for nobody who says later, and for others as ever", () => {
    const defer = { ...policy, onRateLimit: "defer" } as const;
    expect(nextAttempt([failed("rate_limit", { retryAfterMs: 30_000 })], defer, 10_000, 0)).toEqual({
      kind: "end",
      status: "deferred",
      exitCode: 75,
      why: "rate_limit: the job does not wait (onRateLimit: defer)",
      deferredForMs: 30_000,
    });
    expect(nextAttempt([failed("overloaded")], defer, 10_000, 0)).toMatchObject({ kind: "attempt" });
    expect(nextAttempt([failed("rate_limit")], { ...policy, onRateLimit: "wait" }, 10_000, 0)).toMatchObject({ waitMs: 5_000 });
  });

  test("an open breaker is waited for within the limits", () => {
    expect(nextAttempt([openFor(30_000)], policy, 10_000, 0)).toMatchObject({ kind: "attempt", waitMs: 30_000 });
    expect(nextAttempt([openFor(5 * 3_600_000)], policy, 10_000, 0)).toMatchObject({
      status: "deferred",
      exitCode: 75,
      deferredForMs: 5 * 3_600_000,
      why: "breaker_open: every model is left alone for 5 h (limits.maxWait)",
    });
  });

  test("an expectation that does not hold is told to the turn once, at once, and then ends the run with 65", () => {
    const unmet: AttemptRecord = { startedAt: 0, finishedAt: 1, toolRuns: 0, confirmedDead: true, expectationFailed: true };
    expect(nextAttempt([unmet], policy, 1, 1)).toEqual({
      kind: "attempt",
      waitMs: 0,
      why: "attempt 2 of 3 after an expectation does not hold",
    });
    const end = { kind: "end", status: "failed", exitCode: 65 };
    expect(nextAttempt([unmet, unmet], policy, 1, 0)).toMatchObject({ ...end, why: expect.stringContaining("did not help") });
    // A failure of another kind in between changes nothing about that.
    expect(
      nextAttempt([unmet, failed("server"), unmet], { ...policy, retry: { ...standardRetry, maxAttempts: 9 } }, 1, 0),
    ).toMatchObject(end);
    const acted = { ...unmet, toolRuns: 2 };
    expect(nextAttempt([acted], policy, 1, 0)).toMatchObject(end);
    expect(nextAttempt([acted], { ...policy, idempotent: true }, 1, 0)).toMatchObject({ kind: "attempt" });
    expect(nextAttempt([unmet], { ...policy, retry: { ...standardRetry, maxAttempts: 1 } }, 1, 0)).toMatchObject(end);
    // Whatever fault stands beside it.
    expect(
      nextAttempt(
        [
          { ...unmet, fault: "empty" },
          { ...unmet, fault: "empty" },
        ],
        policy,
        1,
        0,
      ),
    ).toMatchObject(end);
  });

  test("a failure that the turn declares is its result, unless retry.declared says otherwise; a budget is never asked twice", () => {
    expect(nextAttempt([failed("declared")], policy, 10_000, 0)).toMatchObject({ kind: "end", status: "failed", exitCode: 1 });
    const again = { ...policy, retry: { ...standardRetry, declared: true } };
    expect(nextAttempt([failed("declared")], again, 10_000, 0)).toMatchObject({ kind: "attempt", waitMs: 5_000 });
    expect(nextAttempt([failed("declared", { toolRuns: 1 })], again, 10_000, 0)).toMatchObject({ kind: "end", exitCode: 1 });
    expect(nextAttempt([failed("budget")], again, 10_000, 0)).toMatchObject({ kind: "end", status: "failed", exitCode: 80 });
  });

  test("the run's time limit counts from the start of the run", () => {
    const late = { ...policy, runStartedAt: -3_588_000 };
    expect(nextAttempt([failed("server")], late, 10_000, 0)).toMatchObject({
      kind: "end",
      why: expect.stringContaining("limits.run"),
    });
    expect(nextAttempt([failed("server")], policy, 10_000, 0)).toMatchObject({ kind: "attempt" });
  });

  test("a run that has just used up its time is not put off to a time that nobody named", () => {
    const step = nextAttempt([failed("empty", { finishedAt: limits.runMs })], policy, limits.runMs, 0);
    expect(step).toMatchObject({ kind: "end", status: "failed", why: expect.stringContaining("limits.run") });
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
        fc.constantFrom("wait" as const, "fallback" as const, "defer" as const),
        fc.boolean(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (raw, idempotent, onRateLimit, declared, random) => {
          const attempts = raw.map((one) => ({ ...one, startedAt: 0 }));
          const now = Math.max(...attempts.map((one) => one.finishedAt));
          const given = { ...policy, idempotent, onRateLimit, retry: { ...standardRetry, declared } };
          const step = nextAttempt(attempts, given, now, random);
          expect(nextAttempt(attempts, given, now, random)).toEqual(step);
          expect(wrongs(attempts, step, given, now)).toEqual([]);
        },
      ),
    );
  });
});

/** What is wrong with a step, in words. */
function wrongs(attempts: readonly AttemptRecord[], step: AttemptStep, given: AttemptPolicy, now: number): string[] {
  const last = attempts.at(-1);
  if (last?.fault === undefined) return ["nothing to judge"];
  const row = faultPolicies[last.fault];
  const asked = last.finishedAt + (last.retryAfterMs ?? 0) - now;
  const mayRepeat = last.confirmedDead && (given.idempotent || last.toolRuns === 0);
  if (step.kind === "end") {
    const ends: [boolean, string][] = [
      [step.status === row.status || step.status === "deferred" || !mayRepeat, `ends ${step.status}`],
      [step.status !== "deferred" || mayRepeat, "put off although it has acted"],
      [step.status !== "deferred" || step.exitCode === 75, "deferred and not 75"],
      [step.deferredForMs === undefined || (step.status === "deferred" && step.deferredForMs === asked), "another time"],
      [step.status === row.status || step.status !== "deferred" || asked > 0, "put off for nothing"],
    ];
    return ends.filter(([holds]) => !holds).map(([, name]) => name);
  }
  const rules: [boolean, string][] = [
    [attempts.length < standardRetry.maxAttempts, "too many attempts"],
    [last.confirmedDead, "not confirmed dead"],
    [mayRepeat, "tools have run"],
    [last.fault === "declared" ? given.retry.declared === true : row.newAttempt, "of no use"],
    [given.onRateLimit !== "defer" || last.fault !== "rate_limit", "waits for a limit"],
    [step.waitMs <= limits.maxWaitMs, "waits too long"],
    [now + step.waitMs < limits.runMs, "past the run's limit"],
    [step.waitMs >= asked, "before the Retry-After"],
  ];
  return rules.filter(([holds]) => !holds).map(([, name]) => name);
}
