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
 * A candidate that would have to wait longer than the limits allow is passed over. Tries and elapsed time count over the whole ladder.
 */
import type { Fault } from "../errors.ts";
import type { JobLimits, RetryPolicy } from "../job/job.ts";
import { backoffMs, waitOfTry, withJitter } from "./backoff.ts";
import type { Onward } from "./fault.ts";
import { faultPolicies } from "./fault.ts";
import type { Rung } from "./ladder.ts";
import { inWords, isSameModel, isSameRung, modelName, rungName } from "./ladder.ts";

/** One failed try of a call. Times are epoch milliseconds. */
export interface TryRecord {
  readonly rung: Rung;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly fault: Fault;
  /** The finer reason: a stream's, or the provider's own code. */
  readonly reason?: string | undefined;
  /** The least wait the provider asked for, counted from `endedAt`. */
  readonly retryAfterMs?: number | undefined;
  /** `x-should-retry`; overrides the table. */
  readonly shouldRetry?: boolean | undefined;
}

export interface StepPolicy {
  readonly retry: RetryPolicy;
  readonly limits: Pick<JobLimits, "triesPerCall" | "callMs" | "maxWaitMs">;
}

export type Step =
  | { readonly kind: "try"; readonly rung: Rung; readonly waitMs: number; readonly why: string }
  | {
      readonly kind: "give_up";
      /** The fault the call ends with; see `verdict`. */
      readonly fault: Fault;
      readonly why: string;
      /** How long the provider asked to wait from now on, if it did, so that the run can say when. */
      readonly retryAfterMs?: number;
    };

/** How often `x-should-retry: true` gets a rung another try that the table would not give; the default of both official SDKs. */
const retriesOnDemand = 2;

/**
 * Decides the next step of a call.
 * @param history the call's failed tries, oldest first.
 * @param now epoch ms, not before the last try's end.
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
  if (last === undefined || first === undefined) {
    const rung = ladder[0];
    return rung === undefined
      ? { kind: "give_up", fault: "internal", why: "the ladder has no rung" }
      : { kind: "try", rung, waitMs: 0, why: "first try" };
  }
  const { limits } = policy;
  const giveUp = (why: string): Step => verdict(history, why, now);
  if (last.fault === "aborted") return giveUp("the call was cancelled");
  if (history.length >= limits.triesPerCall)
    return giveUp(`the call has used all its tries (limits.triesPerCall: ${limits.triesPerCall})`);
  const leftMs = first.startedAt + limits.callMs - now;
  if (leftMs <= 0) return giveUp(`the call's time of ${inWords(limits.callMs)} is used up (limits.callMs)`);

  const options = candidates(history, last, ladder);
  let passedOver = "";
  for (const { rung, why } of options) {
    const wait = waitFor(rung, history, policy, now);
    const tooLong = wait.ms > limits.maxWaitMs ? "limits.maxWaitMs" : wait.ms >= leftMs ? "limits.callMs" : undefined;
    if (tooLong === undefined) {
      const waitMs = withJitter(wait.ms, policy.retry, random, Math.min(limits.maxWaitMs, leftMs - 1));
      return { kind: "try", rung, waitMs, why: `${passedOver}${why}${wait.asked ? "; the provider asked for the wait" : ""}` };
    }
    passedOver ||= `${modelName(rung)} would have to wait ${inWords(wait.ms)} (${tooLong}); `;
  }
  return giveUp(options.length === 0 ? whyNothing(last) : `${passedOver}no rung may be tried within the limits`);
}

interface Candidate {
  readonly rung: Rung;
  readonly why: string;
}

/** Every rung that may be tried now, in the order of preference. */
function candidates(history: readonly TryRecord[], last: TryRecord, ladder: readonly Rung[]): readonly Candidate[] {
  const again: readonly Candidate[] = mayRepeat(history, last)
    ? [{ rung: last.rung, why: `same rung again after ${told(last)}` }]
    : [];
  if (faultPolicies[last.fault].onward === "stop" && !refusesStreamOff(last, history, ladder)) return again;
  const open = ladder.filter((rung) => !isClosed(rung, history, ladder));
  const lap = currentLap(history);
  const ahead: Candidate[] = [];
  const fromTheTop: Candidate[] = [];
  for (const rung of open) {
    const ever = history.findLast((record) => isSameModel(record.rung, rung) && !refusesStreamOff(record, history, ladder));
    const inLap = lap.findLast((record) => isSameModel(record.rung, rung));
    const passes = ever === undefined || faultPolicies[ever.fault].startOver;
    if (ever !== undefined && passes)
      fromTheTop.push({ rung, why: `every rung was used; from the top again after ${told(last)}` });
    if (lap.some((record) => isSameRung(record.rung, rung))) continue;
    if (inLap === undefined) {
      if (passes) ahead.push({ rung, why: `next model after ${told(last)} on ${modelName(last.rung)}` });
    } else if (!rung.stream && faultPolicies[inLap.fault].streamOff)
      ahead.push({ rung, why: `streaming off after ${told(inLap)}` });
    else if (rung.stream && inLap.fault === "bad_request")
      ahead.push({ rung, why: "streamed, because streaming off was refused" });
  }
  return [...again, ...ahead, ...fromTheTop];
}

function told(record: TryRecord): string {
  return record.reason === undefined ? record.fault : `${record.fault} (${record.reason})`;
}

