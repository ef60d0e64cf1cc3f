/** What is asked of the one decision for lateness (missed.ts), and the words that it is made in. */
import type { CatchUp, Job } from "../job/job.ts";

/** `catchUp.max` by default. */
export const defaultMaxCaughtUp = 100;

/** A time in which what was due is skipped. */
export interface Rest {
  readonly from: number;
  /** The first instant after it. */
  readonly until: number;
  /** In words, for the record. */
  readonly why: string;
}

export interface DueQuestion {
  readonly job: Pick<Job, "id" | "schedule" | "catchUp">;
  /** The newest recorded slot of the job or since when it is armed, whichever is later: slots up to it are settled. Epoch ms. */
  readonly since: number;
  readonly now: number;
  /** Zone of schedules that name none. */
  readonly zone: string;
  /** The job, or everything, is paused: why, in words. Slots that are due meanwhile are skipped for it. */
  readonly paused?: string | undefined;
  /** Pauses that are over: what was due in one of them is skipped for it, and not made up for. */
  readonly rests?: readonly Rest[];
}

/** A question with what follows from it at once. */
export interface Times {
  readonly question: DueQuestion;
  readonly staggerMs: number;
  /** Slots up to here have had their time. */
  readonly until: number;
}

/** A stretch of nominal instants after `from` and up to `to`, in which all slots are in the same pauses and blackouts, or in none. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  /** Why its slots are skipped, in words. */
  readonly skipped: string | undefined;
}

/** What of the late slots is made up for. */
export interface Window {
  /** Late slots are made up for if they are after it. */
  readonly from: number;
  /** Why those before it are not. */
  readonly tooLate: string;
}

export function catchUpOf(job: DueQuestion["job"]): CatchUp {
  return job.catchUp ?? { policy: "latest" };
}
