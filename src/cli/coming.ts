/** The slots that are coming, over all jobs in the order of their times: for `next` and `calendar`. */
import type { Job } from "../job/job.ts";
import { blackoutAt, describeBlackout } from "../schedule/blackout.ts";
import { nextSlot } from "../schedule/slot.ts";
import { staggerOf } from "../schedule/stagger.ts";

export interface Coming {
  readonly job: Job;
  /** Of the job's schedule. */
  readonly zone: string;
  /** The nominal instant, epoch ms. */
  readonly at: number;
  /** When it is answered: staggered. */
  readonly dueAt: number;
  /** The blackout it will be skipped for. */
  readonly blackout?: string;
}

/** The first `count` slots after `from` over all of the jobs, by the time at which they are answered. */
export function comingSlots(jobs: readonly Job[], from: number, count: number, projectZone: string): Coming[] {
  // Sorted, the soonest last; of each job there is its next slot.
  const waiting = jobs.flatMap((job) => comingAfter(job, from, projectZone) ?? []).toSorted(latestFirst);
  const found: Coming[] = [];
  while (found.length < count) {
    const soonest = waiting.pop();
    if (soonest === undefined) break;
    found.push(soonest);
    const following = comingAfter(soonest.job, soonest.at, projectZone);
    if (following !== undefined) waiting.splice(placeOf(waiting, following), 0, following);
  }
  return found;
}

export function comingAfter(job: Job, after: number, projectZone: string): Coming | undefined {
  const { schedule } = job;
  const at = nextSlot(schedule, after, projectZone);
  if (at === undefined) return undefined;
  const zone = schedule.tz ?? projectZone;
  const dueAt = at + staggerOf(job.id, schedule.staggerMs);
  const within = blackoutAt(schedule.blackout ?? [], zone, dueAt);
  return { job, zone, at, dueAt, ...(within === undefined ? {} : { blackout: describeBlackout(within) }) };
}

/** At the same time by name, so that the order is always the same. */
function latestFirst(a: Coming, b: Coming): number {
  return b.dueAt - a.dueAt || (a.job.name < b.job.name ? 1 : -1);
}

function placeOf(waiting: readonly Coming[], slot: Coming): number {
  let [low, high] = [0, waiting.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = waiting[middle];
    if (other !== undefined && latestFirst(other, slot) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface Company {
  /** Names of jobs that are answered in the same second, and of further ones in the same minute. */
  readonly sameSecond: readonly string[];
  readonly sameMinute: readonly string[];
}

/** Which of the slots coincide. What is skipped for a blackout is in nobody's way. */
export function companyOf(slots: readonly Coming[]): Map<Coming, Company> {
  const awake = slots.filter(({ blackout }) => blackout === undefined);
  const [bySecond, byMinute] = [1_000, 60_000].map((ms) => Map.groupBy(awake, ({ dueAt }) => Math.floor(dueAt / ms)));
  return new Map(
    awake.map((slot): [Coming, Company] => {
      const others = (group: readonly Coming[] | undefined): string[] => [
        ...new Set((group ?? []).filter(({ job }) => job !== slot.job).map(({ job }) => job.name)),
      ];
      const sameSecond = others(bySecond?.get(Math.floor(slot.dueAt / 1_000)));
      const sameMinute = others(byMinute?.get(Math.floor(slot.dueAt / 60_000)));
      return [slot, { sameSecond, sameMinute: sameMinute.filter((name) => !sameSecond.includes(name)) }];
    }),
  );
}
