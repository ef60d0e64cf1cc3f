/**
 * What OpenClaw's SQLite store keeps of single runs, from 2026.6.1 on: the table `cron_run_receipts`, one row a run. A job's state says how the last
 * one ended; these say also which runs a dead gateway left behind, and how it went before.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Receipt } from "./stored.ts";

/** Of each job the newest so many are read: as many as OpenClaw shows at once. */
const mostReceipts = 50;
/** Longest error that is read, in characters. */
const longestError = 1_000;

const needed = ["job_id", "status", "started_at_ms"];

/** By the job's id, the newest first; empty for a store that has none. */
export function receiptsOf(db: DatabaseSync): ReadonlyMap<string, readonly Receipt[]> {
  // A view may compute for ever.
  const kinds = db.prepare("SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = 'cron_run_receipts'").all();
  const info = db.prepare("SELECT name FROM pragma_table_info('cron_run_receipts')").all();
  const columns = new Set(info.map(({ name }) => String(name)));
  if (kinds.some(({ type }) => type !== "table") || !needed.every((name) => columns.has(name))) return new Map();
  const error = columns.has("error") ? `substr(error, 1, ${longestError})` : "NULL";
  const rows = db
    .prepare(
      `SELECT job, status, started, error FROM (
        SELECT job_id AS job, status, started_at_ms AS started, ${error} AS error,
          row_number() OVER (PARTITION BY job_id ORDER BY started_at_ms DESC) AS place
        FROM cron_run_receipts WHERE typeof(started_at_ms) = 'integer' AND started_at_ms BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER})
      WHERE place <= ${mostReceipts} ORDER BY job, place`,
    )
    .all();
  const receipts = new Map<string, Receipt[]>();
  for (const row of rows) {
    if (typeof row["job"] !== "string" || typeof row["status"] !== "string") continue;
    const { job, status, started, error: said } = row;
    const one = { status, startedAtMs: Number(started), ...(typeof said === "string" && said !== "" ? { error: said } : {}) };
    const others = receipts.get(job);
    if (others === undefined) receipts.set(job, [one]);
    else others.push(one);
  }
  return receipts;
}