/** Whether the rung that just failed may be tried once more right away (after its wait). */
function mayRepeat(history: readonly TryRecord[], last: TryRecord): boolean {
  if (last.shouldRetry === false) return false;
  if (last.shouldRetry === true) {
    const demanded = history.filter((record) => record.shouldRetry === true && isSameRung(record.rung, last.rung));
    if (demanded.length <= retriesOnDemand) return true;
  }
  if (last.fault === "quota_window" && last.retryAfterMs === undefined) return false;
  const lap = currentLap(history);
  const onModel = lap.filter((record) => isSameModel(record.rung, last.rung));
  // The same protocol error twice on one model is the model's way of answering, not an accident.
  if (
    last.reason !== undefined &&
    faultPolicies[last.fault].streamOff &&
    onModel.filter((record) => record.reason === last.reason).length > 1
  ) {
    return false;
  }
  const tries = (last.fault === "quota_window" ? history : lap).filter((record) => isSameRung(record.rung, last.rung)).length;
  return tries <= faultPolicies[last.fault].sameRung;
}

/**
 * Some providers serve a model streamed only and answer a request without streaming with a 400. That says nothing against the request,
 * as long as the streamed rung was not refused as well.
 */
function refusesStreamOff(record: TryRecord, history: readonly TryRecord[], ladder: readonly Rung[]): boolean {
  const streamed = (rung: Rung): boolean => rung.stream && isSameModel(rung, record.rung);
  return (
    record.fault === "bad_request" &&
    !record.rung.stream &&
    ladder.some(streamed) &&
    !history.some((other) => streamed(other.rung) && other.fault === "bad_request")
  );
}

/** Whether the history rules the rung out for the rest of the call. */
function isClosed(rung: Rung, history: readonly TryRecord[], ladder: readonly Rung[]): boolean {
  const last = history.at(-1);
  return (
    history.some((record) => closes(record, record === last && mayRepeat(history, record), rung, history, ladder)) ||
    (rung.stream && isGivenUpStreamed(rung, history, ladder))
  );
}

function closes(
  record: TryRecord,
  repeats: boolean,
  rung: Rung,
  history: readonly TryRecord[],
  ladder: readonly Rung[],
): boolean {
  if (record.shouldRetry === false && isSameModel(record.rung, rung)) return true;
  if (refusesStreamOff(record, history, ladder)) return isSameRung(record.rung, rung);
  // A repetition that the provider asked for, or a plan's window that is about to open, closes nothing yet.
  const later =
    history.at(-1) !== record && history.slice(history.indexOf(record) + 1).some((next) => isSameRung(next.rung, record.rung));
  if (repeats || later) return false;
  const { onward } = faultPolicies[record.fault];
  if (onward === "other_provider") return record.rung.provider === rung.provider;
  return onward !== "next_model" && isSameModel(record.rung, rung);
}

/** A stream that came out of order once, or failed twice, is left for good if the same model can be asked without streaming. */
function isGivenUpStreamed(rung: Rung, history: readonly TryRecord[], ladder: readonly Rung[]): boolean {
  const off: Rung = { provider: rung.provider, model: rung.model, stream: false };
  if (!ladder.some((other) => isSameRung(other, off))) return false;
  if (history.some((record) => isSameRung(record.rung, off) && record.fault === "bad_request")) return false;
  const broken = history.filter((record) => isSameRung(record.rung, rung) && faultPolicies[record.fault].streamOff);
  return broken.length > 1 || broken.some((record) => faultPolicies[record.fault].sameRung === 0);
}

/** The tries since the ladder was last started over: a rung that had been left is tried again. */
function currentLap(history: readonly TryRecord[]): readonly TryRecord[] {
  let start = 0;
  for (let at = 1; at < history.length; at++) {
    const rung = history[at]?.rung;
    const before = history[at - 1]?.rung;
    if (rung === undefined || before === undefined || isSameRung(rung, before)) continue;
    if (history.slice(start, at).some((record) => isSameRung(record.rung, rung))) start = at;
  }
  return history.slice(start);
}

/** The time from now on until everything the rung shares with earlier failures has had its pause; whether a provider asked for it. */
function waitFor(rung: Rung, history: readonly TryRecord[], policy: StepPolicy, now: number): { ms: number; asked: boolean } {
  let ownMs = 0;
  let askedMs = 0;
  for (const record of history) {
    if (!cools(record, rung)) continue;
    const row = faultPolicies[record.fault];
    const failures = history.filter(
      (other) => other.fault === record.fault && isSameModel(other.rung, record.rung) && other.endedAt <= record.endedAt,
    );
    const pauseMs = Math.min(backoffMs(waitOfTry(row.wait, policy.retry), failures.length), policy.limits.maxWaitMs);
    ownMs = Math.max(ownMs, record.endedAt + pauseMs - now);
    askedMs = Math.max(askedMs, record.endedAt + (record.retryAfterMs ?? 0) - now);
  }
  return { ms: Math.ceil(Math.max(ownMs, askedMs)), asked: askedMs > 0 && askedMs >= ownMs };
}

function cools(record: TryRecord, rung: Rung): boolean {
  return faultPolicies[record.fault].cools === "provider"
    ? record.rung.provider === rung.provider
    : isSameModel(record.rung, rung);
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

function whyNothing(last: TryRecord): string {
  const ends: Record<Onward, string> = {
    stop: "neither another try nor another model would change it",
    other_provider: "no other provider is left in the ladder",
    other_model: "no other rung is left in the ladder",
    next_model: "no other rung is left in the ladder",
  };
  return `${told(last)} on ${rungName(last.rung)}: ${ends[faultPolicies[last.fault].onward]}`;
}
