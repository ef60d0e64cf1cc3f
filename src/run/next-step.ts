/**
 * The next step of a call, as a value: which rung to try and after what wait, or why to give up. Pure, so that the live loop, a resume
 * after a crash, a dry run, an explanation and a simulation share one decision. A try that was answered never comes here, and neither
 * does a stream that could be repaired: that happened below, at no cost.
 *
 * The climb, in this order, each step only if the fault's row allows it:
 *
 * 1. the same rung again, after a wait;
 * 2. the same model with streaming off;
 * 3. the next model of the ladder;
 * 4. when every rung was used and tries and time remain: from the top again, with the models whose fault may pass.
 *
 * Every candidate waits until the models and providers it shares with earlier failures have had their pause; a Retry-After is a minimum.
 * A candidate that would have to wait longer than the limits allow is passed over, and one whose model has had its share of the call's
 * time comes after those that have not. Nobody sleeps longer than `longSleepMs` while another open rung would have to wait less.
 * Tries and elapsed time count over the whole ladder, and no try takes the time that a model needs which was not asked yet.
 */
import type { Fault } from "../errors.ts";
import type { JobLimits, RetryPolicy } from "../job/job.ts";
import { withJitter } from "./backoff.ts";
import { timeOfTry } from "./call-time.ts";
import { candidates, type Candidate } from "./candidates.ts";
import { faultPolicies, type Onward } from "./fault.ts";
import type { TryRecord } from "./history.ts";
import { inWords, isSameModel, rungName, type Rung } from "./ladder.ts";
import { longSleepMs, waitFor, type PlannedWait } from "./pause.ts";

export type { TryRecord } from "./history.ts";

export interface StepPolicy {
  readonly retry: RetryPolicy;
  /** `callMs` is the effective limit; see `callTime`. */
  readonly limits: Pick<JobLimits, "triesPerCall" | "callMs" | "maxWaitMs">;
  /** Which limit `callMs` comes from, as people write it; default `limits.callMs`. */
  readonly callLimit?: string;
  /** From when `callMs` counts; default the start of the first try. */
  readonly callStartedAt?: number;
}

export type Step =
  | {
      readonly kind: "try";
      readonly rung: Rung;
      readonly waitMs: number;
      /** The most that the try may take once it has begun; a limit of its own may be less. */
      readonly withinMs: number;
      readonly why: string;
    }
  | {
      readonly kind: "give_up";
      /** The fault the call ends with; see `verdict`. */
      readonly fault: Fault;
      readonly why: string;
      /** How long the provider asked to wait from now on, if it did, so that the run can say when. */
      readonly retryAfterMs?: number;
    };

/**
 * Decides the next step of a call.
 * @param history the call's failed tries, oldest first.
 * @param now on the clock of the history's times, not before the last try's end.
 * @param random from 0 to 1; the share of the jitter.
 */
export function nextStep(
  history: readonly TryRecord[],
  ladder: readonly Rung[],
  policy: StepPolicy,
  now: number,
  random: number,
): Step {
  const last = history.at(-1);
  const first = history[0];
  const { limits, callLimit = "limits.call" } = policy;
  const leftMs = (policy.callStartedAt ?? first?.startedAt ?? now) + limits.callMs - now;
  const outOfTime = `the call's time of ${inWords(Math.max(0, limits.callMs))} is used up (${callLimit})`;
  if (last === undefined || first === undefined) {
    const rung = ladder[0];
    if (rung === undefined) return { kind: "give_up", fault: "internal", why: "the ladder has no rung" };
    if (leftMs <= 0) return { kind: "give_up", fault: "timeout", why: outOfTime };
    const another = ladder.some((other) => !isSameModel(other, rung));
    return { kind: "try", rung, waitMs: 0, withinMs: timeOfTry(leftMs, another), why: "first try" };
  }
  const giveUp = (why: string): Step => verdict(history, why, now);
  if (last.fault === "aborted") return giveUp("the call was cancelled");
  if (history.length >= limits.triesPerCall)
    return giveUp(`the call has used all its tries (limits.triesPerCall: ${limits.triesPerCall})`);
  if (leftMs <= 0) return giveUp(outOfTime);

  const options = candidates(history, last, ladder).map((one) => ({ ...one, wait: waitFor(one.rung, history, policy, now) }));
  const tooLong = ({ wait }: Option): string | undefined =>
    wait.ms > limits.maxWaitMs ? "limits.maxWait" : wait.ms >= leftMs ? callLimit : undefined;
  const possible = options.filter((one) => tooLong(one) === undefined);
  const fair = ({ rung, wait }: Option): boolean => spentOn(rung, history) + wait.ms <= shareOf(ladder, limits.callMs);
  const ordered = [...possible.filter(fair), ...possible.filter((one) => !fair(one))];
  const chosen = unlessLong(ordered);
  if (chosen === undefined) {
    return giveUp(
      options[0] === undefined
        ? whatIsLeft[faultPolicies[last.fault].onward]
        : `${tooLongInWords(options[0], tooLong(options[0]))}no rung may be tried within the limits`,
    );
  }
  const preferred = options[0];
  const passedOver =
    preferred === undefined || preferred === chosen
      ? ""
      : tooLongInWords(
          preferred,
          tooLong(preferred) ?? (preferred === ordered[0] ? "another rung waits less" : `its share of ${callLimit}`),
        );
  const quicker = possible.some(({ wait }) => wait.ms < chosen.wait.ms);
  const ceilingMs = Math.min(limits.maxWaitMs, leftMs - 1, quicker ? longSleepMs : Infinity);
  const waitMs = withJitter(chosen.wait.ms, policy.retry, random, ceilingMs);
  const asked = chosen.wait.asked ? "; the provider asked for the wait" : "";
  const another = possible.some(
    ({ rung }) => !isSameModel(rung, chosen.rung) && !history.some((record) => isSameModel(record.rung, rung)),
  );
  const withinMs = timeOfTry(leftMs - waitMs, another);
  return { kind: "try", rung: chosen.rung, waitMs, withinMs, why: `${passedOver}${chosen.why}${asked}` };
}

