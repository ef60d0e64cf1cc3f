/**
 * When a schedule is due: pure functions of the schedule and an instant. Import this file where slots are needed, not at start-up: croner and
 * zoned dates cost time. Slots are the nominal instants; `stagger.ts` says how much later they are answered.
 */
import { readInstant } from "../job/instant.ts";
import type { Schedule } from "../job/job.ts";
import { newestCronSlots, nextCronSlot } from "./cron-calendar.ts";
import { countCronSlots, type SlotCount } from "./cron-count.ts";
import { unusable } from "./unusable.ts";

/** Most slots that one question is answered with. */
const maxSlots = 10_000;

/**
 * The next slots strictly after `after`, at most `count` (0 to 10,000), oldest first. Fewer come only from a schedule that
 * ends: `at` has one slot, `manual` and `boot` none, and `endAt` or a year ends the others.
 *
 * @param defaultZone IANA zone for a schedule that names none.
 * @throws JobError if a cron expression cannot be read or never fires, or its zone does not exist. Jobs from `parseJob` are checked already.
 */
export function nextSlots(schedule: Schedule, after: Date, count: number, defaultZone: string): Date[] {
  const wanted = Math.min(Math.max(Math.trunc(count), 0), maxSlots);
  const found: Date[] = [];
  let last = after.getTime();
  while (found.length < wanted) {
    const slot = nextSlot(schedule, last, defaultZone);
    if (slot === undefined) break;
    found.push(new Date(slot));
    last = slot;
  }
  return found;
}

/**
 * The first slot strictly after an instant, epoch ms; undefined if there is none. It always advances.
 * @throws JobError as `nextSlots`, and if the calculator answers with an instant that is not after `after`.
 */
export function nextSlot(schedule: Schedule, after: number, defaultZone: string): number | undefined {
  const { startAt = -Infinity, endAt = Infinity } = schedule;
  const slot = unboundedNext(schedule, Math.max(after, startAt - 1), schedule.tz ?? defaultZone);
  return slot === undefined || slot >= endAt ? undefined : slot;
}

function unboundedNext(schedule: Schedule, after: number, zone: string): number | undefined {
  switch (schedule.kind) {
    // When the machine is started is no matter of the calendar.
    case "boot":
    case "manual":
      return undefined;
    case "at": {
      const at = instantAt(schedule.at);
      return at > after ? at : undefined;
    }
    case "every": {
      const { everyMs, anchorMs } = interval(schedule);
      // Nothing is due before the anchor; it is itself the first slot.
      return anchorMs + Math.max(Math.floor((after - anchorMs) / everyMs) + 1, 0) * everyMs;
    }
    case "cron":
      return nextCronSlot(schedule.expr, zone, after);
  }
}

/** The newest slots after `from` and at or before `to`, at most `most` (up to 10,000), oldest first. */
export function newestSlots(schedule: Schedule, from: number, to: number, most: number, defaultZone: string): number[] {
  const [low, high] = within(schedule, from, to);
  const wanted = Math.min(Math.max(Math.trunc(most), 0), maxSlots);
  if (high <= low || wanted === 0) return [];
  switch (schedule.kind) {
    case "boot":
    case "manual":
      return [];
    case "at": {
      const at = instantAt(schedule.at);
      return at > low && at <= high ? [at] : [];
    }
    case "every": {
      const { everyMs, anchorMs } = interval(schedule);
      const [first, last] = steps(low, high, everyMs, anchorMs);
      const from0 = Math.max(first, last - wanted + 1);
      return Array.from({ length: Math.max(last - from0 + 1, 0) }, (_, more) => anchorMs + (from0 + more) * everyMs);
    }
    case "cron":
      return newestCronSlots(schedule.expr, schedule.tz ?? defaultZone, low, high, wanted);
  }
}

/** How many slots there are after `from` and at or before `to`. It costs time by the day, never by the slot. */
export function countSlots(schedule: Schedule, from: number, to: number, defaultZone: string): SlotCount {
  const [low, high] = within(schedule, from, to);
  if (high <= low) return { slots: 0, atLeast: false };
  switch (schedule.kind) {
    case "boot":
    case "manual":
    case "at":
      return { slots: newestSlots(schedule, low, high, 1, defaultZone).length, atLeast: false };
    case "every": {
      const { everyMs, anchorMs } = interval(schedule);
      const [first, last] = steps(low, high, everyMs, anchorMs);
      return { slots: Math.max(last - first + 1, 0), atLeast: false };
    }
    case "cron":
      return countCronSlots(schedule.expr, schedule.tz ?? defaultZone, low, high);
  }
}

/** The part of (from, to] in which the schedule has slots at all. */
function within({ startAt = -Infinity, endAt = Infinity }: Schedule, from: number, to: number): [number, number] {
  return [Math.max(from, startAt - 1), Math.min(to, endAt - 1)];
}

/** The numbers, counted from the anchor, of the first and the last slot of an interval in (low, high]. */
function steps(low: number, high: number, everyMs: number, anchorMs: number): [number, number] {
  return [Math.max(Math.floor((low - anchorMs) / everyMs) + 1, 0), Math.floor((high - anchorMs) / everyMs)];
}

function interval({ everyMs, anchorMs = 0 }: { readonly everyMs: number; readonly anchorMs?: number }) {
  if (!(everyMs > 0)) throw unusable("schedule.everyMs", `${everyMs} is not a positive number of milliseconds`);
  return { everyMs, anchorMs };
}

function instantAt(at: string): number {
  const ms = readInstant(at);
  if (ms === undefined) throw unusable("schedule.at", `${JSON.stringify(at)} is not an instant`);
  return ms;
}
