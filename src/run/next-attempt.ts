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
import type { RunEnding } from "./run.ts";

/** One ended attempt of a run. Times are epoch milliseconds. */
export interface AttemptRecord {
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Absent: the turn answered and every expectation holds. */
  readonly fault?: Fault | undefined;
  /** The turn answered and an expectation of the job does not hold: a failure that no fault names. Wins over `fault`. */
  readonly expectationFailed?: boolean | undefined;
  /** With `not_ready`: a program is not there or may not be run, and waiting puts none there. */
  readonly missing?: boolean | undefined;
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
  /** The turn is a command: its one tool run is the command itself. */
  readonly isCommand?: boolean;
  readonly limits: Pick<JobLimits, "runMs" | "maxWaitMs">;
  /** From when `limits.runMs` counts; default the start of the first attempt. */
  readonly runStartedAt?: number;
  /** Default `fallback`. With `defer` the run does not wait for a provider that says "later". */
  readonly onRateLimit?: OnRateLimit;
  /** What is left of the budget of time (`limits.seconds`), from now on. Absent: there is none. */
  readonly budgetLeftMs?: number;
  /** The run may wait without a process, as long as it is carried on within this time. Absent: its process sleeps, and the time runs on. */
  readonly window?: WaitWindow;
  /** Attempts of the run that are not among these, because it was put off after them. Default 0. */
  readonly uncounted?: number;
}

/** How long a run may still wait for being carried on. */
export interface WaitWindow {
  /** From now on. */
  readonly leftMs: number;
  /** What ends it, in words: `the job's next slot` or `limits.defer`. */
  readonly limit: string;
}

/**
 * The least wait of a run that is put off, in ms: it doubles with each attempt that was made, from 1 minute up to 30. A provider that names a
 * few seconds again and again must not be asked all day long.
 */
const leastLater = { baseMs: 60_000, factor: 2, maxMs: 1_800_000 };

export type AttemptStep =
  | { readonly kind: "attempt"; readonly waitMs: number; readonly why: string }
  /** The run waits for the time that somebody named, and then the attempts so far do not count any more. Only with a `window`. */
  | { readonly kind: "later"; readonly waitMs: number; readonly why: string }
  | AttemptEnding;

export interface AttemptEnding {
  readonly kind: "end";
  readonly status: RunEnding;
  readonly exitCode: ExitCode;
  readonly why: string;
  /** For `deferred`, where somebody said when: how long from now on. */
  readonly deferredForMs?: number;
  /** Why the run ends, where that is another reason than its last attempt's. */
  readonly fault?: "budget";
}

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
  const later = (why: string): AttemptStep => putOff(`${told}: ${why}`, askedMs, attempts.length, policy);
  const end = (why: string): AttemptStep => {
    const { status, exitCode } = endingOf(last, policy.idempotent);
    return status === "deferred" ? later(why) : { kind: "end", status, exitCode, why: `${told}: ${why}` };
  };
  const forbidden = whatForbids(attempts, last, policy);
  if (forbidden !== undefined) return end(forbidden);
  const { retry, limits } = policy;
  if (attempts.length >= retry.maxAttempts) return end(`all ${retry.maxAttempts} attempts are used (retry.maxAttempts)`);

  // The model is well and has answered: nothing has to recover before it is told what was wrong with it.
  const ownMs =
    last.expectationFailed === true ? 0 : Math.min(backoffMs(waitOfAttempt(retry), attempts.length), limits.maxWaitMs);
  const waitMs = Math.max(0, Math.ceil(ownMs), askedMs);
  const left = leftOf(policy, (policy.runStartedAt ?? first.startedAt) + limits.runMs - now);
  const asking = last.fault === "breaker_open" ? "every model is left alone for" : "the provider asks to wait";
  if (waitMs > limits.maxWaitMs) return later(`${asking} ${inWords(waitMs)} (limits.maxWait)`);
  if (waitMs >= left.ms) {
    const why = `a wait of ${inWords(waitMs)} is longer than what is left ${left.of} (${left.limit})`;
    if (askedMs > 0 && askedMs >= left.ms) return later(why);
    return left.limit === timeBudget ? outOfBudget(`${told}: ${why}`) : end(why);
  }
  const jittered = waitMs === 0 ? 0 : withJitter(waitMs, retry, random, Math.min(limits.maxWaitMs, left.ms - 1));
  return { kind: "attempt", waitMs: jittered, why: `attempt ${attempts.length + 1} of ${retry.maxAttempts} after ${told}` };
}

