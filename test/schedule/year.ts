/**
 * A simulated year of one zone: what the scheduler computes, against the slow oracle of Debian cron's rule, which shares nothing with it.
 * The short version of this is a test, the long one `bench/calendar-year.ts`.
 */
import { countSlots, nextSlot } from "../../src/schedule/slot.ts";
import type { Schedule } from "../../src/job/job.ts";
import { due, type Fields, type LocalMinute } from "./oracle.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const each = (step: number, most: number): Set<number> =>
  new Set(Array.from({ length: most + 1 }, (_, value) => value).filter((value) => value % step === 0));

/** The expressions of which it is known how Debian's cron runs them, and what their fields mean. */
export const expressions: readonly { readonly expr: string; readonly fields: Fields }[] = [
  { expr: "30 2 * * *", fields: { minutes: new Set([30]), hours: new Set([2]), wild: false } },
  { expr: "30 1 * * *", fields: { minutes: new Set([30]), hours: new Set([1]), wild: false } },
  { expr: "15 2 * * *", fields: { minutes: new Set([15]), hours: new Set([2]), wild: false } },
  { expr: "0 0 * * *", fields: { minutes: new Set([0]), hours: new Set([0]), wild: false } },
  { expr: "0 12 * * *", fields: { minutes: new Set([0]), hours: new Set([12]), wild: false } },
  { expr: "59 23 * * *", fields: { minutes: new Set([59]), hours: new Set([23]), wild: false } },
  { expr: "30 1,2,3 * * *", fields: { minutes: new Set([30]), hours: new Set([1, 2, 3]), wild: false } },
  { expr: "30 1-3/1 * * *", fields: { minutes: new Set([30]), hours: new Set([1, 2, 3]), wild: false } },
  { expr: "30 0 * * 5", fields: { minutes: new Set([30]), hours: new Set([0]), weekdays: new Set([5]), wild: false } },
  { expr: "*/30 * * * *", fields: { minutes: each(30, 59), hours: each(1, 23), wild: true } },
  { expr: "0 */2 * * *", fields: { minutes: new Set([0]), hours: each(2, 23), wild: true } },
  { expr: "*/20 2 * * *", fields: { minutes: each(20, 59), hours: new Set([2]), wild: true } },
];

export interface Year {
  readonly zone: string;
  readonly from: number;
  readonly to: number;
  /** Every minute of the year, and of two days before it. */
  readonly minutes: () => readonly LocalMinute[];
  /** The instants at which the clocks change. */
  readonly changes: readonly number[];
  /** The same for zones whose clocks show the same all the year. */
  readonly clocks: string;
}

/** A year of UTC with the zone's local time from Intl, asked each six hours, and minute by minute where it has changed between. */
export function yearOf(zone: string, year: number): Year {
  const format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset", year: "numeric" });
  const offsetAt = (at: number): number => {
    const [, sign = "+", hours = "0", minutes = "0"] = /GMT([+-])(\d\d):(\d\d)/.exec(format.format(at)) ?? [];
    return (sign === "-" ? -1 : 1) * (Number(hours) * hour + Number(minutes) * minute);
  };
  const [from, to] = [Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1)];
  const start = from - 2 * day;
  const turns = [{ at: start, offset: offsetAt(start) }];
  const turn = (at: number): void => {
    const offset = offsetAt(at);
    if (offset !== turns.at(-1)?.offset) turns.push({ at, offset });
  };
  for (let block = start; block < to; block += 6 * hour) {
    if (offsetAt(block + 6 * hour) === turns.at(-1)?.offset) continue;
    for (let at = block; at <= block + 6 * hour; at += minute) turn(at);
  }
  const minutes = (): LocalMinute[] =>
    turns.flatMap(({ at: first, offset }, index) =>
      Array.from({ length: ((turns[index + 1]?.at ?? to) - first) / minute }, (_, more) => {
        const at = first + more * minute;
        return { at, local: at + offset };
      }),
    );
  let made: readonly LocalMinute[] | undefined;
  const changes = turns.slice(1).map(({ at }) => at);
  return { zone, from, to, minutes: () => (made ??= minutes()), changes, clocks: JSON.stringify(turns) };
}

export interface Checked {
  readonly slots: number;
  readonly wrong: readonly string[];
}

/** Every slot of the year for what fires at most a few times a day; for the rest the days around each change, and the count of the year. */
export function checkExpression(
  { zone, from, to, minutes, changes }: Year,
  at: number,
  expected: readonly number[] | undefined,
  whole: boolean,
): Checked & { readonly wanted: readonly number[] } {
  const { expr, fields } = expressions[at] ?? {
    expr: "",
    fields: { minutes: new Set<number>(), hours: new Set<number>(), wild: false },
  };
  const schedule: Schedule = { kind: "cron", expr, tz: zone };
  const wanted = expected ?? due(fields, minutes()).filter((slot) => slot >= from);
  const often = fields.minutes.size * fields.hours.size > 4 && !whole;
  const windows = often ? changes.map((change) => [change - 1.5 * day, change + 1.5 * day] as const) : [[from - 1, to] as const];
  const wrong: string[] = [];
  let slots = 0;
  for (const [low, high] of windows) {
    const found: number[] = [];
    for (
      let slot = nextSlot(schedule, low, "UTC");
      slot !== undefined && slot < Math.min(high, to);
      slot = nextSlot(schedule, slot, "UTC")
    )
      found.push(slot);
    const there = wanted.filter((slot) => slot > low && slot < high);
    slots += found.length;
    const odd = [...found.filter((slot) => !there.includes(slot)), ...there.filter((slot) => !found.includes(slot))];
    if (found.join() !== there.join())
      wrong.push(
        `${expr} in ${zone}: ${odd
          .slice(0, 3)
          .map((slot) => new Date(slot).toISOString())
          .join(", ")}`,
      );
  }
  const { slots: counted } = countSlots(schedule, from - 1, to - 1, "UTC");
  if (counted !== wanted.length) wrong.push(`${expr} in ${zone}: ${counted} slots are counted, ${wanted.length} are right`);
  return { slots, wrong, wanted };
}

/** Civil days of the year on which a nightly job would not run exactly once. A time that was jumped over is of the day that it would have been on. */
export function oddDays(
  { zone, minutes, from, to }: Year,
  slots: readonly number[],
  { minutes: ofHour, hours }: Fields,
): string[] {
  const all = minutes();
  const first = all[0]?.at ?? 0;
  const runs = new Map<number, number>();
  for (const slot of slots) {
    const index = (slot - first) / minute;
    let local = all[index]?.local ?? 0;
    for (let skipped = (all[index - 1]?.local ?? local) + minute; skipped < local; skipped += minute)
      if (ofHour.has((skipped / minute) % 60) && hours.has(Math.floor(skipped / hour) % 24)) local = skipped;
    const date = Math.floor(local / day);
    runs.set(date, (runs.get(date) ?? 0) + 1);
  }
  const dates = new Set(all.filter(({ at }) => at >= from + day && at < to - day).map(({ local }) => Math.floor(local / day)));
  return [...dates]
    .filter((date) => runs.get(date) !== 1)
    .map((date) => `${zone} ${new Date(date * day).toISOString().slice(0, 10)}`);
}
