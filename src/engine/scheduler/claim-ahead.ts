/**
 * Claims that are written ahead. Up to a second before a slot is due its claim is put into the ledger, where it is certain what its answer
 * will be; when its instant comes, nothing is left to do but to begin. So what takes time, the disk above all, is over by then, and 10,000 jobs on one
 * second begin on that second.
 *
 * A slot that was claimed ahead has not come yet, and whatever happens in that second means for it what it means for any slot to come: where
 * anything out of the ordinary happens (a pause, a reload, a clock that is set, a ledger that fails, the end of the daemon), the claims are given
 * back, as if they had never been made, and the slot is decided when it is due.
 */
import { LedgerError } from "../../errors.ts";
import type { RunRow, SlotClaim } from "../../ledger/ledger.ts";
import { onTimeMs } from "../../schedule/missed.ts";
import { claimAheadOf } from "./claims.ts";
import { leftOver } from "./left-over.ts";
import { isSameOwner } from "./leadership.ts";
import { pauseOf } from "./pauses.ts";
import type { Entry } from "./roster.ts";
import { inLine } from "./standing.ts";
import { openOf, type State } from "./state.ts";

/** So long before its time a slot is claimed at the earliest. */
const aheadMs = 1_000;

/** Rows of one transaction: they must not hold up what is due meanwhile. */
const rowsAtOnce = 250;

/** Claims what comes next, at most one transaction of it: what is due, and whoever asks for something, has its turn between. */
export async function claimAhead(state: State): Promise<void> {
  const { ahead, roster, parts } = state;
  if (state.draining) return;
  const now = parts.clock.now();
  const until = now + aheadMs;
  if (ahead.soon.length === 0 && until > ahead.lookedUntil) {
    ahead.soon = roster.timeline.between(Math.max(now, ahead.lookedUntil), until);
    ahead.lookedUntil = until;
  }
  if (ahead.soon.length === 0) return;
  const some = ahead.soon.slice(0, rowsAtOnce);
  ahead.soon = ahead.soon.slice(rowsAtOnce);
  const claims = some.flatMap((entry) => certainClaim(state, entry, now) ?? []);
  if (claims.length === 0) return;
  const results = await parts.ledger.claimSlots(claims).catch((error: unknown) => {
    // What the ledger refuses of one job must not stop the others: when they are due, each is written by itself.
    if (error instanceof LedgerError) throw error;
    return [];
  });
  // What was lost is decided when it is due, as everything is that was not claimed.
  for (const [at, claim] of claims.entries()) {
    if (results[at]?.won !== true) continue;
    const run: RunRow = { ...claim, status: "queued", queuedAt: claim.startedAt };
    // Also where its time has come meanwhile: the next turn looks how long ago.
    ahead.claimed.add(inLine(state, run, claim.startedAt));
  }
}

/** The claim of the job's next slot, if nothing can be seen that would make its answer another one. */
function certainClaim(state: State, entry: Entry, now: number): SlotClaim | undefined {
  const { roster, line, ahead, rescuing, parts } = state;
  const { job, next, staggerMs } = entry;
  if (next === undefined || entry.behind || entry.since > now || roster.get(job.id) !== entry) return undefined;
  const dueAt = next + staggerMs;
  if (entry.at !== dueAt || dueAt <= now || (job.schedule.blackout ?? []).length > 0) return undefined;
  if (pauseOf(state, job.id, now) !== undefined || rescuing.has(job.id) || openOf(state, job.id) !== undefined) return undefined;
  if (line.queuedOf(job.id) !== undefined || ahead.claimed.queuedOf(job.id) !== undefined) return undefined;
  return claimAheadOf(parts, entry, next);
}

/** Slots that were claimed ahead and are due now stand in line like any other: so many of them, the first ones first. Returns how many. */
export function bringDue(state: State, now: number, atMost = Infinity): number {
  const { ahead, line, parts } = state;
  let brought = 0;
  for (let item = ahead.claimed.first; item !== undefined && item.dueAt <= now && brought < atMost; item = ahead.claimed.first) {
    brought++;
    const { runId, jobId, jobName, slotAt = item.dueAt, owner } = item.run;
    ahead.claimed.remove(runId);
    line.add(item);
    ahead.come.set(jobId, slotAt);
    if (isSameOwner(owner, parts.owner)) parts.listen({ type: "slot_claimed", at: now, jobName, runId, slotAt });
    // What another process has claimed is not given back where it is paused meanwhile.
    else if (leftOver(state, item.run, now) !== undefined) line.doubt();
  }
  return brought;
}

/** Whether the slot that the job is due for was claimed ahead, and so needs no decision. */
export function isAnswered({ ahead }: State, entry: Entry): boolean {
  const slot = ahead.come.get(entry.job.id);
  ahead.come.delete(entry.job.id);
  return slot !== undefined && slot === entry.next;
}

/** Milliseconds until there is something to claim ahead or to begin; undefined if nothing is known of. */
export function wakeInMs({ ahead, roster, parts }: State): number | undefined {
  if (ahead.soon.length > 0) return 0;
  const first = roster.timeline.nextAt() ?? Infinity;
  const at = Math.min(first > ahead.lookedUntil ? first - aheadMs : first, ahead.claimed.first?.dueAt ?? Infinity);
  return at === Infinity ? undefined : at - parts.clock.now();
}

/** Whether a herd will be due at once, or is, and is not answered yet: what takes the longer the more is claimed is better done after it. */
export function isHerdAtHand({ ahead, roster }: State, now: number): boolean {
  const { first, length } = ahead.claimed;
  if (length >= rowsAtOnce && first !== undefined && first.dueAt <= now + aheadMs) return true;
  return ahead.come.size >= rowsAtOnce && (roster.timeline.nextAt() ?? Infinity) <= now;
}

/** Gives back what this process has claimed ahead, of the jobs that are meant; their slots are decided when they are due. @throws LedgerError */
export async function giveBack(state: State, isMeant: (run: RunRow) => boolean = () => true): Promise<void> {
  const { ahead, parts } = state;
  const own = ahead.claimed.items.filter(({ run }) => isSameOwner(run.owner, parts.owner) && isMeant(run));
  if (own.length === 0) return;
  await parts.ledger.giveBackClaims(own.map(({ run }) => run.runId));
  for (const { run } of own) ahead.claimed.remove(run.runId);
}

/** Whether something was due so long ago that nobody would call it on time: the process was held up, and its claim says nothing of that. */
export function isOverslept({ ahead }: State, now: number): boolean {
  return (ahead.claimed.first?.dueAt ?? now) < now - onTimeMs;
}

/** The same where something has happened that makes them doubtful. @throws LedgerError: it is tried again before anything is begun. */
export async function giveBackInDoubt(state: State): Promise<void> {
  if (!state.ahead.isDoubtful) return;
  await giveBack(state);
  state.ahead.lookAgain();
  state.ahead.isDoubtful = false;
}
