import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Fault } from "../../src/errors.ts";
import { standardRetry } from "../../src/run/backoff.ts";
import { faultPolicies, saysLater } from "../../src/run/fault.ts";
import { isShared } from "../../src/run/history.ts";
import { buildLadder, isSameModel, isSameRung, modelName, type Rung } from "../../src/run/ladder.ts";
import { nextStep, type Step, type StepPolicy, type TryRecord } from "../../src/run/next-step.ts";

const faults = Object.keys(faultPolicies).filter((name): name is Fault => name in faultPolicies);

const models = fc.uniqueArray(fc.record({ provider: fc.constantFrom("p", "q"), model: fc.constantFrom("a", "b") }), {
  minLength: 1,
  maxLength: 4,
  selector: (one) => `${one.provider}/${one.model}`,
});
const ladders = fc
  .record({ models, stream: fc.constantFrom(true, false, "auto" as const), broken: fc.boolean() })
  .map(({ broken, ...rest }) => {
    const memories = broken ? [{ provider: "p", model: "a", fault: "stream_order" as const, notedAt: 0, expiresAt: 10 }] : [];
    return buildLadder({ ...rest, memories, now: 5 }).rungs;
  });
const begin = 1_000_000;
const openModel = fc.record({
  provider: fc.constantFrom("p", "q"),
  model: fc.constantFrom("a", "b"),
  notedAt: fc.constant(begin),
  until: fc.oneof(fc.nat(60_000), fc.nat(1_200_000)).map((ms) => begin + ms),
  fault: fc.constantFrom<Fault>("overloaded", "rate_limit", "quota_window", "auth", "billing", "timeout", "model_gone"),
  why: fc.constant("left alone"),
});
const policies: fc.Arbitrary<StepPolicy> = fc.record({
  onRateLimit: fc.constantFrom("wait" as const, "fallback" as const, "defer" as const),
  open: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.uniqueArray(openModel, { selector: modelName, maxLength: 4 }) },
  ),
  insist: fc.boolean(),
  quotaOf: fc.constantFrom(
    (provider: string) => provider,
    () => "plan",
  ),
  retry: fc.record({
    maxAttempts: fc.constant(3),
    delayMs: fc.constantFrom(standardRetry.delayMs, 0, 1, 70_000),
    factor: fc.constantFrom(2, 1, 10),
    maxDelayMs: fc.constantFrom(standardRetry.maxDelayMs, 5, 400_000),
    jitter: fc.constantFrom(0.25, 0, 1),
    set: fc.subarray(["delay", "factor", "maxDelay"] as const),
  }),
  limits: fc.record({
    triesPerCall: fc.integer({ min: 1, max: 16 }),
    callMs: fc.integer({ min: 1, max: 1_200_000 }),
    maxWaitMs: fc.integer({ min: 0, max: 600_000 }),
  }),
});
const failure = fc.record({
  fault: fc.oneof(
    fc.constantFrom(...faults),
    fc.constantFrom<Fault>("stream_order", "stream_broken", "overloaded", "rate_limit"),
  ),
  reason: fc.option(fc.constantFrom("truncated", "restarted_message"), { nil: undefined }),
  retryAfterMs: fc.option(fc.oneof(fc.nat(1_000), fc.nat(700_000)), { nil: undefined }),
  shouldRetry: fc.option(fc.boolean(), { nil: undefined, freq: 6 }),
  tookMs: fc.nat(30_000),
});
const failures = fc.array(failure, { minLength: 20, maxLength: 20 });
const random = fc.double({ min: 0, max: 1, noNaN: true });

interface Moment {
  readonly before: readonly TryRecord[];
  readonly last: TryRecord | undefined;
  readonly now: number;
  readonly ladder: readonly Rung[];
  readonly policy: StepPolicy;
}
type Failure = typeof failure extends fc.Arbitrary<infer T> ? T : never;
/** One rule for one decided try; false if it is broken. */
type Rule = (step: Extract<Step, { kind: "try" }>, moment: Moment) => boolean;

/** Climbs with the given failures and returns every step; the moments at which `rule` was broken come with it. */
function climb(
  ladder: readonly Rung[],
  policy: StepPolicy,
  failing: readonly Failure[],
  share: number,
  rule: Rule,
): { steps: Step[]; moments: Moment[]; broken: unknown[] } {
  const history: TryRecord[] = [];
  const steps: Step[] = [];
  const moments: Moment[] = [];
  const broken: unknown[] = [];
  let now = begin;
  for (const { tookMs, ...fact } of failing) {
    const moment = { before: [...history], last: history.at(-1), now, ladder, policy };
    const step = nextStep(history, ladder, policy, now, share);
    steps.push(step);
    moments.push(moment);
    if (step.kind === "give_up") break;
    if (!rule(step, moment)) broken.push({ step, ...moment });
    const startedAt = now + step.waitMs;
    now = startedAt + tookMs;
    history.push({ ...fact, rung: step.rung, startedAt, endedAt: now });
  }
  return { steps, moments, broken };
}

