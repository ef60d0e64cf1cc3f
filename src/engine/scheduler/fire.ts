/**
 * Answers the slots that are due. All that are due together are written together, at most 500 rows in one transaction, so that 10,000 jobs on
 * one second are not 10,000 waits for the disk; their next slots are computed when that is done.
 */
import { setImmediate as yieldOnce } from "node:timers/promises";
import { LedgerError } from "../../errors.ts";
import type { SlotRange } from "../../ledger/ledger.ts";
import { onTimeMs } from "../../schedule/missed.ts";
import { isAnswered } from "./claim-ahead.ts";
import { beginWhatMay } from "./carry.ts";
import { decide, type Decision } from "./decide.ts";
import { isOverdue } from "./overdue.ts";
import { stopOpen } from "./overlap.ts";
import type { Entry } from "./roster.ts";
import type { State } from "./state.ts";
import { record, take } from "./taken.ts";
import { tellUnusable } from "./unusable.ts";

/** Rows of one transaction: some milliseconds of the disk. */
const rowsAtOnce = 500;

/** Next slots that are computed before anything else has its turn: so many, or for so long, whichever is less. */
const computedAtOnce = 500;
const computedForMs = 10;

/** A job that cannot be written is tried again after so long. */
const triedAgainMs = 600_000;

export async function fire(state: State, now: number): Promise<void> {
  const due: Entry[] = [];
  for (const entry of state.roster.timeline.takeDue(now)) {
    if (!isAnswered(state, entry)) due.push(entry);
    else answer(state, entry);
  }
  if (due.length === 0) return;
  await armAsRecorded(state, due, now);
  const left = new Set(due);
  const decisions = due.flatMap((entry) => decideSafely(state, entry, now));
  // Those that are on time do not wait for what is late.
  const onTime = decisions.filter(({ before }) => before.length === 0);
  const late = decisions.filter(({ before }) => before.length > 0);
  try {
    for (const chunk of [...chunksOf(onTime), ...chunksOf(late)]) {
      await writeTogether(state, chunk, now);
      for (const { entry } of chunk) left.delete(entry);
      // A herd begins as it is written; what is caught up with goes last anyway.
      if (decisions.length > rowsAtOnce && !state.places.isFull) await beginWhatMay(state, now);
    }
  } finally {
    // What was not written is due as before.
    const decided = new Set(decisions.map(({ entry }) => entry));
    for (const entry of left) if (decided.has(entry)) state.roster.rest(entry);
  }
}

/**
 * What is late is caught up with since its job was armed, and that may have been done anew: by `runner reset`, which promises that nothing is made
 * up for any more. @throws LedgerError: they are due as before
 */
async function armAsRecorded({ parts, roster }: State, due: readonly Entry[], now: number): Promise<void> {
  const late = due.filter(({ next, staggerMs }) => next !== undefined && next + staggerMs < now - onTimeMs);
  if (late.length === 0) return;
  try {
    const armed = await parts.ledger.armed(late.map(({ job }) => job.id));
    for (const entry of late) {
      const since = armed.get(entry.job.id)?.since ?? 0;
      if (since > entry.since && since <= now) entry.since = since;
    }
  } catch (error) {
    for (const entry of due) roster.rest(entry);
    throw error;
  }
}

/** Its slot was claimed ahead; what is left is to find its next one. */
function answer({ answered }: State, entry: Entry): void {
  entry.behind = false;
  if (entry.next !== undefined) entry.last = entry.next;
  answered.push({ entry });
}

/** A job whose schedule cannot be computed is left out, and the others go on. */
function decideSafely(state: State, entry: Entry, now: number): Decision[] {
  try {
    return [decide(state, entry, now)];
  } catch (error) {
    tellUnusable(state, entry, error);
    return [];
  }
}

