/**
 * The worst case of a run, told before it happens: which attempts and tries there would be, and when, if every try failed in the same
 * way. The very functions that decide in a live run decide here, with the same effective limits, so the two cannot differ. What a
 * turn does beside its one call takes no time here.
 */
import type { Fault } from "../errors.ts";
import type { Job } from "../job/job.ts";
import { callTime, leastTime } from "../run/call-time.ts";
import type { Rung } from "../run/ladder.ts";
import { nextAttempt, type AttemptRecord } from "../run/next-attempt.ts";
import { nextStep, type TryRecord } from "../run/next-step.ts";

export interface TimetableRow {
  /** From the start of the run. */
  readonly atMs: number;
  /** The rung of a try; absent for the begin of an attempt, the end of a call and the end of the run. */
  readonly rung?: Rung;
  readonly why: string;
}

/** How a try fails, and after how long. It may take `withinMs` at most. */
export type Failing = (rung: Rung, withinMs: number) => { readonly fault: Fault; readonly tookMs: number };

type Timed = Pick<Job, "retry" | "limits" | "idempotent" | "budget">;

/** Empty for a job that asks no model. An attempt whose tries are those of an earlier one, at the same distances, is one row. */
export function worstCase(job: Timed, ladder: readonly Rung[], failing: Failing): TimetableRow[] {
  const { retry, limits, idempotent } = job;
  const rows: TimetableRow[] = [];
  if (ladder.length === 0) return rows;
  const attempts: AttemptRecord[] = [];
  let now = 0;
  let before: CallRows | undefined;
  for (;;) {
    // Jitter only ever lengthens a wait, so the whole of it is the worst case.
    const budget = job.budget?.ms === undefined ? {} : { budgetLeftMs: job.budget.ms - now };
    const step = nextAttempt(attempts, { retry, idempotent, limits, runStartedAt: 0, ...budget }, now, 1);
    if (step.kind === "end") return [...rows, { atMs: now, why: `the run ends as ${step.status}: ${step.why}` }];
    now += step.waitMs;
    const call = playCall(job, ladder, failing, now);
    const repeated = before !== undefined && isSame(before, call);
    if (attempts.length > 0) rows.push({ atMs: now, why: repeated ? `${step.why}: ${inShort(call)}` : step.why });
    if (!repeated) rows.push(...call.rows.map((row) => ({ ...row, atMs: now + row.atMs })));
    const finishedAt = now + call.tookMs;
    const asked = call.retryAfterMs === undefined ? {} : { retryAfterMs: call.retryAfterMs };
    attempts.push({ startedAt: now, finishedAt, fault: call.fault, toolRuns: 0, confirmedDead: true, ...asked });
    now = finishedAt;
    before = call;
  }
}

interface CallRows {
  /** Counted from the start of the attempt. */
  readonly rows: readonly TimetableRow[];
  readonly tookMs: number;
  readonly fault: Fault;
  readonly retryAfterMs: number | undefined;
}

/** The one call of an attempt that starts `startedAt` ms after the run. */
function playCall({ retry, limits, budget }: Timed, ladder: readonly Rung[], failing: Failing, startedAt: number): CallRows {
  const ofRunMs = limits.runMs - startedAt;
  const ofAttempt =
    ofRunMs < limits.attemptMs
      ? { leftMs: ofRunMs, limit: "limits.run" }
      : { leftMs: limits.attemptMs, limit: "payload.timeoutSeconds" };
  const { callMs, callLimit } = leastTime(callTime(limits.callMs, ofAttempt), (budget?.ms ?? Infinity) - startedAt);
  const policy = { retry, limits: { ...limits, callMs }, callLimit, callStartedAt: 0 };
  const rows: TimetableRow[] = [];
  const history: TryRecord[] = [];
  let now = 0;
  for (;;) {
    const step = nextStep(history, ladder, policy, now, 1);
    if (step.kind === "give_up") {
      rows.push({ atMs: now, why: `given up: ${step.why}` });
      return { rows, tookMs: now, fault: step.fault, retryAfterMs: step.retryAfterMs };
    }
    now += step.waitMs;
    rows.push({ atMs: now, rung: step.rung, why: step.why });
    const { fault, tookMs } = failing(step.rung, Math.min(limits.tryMs, step.withinMs));
    history.push({ rung: step.rung, startedAt: now, endedAt: now + tookMs, fault });
    now += tookMs;
  }
}

function isSame(one: CallRows, other: CallRows): boolean {
  return (
    one.rows.length === other.rows.length &&
    one.rows.every(({ atMs, why }, at) => {
      const row = other.rows[at];
      return row !== undefined && row.atMs === atMs && row.why === why;
    })
  );
}

function inShort({ rows }: CallRows): string {
  const tries = rows.length - 1;
  return `the same ${tries} ${tries === 1 ? "try" : "tries"} once more`;
}
