/**
 * Puts another set of jobs in force. What is the same stays where it is; a schedule that is another is armed from now on, and its old slots are
 * not caught up with. What runs goes on as it was begun (aptible/supercronic#150 waited for it).
 */
import { setImmediate as yieldOnce } from "node:timers/promises";
import type { Job } from "../../job/job.ts";
import { chunksOf, tellUnusable } from "./fire.ts";
import { Entry } from "./roster.ts";
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
  const before = new Map([...roster.entries()].map((entry) => [entry.job.id, entry]));
  const gone = complete ? [...before.values()].filter(({ job }) => !wanted.has(job.id)) : [];
  const fresh = [...wanted.values()].filter(({ job, hash }) => before.get(job.id)?.hash !== hash);
  const kept = complete ? [...wanted.values()] : [...new Map([...before, ...wanted]).values()];
  const armed = kept.map(({ job, scheduleHash }) => ({ jobId: job.id, jobName: job.name, scheduleHash }));
  const since = await parts.ledger.armJobs(armed, parts.clock.now(), complete);
  const last = await parts.ledger.lastSlots();
  state.complete = complete;
  for (const { job } of gone) roster.remove(job.id);
  for (const [at, entry] of fresh.entries()) {
    enter(state, entry, since.get(entry.job.id), last.get(entry.job.id));
    if (at % 128 === 127) await yieldOnce();
  }
  return {
    added: namesOf(fresh.filter(({ job }) => !before.has(job.id))),
    changed: namesOf(fresh.filter(({ job }) => before.has(job.id))),
    removed: namesOf(gone),
  };
}

/** A disabled job has no slots; it is run by hand only. */
async function entriesOf({ parts, roster }: State, jobs: readonly Job[]): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  for (const chunk of chunksOf(jobs.filter(({ enabled }) => enabled))) {
    for (const job of chunk) {
      const scheduleHash = parts.scheduleHash(job);
      const hash = parts.hash(job);
      const known = roster.get(job.id);
      const same = known?.hash === hash && known.scheduleHash === scheduleHash;
      entries.set(job.id, same ? known : new Entry(job, hash, scheduleHash));
    }
    await yieldOnce();
  }
  return entries;
}

function enter(state: State, entry: Entry, since: number | undefined, last: number | undefined): void {
  const { roster, parts } = state;
  const now = parts.clock.now();
  const before = roster.get(entry.job.id);
  roster.remove(entry.job.id);
  roster.add(entry);
  entry.since = since ?? now;
  entry.last = last;
  if (before?.scheduleHash === entry.scheduleHash) entry.behind = before.behind;
  try {
    roster.place(entry, now);
    if (entry.behind) roster.timeline.set(entry, undefined);
  } catch (error) {
    tellUnusable(state, entry, error);
  }
}

function namesOf(entries: readonly Entry[]): string[] {
  return entries.map(({ job }) => job.name);
}