/** What the ledger refuses of one job, which is a bug of ours, must not stop the others: then each is written by itself. */
async function writeTogether(state: State, decisions: readonly Decision[], now: number): Promise<void> {
  try {
    return await write(state, decisions);
  } catch (error) {
    if (error instanceof LedgerError) throw error;
  }
  for (const { entry } of decisions) {
    try {
      // Some of it may be written: it is decided anew.
      await write(state, [decide(state, entry, now)]);
    } catch (error) {
      if (error instanceof LedgerError) throw error;
      tellUnusable(state, entry, error);
      state.roster.timeline.set(entry, now + triedAgainMs);
    }
  }
}

async function write(state: State, decisions: readonly Decision[]): Promise<void> {
  await record(
    state,
    decisions.flatMap(({ before }) => before),
  );
  const won = await claimAll(state, decisions);
  await record(
    state,
    decisions.flatMap(({ after }) => after),
  );
  for (const { entry, claim: claimed, last, behind, askAgainAt } of decisions) {
    // Whoever has the slot instead of us ends it without telling us, so nothing waits for that.
    entry.behind = behind && (claimed === undefined || won.has(claimed.runId));
    if (last !== undefined) entry.last = last;
    // Its next slot has come and gets no run, because one for an older slot has not begun yet: it stands for this one as well.
    if (claimed === undefined && !behind) state.line.promote(entry.job.id);
    state.answered.push(askAgainAt === undefined ? { entry } : { entry, askAgainAt });
  }
}

/** Returns the runs that are claimed. */
async function claimAll(state: State, decisions: readonly Decision[]): Promise<ReadonlySet<string>> {
  const { ledger } = state.parts;
  const won = new Set<string>();
  const claims = decisions.flatMap((one) => (one.claim === undefined ? [] : [{ ...one, claim: one.claim }]));
  if (claims.length === 0) return won;
  const results = await ledger.claimSlots(claims.map((one) => one.claim));
  const lost: SlotRange[] = [];
  for (const [at, one] of claims.entries()) {
    const result = results[at];
    if (result?.won === true) won.add(one.claim.runId);
    if (result !== undefined) lost.push(...take(state, one.entry, one.claim, result));
  }
  await record(state, lost);
  for (const {
    claim: { runId, slotAt, startedAt },
    replaces,
  } of claims) {
    const item = state.line.get(runId);
    if (replaces === undefined || item === undefined) continue;
    state.line.block(item, replaces);
    await stopOpen(state, replaces, slotAt ?? startedAt);
  }
  return won;
}

/**
 * Computes the next slots of jobs that were answered, or armed. It takes time (some 0.1 ms a job), so it is a piece of them; the rest has its
 * turn when the loop has turned, and what is due comes first.
 */
export async function goOn(state: State): Promise<void> {
  const { answered, roster, parts } = state;
  const since = parts.clock.monotonic();
  let computed = 0;
  for (let one = answered.pop(); one !== undefined; one = answered.pop()) {
    const { entry, askAgainAt } = one;
    if (roster.get(entry.job.id) === entry) placeAnew(state, entry, askAgainAt);
    if (++computed >= computedAtOnce || parts.clock.monotonic() - since >= computedForMs) break;
  }
  if (answered.length > 0) await yieldOnce();
}

function placeAnew(state: State, entry: Entry, askAgainAt: number | undefined): void {
  const { roster, parts, overdue } = state;
  try {
    const now = parts.clock.now();
    roster.place(entry, now);
    if (entry.behind) roster.timeline.set(entry, undefined);
    else if (askAgainAt !== undefined) roster.timeline.set(entry, askAgainAt);
    else if (overdue !== undefined && isOverdue(entry, now)) {
      overdue.push(entry);
      roster.timeline.set(entry, undefined);
    }
  } catch (error) {
    tellUnusable(state, entry, error);
  }
}

export function chunksOf<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / rowsAtOnce) }, (_, at) => all.slice(at * rowsAtOnce, (at + 1) * rowsAtOnce));
}