interface Left {
  readonly ms: number;
  readonly of: string;
  readonly limit: string;
}

/** What a wait may take: of a run that waits without a process its window, else the limit that ends the run first. */
function leftOf({ window, budgetLeftMs = Infinity }: AttemptPolicy, runMs: number): Left {
  if (window !== undefined) return { ms: window.leftMs, of: "until it has to be carried on", limit: window.limit };
  const of = "of the run";
  return budgetLeftMs < runMs ? { ms: budgetLeftMs, of, limit: timeBudget } : { ms: runMs, of, limit: "limits.run" };
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
  if (hasActed(last, policy.idempotent)) {
    const acted =
      policy.isCommand === true ? "its command was started" : `${toolRuns} ${toolRuns === 1 ? "tool has" : "tools have"} run`;
    return `${acted}, and the job does not say idempotent: true`;
  }
  if (expectationFailed === true || fault === undefined) {
    // Told once what is wrong; a model that is wrong again would be wrong a third time.
    const before = attempts.filter((attempt) => attempt.expectationFailed === true).length;
    return before > 1 ? "it was asked again with the reason, and that did not help" : undefined;
  }
  if (fault === "not_ready") {
    if (last.missing === true) return "waiting would not change it";
    // Once more, in case that it was a passing trouble.
    if (attempts.filter((attempt) => attempt.fault === "not_ready").length > 1)
      return "it was tried once more, and that did not help";
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
export function outOfBudget(why: string): AttemptEnding {
  return { kind: "end", status: "failed", exitCode: exitCodes.budget, why, fault: "budget" };
}

/**
 * A run that waits for a time that somebody named, if it may wait so long; else one that somebody may simply start again later: `deferred`, exit 75.
 */
function putOff(why: string, askedMs: number, attempts: number, { window, uncounted = 0 }: AttemptPolicy): AttemptStep {
  const status = "deferred";
  const end = { kind: "end", status, exitCode: exitCodeOf({ status }) } as const;
  if (askedMs <= 0) return { ...end, why };
  if (window === undefined) return { ...end, why, deferredForMs: askedMs };
  const waitMs = Math.max(askedMs, backoffMs(leastLater, attempts + uncounted));
  if (waitMs <= window.leftMs) return { kind: "later", waitMs, why };
  const tooLong = `it may wait ${inWords(Math.max(0, window.leftMs))} and not ${inWords(waitMs)} (${window.limit})`;
  return { ...end, why: why.endsWith(`(${window.limit})`) ? why : `${why}; ${tooLong}`, deferredForMs: askedMs };
}

/** How a run ends after its last attempt. Whoever reads `deferred` may start it again: what has acted, or may still live, must not be. */
function endingOf(last: AttemptRecord, idempotent: boolean): Pick<AttemptEnding, "status" | "exitCode"> {
  const { fault, expectationFailed } = last;
  if (expectationFailed === true || fault === undefined) return { status: "failed", exitCode: exitCodes.expectation };
  const { status } = faultPolicies[fault];
  if (status !== "deferred") return { status, exitCode: exitCodeOf({ status, fault }) };
  if (!last.confirmedDead || hasActed(last, idempotent)) return { status: "failed", exitCode: exitCodes.failed };
  return { status, exitCode: exitCodeOf({ status }) };
}

/**
 * How a run ends that waited and that nobody carried on in time. `last` is its last attempt that counts; there is none in a run that was put off.
 */
export function endTooLate(last: AttemptRecord | undefined, idempotent: boolean): Pick<AttemptEnding, "status" | "exitCode"> {
  const status = "deferred";
  return last === undefined ? { status, exitCode: exitCodeOf({ status }) } : endingOf(last, idempotent);
}
