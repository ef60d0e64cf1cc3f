/** Reads a schedule in two steps, its kind and then that kind's fields, so that problems speak of the kind that was meant. */
import { check, type Problem } from "./check.ts";
import { isRecord } from "./shape.ts";
import { describe } from "./words.ts";
import { readCron } from "./cron.ts";
import type { Schedule } from "./job.ts";
import { scheduleKind, schedules } from "./schedule-shape.ts";

function under(problems: readonly Problem[]): { problems: Problem[] } {
  return { problems: problems.map((problem) => ({ ...problem, path: ["schedule", ...problem.path] })) };
}

/** The schedule of a job as its file has it: of the kind it says, with every problem at its place under `schedule`. */
export function readSchedule(found: unknown): { readonly schedule: Schedule } | { readonly problems: Problem[] } {
  if (found === undefined) return { schedule: { kind: "manual" } };
  if (typeof found === "string") {
    const suggestion =
      "problem" in readCron(found)
        ? `write "schedule": { "kind": "cron", "expr": "0 12 * * *" }`
        : `write "schedule": { "kind": "cron", "expr": ${JSON.stringify(found)} }`;
    return under([{ path: [], of: "value", message: `expected an object, found ${describe(found)}`, suggestion }]);
  }
  if (!isRecord(found)) {
    return under([
      {
        path: [],
        of: "value",
        message: `expected an object, found ${describe(found)}`,
        suggestion: `write "schedule": { "kind": "cron", "expr": "0 12 * * *" }`,
      },
    ]);
  }
  const kind = check(scheduleKind, Object.hasOwn(found, "kind") ? { kind: found["kind"] } : {});
  if ("problems" in kind) return under(kind.problems.map((problem) => withGuess(problem, found)));
  const shaped = check(schedules[kind.value.kind], found);
  return "problems" in shaped ? under(shaped.problems) : { schedule: toSchedule(kind.value.kind, shaped.value) };
}

/** A schedule without a kind usually shows by its other keys which one was meant. */
function withGuess(problem: Problem, found: Record<string, unknown>): Problem {
  if (problem.message !== "is missing") return problem;
  const kind = Object.hasOwn(found, "everyMs")
    ? "every"
    : Object.hasOwn(found, "at") || Object.hasOwn(found, "atMs")
      ? "at"
      : "cron";
  return { ...problem, suggestion: `write "kind": "${kind}"` };
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
    case "manual":
      return { kind };
  }
}
