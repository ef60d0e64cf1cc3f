/** When a job is due after an instant, for whoever asks again and again: a look each second must not compute the calendar each second. */
import { JobError } from "../../errors.ts";
import type { Job } from "../../job/job.ts";
import { nextSlots } from "../../schedule/slot.ts";

/** The first slot after an instant, epoch ms; undefined if there is none; in words why it cannot be computed. */
export type NextSlot = (job: Job, after: number) => number | undefined | { readonly problem: string };

interface Answer {
  readonly after: number;
  readonly next: number;
}

/**
 * Remembers of each job the last two answers, each of which holds for every instant from the one it was asked for up to the slot. Two,
 * because of a job that is overdue both the slot after its newest record and the one after now are asked for, again and again.
 */
export function nextSlotIn(zone: string, compute = nextSlots): NextSlot {
  const known = new WeakMap<Job, readonly Answer[]>();
  return (job, after) => {
    const answers = known.get(job) ?? [];
    const last = answers.find((answer) => answer.after <= after && after < answer.next);
    if (last !== undefined) return Number.isFinite(last.next) ? last.next : undefined;
    try {
      const next = compute(job.schedule, new Date(after), 1, zone)[0]?.getTime();
      known.set(job, [{ after, next: next ?? Infinity }, ...answers.slice(0, 1)]);
      return next;
    } catch (error) {
      if (error instanceof JobError) return { problem: error.issues[0]?.message ?? error.message };
      throw error;
    }
  };
}
