/** Fixed times of day that a zone's clocks jump over: their slots fire right after the jump. */
import type { Schedule } from "../job/job.ts";
import { clockAt } from "../job/local-time.ts";
import { nextOffsetChange } from "../job/offset.ts";
import { cronOf } from "./cron-calendar.ts";
import { nextSlot } from "./slot.ts";

const minute = 60_000;

/** The slots after `from` and up to `to` that stand for times which are jumped over. */
export function jumpedOver(schedule: Schedule, from: number, to: number, defaultZone: string): number[] {
  if (schedule.kind !== "cron") return [];
  const zone = schedule.tz ?? defaultZone;
  const { wild, times } = cronOf(schedule.expr);
  if (wild) return [];
  const found: number[] = [];
  for (let change = nextOffsetChange(zone, from, to); change !== undefined; change = nextOffsetChange(zone, change.at, to)) {
    if (change.afterMinutes < change.beforeMinutes || nextSlot(schedule, change.at - 1, defaultZone) !== change.at) continue;
    const local = Math.floor(clockAt(zone, change.at) / minute);
    const regular =
      times.minutes.includes(local % 60) && times.hours.includes(Math.floor(local / 60) % 24) && times.seconds.includes(0);
    if (!regular) found.push(change.at);
  }
  return found;
}
