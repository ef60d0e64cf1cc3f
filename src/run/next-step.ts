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
 * Models that a breaker leaves alone are no part of the ladder (see open.ts), and a job's `onRateLimit` stands above the climb.
 */
import { withJitter } from "./backoff.ts";
import { timeOfTry } from "./call-time.ts";
import { candidates, type Candidate } from "./candidates.ts";
import { faultPolicies, saysLater, type Onward } from "./fault.ts";
import type { TryRecord } from "./history.ts";
import { inWords, isSameModel, modelName, rungName, type Rung } from "./ladder.ts";
import { afterLater, beforeLimit, limitedFirst } from "./later.ts";
import { openAt, openFor, whenAllOpen } from "./open.ts";
import { longSleepMs, waitFor, type PlannedWait } from "./pause.ts";
import type { Moment, Step, StepPolicy } from "./step.ts";
import { verdict } from "./verdict.ts";

export type { TryRecord } from "./history.ts";
export type { GiveUp, Step, StepPolicy } from "./step.ts";

/**
 * Decides the next step of a call.
 * @param history the call's failed tries, oldest first.
 * @param now on the clock of the history's times, not before the last try's end.
 * @param random from 0 to 1; the share of the jitter.
 */
export function nextStep(
  history: readonly TryRecord[],
  whole: readonly Rung[],
  policy: StepPolicy,
  now: number,
  random: number,
): Step {
  const last = history.at(-1);
  const first = history[0];
  const open = openAt(policy.open, now);
  const moment: Moment = {
    history,
    ladder: whole.filter((rung) => openFor(rung, open) === undefined),
    open,
    policy,
    now,
    random,
    leftMs: (policy.callStartedAt ?? first?.startedAt ?? now) + policy.limits.callMs - now,
  };
  const { limits, callLimit = "limits.call" } = policy;
  const outOfTime = `the call's time of ${inWords(Math.max(0, limits.callMs))} is used up (${callLimit})`;
  if (last === undefined) {
    if (whole.length === 0) return { kind: "give_up", fault: "internal", why: "the ladder has no rung" };
    if (moment.leftMs <= 0) return { kind: "give_up", fault: "timeout", why: outOfTime };
    return withNotes(firstStep(whole, moment), moment);
  }
  const giveUp = (why: string): Step => verdict(moment, why);
  if (last.fault === "aborted") return giveUp("the call was cancelled");
  if (history.length >= limits.triesPerCall)
    return giveUp(`the call has used all its tries (limits.triesPerCall: ${limits.triesPerCall})`);
  if (moment.leftMs <= 0) return giveUp(outOfTime);
  const later = policy.onRateLimit !== undefined && policy.onRateLimit !== "fallback" && saysLater(last.fault, last.retryAfterMs);
  return withNotes(later ? afterLater(last, moment) : climbOn(last, moment), moment);
}

/** The first rung that is not left alone; or what `onRateLimit` and open.ts say. */
function firstStep(whole: readonly Rung[], moment: Moment): Step {
  const { ladder, open, policy, now, leftMs } = moment;
  const { onRateLimit = "fallback" } = policy;
  const limited = onRateLimit === "fallback" ? undefined : limitedFirst(whole, open);
  if (limited !== undefined) return beforeLimit(limited, moment);
  const rung = ladder[0];
  if (rung === undefined) return whenAllOpen(whole, open, { now, leftMs, insist: policy.insist === true });
  const another = ladder.some((other) => !isSameModel(other, rung));
  return { kind: "try", rung, waitMs: 0, withinMs: timeOfTry(leftMs, another), why: "first try" };
}

/** The climb of the ladder. */
function climbOn(last: TryRecord, moment: Moment): Step {
  const { history, ladder, policy, now, random, leftMs } = moment;
  const { limits, callLimit = "limits.call" } = policy;
  const options = candidates(history, last, ladder, policy.quotaOf)
    .filter(({ rung }) => openFor(rung, moment.open) === undefined)
    .map((one) => ({ ...one, wait: waitFor(one.rung, history, policy, now) }));
  const tooLong = ({ wait }: Option): string | undefined =>
    wait.ms > limits.maxWaitMs ? "limits.maxWait" : wait.ms >= leftMs ? callLimit : undefined;
  const possible = options.filter((one) => tooLong(one) === undefined);
  const fair = ({ rung, wait }: Option): boolean => spentOn(rung, history) + wait.ms <= shareOf(ladder, limits.callMs);
  const ordered = [...possible.filter(fair), ...possible.filter((one) => !fair(one))];
  const chosen = unlessLong(ordered);
  if (chosen === undefined) {
    return verdict(
      moment,
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

/** What was found to be left alone since the last step is told once, before what is done instead. */
function withNotes(step: Step, { history, open }: Moment): Step {
  const since = history.at(-1)?.endedAt ?? -Infinity;
  // An end before the first try says itself which of them it was.
  const told = open.filter((one) => one.notedAt >= since && !step.why.includes(one.why));
  const news = told.map((one) => `${modelName(one)} is passed over: ${one.why}`);
  if (news.length === 0) return step;
  return { ...step, why: `${news.join("; ")}; ${step.why}` };
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

/** Why there is no candidate, by where the fault would have led. */
const whatIsLeft: Readonly<Record<Onward, string>> = {
  stop: "neither another try nor another model would change it",
  other_provider: "no other provider is left in the ladder",
  other_model: "no other rung is left in the ladder",
  next_model: "no other rung is left in the ladder",
};
