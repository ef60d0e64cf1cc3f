/** How the newest runs of every job ended, for whoever looks at all jobs at once, each second perhaps. */
import { isEnding, runStatuses, type RunStatus } from "../../run/run.ts";
import type { EndedRun, RecentRun, RecentRuns } from "../ledger.ts";
import { integer, integerIf, present, text, textIf, word, type Row } from "./columns.ts";
import type { Source } from "./source.ts";
import { statusOf } from "./status-columns.ts";

export const recentQueries = {
  /**
   * One text for each job, so that twenty thousand runs are no twenty thousand rows; from the index `runs_of_job` alone. The runs come
   * to `group_concat` in the order of the inner query: it has a limit, so that it cannot be merged into the outer one.
   */
  recent: `SELECT j.id AS job_id, (SELECT ifnull(max(newest.ended), '') || ',' || group_concat(newest.run) FROM (
      SELECT CASE r.status WHEN 'succeeded' THEN '' ELSE r.status || ' ' || r.key END AS run,
        CASE WHEN r.status <> 'running' THEN r.key END AS ended
      FROM runs r WHERE r.job = j.key ORDER BY r.key DESC LIMIT :limit) newest) AS runs
    FROM jobs j`,
  facts: `SELECT r.key, r.id, r.status, r.phase, r.started_at, r.finished_at, r.slot_at, r.slot_from, r.scheduling ->> '$.slots' AS slots,
      r.deferred_until, r.reason
    FROM json_each(:keys) k CROSS JOIN runs r ON r.key = k.value`,
};

/** A job has at most one run that is queued and one that is running or waiting, so behind so many there is one that has ended. */
const mostOpen = 2;

/** Most runs of a job that `recentRuns` gives. */
const mostRecent = 100;

/** The states of which more is told. */
const bad: ReadonlySet<RunStatus> = new Set(["failed", "timed_out", "interrupted", "unknown", "blocked"]);

export function recentRuns(source: Source, limit: number): ReadonlyMap<string, RecentRuns> {
  if (!Number.isInteger(limit) || limit < 1 || limit > mostRecent)
    throw new Error(`broken invariant: ${limit} runs of each job were asked for`);
  const jobs = source
    .sql(recentQueries.recent)
    .all({ limit: limit + mostOpen })
    .flatMap((row) => (row["runs"] === null ? [] : [newestOf(text(row, "job_id"), text(row, "runs"), limit)]));
  const keys = new Set<number>();
  for (const { marks, ended } of jobs) {
    if (ended !== undefined) keys.add(ended);
    for (const { key } of marks) if (key !== undefined) keys.add(key);
  }
  const rows = source.sql(recentQueries.facts).all({ keys: JSON.stringify([...keys]) });
  const rowOf = new Map(rows.map((row) => [integer(row, "key"), row]));
  return new Map(
    jobs.map(({ id, marks, ended }): [string, RecentRuns] => {
      const runs = marks.map((mark) => toldOf(mark, rowOf));
      const end = ended === undefined ? undefined : rowOf.get(ended);
      return [id, end === undefined ? { runs } : { runs, lastEnd: endedRun(end) }];
    }),
  );
}

/** The newest runs of a job, and the key of the newest that has ended. */
interface Newest {
  readonly id: string;
  readonly marks: readonly Mark[];
  readonly ended: number | undefined;
}

function newestOf(id: string, written: string, limit: number): Newest {
  const [ended = "", ...runs] = written.split(",");
  return { id, marks: marksOf(runs.slice(0, limit)), ended: ended === "" ? undefined : Number(ended) };
}

/** A run by its status, and by its key where there is more to be found out. */
interface Mark {
  readonly status: RunStatus;
  readonly key?: number;
}

/** All that succeeded are one: they are most. */
const succeeded: Mark = { status: "succeeded" };

function marksOf(runs: readonly string[]): readonly Mark[] {
  const marks: Mark[] = [];
  let good = false;
  for (const run of runs) {
    if (run === "") {
      good = true;
      marks.push(succeeded);
      continue;
    }
    const [said = "", key = ""] = run.split(" ");
    const status = word({ status: said }, "status", runStatuses);
    good ||= status === "quiet";
    marks.push(!isEnding(status) || (bad.has(status) && !good) ? { status, key: Number(key) } : { status });
  }
  return marks.some(({ key }) => key !== undefined) ? withoutMiddle(marks) : marks;
}

/** Of several that ended badly, one after the other, only the first and the last are told of; what is neither good nor bad does not part them. */
function withoutMiddle(marks: readonly Mark[]): readonly Mark[] {
  const telling = marks.filter(({ status, key }) => key !== undefined && isEnding(status));
  const isOneOf = (mark: Mark | undefined): boolean => mark !== undefined && mark.status !== "blocked";
  const middle = new Set(telling.filter((mark, at) => isOneOf(mark) && isOneOf(telling[at - 1]) && isOneOf(telling[at + 1])));
  return middle.size === 0 ? marks : marks.map((mark) => (middle.has(mark) ? { status: mark.status } : mark));
}

function toldOf(mark: Mark, rowOf: ReadonlyMap<number, Row>): RecentRun {
  const row = mark.key === undefined ? undefined : rowOf.get(mark.key);
  if (row === undefined) return mark.key === undefined ? mark : { status: mark.status };
  const status = statusOf(row);
  if (!isEnding(status)) return { status };
  const since = integerIf(row, "slot_from") ?? integer(row, "started_at");
  return { status, told: { runId: text(row, "id"), since, slots: integerIf(row, "slots") ?? 1 } };
}

function endedRun(row: Row): EndedRun {
  return present({
    runId: text(row, "id"),
    status: word(row, "status", runStatuses),
    startedAt: integer(row, "started_at"),
    finishedAt: integerIf(row, "finished_at"),
    slotAt: integerIf(row, "slot_at"),
    slotFrom: integerIf(row, "slot_from"),
    slots: integerIf(row, "slots"),
    deferredUntil: integerIf(row, "deferred_until"),
    reason: textIf(row, "reason"),
  });
}
