/** A job's schedule as the five fields of crontab(5), which Kubernetes has too; or why they cannot say it. Pure. */
import { readCron } from "../../job/cron.ts";
import type { Schedule } from "../../job/job.ts";

export type CronWords =
  | { readonly expr: string; readonly zone: string; readonly notes: readonly string[] }
  /** `@reboot`, which only a crontab has. */
  | { readonly boot: true }
  | { readonly problem: string };

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** @param keyed the command answers the slot that is due, and so keeps to the schedule's bounds and blackouts. */
export function cronWords(schedule: Schedule, defaultZone: string, keyed = false): CronWords {
  const notes = boundNotes(schedule, keyed);
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
      return exprWords(schedule.expr, schedule.tz ?? defaultZone, notes);
  }
}

function boundNotes(schedule: Schedule, keyed: boolean): string[] {
  if (schedule.kind === "manual") return [];
  const notes: string[] = [];
  if ((schedule.staggerMs ?? 0) > 0) notes.push("its stagger is left out: it starts at the instant itself");
  if (keyed) return notes;
  if (schedule.startAt !== undefined || schedule.endAt !== undefined)
    notes.push("startAt and endAt are left out: take the entry out yourself");
  if (schedule.blackout !== undefined) notes.push("its blackouts are left out");
  return notes;
}

/** Of whole minutes that part an hour, whole hours that part a day, and a day, an interval is the same times of each day in UTC. */
function everyWords(everyMs: number, anchorMs: number, notes: readonly string[]): CronWords {
  const problem = { problem: `every ${everyMs / 1_000} s is no fixed times of the day` };
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
  return { expr: read.fields.map((field) => field.replaceAll("?", "*")).join(" "), zone, notes };
}
