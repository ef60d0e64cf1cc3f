/**
 * When a schedule is due: a pure function of the schedule and the instant after which to look. croner is a calculator here
 * and never a timer. Import this file where slots are needed, not at start-up: croner and zoned dates cost time.
 *
 * At a DST change the rule is Debian cron's: a fixed time in the gap fires once right after it, a fixed time that occurs twice
 * fires at its first pass, and an entry whose minute or hour starts with `*` follows real time.
 */
import { Cron } from "croner";
import { JobError } from "../errors.ts";
import { readCron } from "../job/cron.ts";
import { readInstant } from "../job/instant.ts";
import type { Schedule } from "../job/job.ts";

/** Most slots that one question is answered with. */
const maxSlots = 10_000;

/**
 * The next slots strictly after `after`, at most `count` (0 to 10,000), oldest first. Fewer come only from a schedule that
 * ends: `at` has one slot, `manual` none.
 *
 * @param defaultZone IANA zone for a cron schedule that names none.
 * @throws JobError if a cron expression cannot be read or never fires, or its zone does not exist. Jobs from `parseJob` are checked already.
 */
export function nextSlots(schedule: Schedule, after: Date, count: number, defaultZone: string): Date[] {
  const wanted = Math.min(Math.max(Math.trunc(count), 0), maxSlots);
  switch (schedule.kind) {
    // When the machine is started is no matter of the calendar.
    case "boot":
    case "manual":
      return [];
    case "at":
      return onceAfter(schedule.at, after, wanted);
    case "every":
      return everyAfter(schedule.everyMs, schedule.anchorMs ?? 0, after.getTime(), wanted);
    case "cron":
      return cronAfter(schedule.expr, schedule.tz ?? defaultZone, after, wanted);
  }
}

function onceAfter(at: string, after: Date, count: number): Date[] {
  const ms = readInstant(at);
  if (ms === undefined) throw unusable("schedule.at", `${JSON.stringify(at)} is not an instant`);
  return count > 0 && ms > after.getTime() ? [new Date(ms)] : [];
}

function everyAfter(everyMs: number, anchorMs: number, afterMs: number, count: number): Date[] {
  if (!(everyMs > 0)) throw unusable("schedule.everyMs", `${everyMs} is not a positive number of milliseconds`);
  // Nothing is due before the anchor; it is itself the first slot.
  const step = Math.max(Math.floor((afterMs - anchorMs) / everyMs) + 1, 0);
  return Array.from({ length: count }, (_, more) => new Date(anchorMs + (step + more) * everyMs));
}

function cronAfter(expr: string, zone: string, after: Date, count: number): Date[] {
  const read = readCron(expr);
  if ("problem" in read) throw unusable("schedule.expr", read.problem);
  let slots: Date[];
  try {
    const cron = new Cron(read.normal, { paused: true, timezone: zone, mode: "6-part", fixedTimeRule: "no-wildcard" });
    slots = cron.nextRuns(count, after);
  } catch (error) {
    throw unusable("schedule", `${JSON.stringify(expr)} in zone ${JSON.stringify(zone)} cannot be computed`, error);
  }
  if (slots.length === 0 && count > 0) throw unusable("schedule.expr", `${JSON.stringify(expr)} never fires`);
  return slots;
}

function unusable(path: string, message: string, cause?: unknown): JobError {
  return new JobError([{ file: "schedule", path, message }], cause === undefined ? {} : { cause });
}
