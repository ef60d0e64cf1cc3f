/** Where a run stands that this process knows of and that has nothing under way: it waits for its time, or for a place, or it is over. */
import { LedgerError } from "../../errors.ts";
import type { RunFinish, RunRow, Wait } from "../../ledger/ledger.ts";
import type { RunEnding } from "../../run/run.ts";
import { isClaimedAhead } from "../claimed-ahead.ts";
import { endOf, openOf, placeOf, type State } from "./state.ts";

/** Since when, or from when on, a claimed run stands in line. */
export function standsSince({ dueAt, slotAt, queuedAt, startedAt }: RunRow): number {
  return dueAt ?? slotAt ?? queuedAt ?? startedAt;
}

/** Puts a run where it waits: for a place, for its time, or for the instant of its slot. */
export function enlist(state: State, run: RunRow, wait: Wait | undefined = run.wait): void {
  if (run.status !== "waiting" || wait === undefined) {
    const dueAt = standsSince(run);
    // What is not for a slot was due when it was claimed, whatever the clock said then.
    const line = isClaimedAhead(run, state.parts.clock.now()) ? state.ahead.claimed : state.line;
    line.add({ run, dueAt, place: placeOf(state, run.jobId) });
    return;
  }
  const waiting = { run: { ...run, wait }, at: undefined, place: -1 };
  state.waiting.set(run.jobId, waiting);
  // It began to wait in the future: the clock was set back since, and it is to wait for no longer.
  const aheadMs = Math.max(0, wait.since - state.parts.clock.now());
  state.waits.set(waiting, wait.until - aheadMs);
}

/** Waiting runs whose time has come are now in the line, among the others by their time. */
export function endWaits(state: State, now: number): void {
  for (const waiting of state.waits.takeDue(now)) {
    const { run } = waiting;
    state.line.add({ run, dueAt: run.wait?.until ?? now, place: placeOf(state, run.jobId) });
  }
}

/** Ends a run that has nothing under way, and forgets it. */
export async function dismiss(
  state: State,
  run: RunRow,
  status: RunEnding,
  reason: string,
  more: Pick<RunFinish, "blockedBy" | "deferredUntil"> = {},
): Promise<void> {
  try {
    await state.parts.ledger.finishRun(run.runId, endOf(status, reason, state.parts.clock.now(), more));
  } catch (error) {
    // A row that is not there any more, or is something else by now, is nobody's to end.
    if (error instanceof LedgerError) throw error;
    state.stale = true;
  }
  forget(state, run);
}

export function forget(state: State, run: RunRow): void {
  state.line.remove(run.runId);
  state.ahead.claimed.remove(run.runId);
  const waiting = state.waiting.get(run.jobId);
  if (waiting?.run.runId === run.runId) {
    state.waits.set(waiting, undefined);
    state.waiting.delete(run.jobId);
  }
  closed(state, run);
}

/** A run is open no longer: whoever waited for that goes on. */
export function closed(state: State, { runId, jobId }: Pick<RunRow, "runId" | "jobId">): void {
  state.places.giveBack(runId);
  state.line.unblock(runId);
  const entry = state.roster.get(jobId);
  if (entry?.behind === true && state.line.queuedOf(jobId) === undefined && openOf(state, jobId) === undefined) {
    entry.behind = false;
    state.roster.rest(entry);
  }
  state.alarm.ring();
}