const anything: Rule = () => true;

/** The smallest climb that breaks the rule, or null. */
function brokenBy(rule: Rule): unknown {
  const property = fc.property(ladders, policies, failures, random, (ladder, policy, failing, share) => {
    expect(climb(ladder, policy, failing, share, rule).broken).toEqual([]);
  });
  return fc.check(property, { numRuns: 1_000 }).counterexample;
}

describe("properties of the climb", () => {
  test("it always ends, and never has more tries than allowed", () => {
    fc.assert(
      fc.property(ladders, policies, failures, random, (ladder, policy, failing, share) => {
        const { steps } = climb(ladder, policy, failing, share, anything);
        expect(steps.at(-1)?.kind).toBe("give_up");
        expect(steps.length - 1).toBeLessThanOrEqual(policy.limits.triesPerCall);
      }),
      { numRuns: 400 },
    );
  });

  test("no wait is longer than the limits, and no try starts after the call's time", () => {
    const broken = brokenBy(({ waitMs }, { before, now, policy: { limits, onRateLimit } }) => {
      const started = before[0]?.startedAt ?? now;
      const first = before.length === 0 && onRateLimit !== "wait";
      return waitMs >= 0 && (first ? waitMs === 0 : waitMs <= limits.maxWaitMs && now + waitMs < started + limits.callMs);
    });
    expect(broken).toBeNull();
  });

  test("no wait is shorter than any Retry-After that concerns the rung", () => {
    const broken = brokenBy(({ rung, waitMs }, { before, now, policy }) =>
      before.every((record) => {
        const concerned = isShared(record.fault, record.rung, rung, policy.quotaOf);
        return !concerned || now + waitMs >= record.endedAt + (record.retryAfterMs ?? 0);
      }),
    );
    expect(broken).toBeNull();
  });

  test("no rung is tried that the history forbids", () => {
    const broken = brokenBy(({ rung }, { before, last, ladder, policy }) => {
      const allowed = (record: TryRecord, at: number): boolean => {
        if (record.shouldRetry === false) return !isSameModel(record.rung, rung);
        if (record.shouldRetry === true || record.fault === "quota_window") return true;
        // A later try of the same rung was demanded by the provider and is judged on its own.
        if (before.slice(at + 1).some((later) => isSameRung(later.rung, record.rung))) return true;
        const { onward } = faultPolicies[record.fault];
        if (onward === "other_provider") return !isShared(record.fault, record.rung, rung, policy.quotaOf);
        if (onward === "other_model") return !isSameModel(record.rung, rung);
        return (
          onward === "next_model" || (record.fault === "bad_request" && !record.rung.stream && !isSameRung(record.rung, rung))
        );
      };
      return ladder.some((one) => isSameRung(one, rung)) && last?.fault !== "aborted" && before.every(allowed);
    });
    expect(broken).toBeNull();
  });

  test("streaming goes off for good once it came out of order, where it can", () => {
    const broken = brokenBy(({ rung }, { before, last, ladder }) => {
      const offRefused = before.some(
        (record) => !record.rung.stream && isSameModel(record.rung, rung) && record.fault === "bad_request",
      );
      const canGoOff = ladder.some((one) => !one.stream && isSameModel(one, rung));
      if (!rung.stream || !canGoOff || offRefused || last?.shouldRetry === true) return true;
      return !before.some((record) => record.fault === "stream_order" && isSameRung(record.rung, rung));
    });
    expect(broken).toBeNull();
  });

  test("the same history, the same random, the same step", () => {
    fc.assert(
      fc.property(ladders, policies, failures, random, (ladder, policy, failing, share) => {
        expect(climb(ladder, policy, failing, share, anything)).toEqual(climb(ladder, policy, failing, share, anything));
      }),
      { numRuns: 50 },
    );
  });

  test("faults that may pass never leave tries and time unused", () => {
    const passing = failure.map((one) => ({
      ...one,
      fault: "overloaded" as const,
      retryAfterMs: undefined,
      shouldRetry: undefined,
      tookMs: 10,
    }));
    const policy = {
      retry: { ...standardRetry, delayMs: 1, maxDelayMs: 5, set: ["delay", "maxDelay"] as const },
      limits: { triesPerCall: 12, callMs: 100_000, maxWaitMs: 1_000 },
    };
    fc.assert(
      fc.property(ladders, fc.array(passing, { minLength: 20, maxLength: 20 }), random, (ladder, failing, share) => {
        expect(climb(ladder, policy, failing, share, anything).steps).toHaveLength(13);
      }),
      { numRuns: 50 },
    );
  });

  test("a model that is left alone is not asked before its time, unless there is no other and its time says nothing", () => {
    const broken = brokenBy(({ rung, waitMs, insist }, { before, now, ladder, policy: { open = [], insist: underWay } }) => {
      const left = open.find((one) => modelName(one) === modelName(rung));
      if (left === undefined || now + waitMs >= left.until) return insist === undefined;
      // It was asked all the same before; from then on the call's own history decides, as the gateway has it.
      if (before.some((record) => isSameModel(record.rung, rung))) return insist === undefined;
      const closed = ladder.every((one) => open.some((other) => modelName(other) === modelName(one) && other.until > now));
      const lasting = open.every(({ fault }) => !faultPolicies[fault].newAttempt && faultPolicies[fault].status !== "deferred");
      return insist === true && before.length === 0 && closed && (underWay === true || lasting);
    });
    expect(broken).toBeNull();
  });

  test("wait: the same model or nothing after a limit; defer: nothing; both give up with the limit and its time", () => {
    fc.assert(
      fc.property(ladders, policies, failures, random, (ladder, policy, failing, share) => {
        const { steps, moments } = climb(ladder, policy, failing, share, anything);
        const wrong = steps.filter((step, at) => {
          const { last, now } = moments[at] ?? {};
          if (last === undefined || now === undefined || policy.onRateLimit === "fallback") return false;
          if (!saysLater(last.fault, last.retryAfterMs)) return false;
          if (step.kind === "try") return policy.onRateLimit === "defer" || !isSameModel(step.rung, last.rung);
          // Tries and time that are used up end the call as ever.
          if (/all its tries|is used up/.test(step.why)) return false;
          return (
            step.fault !== last.fault || (step.retryAfterMs ?? 0) !== Math.max(0, last.endedAt + (last.retryAfterMs ?? 0) - now)
          );
        });
        expect(wrong).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  test("the end is honest: a fault that was met or a model that is left alone, and never put off while a new attempt may help sooner", () => {
    fc.assert(
      fc.property(ladders, policies, failures, random, (ladder, policy, failing, share) => {
        const { steps, moments } = climb(ladder, policy, failing, share, anything);
        const [end, moment] = [steps.at(-1), moments.at(-1)];
        expect(end === undefined || moment === undefined ? ["no end"] : dishonest(end, moment)).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});

/** What is not honest about an end, in words. */
function dishonest(end: Step, { before, last, now, policy: { open = [], limits, onRateLimit } }: Moment): string[] {
  if (end.kind === "try") return ["it goes on"];
  const asked = (record: TryRecord): number => record.endedAt + (record.retryAfterMs ?? 0) - now;
  const still = open.filter(({ until }) => until > now);
  const met = [
    ...before.map(({ fault }) => fault),
    ...(before.length === 0 ? ["timeout", ...still.map(({ fault }) => fault)] : []),
  ];
  const ends = before.filter((record, at) => !before.slice(at + 1).some((later) => isSameModel(later.rung, record.rung)));
  const soon = ends.filter((record) => faultPolicies[record.fault].newAttempt && asked(record) <= limits.maxWaitMs);
  const stopped = last !== undefined && faultPolicies[last.fault].onward === "stop";
  const limited = last !== undefined && onRateLimit !== "fallback" && saysLater(last.fault, last.retryAfterMs);
  const soonest = still.some(({ until }) => until === now + (end.retryAfterMs ?? 0));
  const rules: [boolean, string][] = [
    [met.includes(end.fault) || (end.fault === "breaker_open" && soonest), `a fault nobody met: ${end.fault}, ${end.why}`],
    [!stopped || end.fault === last.fault, "hides what stopped it"],
    [
      soon.length === 0 || stopped || limited || soon.some(({ fault }) => fault === end.fault),
      "put off although another attempt may help",
    ],
    [(end.retryAfterMs ?? 1) > 0, "a time that has passed"],
  ];
  return rules.filter(([holds]) => !holds).map(([, words]) => words);
}
