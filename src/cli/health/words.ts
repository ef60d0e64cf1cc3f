/** The state of a job in the words of `status`. Pure. */
import type { JobHealth, JobState } from "../../engine/health/job-state.ts";
import type { Pause } from "../../ledger/ledger.ts";
import { ago, duration, instantIn, oneLine } from "../format.ts";
import { several } from "../money.ts";

/** The state, as short as a table wants it. */
export function stateWords({ state, streak, paused }: JobHealth, now: number): string {
  const words = shortWords(state, now);
  if (streak === undefined || !["running", "waiting", "queued"].includes(state.kind)) {
    return state.kind === "paused" || paused === undefined ? words : `${words}; paused`;
  }
  const before = streak.judgement === "blocked" ? "blocked before" : "failed before";
  return `${words}; ${streak.inARow === 1 ? before : `${streak.inARow} ${before}`}`;
}

function shortWords(state: JobState, now: number): string {
  switch (state.kind) {
    case "died":
      return `died, begun ${past(state.since, now)}`;
    case "overdue":
      return state.what === "slot"
        ? `overdue by ${duration(now - state.dueAt)}`
        : `${state.what}, overdue by ${duration(now - state.dueAt)}`;
    case "running":
      return lasting("running", state.since, now);
    case "waiting":
      return state.until > now ? `waiting, goes on in ${duration(state.until - now)}` : "waiting, goes on now";
    case "queued":
      return lasting("queued", state.since, now);
    case "blocked":
      return lasting("blocked", state.since, now);
    case "failing":
      return failingWords(state);
    case "unusable":
      return "cannot be scheduled";
    case "missed":
      return `missed ${several(state.slots, "slot")}`;
    case "put_off":
      return `put off, ${ago(state.until, now)}`;
    case "paused":
      return `paused by ${oneLine(state.pause.by, 20)}`;
    case "not_armed":
      return "not looked after yet";
    case "passed":
      return "its time had passed";
    case "finished":
      return "done";
    case "never_run":
      if (state.waitsFor === "boot") return "runs at the next boot";
      return state.waitsFor === "runner" ? "runs when runner starts" : "not run yet";
    case "ok":
    case "disabled":
      return state.kind;
  }
}

/** `running for 5 min`; of what began by a clock that was ahead, how long it lasts nobody knows. */
function lasting(what: string, since: number, now: number): string {
  return since > now ? what : `${what} for ${duration(now - since)}`;
}

/** `5 min ago`; of what was by a clock that has been set back since, how far that was ahead, and never that it is yet to come. */
export function past(at: number, now: number): string {
  return at > now ? `by a clock ${duration(at - now)} ahead` : ago(at, now);
}

function failingWords({ status, inARow, atLeast, once }: Extract<JobState, { kind: "failing" }>): string {
  if (once || inARow === 1) return status.replace("_", " ");
  return `failing: ${inARow}${atLeast ? " or more" : ""} in a row`;
}

/** `by maria 2 h ago, until Thu 2026-11-26 09:00:00 +00:00: a new key is on its way`; of one that begins `now` without its age. */
export function pauseWords({ by, at, until, reason }: Pause, now: number, zone: string, begins?: "now"): string {
  const end = until === undefined ? "" : `, until ${instantIn(zone, until)}`;
  const why = reason === undefined || reason === "" ? "" : `: ${oneLine(reason, 200)}`;
  return `by ${oneLine(by, 60)}${begins === "now" ? "" : ` ${past(at, now)}`}${end}${why}`;
}
