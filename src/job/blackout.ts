/**
 * Blackouts as job files write them: `22:00-06:00`, `sat,sun`, `mon-fri 12:00-13:00`, `2026-12-24..2026-12-26`. On the clocks of the
 * schedule's zone. A date alone at the end of a span is meant as a whole day, so that the span above ends with the 26th.
 */
import type { Blackout } from "./job.ts";
import { readTime } from "./instant.ts";
import type { Reading } from "./shape.ts";
import { describe, nearest } from "./words.ts";

const weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const day = 86_400_000;
const minutesOfDay = 1_440;
const forms = `write "22:00-06:00", "sat,sun", "mon-fri 12:00-13:00" or "2026-12-24..2026-12-26"`;

/** Reads one blackout, or says why it is none. */
export function readBlackout(found: unknown): Reading<Blackout> {
  if (typeof found !== "string") return { suggestion: forms };
  const text = found.trim().replaceAll(/\s+/g, " ");
  if (text === "") return { problem: "may not be blank", suggestion: forms };
  if (text.length > 100) return { problem: `has ${text.length} characters, at most 100 are read` };
  return /^\d{4}-/.test(text) ? readSpan(text) : readDaily(text.toLowerCase());
}

type Wrong = { readonly problem: string; readonly suggestion?: string };

function readSpan(text: string): Reading<Blackout> {
  const parts = text.split(/ ?\.\. ?/);
  const [first = "", last = first] = parts;
  if (parts.length > 2) return { problem: `${describe(text)} has more than one ".."`, suggestion: forms };
  const slash = / to |\/| - |–|(\d{4}-\d{2}-\d{2})-(?=\d{4})/.exec(text);
  if (parts.length === 1 && slash !== null)
    return {
      problem: `${describe(text)} is no span of dates`,
      suggestion: `write ".." between its ends: "2026-12-24..2026-12-26"`,
    };
  const [from, to] = [readTime(first), readTime(last)];
  for (const [said, time] of [
    [first, from],
    [last, to],
  ] as const) {
    if (time === undefined) return { problem: `${describe(said)} is no date or time that exists`, suggestion: forms };
    if (!time.fixed) continue;
    const suggestion = "take the offset away: a blackout is on the clocks of the schedule's zone (tz)";
    return { problem: `${describe(said)} says its offset`, suggestion };
  }
  if (from === undefined || to === undefined) return {};
  if (parts.length === 1 && !from.day)
    return {
      problem: `${describe(text)} is a time without an end`,
      suggestion: `write its end after "..": "${text}..2026-12-26T18:00"`,
    };
  const end = to.day ? to.ms + day : to.ms;
  if (end <= from.ms) return { problem: `${describe(text)} ends before it begins`, suggestion: "the earlier end comes first" };
  return { value: { kind: "span", from: localText(from.ms), to: localText(end) } };
}

/** `2026-12-24T18:00`, with seconds where there are any. */
function localText(ms: number): string {
  return new Date(ms).toISOString().replace(/(?::00)?\.\d+Z$/, "");
}

function readDaily(text: string): Reading<Blackout> {
  const at = text.search(/(?:^| )\d/);
  const daysText = at < 0 ? text : text.slice(0, at);
  const hoursText = at < 0 ? "" : text.slice(at).trim();
  const days = daysText === "" ? undefined : readDays(daysText);
  if (days !== undefined && "problem" in days) return days;
  const hours = hoursText === "" ? { fromMinute: 0, toMinute: 0 } : readHours(hoursText);
  if ("problem" in hours) return hours;
  return { value: { kind: "daily", ...hours, ...(days === undefined ? {} : { days }) } };
}

