/**
 * The worst case of one call, told before it happens: which tries there would be, and when, if every one of them failed in
 * the same way. The very function that decides in a live call decides here, so the two cannot differ.
 */
import type { Fault } from "../errors.ts";
import type { Job } from "../job/job.ts";
import type { Rung } from "../run/ladder.ts";
import { nextStep, type TryRecord } from "../run/next-step.ts";

export interface TimetableRow {
  /** From the start of the call. */
  readonly atMs: number;
  /** The try, or that the call is given up; absent rung. */
  readonly rung?: Rung;
  readonly why: string;
}

/**
 * @param tryTakesMs how long each try lasts before it fails; 0 for a failure at once, the try limit for silence.
 */
export function worstCase(
  job: Pick<Job, "retry" | "limits">,
  ladder: readonly Rung[],
  fault: Fault,
  tryTakesMs: number,
): TimetableRow[] {
  const rows: TimetableRow[] = [];
  const history: TryRecord[] = [];
  let now = 0;
  for (;;) {
    // Jitter only ever lengthens a wait, so the whole of it is the worst case.
    const step = nextStep(history, ladder, { retry: job.retry, limits: job.limits }, now, 1);
    if (step.kind === "give_up") return [...rows, { atMs: now, why: `given up: ${step.why}` }];
    now += step.waitMs;
    rows.push({ atMs: now, rung: step.rung, why: step.why });
    const endedAt = Math.min(now + tryTakesMs, job.limits.callMs);
    history.push({ rung: step.rung, startedAt: now, endedAt, fault });
    now = endedAt;
  }
}
