/** How long a rung has to be left alone after what has happened on it and beside it. Pure. */
import type { JobLimits, RetryPolicy } from "../job/job.ts";
import { backoffMs, waitOfTry } from "./backoff.ts";
import { faultPolicies } from "./fault.ts";
import { isShared, type QuotaOf, type TryRecord } from "./history.ts";
import { isSameModel, type Rung } from "./ladder.ts";

/**
 * The longest sleep while another open rung would have to wait less: 60 s, as of the Vercel AI SDK and ai-retry. Without another
 * rung `limits.maxWaitMs` is the limit.
 */
export const longSleepMs = 60_000;

export interface PausePolicy {
  readonly retry: RetryPolicy;
  readonly limits: Pick<JobLimits, "maxWaitMs">;
  /** Default the provider's own id. */
  readonly quotaOf?: QuotaOf;
}

export interface PlannedWait {
  readonly ms: number;
  /** A provider asked for it. */
  readonly asked: boolean;
}

/** The time from now on until everything the rung shares with earlier failures has had its pause. */
export function waitFor(rung: Rung, history: readonly TryRecord[], policy: PausePolicy, now: number): PlannedWait {
  let ownMs = 0;
  let askedMs = 0;
  for (const record of history) {
    if (!isShared(record.fault, record.rung, rung, policy.quotaOf)) continue;
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
