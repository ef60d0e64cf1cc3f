/** A job's schedule as the five fields of crontab(5), which Kubernetes has too; or why they cannot say it. Pure. */
import { readCron } from "../../job/cron.ts";
import type { Schedule } from "../../job/job.ts";
import { numbersOf } from "./systemd-cron.ts";
import { zoneName } from "./zone-name.ts";

export type CronWords =
  | { readonly expr: string; readonly zone: string; readonly notes: readonly string[] }
  /** `@reboot`, which only a crontab has. */
  | { readonly boot: true }
  | { readonly problem: string };

/** Of a command that runs at a start of the machine: it answers no slot, so nothing asks for the schedule's bounds and blackouts. */
export function bootNotes({ startAt, endAt, blackout }: Schedule): string[] {
  const unasked = Object.entries({ startAt, endAt, blackout }).flatMap(([key, value]) => (value === undefined ? [] : [key]));
  return unasked.length === 0 ? [] : [`it runs at each start all the same: left out: ${unasked.join(", ")}`];
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** Of a command that answers the slot that is due (`--slot due`), and so keeps to the schedule's bounds and blackouts by itself. */
export function cronWords(schedule: Schedule, defaultZone: string): CronWords {
  const stagger = schedule.kind === "manual" ? 0 : (schedule.staggerMs ?? 0);
  const notes = stagger > 0 ? ["its stagger is left out: it starts at the instant itself"] : [];
  switch (schedule.kind) {
    case "manual":
      return { problem: "runs by hand only" };
    case "boot":
      return { boot: true };
    case "at":
      return { problem: `runs once, at ${schedule.at}, and these fields have no year` };
    case "every":
      return everyWords(schedule.everyMs, schedule.anchorMs ?? 0, notes);
    case "cron":
      return exprWords(schedule.expr, zoneName(schedule.tz ?? defaultZone), notes);
  }
}

/** Of whole minutes that part an hour, whole hours that part a day, and a day, an interval is the same times of each day in UTC. */
function everyWords(everyMs: number, anchorMs: number, notes: readonly string[]): CronWords {
  const problem = { problem: `every ${everyMs / 1_000} s does not fall on the same times each day` };
  if (everyMs % minuteMs !== 0 || anchorMs % minuteMs !== 0) return problem;
  const [every, anchor] = [everyMs / minuteMs, (anchorMs % dayMs) / minuteMs];
  const told = [...notes, "an interval, written as its times of the day in UTC"];
  if (60 % every === 0) {
    const offset = anchor % every;
    const minutes = offset === 0 && every > 1 && every < 60 ? `*/${every}` : every === 1 ? "*" : list(offset, every, 60);
    return { expr: `${minutes} * * * *`, zone: "UTC", notes: told };
  }
  if (every % 60 !== 0 || 1_440 % every !== 0) return problem;
  return { expr: `${anchor % 60} ${list(Math.floor((anchor % every) / 60), every / 60, 24)} * * *`, zone: "UTC", notes: told };
}

function list(from: number, step: number, end: number): string {
  const values: number[] = [];
  for (let value = from; value < end; value += step) values.push(value);
  return values.join(",");
}

function exprWords(expr: string, zone: string, notes: readonly string[]): CronWords {
  const read = readCron(expr);
  if ("problem" in read) return { problem: read.problem };
  if (read.fields.length !== 5) {
    const [second = "", ...five] = read.fields;
    if (read.fields.length !== 6 || second !== "0") return { problem: `${JSON.stringify(expr)} has seconds or years` };
    return exprWords(five.join(" "), zone, notes);
  }
  const [, , day = "", , weekday = ""] = read.fields;
  if (/[LW#]/i.test(`${day} ${weekday.replaceAll(/[a-z]{3}/gi, "")}`))
    return { problem: `${JSON.stringify(expr)}: L, W and # are not cron's` };
  if (weekday.startsWith("+")) return { problem: `${JSON.stringify(expr)} wants both days; cron takes either` };
  return { expr: plainFields(read.fields).join(" "), zone, notes };
}

/**
 * The fields so that Debian's cron, cronie and Kubernetes read them alike. Sunday is 0: Kubernetes refuses a 7, and `FRI-SUN` would run backwards.
 * Where both days choose, either is enough; cron wants both of them if one begins with `*`, so that is written out.
 */
function plainFields(written: readonly string[]): string[] {
  const [minute = "*", hour = "*", day = "*", month = "*", weekday = "*"] = written.map((field) => field.replaceAll("?", "*"));
  const both = day !== "*" && weekday !== "*";
  const sunday = /7|-SUN/i.test(weekday.replaceAll(/\/\d+/g, ""));
  return [
    minute,
    hour,
    both && day.startsWith("*") ? numbersOf(day, 1, 31).join(",") : day,
    month,
    sunday || (both && weekday.startsWith("*")) ? weekdaysOf(weekday).join(",") : weekday,
  ];
}

function weekdaysOf(field: string): number[] {
  return [...new Set(numbersOf(field.toUpperCase(), 0, 7, 6).map((day) => day % 7))].toSorted((a, b) => a - b);
}
