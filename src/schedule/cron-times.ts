/**
 * The clock times of a cron expression, one after the other: what a wall clock shows, as epoch ms as if it were UTC's. Which instants those are
 * is a question of the zone (cron-calendar.ts).
 */
import type { CronExpression } from "../job/cron.ts";
import { nextDate, previousDate } from "./cron-dates.ts";

/** Of an expression only what its slots need: the whole takes a kilobyte. */
export type CronTimes = Pick<CronExpression, "times" | "dates" | "wild">;

const secondsOfDay = 86_400;

/** The first clock time at or after this one; Infinity if there is none. @throws JobError as `nextDate` */
export function nextTime({ times, dates }: CronTimes, local: number): number {
  const from = Math.ceil(local / 1_000);
  const today = Math.floor(from / secondsOfDay);
  const second = firstFrom(times, from - today * secondsOfDay);
  const date = nextDate(dates, second === undefined ? today + 1 : today);
  return date === today && second !== undefined
    ? (today * secondsOfDay + second) * 1_000
    : (date * secondsOfDay + (firstFrom(times, 0) ?? 0)) * 1_000;
}

/** The last clock time at or before this one; -Infinity if there is none. @throws as `nextTime` */
export function previousTime({ times, dates }: CronTimes, local: number): number {
  const to = Math.floor(local / 1_000);
  const today = Math.floor(to / secondsOfDay);
  const second = lastUpTo(times, to - today * secondsOfDay);
  const date = previousDate(dates, second === undefined ? today - 1 : today);
  return date === today && second !== undefined
    ? (today * secondsOfDay + second) * 1_000
    : (date * secondsOfDay + (lastUpTo(times, secondsOfDay - 1) ?? 0)) * 1_000;
}

/** The first of a day's times, in seconds since midnight, that is not before this one. */
function firstFrom({ hours, minutes, seconds }: CronTimes["times"], from: number): number | undefined {
  const [hour, minute, second] = clockOf(from);
  for (const h of hours) {
    if (h < hour) continue;
    for (const m of minutes) {
      if (h === hour && m < minute) continue;
      const s = h === hour && m === minute ? seconds.find((one) => one >= second) : seconds[0];
      if (s !== undefined) return h * 3_600 + m * 60 + s;
    }
  }
  return undefined;
}

/** The last that is not after it. */
function lastUpTo({ hours, minutes, seconds }: CronTimes["times"], to: number): number | undefined {
  const [hour, minute, second] = clockOf(to);
  for (let atHour = hours.length - 1; atHour >= 0; atHour -= 1) {
    const h = hours[atHour] ?? 0;
    if (h > hour) continue;
    for (let atMinute = minutes.length - 1; atMinute >= 0; atMinute -= 1) {
      const m = minutes[atMinute] ?? 0;
      if (h === hour && m > minute) continue;
      const s = h === hour && m === minute ? seconds.findLast((one) => one <= second) : seconds.at(-1);
      if (s !== undefined) return h * 3_600 + m * 60 + s;
    }
  }
  return undefined;
}

function clockOf(seconds: number): [hour: number, minute: number, second: number] {
  return [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
}
