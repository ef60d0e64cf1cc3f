/** Begins runs that have a place, and deals with how each goes on: it ends, waits, or finds another run of its job in its way. */
import { LedgerError } from "../../errors.ts";
import type { RunRow } from "../../ledger/ledger.ts";
import type { CarriedOn } from "../engine.ts";
import type { RunOutcome } from "../outcome.ts";
import { Stopped } from "../stopped.ts";
import { claimAgain } from "./claim-again.ts";
import { noteBlock } from "./blocked.ts";
import { leftOver, overAtOf } from "./left-over.ts";
import type { InLine } from "./line.ts";
import { giveWay } from "./overlap.ts";
import { pauseOf } from "./pauses.ts";
import { endOf, type Running, type State } from "./state.ts";
import { closed, dismiss, enlist } from "./standing.ts";
import { mayWaitUntil } from "./window.ts";

/**
 * Begins what may begin, in the order of the line. A run that has no place is passed by whoever has one: a full group or one long job
 * holds up nobody else (openclaw/openclaw#132952). Returns in how many milliseconds another start is allowed, if that is what is missing.
 */
export async function beginWhatMay(state: State, now: number): Promise<number | undefined> {
  const { line, places, parts } = state;
  if (state.draining) return undefined;
  if (now >= line.doubtfulAt) await endLeftOver(state, now);
  for (const item of line.walk()) {
    // Whoever may be behind it, ten thousand perhaps, is looked at when there is a place again.
    if (state.draining || places.isFull) return undefined;
    if (!mayBegin(state, item, now)) continue;
    const over = leftOver(state, item.run, now);
    if (over !== undefined) await dismiss(state, item.run, over.status, over.reason);
    else {
      // What is behind it is due later or is caught up with, and waits at least as long.
      const waitMs = state.rate.take(item.isCatchUp, parts.clock.monotonic());
      if (waitMs > 0) return waitMs;
      begin(state, item);
    }
  }
  return undefined;
}

/** Ends what stands in line, or waits for its time, and is not to begin or to go on any more. @throws LedgerError: what is left is looked at again */
async function endLeftOver(state: State, now: number): Promise<void> {
  const { line } = state;
  let next = Infinity;
  // Whatever makes it doubtful while something is ended stays.
  line.trust(Infinity);
  try {
    for (const { run } of line.items) {
      const over = leftOver(state, run, now);
      if (over === undefined) next = Math.min(next, overAtOf(state, run, now) ?? Infinity);
      else await dismiss(state, run, over.status, over.reason);
    }
    for (const { run } of state.waiting.values()) {
      const over = leftOver(state, run, now);
      if (over !== undefined) await dismiss(state, run, over.status, over.reason);
    }
  } catch (error) {
    line.doubt();
    throw error;
  }
  line.trust(Math.min(line.doubtfulAt, next));
}

function mayBegin(state: State, { run, place, blockedBy }: InLine, now: number): boolean {
  if (blockedBy !== undefined || state.rescuing.has(run.jobId) || state.roster.get(run.jobId) === undefined) return false;
  // A waiting run stays as it is while its job is paused; what is only claimed was ended with the pause.
  return pauseOf(state, run.jobId, now) === undefined && state.places.whyNot(place) === undefined;
}

function begin(state: State, item: InLine): void {
  const { run, place } = item;
  const entry = state.roster.get(run.jobId);
  if (entry === undefined) return;
  state.line.remove(run.runId);
  const waiting = state.waiting.get(run.jobId);
  if (waiting?.run.runId === run.runId) state.waiting.delete(run.jobId);
  const running: Running = { run, job: entry.job, stop: new AbortController() };
  state.running.set(run.runId, running);
  state.places.take(run.runId, place);
  void carryOn(state, running, item);
}

async function carryOn(state: State, running: Running, item: InLine): Promise<void> {
  const { run, job, stop } = running;
  const { carrier, clock, listen } = state.parts;
  const begunAt = clock.now();
  try {
    const carried = await carrier.carryOn(job, run, {
      signal: stop.signal,
      listen: (event) => listen({ type: "run", jobName: job.name, event }),
      mayWaitUntil: () => mayWaitUntil(state, run, begunAt),
    });
    state.running.delete(run.runId);
    await goOn(state, item, running, carried);
  } catch (error) {
    state.running.delete(run.runId);
    // Whatever the row says now: it is read anew, and what nobody carries on any more is closed as that of a dead process is.
    state.stale = true;
    if (error instanceof LedgerError) state.hold.trouble(error);
    else await endAsInternal(state, run, error);
    closed(state, run);
  } finally {
    state.places.giveBack(run.runId);
    state.alarm.ring();
  }
}

async function goOn(state: State, item: InLine, running: Running, carried: CarriedOn): Promise<void> {
  const { run, job } = running;
  const { listen, clock } = state.parts;
  switch (carried.kind) {
    case "gone":
      state.vanished.set(run.runId, run);
      await claimAgain(state);
      return closed(state, run);
    case "waiting": {
      const { until, why } = carried.wait;
      listen({ type: "run_waits", at: clock.now(), jobName: job.name, runId: run.runId, until, why });
      if (state.draining) return;
      const parked = { ...run, status: "waiting" } as const;
      enlist(state, parked, carried.wait);
      // It was told to end as it was put aside, and has not heard it; whoever told it waits for its end.
      const { reason } = running.stop.signal;
      return reason instanceof Stopped ? dismiss(state, parked, "cancelled", reason.message) : undefined;
    }
    case "ended":
      count(state, running, carried.outcome);
      closed(state, run);
      return noteBlock(state, job, carried.outcome);
    case "in_the_way":
      return giveWay(state, item, carried.blocker);
  }
}

const badEndings: ReadonlySet<string> = new Set(["failed", "timed_out", "unknown", "interrupted", "blocked"]);

function count(state: State, { stop }: Running, { status }: RunOutcome): void {
  if (status === "interrupted" && stop.signal.aborted) state.cut += 1;
  else if (badEndings.has(status)) state.failed += 1;
}

/** A bug of ours ends one run and no other. */
async function endAsInternal(state: State, { runId }: RunRow, error: unknown): Promise<void> {
  const message = error instanceof Error ? error.message : String(error);
  state.failed += 1;
  const end = { ...endOf("failed", `internal: ${message}`, state.parts.clock.now()), fault: "internal" as const };
  await state.parts.ledger.finishRun(runId, end).catch((trouble: unknown) => state.hold.trouble(trouble));
}
