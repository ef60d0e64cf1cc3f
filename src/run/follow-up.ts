/**
 * Whether an interrupted run of a slot is followed by another one by itself, with trigger `retry`. Pure. Above everything stands the
 * side-effect rule (`mayRepeat`); then the job's number of attempts, so that what kills the daemon cannot kill it for ever
 * (openclaw/openclaw#46287 restarted itself for 8 minutes); then the window, so that nothing stale is done (openclaw/openclaw#73644).
 */
import { mayRepeat, type Interrupted, type MayRepeat } from "./may-repeat.ts";

export interface FollowUpPolicy {
  readonly idempotent: boolean;
  /** `retry.maxAttempts` of the job: the chain of runs that repeat each other is at most so long. */
  readonly maxAttempts: number;
  /** Until when the slot may still be answered, epoch ms: up to the job's next slot. */
  readonly mayBeginUntil: number;
}

/**
 * @param detail the interrupted run; everything it started is confirmed dead.
 * @param chain how many runs the slot has had, this one included.
 * @param now epoch ms.
 */
export function followUp(detail: Interrupted, chain: number, policy: FollowUpPolicy, now: number): MayRepeat {
  const may = mayRepeat(detail, policy);
  if (!may.may) return may;
  if (chain >= policy.maxAttempts)
    return { may: false, why: `it has been begun ${chain} ${chain === 1 ? "time" : "times"} (retry.maxAttempts)` };
  if (now >= policy.mayBeginUntil) return { may: false, why: "the job's next slot has come" };
  return { may: true };
}
