/** The shorthands and older spellings of schedules. */
import { older, twice, type Draft } from "./draft.ts";
import { readDuration } from "./duration.ts";
import { flatScheduleKeys, presentOf } from "./flat-keys.ts";
import { isRecord } from "./shape.ts";
import { describe, type Path } from "./words.ts";

/** Older names within a schedule, and today's. */
const olderNames: Readonly<Record<string, string>> = { cron: "expr", atMs: "at" };

export function normaliseSchedule(draft: Draft): void {
  const { job } = draft;
  const written = job["schedule"];
  const flat = presentOf(flatScheduleKeys, job);
  if (flat.length === 0 && isNormal(written)) return;
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
  for (const field of durations) inMilliseconds(schedule, places, draft, field);
  atBoot(schedule, places, draft);
  numbers(schedule, places, draft);
  if (!Object.hasOwn(schedule, "kind")) {
    const kind = kindOf(schedule);
    if (kind !== undefined) schedule["kind"] = kind;
  }
  for (const [key, place] of places) if (place[0] !== "schedule" || place[1] !== key) draft.moved(["schedule", key], place);
  job["schedule"] = schedule;
}

/** A schedule that says its kind, in today's spelling: of it nothing is rewritten. Nearly all are, or become so by a few words. */
function isNormal(schedule: unknown): boolean {
  if (!isRecord(schedule) || !Object.hasOwn(schedule, "kind")) return false;
  const { expr, everyMs, anchorMs, staggerMs } = schedule;
  const isText = [everyMs, anchorMs, staggerMs].some((value) => typeof value === "string");
  const namesInstant = typeof expr === "string" && expr.includes("@");
  return !isText && !namesInstant && !["cron", "atMs", "every", "stagger"].some((key) => Object.hasOwn(schedule, key));
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

interface DurationField {
  readonly written: string;
  readonly today: string;
  readonly leastMs: number;
  readonly example: string;
}

const durations: readonly DurationField[] = [
  { written: "every", today: "everyMs", leastMs: 1_000, example: "30m" },
  { written: "stagger", today: "staggerMs", leastMs: 0, example: "5m" },
];

/** `every: 30m` is an interval with its unit, `stagger: 5m` a stagger. */
function inMilliseconds(schedule: Record<string, unknown>, places: Places, draft: Draft, field: DurationField): void {
  const { written, today, leastMs, example } = field;
  if (!Object.hasOwn(schedule, written)) return;
  const place = places.get(written) ?? ["schedule", written];
  const found = schedule[written];
  delete schedule[written];
  places.delete(written);
  const read = readDuration(found);
  if (Object.hasOwn(schedule, today)) {
    draft.problems.push(twice(place, today));
    return;
  }
  schedule[today] = "ms" in read ? read.ms : leastMs;
  places.set(today, place);
  if ("ms" in read && read.ms >= leastMs) return;
  if ("ms" in read) {
    const message = `${describe(found)} is less than 1 second, the least interval`;
    schedule[today] = leastMs;
    draft.problems.push({ path: place, of: "value", message, suggestion: `write "${written}": "${example}"` });
    return;
  }
  const message = read.problem === "" ? `expected a duration such as "${example}", found ${describe(found)}` : read.problem;
  draft.problems.push({ path: place, of: "value", message, suggestion: read.suggestion ?? `write "${written}": "${example}"` });
}

/** `@reboot` is crontab(5)'s word for a kind of its own. */
function atBoot(schedule: Record<string, unknown>, places: Places, draft: Draft): void {
  const { expr, kind = "cron" } = schedule;
  if (kind !== "cron" || typeof expr !== "string" || expr.trim().toLowerCase() !== "@reboot") return;
  draft.moved(["schedule", "kind"], places.get("expr") ?? ["schedule", "expr"]);
  schedule["kind"] = "boot";
  delete schedule["expr"];
  places.delete("expr");
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
