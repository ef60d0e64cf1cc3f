/**
 * What the ledger shows of open runs: those of other processes take up places and stand in the way, queued and waiting ones are carried on
 * by whoever leads, and those of the dead are to be closed.
 */
import type { RunRow } from "../../ledger/ledger.ts";
import { isLeaseOver } from "../lease.ts";
import { isSameOwner } from "./leadership.ts";
import { closed, enlist, forget } from "./standing.ts";
import { placeOf, type State } from "./state.ts";

/** The runs whose process has died, and nothing else: for a start, before the jobs are known. */
export async function findDead({ parts, running }: State): Promise<readonly RunRow[]> {
  const rows = await parts.ledger.openRuns();
  return rows.filter((row) => row.status === "running" && !running.has(row.runId) && isDeadOwner(parts, row));
}

/** Reads the open runs anew. Returns those whose process has died. */
export async function lookAround(state: State): Promise<readonly RunRow[]> {
  // What joins the line while the ledger is asked is not in its answer and stays.
  const known = [...state.line.items.map(({ run }) => run), ...[...state.waiting.values()].map(({ run }) => run)];
  const others = [...state.others.values()];
  const rows = await state.parts.ledger.openRuns();
  state.stale = false;
  const open = new Map(rows.map((row) => [row.runId, row]));
  for (const run of known) if (!open.has(run.runId)) forget(state, run);
  for (const run of others) if (open.get(run.runId)?.status !== "running") leave(state, run);
  for (const item of state.line.items) if (item.blockedBy !== undefined && !open.has(item.blockedBy)) delete item.blockedBy;
  return rows.filter((row) => isDead(state, row));
}

/** Takes note of one row; returns whether it is the run of a dead process. */
function isDead(state: State, row: RunRow): boolean {
  const { line, waiting, running, others, places, parts } = state;
  if (running.has(row.runId)) return false;
  if (row.status !== "running") {
    if (!line.has(row.runId) && waiting.get(row.jobId)?.run.runId !== row.runId) enlist(state, row);
    return false;
  }
  if (isDeadOwner(parts, row)) return true;
  if (!others.has(row.runId)) {
    others.set(row.runId, row);
    // What is simulated asks nobody.
    if (!row.simulated) places.take(row.runId, placeOf(state, row.jobId));
  }
  return false;
}

/** This process has everything that it carries on in its list: what it owns beside that is left over from a ledger that failed it. */
function isDeadOwner({ owner, ownerState, clock }: State["parts"], row: RunRow): boolean {
  if (isSameOwner(row.owner, owner)) return true;
  const state = ownerState(row.owner);
  return state === "dead" || (state === "elsewhere" && isLeaseOver(row, clock.now()));
}

function leave(state: State, run: RunRow): void {
  state.others.delete(run.runId);
  closed(state, run);
}
