import { leavesNoTime } from "./blackout.ts";
import { check, missing, type CheckOptions, type Problem } from "./check.ts";
import type { WrittenTime } from "./instant.ts";
import type { Blackout, Schedule } from "./job.ts";
import { instantOf } from "./local-time.ts";
import { scheduleKind, schedules } from "./schedule-shape.ts";
import { isRecord } from "./shape.ts";
import { describe } from "./words.ts";

function under(problems: readonly Problem[]): { problems: Problem[] } {
  return { problems: problems.map((problem) => ({ ...problem, path: ["schedule", ...problem.path] })) };
}

export interface ReadScheduleOptions extends CheckOptions {
  /** Zone of times without an offset where the schedule names none: the configuration's, else the machine's. Default UTC. */
  readonly zone?: (() => string) | undefined;
}

/** The schedule of a job, normalised: of the kind it says, with every problem at its place under `schedule`. */
export function readSchedule(
  found: unknown,
  options: ReadScheduleOptions = {},
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
  const schedule = toSchedule(kind.value.kind, shaped.value, options.zone);
  const odd = contradictions(schedule);
  return odd.length > 0 ? under(odd) : { schedule, unknown: under(shaped.unknown).problems };
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

interface Shaped {
  readonly expr?: string;
  readonly everyMs?: number;
  readonly anchorMs?: number;
  readonly at?: WrittenTime;
  readonly tz?: string;
  readonly staggerMs?: number;
  readonly startAt?: WrittenTime;
  readonly endAt?: WrittenTime;
  readonly blackout?: readonly Blackout[];
}

const day = 86_400_000;

/** An interval that begins at an instant counts from there. */
function anchorOf(anchorMs: number | undefined, startAt: number | undefined): { anchorMs?: number } {
  const anchor = anchorMs ?? startAt;
  return anchor === undefined ? {} : { anchorMs: anchor };
}

function toSchedule(kind: Schedule["kind"], shaped: Shaped, zone: ReadScheduleOptions["zone"]): Schedule {
  const { expr = "", everyMs = 0, anchorMs, at, tz, staggerMs = 0, startAt, endAt, blackout = [] } = shaped;
  const ofZone = (ms: number): number => instantOf(tz ?? zone?.() ?? "UTC", ms);
  const instant = ({ ms, fixed }: WrittenTime): number => (fixed ? ms : ofZone(ms));
  const bounds = {
    ...(tz === undefined ? {} : { tz }),
    ...(staggerMs === 0 ? {} : { staggerMs }),
    ...(startAt === undefined ? {} : { startAt: instant(startAt) }),
    // A date alone is its last day.
    ...(endAt === undefined ? {} : { endAt: endAt.day ? ofZone(endAt.ms + day) : instant(endAt) }),
    ...(blackout.length === 0 ? {} : { blackout }),
  };
  switch (kind) {
    case "cron":
      return { kind, expr, ...bounds };
    case "every":
      return { kind, everyMs, ...anchorOf(anchorMs, bounds.startAt), ...bounds };
    case "at": {
      // Without an offset and without a zone it is of UTC, as in OpenClaw.
      const ms = at === undefined ? 0 : at.fixed || tz === undefined ? at.ms : ofZone(at.ms);
      return { kind, at: new Date(ms).toISOString(), ...bounds };
    }
    case "boot":
    case "manual":
      return { kind, ...bounds };
  }
}

/** Values that are each good and cannot all be meant. */
function contradictions(schedule: Schedule): Problem[] {
  const { startAt = -Infinity, endAt = Infinity, blackout = [] } = schedule;
  const problems: Problem[] = [];
  const problem = (key: string, message: string, suggestion: string): void =>
    void problems.push({ path: [key], of: "value", message, suggestion });
  if (endAt <= startAt)
    problem("endAt", `is not after "startAt", so there are no slots`, "make it later, or take one of them out");
  else if (schedule.kind === "at") {
    const at = Date.parse(schedule.at);
    if (at < startAt || at >= endAt)
      problem("at", `does not lie between "startAt" and "endAt"`, "take these out: one instant needs no bounds");
  }
  if (leavesNoTime(blackout))
    problem("blackout", "leaves no time of the week", `to keep a job from its schedule, write "enabled": false`);
  return problems;
}
