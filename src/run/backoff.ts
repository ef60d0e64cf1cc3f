/** How long to wait, from the job's `retry` and the policy table. Pure: the random share is an argument. */
import type { RetryPolicy } from "../job/job.ts";
import type { Wait } from "./fault.ts";

/** The `retry` of a job that says nothing: 3 attempts, 5 s, doubling up to 60 s, up to 25 % more at random. */
export const standardRetry: RetryPolicy = {
  maxAttempts: 3,
  delayMs: 5_000,
  factor: 2,
  maxDelayMs: 60_000,
  jitter: 0.25,
  set: [],
};

/**
 * The wait of a try. What a person set wins over the table: each of `delay`, `factor` and `maxDelay` that the job sets takes the place
 * of the table's value; the others stay the table's, which know the fault. A `delayMs` above
 * the table's longest wait raises that; a `maxDelayMs` caps whatever the base is.
 */
export function waitOfTry(table: Wait, retry: RetryPolicy): Wait {
  const base = retry.set.includes("delay") ? retry.delayMs : table.baseMs;
  const maxMs = retry.set.includes("maxDelay") ? retry.maxDelayMs : Math.max(table.maxMs, base);
  const factor = retry.set.includes("factor") ? retry.factor : table.factor;
  return { baseMs: Math.min(base, maxMs), factor, maxMs };
}

/** The wait of a new attempt is the job's alone. */
export function waitOfAttempt(retry: RetryPolicy): Wait {
  return { baseMs: Math.min(retry.delayMs, retry.maxDelayMs), factor: retry.factor, maxMs: retry.maxDelayMs };
}

/** The wait after the `failures`-th failure, counted from 1, in ms and without jitter. */
export function backoffMs(wait: Wait, failures: number): number {
  const grown = wait.baseMs * Math.max(wait.factor, 0) ** Math.max(failures - 1, 0);
  return Number.isFinite(grown) ? Math.min(grown, wait.maxMs) : wait.maxMs;
}

/**
 * Adds the random share on top, so that a minimum stays one, and keeps it under `ceilingMs` unless the minimum itself is above.
 * @param random from 0 to 1.
 */
export function withJitter(minimumMs: number, retry: RetryPolicy, random: number, ceilingMs: number): number {
  const share = Math.min(Math.max(retry.jitter, 0), 1) * Math.min(Math.max(random, 0), 1);
  return Math.max(minimumMs, Math.min(Math.round(minimumMs * (1 + share)), ceilingMs));
}
