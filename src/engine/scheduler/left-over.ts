/** What stands in line, or waits, and is not to begin any more, whether or not there is a place: it is ended as soon as that can be seen. */
import type { RunRow } from "../../ledger/ledger.ts";
import type { RunEnding } from "../../run/run.ts";
import { pauseMet, pauseWords } from "./pauses.ts";
import { slotOf, standsSince, type State } from "./state.ts";

/** Why a run that waits, for a place or for its time, is not to begin any more; undefined if nothing speaks against it. */
export function leftOver(
  state: State,
  run: RunRow,
  now: number,
): { readonly status: RunEnding; readonly reason: string } | undefined {
  const queued = run.status === "queued";
  const entry = state.roster.get(run.jobId);
  if (entry === undefined) {
    if (!state.complete) return undefined;
    return { status: queued ? "skipped" : "cancelled", reason: "the job was removed or disabled" };
  }
  if (!queued) return undefined;
  const paused = pausedInLine(state, run, now);
  if (paused !== undefined) return { status: "skipped", reason: paused };
  // An arming from the future is one of a clock that was set back since, and says nothing.
  if (run.trigger === "slot" && run.slotAt !== undefined && run.slotAt <= entry.since && entry.since <= now)
    return { status: "skipped", reason: "the job's schedule was changed before it could begin" };
  const maxAgeMs = entry.job.catchUp?.maxAgeMs ?? Infinity;
  if (now - slotOf(run) <= maxAgeMs) return undefined;
  return { status: "missed", reason: `it waited for longer than the job allows (catchUp.maxAge ${maxAgeMs / 1000} s)` };
}

/** From when on it is left over, as far as that can be known: of one that is already, from now on; undefined: never by itself. */
export function overAtOf(state: State, run: RunRow, now: number): number | undefined {
  if (leftOver(state, run, now) !== undefined) return now;
  const maxAgeMs = run.status === "queued" ? state.roster.get(run.jobId)?.job.catchUp?.maxAgeMs : undefined;
  return maxAgeMs === undefined ? undefined : slotOf(run) + maxAgeMs + 1;
}

/**
 * Why what is claimed and was not begun is skipped: its job is paused, or was at some time since it stands in line. A slot that was claimed late,
 * to be made up for, stands there since it was claimed.
 */
export function pausedInLine(state: State, run: RunRow, now: number): string | undefined {
  const { queuedAt = run.startedAt } = run;
  const pause = pauseMet(state, run.jobId, Math.max(queuedAt, standsSince(run)), now);
  return pause === undefined ? undefined : pauseWords(pause);
}
