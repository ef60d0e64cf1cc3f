/** Whether an instant lies in a blackout, on the clocks of the schedule's zone: an hour that comes twice counts twice, one that is jumped over not at all. */
import { readTime } from "../job/instant.ts";
import type { Blackout } from "../job/job.ts";
import { clockAt, instantsOf } from "../job/local-time.ts";
import { nextOffsetChange } from "../job/offset.ts";

const minute = 60_000;
const day = 86_400_000;
const minutesOfDay = 1_440;

/** The first of the blackouts in which the instant lies. */
export function blackoutAt(blackouts: readonly Blackout[], zone: string, at: number): Blackout | undefined {
  if (blackouts.length === 0) return undefined;
  const local = clockAt(zone, at);
  return blackouts.find((blackout) => holds(blackout, local));
}

function holds(blackout: Blackout, local: number): boolean {
  if (blackout.kind === "span") return local >= localMs(blackout.from) && local < localMs(blackout.to);
  const { fromMinute, toMinute, days } = blackout;
  const time = Math.floor((((local % day) + day) % day) / minute);
  const weekday = new Date(local).getUTCDay();
  const begins = (one: number): boolean => days?.includes((one + 7) % 7) ?? true;
  if (fromMinute < toMinute) return time >= fromMinute && time < toMinute && begins(weekday);
  return (time >= fromMinute && begins(weekday)) || (time < toMinute && begins(weekday - 1));
}

function localMs(text: string): number {
  return readTime(text)?.ms ?? Number.NaN;
}

/**
 * The instants after `from` and up to `to` at which a blackout may begin or end: between two of them nothing changes. In order. The range
 * should be of days, not of years: it costs time by the day.
 */
export function blackoutEdges(blackouts: readonly Blackout[], zone: string, from: number, to: number): number[] {
  if (blackouts.length === 0 || to <= from) return [];
  const locals = new Set<number>();
  const firstDay = Math.floor(clockAt(zone, from) / day) - 1;
  const lastDay = Math.floor(clockAt(zone, to) / day) + 1;
  for (const blackout of blackouts) {
    if (blackout.kind === "span") for (const end of [blackout.from, blackout.to]) locals.add(localMs(end));
    else
      for (let each = firstDay; each <= lastDay; each += 1)
        for (const time of [blackout.fromMinute, blackout.toMinute]) locals.add(each * day + time * minute);
  }
  const [low, high] = [(firstDay - 1) * day, (lastDay + 2) * day];
  const edges = new Set([...locals].filter((local) => local > low && local < high).flatMap((local) => instantsOf(zone, local)));
  for (let change = nextOffsetChange(zone, from, to); change !== undefined; change = nextOffsetChange(zone, change.at, to))
    edges.add(change.at);
  return [...edges].filter((at) => at > from && at <= to).toSorted((a, b) => a - b);
}

/** The first instant from `at` on that lies in no blackout, if there is one within 60 days; `at` itself, if it lies in none. */
export function blackoutEnd(blackouts: readonly Blackout[], zone: string, at: number): number | undefined {
  if (blackoutAt(blackouts, zone, at) === undefined) return at;
  return blackoutEdges(blackouts, zone, at, at + 60 * day).find((edge) => blackoutAt(blackouts, zone, edge) === undefined);
}

const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** As a job file writes it: `mon-fri 12:00-13:00`, `2026-12-24..2026-12-26`. */
export function describeBlackout(blackout: Blackout): string {
  if (blackout.kind === "span") {
    const [from, to] = [localMs(blackout.from), localMs(blackout.to)];
    const whole = from % day === 0 && to % day === 0;
    if (!whole) return `${blackout.from}..${blackout.to}`;
    const [first, last] = [from, to - day].map((ms) => new Date(ms).toISOString().slice(0, 10));
    return first === last ? `${first}` : `${first}..${last}`;
  }
  const { fromMinute, toMinute, days } = blackout;
  const named = days === undefined ? "" : daysText(days);
  if (fromMinute === 0 && toMinute === 0) return named === "" ? "00:00-24:00" : named;
  return `${named} ${clockText(fromMinute)}-${clockText(toMinute === 0 ? minutesOfDay : toMinute)}`.trim();
}

const two = (value: number): string => String(value).padStart(2, "0");

function clockText(time: number): string {
  return `${two(Math.floor(time / 60))}:${two(time % 60)}`;
}

/** Of a day counted from Monday. */
const name = (each: number | undefined): string => weekdays[((each ?? 0) + 1) % 7] ?? "";

/** Three days and more in a row, counted from Monday, as a range. */
function daysText(days: readonly number[]): string {
  const fromMonday = days.map((each) => (each + 6) % 7).toSorted((a, b) => a - b);
  const isRow = fromMonday.length > 2 && (fromMonday.at(-1) ?? 0) - (fromMonday[0] ?? 0) === fromMonday.length - 1;
  return isRow ? `${name(fromMonday[0])}-${name(fromMonday.at(-1))}` : fromMonday.map(name).join(",");
}
