/** How the runs of a time ended, from the roll-up of endings by job and day. */
import { runStatuses, type RunStatus } from "../../run/run.ts";
import type { StatusCount } from "../ledger.ts";
import { integer, text, textIf, whole, word } from "./columns.ts";
import type { Source } from "./source.ts";

const dayMs = 86_400_000;

/** Of few rows, or in few groups. */
export const rollUpQueries = {
  /**
   * One row for each job, in the order of the index of their ids, so that nothing is sorted: how many there were, and of those that did not succeed,
   * which are few, each day's number. Its kept jobs alone: what was simulated or verified is kept under ids of its own.
   */
  statusCounts: `SELECT j.id, sum(e.runs) AS runs, group_concat(CASE WHEN e.status <> 'succeeded' THEN e.status || ' ' || e.runs END) AS others
    FROM jobs j CROSS JOIN endings e ON e.job = j.key AND e.day >= :day
    WHERE (:job IS NULL OR j.id = :job) AND j.id NOT LIKE 'verify:%' AND j.id NOT LIKE 'simulated:%' GROUP BY j.id`,
};

export function statusCounts(source: Source, { since, jobId }: { since: number; jobId?: string }): readonly StatusCount[] {
  const rows = source.sql(rollUpQueries.statusCounts).all({ day: Math.floor(whole(since) / dayMs), job: jobId ?? null });
  const found: StatusCount[] = [];
  for (const row of rows) {
    const id = text(row, "id");
    const others = countsOf(textIf(row, "others"));
    let succeeded = integer(row, "runs");
    for (const runs of others.values()) succeeded -= runs;
    const counts: [RunStatus, number][] = succeeded > 0 ? [...others, ["succeeded", succeeded]] : [...others];
    if (counts.length > 1) counts.sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [status, runs] of counts) found.push({ jobId: id, status, runs });
  }
  return found;
}

/** `failed 3,skipped 1,failed 2` added up. */
function countsOf(days: string | undefined): ReadonlyMap<RunStatus, number> {
  const counts = new Map<RunStatus, number>();
  if (days === undefined) return counts;
  for (const day of days.split(",")) {
    const blank = day.indexOf(" ");
    const status = word({ status: day.slice(0, blank) }, "status", runStatuses);
    counts.set(status, (counts.get(status) ?? 0) + Number(day.slice(blank + 1)));
  }
  return counts;
}
