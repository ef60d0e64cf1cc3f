/**
 * What a timer needs around a change of its zone's clocks. There systemd passes over a fixed time that does not exist, which runner and cron
 * answer right after, and is silent for the hour that comes twice. These slots get lines of their own, in UTC. Pure.
 */
import { nextOffsetChange, type OffsetChange } from "../../job/offset.ts";
import type { Schedule } from "../../job/job.ts";
import { nextSlot } from "../../schedule/slot.ts";
import { compact, pad, padded, type CalendarProblem } from "./systemd-cron.ts";

/** Changes are looked for so far ahead. Most laws name a weekday of a month, so that these lines hold as long as the law. */
const yearsAhead = 3;
const yearMs = 365.25 * 86_400_000;
const minuteMs = 60_000;
/** More slots in one change are those of a timer that elapses each minute or more often. */
const mostSlots = 200;
const mostLines = 24;

const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

export function changesOf(zone: string, now: Date): OffsetChange[] {
  const found: OffsetChange[] = [];
  const end = now.getTime() + yearsAhead * yearMs;
  for (let from = now.getTime(); ;) {
    const change = nextOffsetChange(zone, from, end);
    if (change === undefined) return found;
    found.push(change);
    from = change.at;
  }
}

/** Lines for the slots from each change on, as long as the change is wide, which the calendar of the zone may pass over. */
export function changeLines(
  schedule: Schedule,
  zone: string,
  now: Date,
): { readonly lines: readonly string[]; readonly note: string } | CalendarProblem {
  const changes = changesOf(zone, now);
  const slots = changes.flatMap((change) => slotsWithin(schedule, zone, change));
  // The weekday and month of each, and its minutes in one line.
  const lines = [...Map.groupBy(slots, lineKey)].map(([, all]) => lineOf(all));
  if (lines.length > mostLines)
    return { problem: `the clocks of ${zone} change, and its timer passes over some of its times then: runner start does not` };
  const until = new Date(now.getTime() + yearsAhead * yearMs).getUTCFullYear();
  const note = `the clocks of ${zone} change: its timer has lines of its own for that, made of the changes until ${until}; export it again when that law changes`;
  return { lines, note };
}

function slotsWithin(schedule: Schedule, zone: string, { at, beforeMinutes, afterMinutes }: OffsetChange): Date[] {
  const end = at + Math.abs(afterMinutes - beforeMinutes) * minuteMs;
  const found: Date[] = [];
  for (let slot = nextSlot(schedule, at - 1, zone); slot !== undefined && slot < end; slot = nextSlot(schedule, slot, zone)) {
    found.push(new Date(slot));
    if (found.length >= mostSlots) break;
  }
  return found;
}

function lineKey(at: Date): string {
  return [at.getUTCDay(), at.getUTCMonth(), at.getUTCHours(), at.getUTCSeconds()].join(" ");
}

function lineOf(all: readonly Date[]): string {
  const [first = new Date(0)] = all;
  const minutes = [...new Set(all.map((at) => at.getUTCMinutes()))].toSorted((a, b) => a - b);
  const day = `${weekdays[first.getUTCDay()] ?? ""} *-${pad(first.getUTCMonth() + 1)}-*`;
  return `OnCalendar=${day} ${pad(first.getUTCHours())}:${padded(compact(minutes, 0, 59))}:${pad(first.getUTCSeconds())} UTC`;
}
