/** When a job is due after an instant, for whoever asks again and again: a look each second must not compute the calendar each second. */
import { JobError } from "../../errors.ts";
import type { Job } from "../../job/job.ts";
import { nextSlots } from "../../schedule/slot.ts";

/** The first slot after an instant, epoch ms; undefined if there is none; in words why it cannot be computed. */
export type NextSlot = (job: Job, after: number) => number | undefined | { readonly problem: string };

/** Remembers of each job the last answer, which holds for every instant from the one it was asked for up to the slot. */
export function nextSlotIn(zone: string): NextSlot {
  const known = new WeakMap<Job, { readonly after: number; readonly next: number }>();
  return (job, after) => {
    const last = known.get(job);
    if (last !== undefined && last.after <= after && after < last.next) return Number.isFinite(last.next) ? last.next : undefined;
    try {
      const next = nextSlots(job.schedule, new Date(after), 1, zone)[0]?.getTime();
      known.set(job, { after, next: next ?? Infinity });
      return next;
    } catch (error) {
      if (error instanceof JobError) return { problem: error.issues[0]?.message ?? error.message };
      throw error;
    }
  };
}
