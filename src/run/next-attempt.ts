/**
 * Whether a run gets another attempt, as a value. Pure. The side-effect rule stands above everything: a turn that has acted is not
 * repeated unless the job says `idempotent: true`, and nothing follows a process that is not confirmed dead.
 */
import type { Fault } from "../errors.ts";
import type { JobLimits, OnRateLimit, RetryPolicy } from "../job/job.ts";
import { backoffMs, waitOfAttempt, withJitter } from "./backoff.ts";
import { timeBudget } from "./call-time.ts";
import { exitCodeOf, exitCodes, type ExitCode } from "./exit-code.ts";
import { faultPolicies, saysLater } from "./fault.ts";
import { inWords } from "./ladder.ts";
import type { RunStatus } from "./run.ts";

/** One ended attempt of a run. Times are epoch milliseconds. */
export interface AttemptRecord {
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Absent: the turn answered and every expectation holds. */
  readonly fault?: Fault | undefined;
  /** The turn answered and an expectation of the job does not hold: a failure that no fault names. Wins over `fault`. */
  readonly expectationFailed?: boolean | undefined;
  /** Tools that ran in it. */
  readonly toolRuns: number;
  /** False if something the attempt started could not be confirmed dead. */
  readonly confirmedDead: boolean;
  /** The least wait a provider asked for, or until a breaker lets somebody ask, counted from `finishedAt`. */
  readonly retryAfterMs?: number | undefined;
}

export interface AttemptPolicy {
  readonly retry: RetryPolicy;
  readonly idempotent: boolean;
  readonly limits: Pick<JobLimits, "runMs" | "maxWaitMs">;
  /** From when `limits.runMs` counts; default the start of the first attempt. */
  readonly runStartedAt?: number;
  /** Default `fallback`. With `defer` the run does not wait for a provider that says "later". */
  readonly onRateLimit?: OnRateLimit;
  /** What is left of the budget of time (`limits.seconds`), from now on. Absent: there is none. */
  readonly budgetLeftMs?: number;
}

export type AttemptStep =
  | { readonly kind: "attempt"; readonly waitMs: number; readonly why: string }
  | {
      readonly kind: "end";
      readonly status: RunStatus;
      readonly exitCode: ExitCode;
      readonly why: string;
      /** For `deferred`, where somebody said when: how long from now on. */
      readonly deferredForMs?: number;
      /** Why the run ends, where that is another reason than its last attempt's. */
      readonly fault?: "budget";
    };

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
  const told = toldOf(last);
  if (told === undefined) return { kind: "end", status: "succeeded", exitCode: exitCodes.ok, why: "the turn ended well" };
  const askedMs = last.retryAfterMs === undefined ? 0 : Math.ceil(last.finishedAt + last.retryAfterMs - now);
  const end = (why: string): AttemptStep => ending(last, policy.idempotent, `${told}: ${why}`, askedMs);
  const forbidden = whatForbids(attempts, last, policy);
  if (forbidden !== undefined) return end(forbidden);
  const { retry, limits } = policy;
  if (attempts.length >= retry.maxAttempts) return end(`all ${retry.maxAttempts} attempts are used (retry.maxAttempts)`);

  // The model is well and has answered: nothing has to recover before it is told what was wrong with it.
  const ownMs =
    last.expectationFailed === true ? 0 : Math.min(backoffMs(waitOfAttempt(retry), attempts.length), limits.maxWaitMs);
  const waitMs = Math.max(0, Math.ceil(ownMs), askedMs);
  const left = leastLeft((policy.runStartedAt ?? first.startedAt) + limits.runMs - now, policy.budgetLeftMs);
  const asking = last.fault === "breaker_open" ? "every model is left alone for" : "the provider asks to wait";
  if (waitMs > limits.maxWaitMs) return deferred(`${told}: ${asking} ${inWords(waitMs)} (limits.maxWait)`, askedMs);
  if (waitMs >= left.ms) {
    const why = `a wait of ${inWords(waitMs)} is longer than what is left of the run (${left.limit})`;
    if (askedMs > 0 && askedMs >= left.ms) return deferred(`${told}: ${why}`, askedMs);
    return left.limit === "limits.run" ? end(why) : outOfBudget(`${told}: ${why}`);
  }
  const jittered = waitMs === 0 ? 0 : withJitter(waitMs, retry, random, Math.min(limits.maxWaitMs, left.ms - 1));
  return { kind: "attempt", waitMs: jittered, why: `attempt ${attempts.length + 1} of ${retry.maxAttempts} after ${told}` };
}

