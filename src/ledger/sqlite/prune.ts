/**
 * What is no longer kept goes, a little at a time: each transaction of it is short and is followed by a pause, so that whoever wants to
 * write comes between. The file does not shrink: the room is used again.
 */
import { setTimeout as pause } from "node:timers/promises";
import { LedgerError } from "../../errors.ts";
import { keptDays, keptMs, keptRuns, type Keep } from "../ledger.ts";
import type { Connection } from "./connection.ts";
import { integer, integerIf, text, whole } from "./columns.ts";
import type { Source } from "./source.ts";

/** Most runs of one job that are looked at in one round, so that a ledger that has been left alone for years is not one long work. */
const batch = 500;

/** How often the end of a run looks whether something can go. */
const pruneEveryMs = 3_600_000;

/**
 * How long one transaction goes on, and how long the lock is left alone after it. Somebody who waits for the lock looks after at most
 * 10 ms again, so a pause of that length is met.
 */
const sliceMs = 8;
const pauseMs = 12;

/** So many runs one transaction removes in any case, so that it gets on where the machine has no time for it. */
const leastRuns = 25;

/** What the end of one run does of it; the next one goes on from there. */
const slicesInTheWake = 8;

export const pruneQueries = {
  /** The oldest run of a job that is kept by its number. */
  lastKept: "SELECT key FROM runs WHERE job = ? ORDER BY key DESC LIMIT 1 OFFSET ?",
  /** The run that answers the newest slot: the next one is computed from it, so it stays. So does the one of the newest boot. */
  newestSlot: "SELECT key FROM runs WHERE job = ? AND slot_at IS NOT NULL ORDER BY slot_at DESC LIMIT 1",
  // The plus keeps the planner from going through all runs of the job for the newest key.
  newestBoot: "SELECT max(+key) AS key FROM runs WHERE job = ? AND trigger = 'boot'",
  /** The oldest runs behind it; a batch, so that a run whose clock was ahead cannot keep all others. */
  beyond: "SELECT key, started_at, status FROM runs WHERE job = ? AND key > ? AND key < ? ORDER BY key LIMIT ?",
  // All of them by an index alone, less the few that stay: looking at each run's status would read a whole ledger.
  countBeyond: `SELECT count(*)
    - (SELECT count(*) FROM runs WHERE job = :job AND status = 'running' AND +key < :last AND +started_at < :before)
    - (SELECT count(*) FROM runs WHERE key IN (:slot, :boot) AND status <> 'running' AND key < :last AND started_at < :before) AS n
    FROM runs WHERE job = :job AND key < :last AND started_at < :before`,
};

/** In the order of their references: what names a run goes before the run. What asks it to end goes by itself (CASCADE). */
const deletions = [
  "DELETE FROM outputs WHERE run = ?",
  "DELETE FROM recordings WHERE run = ?",
  "DELETE FROM tool_runs WHERE run = ?",
  "DELETE FROM tries WHERE run = ?",
  "DELETE FROM calls WHERE run = ?",
  "DELETE FROM attempts WHERE run = ?",
  "DELETE FROM runs WHERE key = ?",
];

/** Removes a run with everything under it. */
export function removeRun(connection: Connection, key: number): void {
  for (const deletion of deletions) connection.sql(deletion).run(key);
}

/** Of models that nobody has asked for so long; small, but nobody else would ever remove them. */
const forgotten = ["DELETE FROM breakers WHERE changed_at < ?", "DELETE FROM rung_memories WHERE expires_at < ?"];

const usual: Keep = { runs: keptRuns, ms: keptMs };

/** A job that has more runs than are kept by their number, the oldest run that is, and what stays whatever its number. */
interface JobBeyond {
  readonly lastKept: number;
  readonly staying: readonly [number, number];
}

function jobBeyond(source: Source, job: number, keep: Keep): JobBeyond | undefined {
  const lastKept = source.sql(pruneQueries.lastKept).get(job, keep.runs - 1);
  if (lastKept === undefined) return undefined;
  const slot = source.sql(pruneQueries.newestSlot).get(job) ?? { key: null };
  const boot = source.sql(pruneQueries.newestBoot).get(job) ?? { key: null };
  return { lastKept: integer(lastKept, "key"), staying: [integerIf(slot, "key") ?? 0, integerIf(boot, "key") ?? 0] };
}

function mustKeepSome(keep: Keep): void {
  if (!Number.isInteger(keep.runs) || keep.runs < 1)
    throw new Error(`broken invariant: ${keep.runs} runs of a job cannot be kept`);
}

