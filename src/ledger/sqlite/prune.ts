/** What is no longer kept goes. The file does not shrink: the room is used again. */
import { LedgerError } from "../../errors.ts";
import { keptMs, keptRuns, type Keep } from "../ledger.ts";
import type { Connection } from "./connection.ts";
import { integer, text, whole } from "./columns.ts";
import type { Source } from "./source.ts";

/** Most runs of one job that are removed at once, so that nobody waits long for a ledger that has been left alone for years. */
const batch = 500;

/** How often the end of a run looks whether something can go. */
const pruneEveryMs = 3_600_000;

export const pruneQueries = {
  /** The oldest run of a job that is kept by its number. */
  lastKept: "SELECT key FROM runs WHERE job = ? ORDER BY key DESC LIMIT 1 OFFSET ?",
  /** The oldest runs behind it; a batch, so that a run whose clock was ahead cannot keep all others. */
  beyond: "SELECT key, started_at, status FROM runs WHERE job = ? AND key < ? ORDER BY key LIMIT ?",
  countBeyond: "SELECT count(*) AS n FROM runs WHERE job = ? AND key < ? AND started_at < ? AND status <> 'running'",
};

/** In the order of their references: what names a run goes before the run. */
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

/** The jobs that have more runs than are kept by their number, with the oldest run that is. */
function* jobsBeyond(source: Source, keep: Keep): Generator<{ readonly job: number; readonly lastKept: number }> {
  if (!Number.isInteger(keep.runs) || keep.runs < 1)
    throw new Error(`broken invariant: ${keep.runs} runs of a job cannot be kept`);
  for (const row of source.sql("SELECT key FROM jobs").all()) {
    const job = integer(row, "key");
    const lastKept = source.sql(pruneQueries.lastKept).get(job, keep.runs - 1);
    if (lastKept !== undefined) yield { job, lastKept: integer(lastKept, "key") };
  }
}

export function prunable(source: Source, now: number, keep = usual): number {
  const before = whole(now - keep.ms);
  let count = 0;
  for (const { job, lastKept } of jobsBeyond(source, keep)) {
    const counted = source.sql(pruneQueries.countBeyond).get(job, lastKept, before);
    count += counted === undefined ? 0 : integer(counted, "n");
  }
  return count;
}

export function prune(connection: Connection, now: number, keep = usual): number {
  const before = whole(now - keep.ms);
  for (const deletion of forgotten) connection.sql(deletion).run(whole(now - keptMs));
  let removed = 0;
  for (const { job, lastKept } of jobsBeyond(connection, keep)) {
    for (const run of connection.sql(pruneQueries.beyond).all(job, lastKept, batch)) {
      if (integer(run, "started_at") >= before || text(run, "status") === "running") continue;
      removeRun(connection, integer(run, "key"));
      removed += 1;
    }
  }
  return removed;
}

export function isPruneDue(connection: Connection, now: number): boolean {
  const last = connection.sql("SELECT done_at FROM upkeep WHERE name = 'prune'").get();
  // A clock that was set back must not put it off for as long as it had been ahead.
  return last === undefined || Math.abs(now - integer(last, "done_at")) >= pruneEveryMs;
}

/** After a run's end, and never its hindrance: what could not be removed now is removed another time. */
export async function pruneInTheWake(connection: Connection, now: number): Promise<void> {
  try {
    await connection.write("process_death", () => {
      connection
        .sql("INSERT INTO upkeep (name, done_at) VALUES ('prune', ?) ON CONFLICT (name) DO UPDATE SET done_at = excluded.done_at")
        .run(whole(now));
      prune(connection, now);
    });
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
  }
}
