/**
 * What a call does when a provider says "later" and the job wants no fallback for it (`onRateLimit`): `wait` asks the same model again when its time
 * has come, as often as tries and time allow; `defer` gives the call up with the time. Pure.
 */
import { withJitter } from "./backoff.ts";
import { isGivenUpStreamed } from "./candidates.ts";
import { saysLater } from "./fault.ts";
import { told, type TryRecord } from "./history.ts";
import { inWords, modelName, type Rung } from "./ladder.ts";
import { openFor } from "./open.ts";
import { waitFor } from "./pause.ts";
import type { Moment, OpenModel, Step } from "./step.ts";
import { stillAsked } from "./verdict.ts";

/** After a provider has said "later", where the job does not go to a fallback for it. */
export function afterLater(last: TryRecord, moment: Moment): Step {
  const { history, ladder, policy, now, random, leftMs } = moment;
  const { limits, callLimit = "limits.call" } = policy;
  const end = (why: string): Step => ({ kind: "give_up", fault: last.fault, why, ...stillAsked(last, now) });
  if (policy.onRateLimit === "defer") return end("the job does not wait, and asks no other model (onRateLimit: defer)");
  if (last.shouldRetry === false) return end("the provider says that asking again is of no use");
  if (last.fault === "quota_window" && last.retryAfterMs === undefined)
    return end("nobody said when the window opens (onRateLimit: wait)");
  // The same model; but a stream that was given up is not asked again for a limit's sake.
  const off = last.shouldRetry !== true && isGivenUpStreamed(last.rung, history, ladder);
  const rung = off ? { ...last.rung, stream: false } : last.rung;
  const wait = waitFor(rung, history, policy, now);
  const limit = wait.ms > limits.maxWaitMs ? "limits.maxWait" : wait.ms >= leftMs ? callLimit : undefined;
  if (limit !== undefined) return end(`a wait of ${inWords(wait.ms)} is too long (${limit}; onRateLimit: wait)`);
  const waitMs = withJitter(wait.ms, policy.retry, random, Math.min(limits.maxWaitMs, leftMs - 1));
  const why = `same ${off ? "model" : "rung"} again after ${told(last)} (onRateLimit: wait)${wait.asked ? "; the provider asked for the wait" : ""}`;
  return { kind: "try", rung, waitMs, withinMs: leftMs - waitMs, why };
}

/** The first rung that would be asked, and that is left alone because its provider said "later". */
export interface Limited {
  readonly rung: Rung;
  readonly left: OpenModel;
}

/** One that is left alone for another reason is passed over first. */
export function limitedFirst(ladder: readonly Rung[], open: readonly OpenModel[]): Limited | undefined {
  for (const rung of ladder) {
    const left = openFor(rung, open);
    if (left === undefined) return undefined;
    if (saysLater(left.fault, undefined)) return { rung, left };
  }
  return undefined;
}

/** Before the first try, where other runs have met the limit already. */
export function beforeLimit({ rung, left }: Limited, { policy, now, random, leftMs }: Moment): Step {
  const { limits, retry, callLimit = "limits.call" } = policy;
  const waitMs = Math.ceil(left.until - now);
  const end = (why: string): Step => ({ kind: "give_up", fault: left.fault, why, retryAfterMs: waitMs });
  const words = `${modelName(rung)} is ${left.why}`;
  if (policy.onRateLimit === "defer") return end(`${words} (onRateLimit: defer)`);
  const limit = waitMs > limits.maxWaitMs ? "limits.maxWait" : waitMs >= leftMs ? callLimit : undefined;
  if (limit !== undefined) return end(`${words}: a wait of ${inWords(waitMs)} is too long (${limit}; onRateLimit: wait)`);
  const waited = withJitter(waitMs, retry, random, Math.min(limits.maxWaitMs, leftMs - 1));
  const why = `first try when its time has come: ${words} (onRateLimit: wait)`;
  return { kind: "try", rung, waitMs: waited, withinMs: leftMs - waited, why };
}
