/**
 * Puts another set of jobs in force. What is the same stays where it is; a schedule that is another is armed from now on, and its old slots are
 * not caught up with. What runs goes on as it was begun (aptible/supercronic#150 waited for it).
 */
import { setImmediate as yieldOnce } from "node:timers/promises";
import type { Job } from "../../job/job.ts";
import { recordedAheadMs } from "../../ledger/ledger.ts";
import { chunksOf, tellUnusable } from "./fire.ts";
import type { Entry } from "./entry.ts";
import type { State } from "./state.ts";

/** The jobs that are wanted, and whether those that are not among them were removed. */
export interface JobSet {
  readonly jobs: readonly Job[];
  readonly complete: boolean;
}

export interface Replaced {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** Arms the jobs and finds their next slots. */
export async function putInForce(state: State, { jobs, complete }: JobSet): Promise<Replaced> {
  const { roster, parts } = state;
  const wanted = await entriesOf(state, jobs);
  const gone = complete ? [...roster.entries()].filter(({ job }) => !wanted.has(job.id)) : [];
  const since = await parts.ledger.armJobs(
    Array.from(wanted.values(), ({ entry: { job }, scheduleHash }) => ({ jobId: job.id, jobName: job.name, scheduleHash })),
    parts.clock.now(),
    complete,
  );
  const last = await parts.ledger.settledSlots(parts.clock.now() + recordedAheadMs);
  state.complete = complete;
  for (const { job } of gone) roster.remove(job.id);
  const [added, changed]: [string[], string[]] = [[], []];
  for (const { entry } of wanted.values()) {
    const before = roster.get(entry.job.id);
    const armedAt = since.get(entry.job.id);
    // Armed anew: the schedule, or the zone that counts where it names none, is another.
    if (before === entry && (armedAt === undefined || armedAt === entry.since)) continue;
    (before === undefined ? added : changed).push(entry.job.name);
    enter(state, entry, armedAt, last.get(entry.job.id));
    if ((added.length + changed.length) % 128 === 0) await yieldOnce();
  }
  return { added, changed, removed: gone.map(({ job }) => job.name) };
}

interface Wanted {
  /** The one that is in force, if nothing of the job has changed. */
  readonly entry: Entry;
  readonly scheduleHash: string;
}

/** A disabled job has no slots; it is run by hand only. */
async function entriesOf({ parts, roster }: State, jobs: readonly Job[]): Promise<Map<string, Wanted>> {
  const entries = new Map<string, Wanted>();
  for (const chunk of chunksOf(jobs.filter(({ enabled }) => enabled))) {
    for (const job of chunk) {
      const hash = parts.hash(job);
      const known = roster.get(job.id);
      entries.set(job.id, {
        entry: known?.hash === hash ? known : roster.newEntry(job, hash),
        scheduleHash: parts.scheduleHash(job),
      });
    }
    await yieldOnce();
  }
  return entries;
}

function enter(state: State, entry: Entry, since: number | undefined, last: number | undefined): void {
  const { roster, parts } = state;
  const now = parts.clock.now();
  const before = roster.get(entry.job.id);
  const isSameSchedule = before !== undefined && before.since === since;
  roster.remove(entry.job.id);
  roster.add(entry);
  entry.since = since ?? now;
  entry.last = last;
  entry.behind = isSameSchedule && before.behind;
  try {
    roster.place(entry, now);
    if (entry.behind) roster.timeline.set(entry, undefined);
  } catch (error) {
    tellUnusable(state, entry, error);
  }
}