function readHours(text: string): { fromMinute: number; toMinute: number } | Wrong {
  const [, fromText, toText] = /^([^ -]+) ?- ?([^ -]+)$/.exec(text) ?? [];
  if (fromText === undefined || toText === undefined) {
    const several = text.includes(",");
    const suggestion = several ? `write a list of blackouts, one a window` : `write "22:00-06:00"`;
    return { problem: `cannot read the times ${describe(text)}`, suggestion };
  }
  const [from, to] = [readMinute(fromText), readMinute(toText)];
  if (typeof from === "object") return from;
  if (typeof to === "object") return to;
  if (from === minutesOfDay) return { problem: `a day begins at 00:00, not at 24:00`, suggestion: `write "00:00-${toText}"` };
  if (from === to)
    return {
      problem: `${describe(text)} begins and ends at the same time`,
      suggestion: `for whole days, write "00:00-24:00", or the days alone: "sat,sun"`,
    };
  return { fromMinute: from, toMinute: to % minutesOfDay };
}

function readMinute(text: string): number | Wrong {
  const [, hours = "", minutes = ""] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  const minute = Number(hours) * 60 + Number(minutes);
  if (hours !== "" && Number(minutes) < 60 && minute <= minutesOfDay) return minute;
  const [, plain, half] = /^(\d{1,2})(?::\d{2})?(am|pm)?$/.exec(text) ?? [];
  if (hours !== "" || plain === undefined || Number(plain) > 24)
    return {
      problem: `${describe(text)} is no time of day`,
      suggestion: `write hours and minutes from 00:00 to 24:00: "22:00-06:00"`,
    };
  const meant = half === undefined ? Number(plain) : (Number(plain) % 12) + (half === "pm" ? 12 : 0);
  return { problem: `${describe(text)} is no time of day`, suggestion: `write "${String(meant).padStart(2, "0")}:00"` };
}

/** Days of the week in a list or as a range, which may go round the end of the week; sorted. */
function readDays(text: string): number[] | Wrong {
  const found = new Set<number>();
  for (const part of text.split(",").map((one) => one.trim())) {
    const [from = "", to = from, more] = part.split(/ ?- ?/);
    if (part === "" || more !== undefined)
      return { problem: `cannot read the days ${describe(text)}`, suggestion: `write "sat,sun" or "mon-fri"` };
    const [first, last] = [dayOf(from), dayOf(to)];
    if (typeof first === "object") return first;
    if (typeof last === "object") return last;
    for (let each = first; ; each = (each + 1) % 7) {
      found.add(each);
      if (each === last) break;
    }
  }
  return [...found].toSorted((a, b) => a - b);
}

function dayOf(text: string): number | Wrong {
  const at = text.length < 3 ? -1 : weekdays.findIndex((name) => name === text || name.slice(0, 3) === text);
  if (at >= 0) return at;
  const group = /^weekdays?$|^workdays?$/.test(text) ? "mon-fri" : /^weekends?$/.test(text) ? "sat,sun" : undefined;
  const short = weekdays.find((name) => text.length > 3 && name.startsWith(text))?.slice(0, 3);
  const near = group ?? short ?? nearest(text, [...weekdays.map((name) => name.slice(0, 3)), ...weekdays])?.slice(0, 3);
  const problem = `${describe(text)} is no day of the week`;
  return { problem, suggestion: near === undefined ? forms : `did you mean "${near}"?` };
}

/** Whether daily blackouts together leave no minute of the week. */
export function leavesNoTime(blackouts: readonly Blackout[]): boolean {
  const ranges: [number, number][] = [];
  const week = 7 * minutesOfDay;
  for (const blackout of blackouts) {
    if (blackout.kind !== "daily") continue;
    const { fromMinute, toMinute, days = [0, 1, 2, 3, 4, 5, 6] } = blackout;
    const length = toMinute > fromMinute ? toMinute - fromMinute : toMinute + minutesOfDay - fromMinute;
    for (const each of days) {
      const from = each * minutesOfDay + fromMinute;
      // What goes past the end of Saturday is at the week's beginning too.
      ranges.push([from, from + length], [from - week, from - week + length]);
    }
  }
  let reached = 0;
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) if (from <= reached) reached = Math.max(reached, to);
  return reached >= week;
}