/** The limit that ends the run first, and what is left of it. */
function leastLeft(
  runMs: number,
  budgetMs = Infinity,
): { readonly ms: number; readonly limit: "limits.run" | typeof timeBudget } {
  return budgetMs < runMs ? { ms: budgetMs, limit: timeBudget } : { ms: runMs, limit: "limits.run" };
}

/** What went wrong, in words; undefined if nothing did. */
function toldOf({ fault, expectationFailed }: AttemptRecord): string | undefined {
  return expectationFailed === true ? "an expectation does not hold" : fault;
}

function whatForbids(attempts: readonly AttemptRecord[], last: AttemptRecord, policy: AttemptPolicy): string | undefined {
  const { fault, expectationFailed, toolRuns, confirmedDead } = last;
  if (!confirmedDead) return "not everything the attempt started is confirmed dead, so nothing may follow it";
  if (fault === "aborted") return "the run was cancelled";
  // What nothing would change comes before the rule that `idempotent: true` would lift.
  if (expectationFailed !== true && fault !== undefined && fault !== "declared" && !faultPolicies[fault].newAttempt)
    return whatAsksLater(last, policy) ?? "another attempt would not change it";
  if (hasActed(last, policy.idempotent))
    return `${toolRuns} ${toolRuns === 1 ? "tool has" : "tools have"} run, and the job does not say idempotent: true`;
  if (expectationFailed === true || fault === undefined) {
    // Told once what is wrong; a model that is wrong again would be wrong a third time.
    const before = attempts.filter((attempt) => attempt.expectationFailed === true).length;
    return before > 1 ? "it was asked again with the reason, and that did not help" : undefined;
  }
  if (fault === "declared")
    return policy.retry.declared === true ? undefined : "its word is the result (retry.declared is not set)";
  return whatAsksLater(last, policy);
}

function whatAsksLater({ fault, retryAfterMs }: AttemptRecord, { onRateLimit }: AttemptPolicy): string | undefined {
  const later = onRateLimit === "defer" && fault !== undefined && saysLater(fault, retryAfterMs);
  return later ? "the job does not wait (onRateLimit: defer)" : undefined;
}

const hasActed = ({ toolRuns }: AttemptRecord, idempotent: boolean): boolean => toolRuns > 0 && !idempotent;

/** The budget of time would be used up by waiting, so there is nothing to wait for: exit 80. */
export function outOfBudget(why: string): Extract<AttemptStep, { kind: "end" }> {
  return { kind: "end", status: "failed", exitCode: exitCodes.budget, why, fault: "budget" };
}

/** A run that somebody may simply start again later: `deferred`, exit 75. */
function deferred(why: string, askedMs: number): AttemptStep {
  const status = "deferred";
  return { kind: "end", status, exitCode: exitCodeOf({ status }), why, ...(askedMs > 0 ? { deferredForMs: askedMs } : {}) };
}

function ending(last: AttemptRecord, idempotent: boolean, why: string, askedMs: number): AttemptStep {
  const { fault, expectationFailed } = last;
  if (expectationFailed === true || fault === undefined)
    return { kind: "end", status: "failed", exitCode: exitCodes.expectation, why };
  const { status } = faultPolicies[fault];
  if (status !== "deferred") return { kind: "end", status, exitCode: exitCodeOf({ status, fault }), why };
  // Whoever reads `deferred`, or exit 75, may start it again. What has acted, or may still live, must not be.
  if (!last.confirmedDead || hasActed(last, idempotent))
    return { kind: "end", status: "failed", exitCode: exitCodes.failed, why };
  return deferred(why, askedMs);
}