export function prunable(source: Source, now: number, keep = usual): number {
  mustKeepSome(keep);
  const before = whole(now - keep.ms);
  let count = 0;
  for (const row of source.sql("SELECT key FROM jobs").all()) {
    const job = integer(row, "key");
    const beyond = jobBeyond(source, job, keep);
    if (beyond === undefined) continue;
    const [slot, boot] = beyond.staying;
    const counted = source.sql(pruneQueries.countBeyond).get({ job, last: beyond.lastKept, before, slot, boot });
    count += counted === undefined ? 0 : integer(counted, "n");
  }
  return count;
}

/** Where a round is: the job that is next, the run of it that was looked at last, and how many may still be looked at. */
interface Place {
  readonly job: number;
  readonly after: number;
  readonly left: number;
}
const beginning: Place = { job: 0, after: 0, left: batch };

/** One short transaction of a round; `next` is absent at its end. */
function slice(connection: Connection, place: Place, now: number, keep: Keep): { removed: number; next?: Place } {
  const until = performance.now() + sliceMs;
  let removed = 0;
  if (place.job === 0) for (const deletion of forgotten) connection.sql(deletion).run(whole(now - keptMs));
  for (;;) {
    const row = connection.sql("SELECT key FROM jobs WHERE key >= ? ORDER BY key LIMIT 1").get(place.job);
    if (row === undefined) return { removed };
    const job = integer(row, "key");
    const from = job === place.job ? place : { job, after: 0, left: batch };
    if (from.after === 0)
      connection.sql("DELETE FROM endings WHERE job = ? AND day < ?").run(job, Math.floor(now / 86_400_000) - keptDays);
    const { count, stopped } = pruneJob(connection, from, whole(now - keep.ms), keep, until);
    removed += count;
    if (stopped !== undefined) return { removed, next: stopped };
    place = { job: job + 1, after: 0, left: batch };
    if (performance.now() >= until) return { removed, next: place };
  }
}

function pruneJob(
  connection: Connection,
  { job, after, left }: Place,
  before: number,
  keep: Keep,
  until: number,
): { count: number; stopped?: Place } {
  const beyond = jobBeyond(connection, job, keep);
  if (beyond === undefined) return { count: 0 };
  let count = 0;
  for (const run of connection.sql(pruneQueries.beyond).all(job, after, beyond.lastKept, left)) {
    const key = integer(run, "key");
    left -= 1;
    if (integer(run, "started_at") >= before || text(run, "status") === "running" || beyond.staying.includes(key)) continue;
    removeRun(connection, key);
    count += 1;
    if (count >= leastRuns && performance.now() >= until) return { count, stopped: { job, after: key, left } };
  }
  return { count };
}

/** A whole round. */
export async function prune(connection: Connection, now: number, keep = usual): Promise<number> {
  mustKeepSome(keep);
  let removed = 0;
  for (let place: Place | undefined = beginning; place !== undefined;) {
    const from: Place = place;
    const done = await connection.write("process_death", () => slice(connection, from, now, keep));
    removed += done.removed;
    place = done.next;
    if (place !== undefined) await pause(pauseMs);
  }
  return removed;
}

/** Whether the time for a round has come, or one is under way. */
export function isPruneDue(connection: Connection, now: number): boolean {
  const last = connection.sql("SELECT done_at, next_job FROM upkeep WHERE name = 'prune'").get();
  // A clock that was set back must not put it off for as long as it had been ahead.
  return last === undefined || last["next_job"] !== null || Math.abs(now - integer(last, "done_at")) >= pruneEveryMs;
}

/** After a run's end, and never its hindrance: what could not be removed now is removed another time. */
export async function pruneInTheWake(connection: Connection, now: number): Promise<void> {
  try {
    for (let number = 0; number < slicesInTheWake; number++) {
      if (number > 0) await pause(pauseMs);
      const goesOn = await connection.write("process_death", () => {
        const row = connection.sql("SELECT next_job FROM upkeep WHERE name = 'prune'").get();
        const job = row === undefined ? 0 : (integerIf(row, "next_job") ?? 0);
        const { next } = slice(connection, { job, after: 0, left: batch }, now, usual);
        keepPlace(connection, now, next?.job);
        return next !== undefined;
      });
      if (!goesOn) return;
    }
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
  }
}

function keepPlace(connection: Connection, now: number, nextJob: number | undefined): void {
  connection
    .sql(
      `INSERT INTO upkeep (name, done_at, next_job) VALUES ('prune', ?, ?)
        ON CONFLICT (name) DO UPDATE SET done_at = excluded.done_at, next_job = excluded.next_job`,
    )
    .run(whole(now), nextJob ?? null);
}
