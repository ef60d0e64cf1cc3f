/** Reads a schedule in two steps, its kind and then that kind's fields, so that problems speak of the kind that was meant. */
import { check, missing, type CheckOptions, type Problem } from "./check.ts";
import { isRecord } from "./shape.ts";
import { describe } from "./words.ts";
import type { Schedule } from "./job.ts";
import { scheduleKind, schedules } from "./schedule-shape.ts";

function under(problems: readonly Problem[]): { problems: Problem[] } {
  return { problems: problems.map((problem) => ({ ...problem, path: ["schedule", ...problem.path] })) };
}

/** The schedule of a job, normalised: of the kind it says, with every problem at its place under `schedule`. */
export function readSchedule(
  found: unknown,
  options: CheckOptions = {},
): { readonly schedule: Schedule; readonly unknown: readonly Problem[] } | { readonly problems: Problem[] } {
  if (found === undefined) return { schedule: { kind: "manual" }, unknown: [] };
  if (!isRecord(found)) {
    const suggestion = `write "schedule": "0 12 * * *", or { "kind": "cron", "expr": "0 12 * * *" }`;
    return under([{ path: [], of: "value", message: `expected an object, found ${describe(found)}`, suggestion }]);
  }
  const kind = check(scheduleKind, Object.hasOwn(found, "kind") ? { kind: found["kind"] } : {});
  if ("problems" in kind) return under(kind.problems.map((problem) => withGuess(problem, found)));
  const shaped = check(schedules[kind.value.kind], found, options);
  if ("problems" in shaped) return under(shaped.problems);
  return { schedule: toSchedule(kind.value.kind, shaped.value), unknown: under(shaped.unknown).problems };
}

/** A schedule without a kind, and without anything that shows which one was meant. */
function withGuess(problem: Problem, found: Record<string, unknown>): Problem {
  if (problem.message !== missing) return problem;
  const message = Object.hasOwn(found, "tz") ? "a time zone alone is no schedule" : "says nothing of when";
  return {
    path: [],
    of: "value",
    message,
    suggestion: `add "cron": "0 12 * * *", "every": "30m" or "at": "2027-01-31T09:00:00Z"`,
  };
}

type Shaped = { kind?: unknown; expr?: string; tz?: string; everyMs?: number; anchorMs?: number; at?: string };

function toSchedule(kind: Schedule["kind"], { expr = "", tz, everyMs = 0, anchorMs, at = "" }: Shaped): Schedule {
  switch (kind) {
    case "cron":
      return { kind, expr, ...(tz === undefined ? {} : { tz }) };
    case "every":
      return { kind, everyMs, ...(anchorMs === undefined ? {} : { anchorMs }) };
    case "at":
      return { kind, at };
    case "boot":
    case "manual":
      return { kind };
  }
}
