/** When a job was due before it moved, and when it is now: the next instants, and those around the next changes of the clock. Pure. */
import type { Schedule } from "../job/job.ts";
import { nextOffsetChange } from "../job/offset.ts";
import { debianInstants, type CronSets } from "../schedule/debian.ts";
import { nextSlots } from "../schedule/slot.ts";

/** One instant; before and now, or only one of them. */
export interface DueRow {
  readonly at: number;
  readonly before: boolean;
  readonly now: boolean;
  /** Why only one, or not as often. */
  readonly reason?: string;
}

interface ClockChange {
  readonly at: number;
  /** Minutes that the clock is put on, or back if negative. */
  readonly minutes: number;
  /** Instants that differ; none if all are the same. */
  readonly differs: readonly DueRow[];
}

export interface Comparison {
  readonly zone: string;
  readonly next: readonly DueRow[];
  readonly changes: readonly ClockChange[];
}

const hourMs = 3_600_000;
/** How far on a change of the clock is looked for, and how much around it. */
const horizonMs = 400 * 24 * hourMs;
const aroundMs = 6 * hourMs;
/** Enough for one a minute. */
const mostAround = 1_000;

export interface CompareOptions {
  readonly zone: string;
  readonly now: number;
  readonly count: number;
}

export function compareWithCron(sets: CronSets, schedule: Schedule, { zone, now, count }: CompareOptions): Comparison {
  const next = rowsOf(
    debianInstants(sets, zone, now, count),
    nextSlots(schedule, new Date(now), count, zone).map((slot) => slot.getTime()),
  );
  const changes: ClockChange[] = [];
  let from = now;
  while (changes.length < 2) {
    const change = nextOffsetChange(zone, from, now + horizonMs);
    if (change === undefined) break;
    const [start, end] = [change.at - aroundMs, change.at + aroundMs];
    const slots = nextSlots(schedule, new Date(start), mostAround, zone).map((slot) => slot.getTime());
    const rows = rowsOf(
      debianInstants(sets, zone, start, mostAround, end),
      slots.filter((at) => at < end),
    );
    changes.push({
      at: change.at,
      minutes: change.afterMinutes - change.beforeMinutes,
      differs: rows.filter(({ reason }) => reason !== undefined),
    });
    from = change.at;
  }
  return { zone, next, changes };
}

function rowsOf(before: readonly number[], now: readonly number[]): DueRow[] {
  const [had, has] = [new Set(before), new Set(now)];
  // Beyond the last instant of the shorter list the other one is not known.
  const last = Math.min(before.at(-1) ?? Number.POSITIVE_INFINITY, now.at(-1) ?? Number.POSITIVE_INFINITY);
  const all = [...new Set([...before, ...now])].toSorted((a, b) => a - b).filter((at) => at <= last);
  return all.map((at) => {
    const [inBefore, inNow] = [had.has(at), has.has(at)];
    const times = before.filter((one) => one === at).length;
    const reason = !inBefore
      ? "cron would not start it then"
      : !inNow
        ? "it is not due then here"
        : times > 1
          ? `the clock jumps over ${times} of its times: cron starts it ${times} times within the minute, here it runs once`
          : undefined;
    return { at, before: inBefore, now: inNow, ...(reason === undefined ? {} : { reason }) };
  });
}
