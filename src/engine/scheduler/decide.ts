/** What becomes of the slots of one job that are due: which one is claimed, and which get no run and why. Nothing is written here. */
import type { SlotClaim, SlotRange } from "../../ledger/ledger.ts";
import type { Rest } from "../../schedule/due-question.ts";
import { dueSlots, type DueAnswer } from "../../schedule/missed.ts";
import { claimOf, rangeOf } from "./claims.ts";
import { overlapOf } from "./overlap.ts";
import { pauseOf, pauseWords, restsOf } from "./pauses.ts";
import { leastGapMs, type Entry } from "./roster.ts";
import { openOf, shortId, type State } from "./state.ts";

export interface Decision {
  readonly entry: Entry;
  /**
   * Recorded before the claim and after it, in the order of the slots: the newest record is where the next start goes on, so nothing may be
   * recorded while something older is not.
   */
  readonly before: readonly SlotRange[];
  readonly claim?: SlotClaim;
  readonly after: readonly SlotRange[];
  /** The newest slot that is settled by this; absent if none is yet. */
  readonly last?: number;
  /** More of them are to run, one after the other: they wait until the job is free. */
  readonly behind: boolean;
  /** The open run that is ended for the claim's sake. */
  readonly replaces?: string;
  /** When to ask again, where that is not the next slot's time. */
  readonly askAgainAt?: number;
}

export function decide(state: State, entry: Entry, now: number): Decision {
  const { job } = entry;
  const pause = pauseOf(state, job.id, now);
  const paused = pause === undefined ? undefined : pauseWords(pause);
  const since = state.roster.cursor(entry, now);
  const rests = restsOf(state, job.id, since, now);
  const answer = oneOnTime(entry, now, paused, rests) ?? dueSlots({ job, since, now, zone: state.roster.zone, paused, rests });
  const [first, ...more] = answer.run;
  const ranges = answer.ranges.map((range) => rangeOf(state.parts, entry, range));
  if (first === undefined) return withoutRun(entry, ranges, answer, now);
  const older = ranges.filter(({ to }) => to < first.at);
  // Several that are caught up with have a run each, whatever the overlap policy is: each waits for the end of the one before.
  if (more.length > 0) return oneOfSeveral(state, entry, older, first.at);
  const newer = ranges.filter(({ to }) => to > first.at);
  const last = Math.max(first.at, ...newer.map(({ to }) => to));
  const common = { entry, last, behind: false };
  const inTheWay = whatStandsInTheWay(state, entry);
  if (inTheWay === undefined || inTheWay.gives)
    return {
      ...common,
      before: older,
      claim: claimOf(state.parts, entry, first.at),
      after: newer,
      ...(inTheWay?.replaces === true ? { replaces: inTheWay.runId } : {}),
    };
  const { reason, runId } = inTheWay;
  const skipped = { status: "skipped", from: first.at, to: first.at, slots: 1, reason, blockedBy: runId } as const;
  return { ...common, before: [...older, rangeOf(state.parts, entry, skipped), ...newer], after: [] };
}

/**
 * The ordinary case, without the calculator: the slot is on time, and so early that no other one can be due. `dueSlots` would say the same
 * (test/engine/scheduler/decide.test.ts), and a herd of jobs on one instant is claimed before anything is computed.
 */
export function oneOnTime(
  { job, next, staggerMs }: Entry,
  now: number,
  paused: string | undefined,
  rests: readonly Rest[] = [],
): DueAnswer | undefined {
  if (next === undefined || paused !== undefined || rests.length > 0 || (job.schedule.blackout ?? []).length > 0)
    return undefined;
  const dueAt = next + staggerMs;
  if (now < dueAt || now - dueAt >= leastGapMs) return undefined;
  return { run: [{ at: next, dueAt, late: false, folded: 0 }], ranges: [], next: undefined };
}

function withoutRun(entry: Entry, ranges: readonly SlotRange[], { next }: DueAnswer, now: number): Decision {
  const last = ranges.at(-1)?.to;
  // Late slots that wait for the end of a blackout are neither run nor recorded yet.
  const waits = next !== undefined && next.at + entry.staggerMs <= now && next.dueAt > now;
  return {
    entry,
    before: ranges,
    after: [],
    behind: false,
    ...(last === undefined ? {} : { last }),
    ...(waits ? { askAgainAt: next.dueAt } : {}),
  };
}

function oneOfSeveral(state: State, entry: Entry, older: readonly SlotRange[], slot: number): Decision {
  const { id } = entry.job;
  const busy = openOf(state, id) !== undefined || state.line.queuedOf(id) !== undefined;
  const last = busy ? older.at(-1)?.to : slot;
  return {
    entry,
    before: older,
    after: [],
    behind: true,
    ...(busy ? {} : { claim: claimOf(state.parts, entry, slot) }),
    ...(last === undefined ? {} : { last }),
  };
}

interface InTheWay {
  readonly runId: string;
  readonly reason: string;
  /** The slot is claimed all the same, and waits. */
  readonly gives: boolean;
  readonly replaces: boolean;
}

/** At most one run of a job is queued, and at most one is open; a run that waits for its next attempt is open. */
function whatStandsInTheWay(state: State, { job }: Entry): InTheWay | undefined {
  const queued = state.line.queuedOf(job.id)?.run;
  if (queued !== undefined)
    return { runId: queued.runId, reason: `${shortId(queued.runId)} of this job waits to begin`, gives: false, replaces: false };
  const open = openOf(state, job.id);
  if (open === undefined) return undefined;
  const overlap = overlapOf(job);
  const doing = open.what === "running" ? "is under way" : "waits for its next attempt";
  const reason = `${shortId(open.runId)} of this job ${doing}`;
  return { runId: open.runId, reason, gives: overlap !== "skip", replaces: overlap === "replace" };
}
