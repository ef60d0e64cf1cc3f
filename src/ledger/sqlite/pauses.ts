/** Pauses: those that are in force, and for a while those that are over. */
import { keptPauses, keptPausesMs } from "../ledger.ts";
import type { EndedPause, Pause } from "../ledger.ts";
import { cut, cutIf, integer, integerIf, present, text, textIf, whole, wholeIf, type Row } from "./columns.ts";
import type { Connection } from "./connection.ts";
import type { Source } from "./source.ts";

/** Returns whether the job was paused at `now`. */
export function endPause(connection: Connection, jobId: string, now: number): boolean {
  const row = connection.sql("DELETE FROM pauses WHERE job_id = ? RETURNING *").get(jobId);
  if (row === undefined) return false;
  const until = integerIf(row, "paused_until") ?? Infinity;
  const { at, by, reason } = pauseOf(row);
  const endedAt = Math.min(until, now);
  // A clock that was set back since makes it a pause of nothing.
  if (endedAt > at) {
    const { lastInsertRowid } = connection
      .sql("INSERT INTO ended_pauses (job_id, paused_at, paused_by, reason, ended_at) VALUES (?, ?, ?, ?, ?)")
      .run(jobId, at, by, reason ?? null, endedAt);
    connection
      .sql("DELETE FROM ended_pauses WHERE key <= ? OR ended_at < ?")
      .run(Number(lastInsertRowid) - keptPauses, now - keptPausesMs);
  }
  return until > now;
}

/** A later pause of the same job takes the place of the one before. */
export function keepPause(connection: Connection, pause: Pause): void {
  endPause(connection, pause.jobId, whole(pause.at));
  connection
    .sql("INSERT INTO pauses (job_id, paused_at, paused_by, reason, paused_until) VALUES (?, ?, ?, ?, ?)")
    .run(pause.jobId, whole(pause.at), cut(pause.by), cutIf(pause.reason), wholeIf(pause.until));
}

export function pauses(source: Source, now: number): ReadonlyMap<string, Pause> {
  const rows = source.sql("SELECT * FROM pauses WHERE paused_until IS NULL OR paused_until > ? ORDER BY job_id").all(now);
  return new Map(
    rows.map((row): [string, Pause] => [
      text(row, "job_id"),
      present({ ...pauseOf(row), until: integerIf(row, "paused_until") }),
    ]),
  );
}

/** One whose time is up is over, whether or not somebody has looked since. */
export function endedPauses(source: Source, now: number): readonly EndedPause[] {
  const since = now - keptPausesMs;
  const kept = source.sql("SELECT * FROM ended_pauses WHERE ended_at > ?").all(since);
  const up = source.sql("SELECT * FROM pauses WHERE paused_until <= ? AND paused_until > ?").all(now, since);
  return [
    ...kept.map((row) => ({ ...pauseOf(row), endedAt: integer(row, "ended_at") })),
    ...up.map((row) => ({ ...pauseOf(row), endedAt: integer(row, "paused_until") })),
  ];
}

function pauseOf(row: Row): Omit<Pause, "until"> {
  return present({
    jobId: text(row, "job_id"),
    at: integer(row, "paused_at"),
    by: text(row, "paused_by"),
    reason: textIf(row, "reason"),
  });
}
