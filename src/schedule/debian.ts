/**
 * When Debian's cron starts an entry, computed from its fields alone and without croner: what a job that replaces a crontab line is held
 * against. The rule is that of cron.c of Vixie 3.0 with Debian's patches, see docs/schedules.md and cron(8), "Notes".
 */
import type { CronSets } from "../job/cron.ts";
import { nextOffsetChange, offsetMinutes } from "../job/offset.ts";

export type { CronSets };

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** 29 February comes at least once in eight years. */
const mostDays = 8 * 366 + 2;
/** A clock that is put forward or back by more is taken as a new time, and nothing is made up for. */
const mostShiftMinutes = 180;

/**
 * The next instants strictly after `after` and before `until`, at most `count`, epoch ms, oldest first. One that cron would answer with two
 * starts within the minute (two fixed times in one gap) stands there twice.
 * @throws RangeError for a zone that does not exist.
 */
export function debianInstants(
  sets: CronSets,
  zone: string,
  after: number,
  count: number,
  until = Number.MAX_SAFE_INTEGER,
): number[] {
  const found: number[] = [];
  // Civil dates as if they were UTC. A day before and one after, because a zone may be a day away.
  const first = Math.floor((after + offsetMinutes(zone, after) * minuteMs) / dayMs) - 1;
  for (let day = first; day < first + mostDays; day += 1) {
    // A time of this day is at most 26 hours away from the same time in UTC.
    if (day * dayMs - 26 * 60 * minuteMs > until) break;
    const date = new Date(day * dayMs);
    if (!matchesDay(sets, date)) continue;
    found.push(...ofDay(sets, zone, day * dayMs).filter((at) => at > after && at < until));
    if (found.length >= count + sets.hours.size * sets.minutes.size) break;
  }
  return found.toSorted((a, b) => a - b).slice(0, count);
}

function matchesDay({ days, months, weekdays, eitherDay }: CronSets, date: Date): boolean {
  if (!months.has(date.getUTCMonth() + 1)) return false;
  const [day, weekday] = [days.has(date.getUTCDate()), weekdays.has(date.getUTCDay())];
  return eitherDay ? day || weekday : day && weekday;
}

/** @param midnight Of the civil date, as if it were UTC. */
function ofDay({ hours, minutes, wild }: CronSets, zone: string, midnight: number): number[] {
  // On most days the offset is the same from before to after, and every local time is one instant.
  const before = offsetMinutes(zone, midnight - 15 * 60 * minuteMs);
  const change = nextOffsetChange(zone, midnight - 15 * 60 * minuteMs, midnight + (24 + 15) * 60 * minuteMs);
  const found: number[] = [];
  for (const hour of hours)
    for (const minute of minutes) {
      const local = midnight + (hour * 60 + minute) * minuteMs;
      found.push(...(change === undefined ? [local - before * minuteMs] : aroundChange(local, change, wild)));
    }
  return found;
}

function aroundChange(
  local: number,
  { at, beforeMinutes, afterMinutes }: { at: number; beforeMinutes: number; afterMinutes: number },
  wild: boolean,
): number[] {
  const [early, late] = [local - beforeMinutes * minuteMs, local - afterMinutes * minuteMs];
  const [inEarly, inLate] = [early < at, late >= at];
  const shift = Math.abs(afterMinutes - beforeMinutes);
  if (inEarly && inLate) return wild || shift > mostShiftMinutes ? [early, late] : [early];
  if (inEarly) return [early];
  if (inLate) return [late];
  // The clock jumps over it.
  return wild || shift > mostShiftMinutes ? [] : [Math.ceil(at / minuteMs) * minuteMs];
}
