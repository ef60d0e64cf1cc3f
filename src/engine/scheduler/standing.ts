/** Where a run stands that this process knows of and that has nothing under way: it waits for its time, or for a place, or it is over. */
import { LedgerError } from "../../errors.ts";
import type { RunFinish, RunRow, Wait } from "../../ledger/ledger.ts";
import type { RunEnding } from "../../run/run.ts";
import { onTimeMs } from "../../schedule/missed.ts";
import { isClaimedAhead } from "../claimed-ahead.ts";
import { overAtOf } from "./left-over.ts";
import type { InLine } from "./line.ts";
import { endOf, openOf, placeOf, standsSince, type State } from "./state.ts";

/** Puts a run where it waits: for a place, for its time, or for the instant of its slot. */
export function enlist(state: State, run: RunRow, wait: Wait | undefined = run.wait): void {
  if (run.status !== "waiting" || wait === undefined) {
    const dueAt = standsSince(run);
    // What is not for a slot was due when it was claimed, whatever the clock said then.
    const line = isClaimedAhead(run, state.parts.clock.now()) ? state.ahead.claimed : state.line;
    line.add(inLine(state, run, dueAt));
    return;
  }
  // Its job may have been removed: nobody waits for hours to see that.
  if (state.roster.get(run.jobId) === undefined) state.line.doubt();
  const waiting = { run: { ...run, wait }, at: undefined, place: -1 };
  state.waiting.set(run.jobId, waiting);
  // It began to wait in the future: the clock was set back since, and it is to wait for no longer.
  const aheadMs = Math.max(0, wait.since - state.parts.clock.now());
  state.waits.set(waiting, wait.until - aheadMs);
}

/** A run as it stands in a line. */
export function inLine(state: State, run: RunRow, dueAt: number): InLine {
  const overAt = overAtOf(state, run, state.parts.clock.now());
  const item = { run, dueAt, isCatchUp: isCatchUp(run), place: placeOf(state, run.jobId) };
  return overAt === undefined ? item : { ...item, overAt };
}

/** Whether the run was claimed when its slot was long over. */
function isCatchUp({ status, trigger, slotAt, dueAt = slotAt, queuedAt }: RunRow): boolean {
  if (status !== "queued" || trigger !== "slot" || dueAt === undefined || queuedAt === undefined) return false;
  return queuedAt - dueAt > onTimeMs;
}

/** Waiting runs whose time has come are now in the line, among the others by their time. */
export function endWaits(state: State, now: number): void {
  for (const waiting of state.waits.takeDue(now)) {
    const { run } = waiting;
    state.line.add(inLine(state, run, run.wait?.until ?? now));
  }
}

/** Ends a run that has nothing under way, if that is still so, and forgets it. */
export async function dismiss(
  state: State,
  run: RunRow,
  status: RunEnding,
  reason: string,
  more: Pick<RunFinish, "blockedBy" | "deferredUntil"> = {},
): Promise<void> {
  const { ledger, clock } = state.parts;
  const stillIs = { status: run.status === "waiting" ? run.status : "queued" } as const;
  try {
    // Whoever has begun it or carried it on meanwhile ends it: how it stands is read anew.
    if (!(await ledger.finishRun(run.runId, endOf(status, reason, clock.now(), more), stillIs))) state.stale = true;
  } catch (error) {
    // A row that is not there any more is nobody's to end.
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
