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
 * time comes after those that have not. Tries and elapsed time count over the whole ladder.
 */
import type { Fault } from "../errors.ts";
import type { JobLimits, RetryPolicy } from "../job/job.ts";
import { withJitter } from "./backoff.ts";
import { candidates, type Candidate } from "./candidates.ts";
import { faultPolicies, type Onward } from "./fault.ts";
import { told, type TryRecord } from "./history.ts";
import { inWords, isSameModel, rungName, type Rung } from "./ladder.ts";
import { waitFor, type PlannedWait } from "./pause.ts";

export type { TryRecord } from "./history.ts";

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

  const options = candidates(history, last, ladder).map((one) => ({ ...one, wait: waitFor(one.rung, history, policy, now) }));
  const tooLong = ({ wait }: Option): string | undefined =>
    wait.ms > limits.maxWaitMs ? "limits.maxWaitMs" : wait.ms >= leftMs ? "limits.callMs" : undefined;
  const possible = options.filter((one) => tooLong(one) === undefined);
  const fair = ({ rung, wait }: Option): boolean => spentOn(rung, history) + wait.ms <= shareOf(ladder, limits.callMs);
  const chosen = possible.find(fair) ?? possible[0];
  if (chosen === undefined) {
    return giveUp(
      options[0] === undefined
        ? whyNothing(last)
        : `${tooLongInWords(options[0], tooLong(options[0]))}no rung may be tried within the limits`,
    );
  }
  const preferred = options[0];
  const passedOver =
    preferred === undefined || preferred === chosen
      ? ""
      : tooLongInWords(preferred, tooLong(preferred) ?? "its share of limits.callMs");
  const waitMs = withJitter(chosen.wait.ms, policy.retry, random, Math.min(limits.maxWaitMs, leftMs - 1));
  const asked = chosen.wait.asked ? "; the provider asked for the wait" : "";
  return { kind: "try", rung: chosen.rung, waitMs, why: `${passedOver}${chosen.why}${asked}` };
}

type Option = Candidate & { readonly wait: PlannedWait };

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

function whyNothing(last: TryRecord): string {
  const ends: Record<Onward, string> = {
    stop: "neither another try nor another model would change it",
    other_provider: "no other provider is left in the ladder",
    other_model: "no other rung is left in the ladder",
    next_model: "no other rung is left in the ladder",
  };
  return `${told(last)} on ${rungName(last.rung)}: ${ends[faultPolicies[last.fault].onward]}`;
}
