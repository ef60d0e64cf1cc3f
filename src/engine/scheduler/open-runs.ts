/**
 * What the ledger shows of open runs: those of other processes take up places and stand in the way, queued and waiting ones are carried on
 * by whoever leads, and those of the dead are to be closed.
 */
import type { Owner, RunRow } from "../../ledger/ledger.ts";
import { isClaimedAhead } from "../claimed-ahead.ts";
import { isLeaseAhead, isLeaseOver, leaseMs } from "../lease.ts";
import { isSameOwner } from "./leadership.ts";
import { closed, enlist, forget } from "./standing.ts";
import { placeOf, type State } from "./state.ts";

/**
 * The runs whose process has died: for a start, before the jobs are known. What the dead had claimed ahead is given back: whether a slot that has
 * not come yet is answered, and how, is for whoever leads when it comes.
 */
export async function findDead({ parts, running }: State): Promise<readonly RunRow[]> {
  const rows = await parts.ledger.openRuns();
  const now = parts.clock.now();
  const early = rows.filter((row) => isClaimedAhead(row, now) && isDeadOwner(parts, row));
  if (early.length > 0) await parts.ledger.giveBackClaims(early.map(({ runId }) => runId));
  await cutLeases(parts, rows);
  return rows.filter((row) => row.status === "running" && !running.has(row.runId) && isDeadOwner(parts, row));
}

/**
 * Looks at the open runs anew: at the rows of those that other processes have under way and of those that are not known, and of the others, of
 * which there may be ten thousand, at no more than whether they are open. Returns those whose process has died.
 */
export async function lookAround(state: State): Promise<readonly RunRow[]> {
  const { line, ahead, waiting, running } = state;
  // Whatever makes it doubtful from here on may have come after what is read.
  state.stale = false;
  try {
    // What joins the line while the ledger is asked is not in its answer and stays.
    const lined = line.items.map(({ run }) => run);
    const known = [...lined, ...ahead.claimed.items.map(({ run }) => run), ...Array.from(waiting.values(), ({ run }) => run)];
    const ids = new Set(known.map(({ runId }) => runId));
    const others = [...state.others.values()];
    // Whether a run is ours is asked at the instant of what is read: a moment later it may be parked, and would pass for one that nobody has.
    const { states, rows } = await state.parts.ledger.lookAtOpen((runId, status) =>
      status === "running" ? !running.has(runId) : !ids.has(runId),
    );
    await cutLeases(state.parts, rows);
    for (const run of known) if (!states.has(run.runId)) forget(state, run);
    for (const run of lined) if (run.status === "queued" && !states.has(run.runId)) state.vanished.set(run.runId, run);
    for (const run of others) if (states.get(run.runId) !== "running") leave(state, run);
    for (const runId of line.blockers()) if (!states.has(runId)) line.unblock(runId);
    const dead = rows.filter((row) => isDead(state, row));
    state.hasDead = dead.length > 0;
    return dead;
  } catch (error) {
    state.stale = true;
    throw error;
  }
}

/** Processes that are asked for each second: to find the lock of one in another container takes up to a millisecond. */
const mostAsked = 20;

/**
 * Whether a process that has runs under way, as the ledger showed it last, has died since: it writes nothing of that, and its run would stand in
 * the way of a slot. Of those that cannot be seen, and of more than a few processes, the next look tells.
 */
export function hasOneDied({ others, parts }: State): boolean {
  const asked: Owner[] = [];
  for (const { owner } of others.values()) {
    // A daemon that drains may have very many.
    if (asked.some((one) => isSameOwner(one, owner))) continue;
    if (parts.ownerState(owner) === "dead") return true;
    if (asked.push(owner) === mostAsked) break;
  }
  return false;
}

/** Takes note of one row; returns whether it is the run of a dead process. */
function isDead(state: State, row: RunRow): boolean {
  const { line, ahead, waiting, running, others, places, parts } = state;
  if (running.has(row.runId)) return false;
  if (row.status !== "running") {
    const isKnown = line.has(row.runId) || ahead.claimed.has(row.runId) || waiting.get(row.jobId)?.run.runId === row.runId;
    if (!isKnown) enlist(state, row);
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

/** Of those that cannot be seen: a lease that was given while the clock was ahead says nothing, and nobody may be left to renew it. */
async function cutLeases({ ledger, ownerState, clock }: State["parts"], rows: readonly RunRow[]): Promise<void> {
  const now = clock.now();
  for (const row of rows)
    if (row.status === "running" && isLeaseAhead(row, now) && ownerState(row.owner) === "elsewhere")
      await ledger.renewLease(row.runId, now + leaseMs);
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
