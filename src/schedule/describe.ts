import { formatDuration } from "../job/duration.ts";
import type { Schedule } from "../job/job.ts";

/** A schedule in one short line for lists. Pure text: it does not compute anything and costs nothing. */
export function describeSchedule(schedule: Schedule): string {
  switch (schedule.kind) {
    case "manual":
      return "by hand";
    case "boot":
      return "at each start of the machine";
    case "at":
      return `at ${schedule.at}`;
    case "every":
      return `every ${formatDuration(schedule.everyMs)}`;
    case "cron":
      return schedule.tz === undefined ? schedule.expr : `${schedule.expr} ${schedule.tz}`;
  }
}
