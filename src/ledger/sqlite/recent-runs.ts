/** How the newest runs of every job ended, for whoever looks at all jobs at once, each second perhaps. */
import { isEnding, runStatuses, type RunStatus } from "../../run/run.ts";
import type { EndedRun, RecentRun, RecentRuns } from "../ledger.ts";
import { integer, integerIf, present, text, textIf, word, type Row } from "./columns.ts";
import { schedulingOf } from "./scheduling-column.ts";
import type { Source } from "./source.ts";
import { statusOf } from "./status-columns.ts";

export const recentQueries = {
  /**
   * One text for each job, so that twenty thousand runs are no twenty thousand rows; from the index `runs_of_job` alone. The runs come
   * to `group_concat` in the order of the inner query: it has a limit, so that it cannot be merged into the outer one.
   */
  recent: `SELECT j.id AS job_id, (SELECT group_concat(newest.run) FROM (
      SELECT CASE r.status WHEN 'succeeded' THEN '' ELSE r.status || ' ' || r.key END AS run
      FROM runs r WHERE r.job = j.key ORDER BY r.key DESC LIMIT :limit) newest) AS runs
    FROM jobs j`,
  lastEnds: `SELECT j.id AS job_id, r.id, r.status, r.phase, r.started_at, r.finished_at, r.slot_at, r.slot_from, r.scheduling, r.deferred_until,
      r.reason
    FROM jobs j CROSS JOIN runs r
      ON r.key = (SELECT l.key FROM runs l WHERE l.job = j.key AND l.status <> 'running' ORDER BY l.key DESC LIMIT 1)`,
  facts: `SELECT r.key, r.id, r.status, r.phase, coalesce(r.slot_from, r.started_at) AS since, r.scheduling
    FROM json_each(:keys) k CROSS JOIN runs r ON r.key = k.value`,
};

/** Most runs of a job that `recentRuns` gives. */
const mostRecent = 100;

/** The states of which more is told. */
const bad: ReadonlySet<RunStatus> = new Set(["failed", "timed_out", "interrupted", "unknown", "blocked"]);

export function recentRuns(source: Source, limit: number): ReadonlyMap<string, RecentRuns> {
  if (!Number.isInteger(limit) || limit < 1 || limit > mostRecent)
    throw new Error(`broken invariant: ${limit} runs of each job were asked for`);
  const jobs = source
    .sql(recentQueries.recent)
    .all({ limit })
    .flatMap((row) => (row["runs"] === null ? [] : [{ id: text(row, "job_id"), marks: marksOf(text(row, "runs")) }]));
  const told = factsOf(
    source,
    jobs.flatMap(({ marks }) => marks.flatMap(({ key }) => key ?? [])),
  );
  const ends = new Map(
    source
      .sql(recentQueries.lastEnds)
      .all()
      .map((row) => [text(row, "job_id"), endedRun(row)]),
  );
  return new Map(
    jobs.map(({ id, marks }): [string, RecentRuns] => {
      const lastEnd = ends.get(id);
      const runs = marks.map((mark) => (mark.key === undefined ? mark : (told.get(mark.key) ?? { status: mark.status })));
      return [id, lastEnd === undefined ? { runs } : { runs, lastEnd }];
    }),
  );
}

/** A run by its status, and by its key where there is more to be found out. */
interface Mark {
  readonly status: RunStatus;
  readonly key?: number;
}

/** All that succeeded are one: they are most. */
const succeeded: Mark = { status: "succeeded" };

function marksOf(runs: string): readonly Mark[] {
  let good = false;
  return runs.split(",").map((run) => {
    good ||= run === "" || run.startsWith("quiet");
    if (run === "") return succeeded;
    const [said = "", key = ""] = run.split(" ");
    const status = word({ status: said }, "status", runStatuses);
    return !isEnding(status) || (bad.has(status) && !good) ? { status, key: Number(key) } : { status };
  });
}

function factsOf(source: Source, keys: readonly number[]): ReadonlyMap<number, RecentRun> {
  const rows = keys.length === 0 ? [] : source.sql(recentQueries.facts).all({ keys: JSON.stringify(keys) });
  return new Map(rows.map((row) => [integer(row, "key"), factsOfRun(row)]));
}

function factsOfRun(row: Row): RecentRun {
  const status = statusOf(row);
  if (!isEnding(status)) return { status };
  return { status, told: { runId: text(row, "id"), since: integer(row, "since"), slots: schedulingOf(row).slots ?? 1 } };
}

function endedRun(row: Row): EndedRun {
  return present({
    runId: text(row, "id"),
    status: statusOf(row),
    startedAt: integer(row, "started_at"),
    finishedAt: integerIf(row, "finished_at"),
    slotAt: integerIf(row, "slot_at"),
    slotFrom: integerIf(row, "slot_from"),
    slots: schedulingOf(row).slots,
    deferredUntil: integerIf(row, "deferred_until"),
    reason: textIf(row, "reason"),
  });
}
