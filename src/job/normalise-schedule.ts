/** The shorthands and older spellings of schedules. */
import { older, twice, type Draft } from "./draft.ts";
import { readDuration } from "./duration.ts";
import { flatScheduleKeys } from "./flat-keys.ts";
import { isRecord } from "./shape.ts";
import { describe, type Path } from "./words.ts";

/** Older names within a schedule, and today's. */
const olderNames: Readonly<Record<string, string>> = { cron: "expr", atMs: "at" };

export function normaliseSchedule(draft: Draft): void {
  const { job } = draft;
  const written = job["schedule"];
  const flat = flatScheduleKeys.filter((key) => Object.hasOwn(job, key));
  if (!(typeof written === "string" || isRecord(written) || (written === undefined && flat.length > 0))) return;
  const schedule: Record<string, unknown> = isRecord(written) ? { ...written } : {};
  const places = new Map<string, Path>(Object.keys(schedule).map((key) => [key, ["schedule", key]]));
  if (typeof written === "string") {
    schedule["expr"] = written;
    places.set("expr", ["schedule"]);
  }
  if (written === undefined) draft.moved(["schedule"], [flat[0] ?? "schedule"]);
  let said = saysWhen(written) ? "schedule" : undefined;
  for (const key of flat) {
    if (instants.has(key) && said !== undefined) {
      const message = `is a second schedule beside "${said}"`;
      draft.problems.push({ path: [key], of: "key", message, suggestion: "keep one, or write two jobs" });
    } else if (Object.hasOwn(schedule, key)) draft.problems.push(twice([key], `schedule.${key}`));
    else {
      schedule[key] = job[key];
      places.set(key, [key]);
      if (instants.has(key)) said = key;
    }
    delete job[key];
  }
  renameOlder(schedule, places, draft);
  interval(schedule, places, draft);
  numbers(schedule, places, draft);
  if (!Object.hasOwn(schedule, "kind")) {
    const kind = kindOf(schedule);
    if (kind !== undefined) schedule["kind"] = kind;
  }
  for (const [key, place] of places) if (place[0] !== "schedule" || place[1] !== key) draft.moved(["schedule", key], place);
  job["schedule"] = schedule;
}

/** Keys that say when, of which a job has one. */
const instants = new Set(["cron", "expr", "every", "everyMs", "at", "atMs"]);

function saysWhen(schedule: unknown): boolean {
  return (
    typeof schedule === "string" ||
    (isRecord(schedule) && Object.keys(schedule).some((key) => key === "kind" || instants.has(key)))
  );
}

function kindOf(schedule: Record<string, unknown>): string | undefined {
  if (Object.hasOwn(schedule, "expr")) return "cron";
  if (Object.hasOwn(schedule, "everyMs")) return "every";
  return Object.hasOwn(schedule, "at") ? "at" : undefined;
}

type Places = Map<string, Path>;

function renameOlder(schedule: Record<string, unknown>, places: Places, draft: Draft): void {
  for (const [from, to] of Object.entries(olderNames)) {
    if (!Object.hasOwn(schedule, from)) continue;
    const place = places.get(from) ?? ["schedule", from];
    if (Object.hasOwn(schedule, to)) {
      draft.problems.push(twice(place, to));
    } else {
      schedule[to] = schedule[from];
      places.set(to, place);
      // `cron` at the top of a job is today's shorthand; within a schedule it is OpenClaw's older name.
      if (!draft.openclaw && (place.length > 1 || from !== "cron")) {
        draft.warnings.push(older(place, `"${to}"`));
      }
    }
    delete schedule[from];
    places.delete(from);
  }
}

/** `every: 30m` is an interval with its unit. */
function interval(schedule: Record<string, unknown>, places: Places, draft: Draft): void {
  if (!Object.hasOwn(schedule, "every")) return;
  const place = places.get("every") ?? ["schedule", "every"];
  const { every } = schedule;
  delete schedule["every"];
  places.delete("every");
  const read = readDuration(every);
  if (Object.hasOwn(schedule, "everyMs")) {
    draft.problems.push(twice(place, "everyMs"));
    return;
  }
  schedule["everyMs"] = "ms" in read ? read.ms : 1_000;
  places.set("everyMs", place);
  if ("ms" in read && read.ms >= 1_000) return;
  if ("ms" in read) {
    const message = `${describe(every)} is less than 1 second, the least interval`;
    schedule["everyMs"] = 1_000;
    draft.problems.push({ path: place, of: "value", message, suggestion: `write "every": "30m"` });
    return;
  }
  const message = read.problem === "" ? `expected a duration such as "30m", found ${describe(every)}` : read.problem;
  draft.problems.push({ path: place, of: "value", message, suggestion: read.suggestion ?? `write "every": "30m"` });
}

/** Numbers that were written as texts. */
function numbers(schedule: Record<string, unknown>, places: Places, draft: Draft): void {
  for (const key of ["everyMs", "anchorMs", "staggerMs"]) {
    const found = schedule[key];
    if (typeof found !== "string" || !/^\d{1,15}$/.test(found.trim())) continue;
    schedule[key] = Number(found);
    if (draft.openclaw) continue;
    const path = places.get(key) ?? ["schedule", key];
    draft.warnings.push({
      path,
      of: "value",
      message: "is a number in quotes, read as it was meant",
      suggestion: `write ${Number(found)}`,
    });
  }
}
