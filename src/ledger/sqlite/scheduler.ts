/** What is kept of the scheduler itself: which jobs it looks after, who leads, what is paused or to be ended, and what happened to it. */
import { keptBoots, keptEvents, keptEventText, keptOfSame } from "../ledger.ts";
import type { Armed, CancelRequest, Leader, Ledger, SchedulerEventRow } from "../ledger.ts";
import { cut, integer, text, whole } from "./columns.ts";
import type { Connection } from "./connection.ts";
import { reportValue } from "./leader-report.ts";
import { lookAtOpen } from "./open-look.ts";
import { endPause, keepPause } from "./pauses.ts";
import { ownerValues } from "./rows.ts";
import { leader } from "./scheduling-queries.ts";

type SchedulerMethods = Pick<
  Ledger,
  | "armJobs"
  | "changeLeader"
  | "pause"
  | "unpause"
  | "requestCancel"
  | "noteEvent"
  | "hasChanged"
  | "hasChangedElsewhere"
  | "lookAtOpen"
>;

/**
 * What a person asked for, and what a slot is computed from, waits for the disk; who leads need not outlive a power cut, because the
 * leader does not either.
 */
export function schedulerMethods(connection: Connection): SchedulerMethods {
  return {
    armJobs: (jobs, now, complete) => connection.write("power_loss", () => armJobs(connection, jobs, whole(now), complete)),
    changeLeader: (change) => connection.write("process_death", () => changeLeader(connection, change)),
    pause: (pause) => connection.write("power_loss", () => keepPause(connection, pause)),
    unpause: (jobId, now) => connection.write("power_loss", () => endPause(connection, jobId, whole(now))),
    requestCancel: (request) => connection.write("power_loss", () => requestCancel(connection, request)),
    noteEvent: (event) => connection.write("process_death", () => noteEvent(connection, event)),
    hasChanged: () => connection.hasChanged(),
    hasChangedElsewhere: () => connection.hasChangedElsewhere(),
    lookAtOpen: (wantsRow) => connection.read(() => lookAtOpen(connection, wantsRow)),
  };
}

const forgetBoots = `DELETE FROM scheduler_events WHERE kind = 'booted' AND key <= :old
  AND key NOT IN (SELECT key FROM scheduler_events WHERE kind = 'booted' ORDER BY key DESC LIMIT :kept)`;

const forgetSame = `DELETE FROM scheduler_events WHERE kind = :kind AND text = :text AND key NOT IN
  (SELECT key FROM scheduler_events WHERE kind = :kind AND text = :text ORDER BY key DESC LIMIT :kept)`;

function armJobs(connection: Connection, jobs: readonly Armed[], now: number, complete: boolean): ReadonlyMap<string, number> {
  const before = new Map(
    connection
      .sql("SELECT job_id, job_name, since, schedule_hash FROM armed")
      .all()
      .map((row) => [text(row, "job_id"), row]),
  );
  const put = connection.sql(
    `INSERT INTO armed (job_id, job_name, since, schedule_hash) VALUES (?, ?, ?, ?) ON CONFLICT (job_id) DO UPDATE
      SET job_name = excluded.job_name, since = excluded.since, schedule_hash = excluded.schedule_hash`,
  );
  const since = new Map<string, number>();
  for (const { jobId, jobName, scheduleHash } of jobs) {
    const row = before.get(jobId);
    const same = row !== undefined && text(row, "schedule_hash") === scheduleHash;
    const from = same ? integer(row, "since") : now;
    since.set(jobId, from);
    if (!same || text(row, "job_name") !== jobName) put.run(jobId, jobName, from, scheduleHash);
  }
  for (const jobId of before.keys())
    if (complete && !since.has(jobId)) connection.sql("DELETE FROM armed WHERE job_id = ?").run(jobId);
  return since;
}

function changeLeader(connection: Connection, change: (before: Leader | undefined) => Leader | undefined): Leader | undefined {
  const before = leader(connection);
  const after = change(before);
  if (after === before) return after;
  if (after === undefined) {
    connection.sql("DELETE FROM leader").run();
    return undefined;
  }
  const values = {
    ...ownerValues(after.owner),
    started_at: whole(after.startedAt),
    seen_at: whole(after.seenAt),
    lease_until: whole(after.leaseUntil),
    version: after.version,
    report: reportValue(after.report),
  };
  const columns = Object.keys(values);
  connection
    .sql(
      `INSERT INTO leader (key, ${columns.join(", ")}) VALUES (1, ${columns.map((column) => `:${column}`).join(", ")})
        ON CONFLICT (key) DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(", ")}`,
    )
    .run(values);
  return after;
}

/** The first request stays: its reason is why the run ends. */
function requestCancel(connection: Connection, request: CancelRequest): boolean {
  const open = connection.sql("SELECT key FROM runs WHERE id = ? AND status = 'running'").get(request.runId);
  if (open === undefined) return false;
  connection
    .sql("INSERT INTO cancel_requests (run, requested_at, reason) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
    .run(integer(open, "key"), whole(request.at), cut(request.reason));
  return true;
}

function noteEvent(connection: Connection, event: SchedulerEventRow): void {
  const kept = cut(event.text, keptEventText);
  const { lastInsertRowid } = connection
    .sql("INSERT INTO scheduler_events (at, kind, job_id, text) VALUES (?, ?, ?, ?)")
    .run(whole(event.at), event.kind, event.jobId ?? null, kept);
  // Which starts of the machine are answered is to be known for as long as the machine runs.
  const old = Number(lastInsertRowid) - keptEvents;
  connection.sql("DELETE FROM scheduler_events WHERE key <= ? AND kind <> 'booted'").run(old);
  if (event.kind === "booted" || event.kind === "ticked")
    connection.sql(forgetSame).run({ kind: event.kind, text: kept, kept: keptOfSame[event.kind] });
  if (event.kind === "booted") connection.sql(forgetBoots).run({ old, kept: keptBoots });
}
