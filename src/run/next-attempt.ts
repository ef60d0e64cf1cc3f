/**
 * Whether a run gets another attempt, as a value. Pure. The side-effect rule stands above everything: a turn that has acted is not
 * repeated unless the job says `idempotent: true`, and nothing follows a process that is not confirmed dead.
 */
import type { Fault } from "../errors.ts";
import type { JobLimits, RetryPolicy } from "../job/job.ts";
import { backoffMs, waitOfAttempt, withJitter } from "./backoff.ts";
import { exitCodeOf, type ExitCode } from "./exit-code.ts";
import { faultPolicies } from "./fault.ts";
import { inWords } from "./ladder.ts";
import type { RunStatus } from "./run.ts";

/** One ended attempt of a run. Times are epoch milliseconds. */
export interface AttemptRecord {
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Absent: the turn answered and every expectation holds. */
  readonly fault?: Fault | undefined;
  /** The turn answered and an expectation of the job does not hold: a failure that no fault names. */
  readonly expectationFailed?: boolean | undefined;
  /** Tools that ran in it. */
  readonly toolRuns: number;
  /** False if something the attempt started could not be confirmed dead. */
  readonly confirmedDead: boolean;
  /** The least wait a provider asked for, counted from `finishedAt`. */
  readonly retryAfterMs?: number | undefined;
}

export interface AttemptPolicy {
  readonly retry: RetryPolicy;
  readonly idempotent: boolean;
  readonly limits: Pick<JobLimits, "runMs" | "maxWaitMs">;
  /** From when `limits.runMs` counts; default the start of the first attempt. */
  readonly runStartedAt?: number;
}

export type AttemptStep =
  | { readonly kind: "attempt"; readonly waitMs: number; readonly why: string }
  | { readonly kind: "end"; readonly status: RunStatus; readonly exitCode: ExitCode; readonly why: string };

/**
 * Decides what follows the attempts of a run.
 * @param attempts oldest first; all ended.
 * @param now epoch ms, not before the last attempt's end.
 * @param random from 0 to 1; the share of the jitter.
 */
export function nextAttempt(attempts: readonly AttemptRecord[], policy: AttemptPolicy, now: number, random: number): AttemptStep {
  const first = attempts[0];
  const last = attempts.at(-1);
  if (first === undefined || last === undefined) return { kind: "attempt", waitMs: 0, why: "first attempt" };
  if (last.fault === undefined && last.expectationFailed !== true) return ending(last, "the turn ended well");
  const told = last.fault ?? "an expectation does not hold";
  const forbidden = whatForbids(last, policy.idempotent);
  if (forbidden !== undefined) return ending(last, `${told}: ${forbidden}`);
  const { retry, limits } = policy;
  if (attempts.length >= retry.maxAttempts)
    return ending(last, `${told}: all ${retry.maxAttempts} attempts are used (retry.maxAttempts)`);

  const ownMs = Math.min(backoffMs(waitOfAttempt(retry), attempts.length), limits.maxWaitMs);
  const askedMs = last.retryAfterMs === undefined ? 0 : last.finishedAt + last.retryAfterMs - now;
  const waitMs = Math.max(0, Math.ceil(Math.max(ownMs, askedMs)));
  const leftMs = (policy.runStartedAt ?? first.startedAt) + limits.runMs - now;
  if (waitMs > limits.maxWaitMs) return ending(last, `${told}: the provider asks to wait ${inWords(waitMs)} (limits.maxWait)`);
  if (waitMs >= leftMs)
    return ending(last, `${told}: a wait of ${inWords(waitMs)} is longer than what is left of the run (limits.run)`);
  const jittered = withJitter(waitMs, retry, random, Math.min(limits.maxWaitMs, leftMs - 1));
  return { kind: "attempt", waitMs: jittered, why: `attempt ${attempts.length + 1} of ${retry.maxAttempts} after ${told}` };
}

function whatForbids(last: AttemptRecord, idempotent: boolean): string | undefined {
  if (!last.confirmedDead) return "not everything the attempt started is confirmed dead, so nothing may follow it";
  if (last.fault === undefined) return "the model answered; the same question is not asked again";
  if (last.fault === "aborted") return "the run was cancelled";
  if (last.toolRuns > 0 && !idempotent) {
    return `${last.toolRuns} ${last.toolRuns === 1 ? "tool has" : "tools have"} run, and the job does not say idempotent: true`;
  }
  return faultPolicies[last.fault].newAttempt ? undefined : "another attempt would not change it";
}

function ending(last: AttemptRecord, why: string): AttemptStep {
  if (last.fault === undefined) {
    const status = last.expectationFailed === true ? "failed" : "succeeded";
    return { kind: "end", status, exitCode: exitCodeOf({ status, expectationFailed: last.expectationFailed }), why };
  }
  const { status } = faultPolicies[last.fault];
  return { kind: "end", status, exitCode: exitCodeOf({ status, fault: last.fault }), why };
}
