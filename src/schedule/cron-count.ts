/**
 * How many slots a cron expression has between two instants, without asking for each: a job of every second that was down for a month has
 * two and a half million. Days are counted by their number of times, and only the dates that match are asked of the calculator.
 */
import type { CronExpression } from "../job/cron.ts";
import { cronOf } from "./cron-calendar.ts";
import { nextDate } from "./cron-dates.ts";
import { evenStretches } from "./stretches.ts";

const day = 86_400_000;
/** Dates that are looked at one by one; a longer time is counted up to there. */
const maxDates = 4_000;

export interface SlotCount {
  readonly slots: number;
  /** There are more: it was not counted to the end. */
  readonly atLeast: boolean;
}

/** Slots after `from` and at or before `to`, by Debian cron's rule. */
export function countCronSlots(expr: string, zone: string, from: number, to: number): SlotCount {
  const read = cronOf(expr);
  const budget = { dates: maxDates };
  let slots = 0;
  // From a day before, so that it is known which clock times have been shown already.
  for (const { start, end, offsetMs, shown } of evenStretches(zone, from - day, to + 1)) {
    const [first, last] = [start + offsetMs, end + offsetMs];
    const low = Math.max(start, from + 1) + offsetMs;
    if (read.wild) slots += countLocal(read, low, last, budget);
    else {
      // What the clocks jumped over is made up for at once, in one run with what is due right then.
      const jump = start > from && shown > -Infinity && first > shown;
      if (jump && countLocal(read, shown, first, budget) > 0 && countLocal(read, first, first + 1, budget) === 0) slots += 1;
      // What they show for the second time was answered the first time.
      slots += countLocal(read, Math.max(low, shown), last, budget);
    }
  }
  return { slots, atLeast: budget.dates <= 0 };
}

/** Of the clock times from `low` to before `high` (epoch ms as if they were UTC's), how many the expression names. */
function countLocal(read: CronExpression, low: number, high: number, budget: { dates: number }): number {
  if (high <= low) return 0;
  const { seconds, minutes, hours } = read.times;
  const aDay = seconds.length * minutes.length * hours.length;
  const [firstDate, lastDate] = [Math.floor(low / day), Math.floor((high - 1) / day)];
  let found = 0;
  if (read.dates === "* * *") {
    found = (lastDate - firstDate + 1) * aDay;
    return found - timesBefore(read, low - firstDate * day) - (aDay - timesBefore(read, high - lastDate * day));
  }
  for (let date = nextDate(read.dates, firstDate); date <= lastDate; date = nextDate(read.dates, date + 1)) {
    const from = date === firstDate ? timesBefore(read, low - date * day) : 0;
    const to = date === lastDate ? timesBefore(read, high - date * day) : aDay;
    found += to - from;
    budget.dates -= 1;
    if (budget.dates <= 0) break;
  }
  return found;
}

const below = (values: readonly number[], limit: number): number => values.filter((value) => value < limit).length;

/** How many of a day's times are before this time of day (ms, 0 to 24 h). */
function timesBefore({ times: { seconds, minutes, hours } }: CronExpression, ms: number): number {
  const rest = Math.ceil(ms / 1_000);
  const [hour, minute, second] = [Math.floor(rest / 3_600), Math.floor(rest / 60) % 60, rest % 60];
  const anHour = minutes.length * seconds.length;
  let found = below(hours, hour) * anHour;
  if (hours.includes(hour)) found += below(minutes, minute) * seconds.length;
  if (hours.includes(hour) && minutes.includes(minute)) found += below(seconds, second);
  return found;
}