type Option = Candidate & { readonly wait: PlannedWait };

/** The first; but if it would have to wait long, the first that would not, or else the one that waits least. */
function unlessLong(ordered: readonly Option[]): Option | undefined {
  const [first] = ordered;
  if (first === undefined || first.wait.ms <= longSleepMs) return first;
  return (
    ordered.find(({ wait }) => wait.ms <= longSleepMs) ??
    ordered.reduce((least, one) => (one.wait.ms < least.wait.ms ? one : least), first)
  );
}

function tooLongInWords({ rung, wait }: Option, limit: string | undefined): string {
  return `${rungName(rung)} is passed over: ${wait.ms === 0 ? "no more time" : `a wait of ${inWords(wait.ms)} is too long`} (${limit}); `;
}

/** What one model may take of a call's time while another one waits for its turn; so a silent model cannot use up the fallback's time. */
function shareOf(ladder: readonly Rung[], callMs: number): number {
  const models = ladder.filter((rung, at) => ladder.findIndex((other) => isSameModel(other, rung)) === at);
  return callMs / models.length;
}

/** The time that a model's tries have taken so far, with the waits before them. */
function spentOn(rung: Rung, history: readonly TryRecord[]): number {
  const took = history.map((record, at) =>
    isSameModel(record.rung, rung) ? record.endedAt - (history[at - 1]?.endedAt ?? record.startedAt) : 0,
  );
  return took.reduce((sum, ms) => sum + ms, 0);
}

/**
 * The end of a call. Its fault is the one with the most hope: the last fault of the first model (in the order of the tries) whose row
 * lets a new attempt make sense; if there is none, or the last one stops the call, the last. So a wrong key at the fallback does not
 * hide that the first model is merely overloaded.
 */
function verdict(history: readonly TryRecord[], why: string, now: number): Step {
  const last = history.at(-1);
  if (last === undefined) return { kind: "give_up", fault: "internal", why };
  const ends = history.filter((record, at) => !history.slice(at + 1).some((later) => isSameModel(later.rung, record.rung)));
  const models = history.filter((record, at) => history.findIndex((other) => isSameModel(other.rung, record.rung)) === at);
  const inOrder = models.flatMap((first) => ends.filter((end) => isSameModel(end.rung, first.rung)));
  const hopeful = inOrder.find(
    (record) => faultPolicies[record.fault].newAttempt || faultPolicies[record.fault].status === "deferred",
  );
  const chosen = faultPolicies[last.fault].onward === "stop" ? last : (hopeful ?? last);
  const retryAfterMs = chosen.retryAfterMs === undefined ? 0 : chosen.endedAt + chosen.retryAfterMs - now;
  return { kind: "give_up", fault: chosen.fault, why, ...(retryAfterMs > 0 ? { retryAfterMs: Math.ceil(retryAfterMs) } : {}) };
}

/** Why there is no candidate, by where the fault would have led. */
const whatIsLeft: Readonly<Record<Onward, string>> = {
  stop: "neither another try nor another model would change it",
  other_provider: "no other provider is left in the ladder",
  other_model: "no other rung is left in the ladder",
  next_model: "no other rung is left in the ladder",
};
