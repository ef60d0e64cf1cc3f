/**
 * Schedules as systemd.time(7) and systemd.timer(5) write them. Pure. A timer's service answers the slot that is due (`run JOB --slot due`), and
 * its claim decides: so a timer may elapse more often than the job has slots, and never less. What cannot be said so is told.
 */
import { readCron } from "../../job/cron.ts";
import { offsetMinutes } from "../../job/offset.ts";
import type { Schedule } from "../../job/job.ts";
import { nextSlots } from "../../schedule/slot.ts";
import { bootNotes } from "./cron-words.ts";
import { changeLines, changesOf } from "./systemd-changes.ts";
import { compact, cronLines, pad, padded, type CalendarProblem } from "./systemd-cron.ts";
import { zoneName } from "./zone-name.ts";

export interface Calendar {
  /** Lines of a timer, such as `OnCalendar=…`; a timer elapses by each of them. */
  readonly lines: readonly string[];
  /** What is said in another way than runner means it. */
  readonly notes: readonly string[];
}

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];
/** A timer of more lines is not one that anybody can read. */
const mostLines = 24;
/** The shortest interval between two slots is looked for among so many. */
const gapsLookedAt = 100;

interface Place {
  /** Zone of schedules that name none. */
  readonly zone: string;
  readonly now: Date;
}

export function calendarOf(schedule: Schedule, place: Place): Calendar | CalendarProblem {
  const read = ruleOf(schedule, place);
  if ("problem" in read) return read;
  const delay = delayOf(schedule, place);
  return { lines: [...read.lines, ...delay.lines], notes: [...read.notes, ...delay.notes] };
}

function ruleOf(schedule: Schedule, { zone, now }: Place): Calendar | CalendarProblem {
  switch (schedule.kind) {
    case "manual":
      return { problem: "has no schedule, so there is no timer" };
    case "boot":
      return { lines: ["OnBootSec=30"], notes: bootNotes(schedule) };
    case "at": {
      // An instant that has passed is no slot of the future.
      const [at] = nextSlots(schedule, now, 1, zone);
      if (at === undefined) return { problem: "is over: its instant has passed" };
      return { lines: [`OnCalendar=${utcSecond(at.getTime())}`], notes: [] };
    }
    case "every":
      return everyCalendar(schedule.everyMs, schedule.anchorMs ?? 0);
    case "cron":
      return cronCalendar(schedule, zoneName(schedule.tz ?? zone), now);
  }
}

/** In whole seconds, and none before the instant: a start before its slot would find none. */
function utcSecond(at: number): string {
  const second = Math.ceil(at / 1_000) * 1_000;
  return `${new Date(second).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function cronCalendar(schedule: Schedule & { readonly kind: "cron" }, zone: string, now: Date): Calendar | CalendarProblem {
  const utc = sameInUtc(schedule.expr, zone, now);
  const lines = cronLines(schedule.expr, utc ? "UTC" : zone);
  if ("problem" in lines) return lines;
  if (utc) return { lines, notes: [] };
  const around = changeLines(schedule, zone, now);
  return "problem" in around
    ? { lines, notes: [around.problem] }
    : { lines: [...lines, ...around.lines], notes: around.lines.length === 0 ? [] : [around.note] };
}

/**
 * Whether the calendar may stand in UTC, where no hour comes twice: it has every hour of every day, and its minutes are the same by each offset
 * of the zone. The calendar then elapses at least at each slot.
 */
function sameInUtc(expr: string, zone: string, now: Date): boolean {
  const read = readCron(expr);
  const lines = cronLines(expr, "UTC");
  if ("problem" in read || "problem" in lines || !lines.every((line) => line.startsWith("OnCalendar=*-*-* *:"))) return false;
  const minutes = new Set(read.times.minutes);
  const offsets = [offsetMinutes(zone, now.getTime()), ...changesOf(zone, now).map(({ afterMinutes }) => afterMinutes)];
  return offsets.every((offset) => [...minutes].every((minute) => minutes.has((((minute - offset) % 60) + 60) % 60)));
}

/**
 * An interval that divides a day is a calendar of UTC, so that it stays anchored. Of another one the timer elapses at each instant of a day that
 * may be one of its slots, and the claim decides.
 */
function everyCalendar(everyMs: number, anchorMs: number): Calendar | CalendarProblem {
  const [step, minute] = [commonDivisor(everyMs, dayMs), everyMs % minuteMs === 0];
  const lines = step === everyMs || minute ? dayLines(step, Math.ceil(anchorMs / 1_000) * 1_000) : undefined;
  if (lines === undefined)
    return { problem: `no calendar of systemd says every ${everyMs / 1_000} s, and runner start does: there is no timer` };
  if (step === everyMs) return { lines, notes: [] };
  const note = `no calendar of systemd says every ${everyMs / minuteMs} min: its timer starts each ${step / minuteMs} min, and ends at once where no new slot is due`;
  return { lines, notes: [note] };
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** @param everyMs divides a day. */
function dayLines(everyMs: number, anchorMs: number): string[] | undefined {
  if (everyMs % 1_000 !== 0) return undefined;
  const first = ((anchorMs % everyMs) + everyMs) % everyMs;
  const instants = Array.from({ length: dayMs / everyMs }, (_, at) => (first + at * everyMs) / 1_000);
  const [byMinute, bySecond] = [
    Map.groupBy(instants, (second) => second % 3_600),
    Map.groupBy(instants, (second) => second % 60),
  ];
  if (hourMs % everyMs === 0 && bySecond.size <= mostLines)
    return [...bySecond].map(([second, all]) => dayLine("*", minutesOf(all), second));
  if (byMinute.size > mostLines) return undefined;
  return [...byMinute].map(([rest, all]) => dayLine(hoursOf(all), String(Math.floor(rest / 60)), rest % 60));
}

function dayLine(hours: string, minutes: string, second: number): string {
  return `OnCalendar=*-*-* ${padded(hours)}:${padded(minutes)}:${pad(second)} UTC`;
}

/** Of seconds of the day. */
function minutesOf(instants: readonly number[]): string {
  const minutes = instants.map((second) => Math.floor((second % 3_600) / 60));
  return compact([...new Set(minutes)], 0, 59);
}

function hoursOf(instants: readonly number[]): string {
  const hours = instants.map((second) => Math.floor(second / 3_600));
  return compact(hours, 0, 23);
}

/** A start that is late by the stagger is on time. One that comes after the next slot would be lost: a timer that has elapsed looks ahead from there. */
function delayOf(schedule: Schedule, { zone, now }: Place): Calendar {
  const stagger = schedule.staggerMs ?? 0;
  if (stagger === 0) return { lines: [], notes: [] };
  const slots = nextSlots(schedule, now, gapsLookedAt, zone).map((at) => at.getTime());
  const shortest = Math.min(...slots.slice(1).map((at, index) => at - (slots[index] ?? at)));
  if (stagger >= shortest)
    return {
      lines: [],
      notes: ["its stagger is left out: it is longer than the time between two slots, and systemd would lose some"],
    };
  return { lines: [`RandomizedDelaySec=${Math.ceil(stagger / 1_000)}`, "FixedRandomDelay=yes"], notes: [] };
}
