/** What the scheduler, and whoever shows what it does, asks of the ledger. */
import { keptEventText, schedulerEventKinds } from "../ledger.ts";
import type { CancelRequest, Leader, RunRow, SchedulerEventQuery, SchedulerEventRow, SchedulingReader } from "../ledger.ts";
import { cut, integer, present, text, textIf, whole, type Row } from "./columns.ts";
import { reportOf } from "./leader-report.ts";
import { endedPauses, pauses } from "./pauses.ts";
import { recentQueries, recentRuns } from "./recent-runs.ts";
import { ownerOf, runRow } from "./rows.ts";
import { fromRuns } from "./run-columns.ts";
import type { Source } from "./source.ts";
import { statusCounts } from "./status-counts.ts";

const ofJob = "r.job = (SELECT key FROM jobs WHERE id = :job)";

export const schedulingQueries = {
  /** Running or waiting: what is in the way of another one. */
  openOfJob: `${fromRuns} WHERE ${ofJob} AND r.status = 'running' AND r.phase <> 'queued'`,
  queuedOfJob: `${fromRuns} WHERE ${ofJob} AND r.status = 'running' AND r.phase = 'queued'`,
  ofSlot: `${fromRuns} WHERE ${ofJob} AND r.slot_at = :at`,
  /** The ranges of a job do not meet, so only the last one that begins before an instant can hold it. */
  rangeBefore: `${fromRuns} WHERE ${ofJob} AND r.slot_from <= :at ORDER BY r.slot_from DESC LIMIT 1`,
  endOfRangeBefore: `SELECT slot_at FROM runs WHERE job = (SELECT key FROM jobs WHERE id = :job) AND slot_from <= :at
    ORDER BY slot_from DESC LIMIT 1`,
  retryOf: `${fromRuns} WHERE r.rerun_of = :run AND r.trigger = 'retry'`,
  ofBoot: `${fromRuns} WHERE ${ofJob} AND r.scheduling ->> '$.boot' = :boot AND r.trigger = 'boot'`,
  open: `${fromRuns} WHERE r.status = 'running' ORDER BY r.key`,
  ...recentQueries,
  // One step into the index for each job.
  lastSlots: `SELECT j.id, (SELECT max(r.slot_at) FROM runs r WHERE r.job = j.key AND r.slot_at <= :until) AS at FROM jobs j`,
  // Back from the newest over what was run by hand: the scheduler's rows are claimed first or stand for several slots.
  settledSlots: `SELECT j.id, (SELECT r.slot_at FROM runs r WHERE r.job = j.key AND r.slot_at <= :until
    AND (r.slot_from IS NOT NULL OR r.scheduling ->> '$.queuedAt' IS NOT NULL) AND r.scheduling ->> '$.earlyAt' IS NULL ORDER BY r.slot_at DESC LIMIT 1) AS at FROM jobs j`,
  armedOf: "SELECT job_id, since, schedule_hash FROM armed WHERE job_id IN (SELECT k.value FROM json_each(:ids) k)",
  // A request goes with the end of its run, so they are few, however many runs are open.
  cancelRequests: `SELECT r.id, c.requested_at, c.reason FROM cancel_requests c CROSS JOIN runs r ON r.key = c.run
    WHERE r.status = 'running' ORDER BY c.run`,
};

function runIf(row: Row | undefined): RunRow | undefined {
  return row === undefined ? undefined : runRow(row);
}

export function openOfJob(source: Source, jobId: string): RunRow | undefined {
  return runIf(source.sql(schedulingQueries.openOfJob).get({ job: jobId }));
}

/** Whether a range of the job answers the slot; the index of slots knows nothing of what lies inside of one. */
export function isInRange(source: Source, jobId: string, at: number): boolean {
  const range = source.sql(schedulingQueries.endOfRangeBefore).get({ job: jobId, at: whole(at) });
  return range !== undefined && integer(range, "slot_at") >= whole(at);
}

/** The run or the range that answers the slot. */
export function recordOfSlot(source: Source, jobId: string, at: number): RunRow | undefined {
  const slot = { job: jobId, at: whole(at) };
  const exact = source.sql(schedulingQueries.ofSlot).get(slot);
  if (exact !== undefined) return runRow(exact);
  const range = source.sql(schedulingQueries.rangeBefore).get(slot);
  return range !== undefined && integer(range, "slot_at") >= slot.at ? runRow(range) : undefined;
}

export function schedulingReadMethods(source: Source): SchedulingReader {
  return {
    openRuns: () => source.read(() => source.sql(schedulingQueries.open).all().map(runRow)),
    recentRuns: (limit) => source.read(() => recentRuns(source, limit)),
    lastSlots: (until = Number.MAX_SAFE_INTEGER) => source.read(() => slotsByJob(source, schedulingQueries.lastSlots, until)),
    settledSlots: (until) => source.read(() => slotsByJob(source, schedulingQueries.settledSlots, until)),
    slotRecord: (jobId, at) => source.read(() => recordOfSlot(source, jobId, at)),
    armed: (jobIds) => source.read(() => armed(source, jobIds)),
    leader: () => source.read(() => leader(source)),
    pauses: (now) => source.read(() => pauses(source, whole(now))),
    endedPauses: (now) => source.read(() => endedPauses(source, whole(now))),
    cancelRequests: () => source.read(() => source.sql(schedulingQueries.cancelRequests).all().map(cancelRequest)),
    events: (query) => source.read(() => events(source, query)),
    statusCounts: (query) => source.read(() => statusCounts(source, query)),
  };
}

function slotsByJob(source: Source, query: string, until: number): ReadonlyMap<string, number> {
  const rows = source.sql(query).all({ until: whole(until) });
  return new Map(rows.flatMap((row): [string, number][] => (row["at"] === null ? [] : [[text(row, "id"), integer(row, "at")]])));
}

type ArmedSince = ReadonlyMap<string, { readonly since: number; readonly scheduleHash: string }>;

function armed(source: Source, jobIds: readonly string[] | undefined): ArmedSince {
  const rows =
    jobIds === undefined
      ? source.sql("SELECT job_id, since, schedule_hash FROM armed").all()
      : source.sql(schedulingQueries.armedOf).all({ ids: JSON.stringify(jobIds) });
  return new Map(
    rows.map((row) => [text(row, "job_id"), { since: integer(row, "since"), scheduleHash: text(row, "schedule_hash") }]),
  );
}

export function leader(source: Source): Leader | undefined {
  const row = source.sql("SELECT * FROM leader WHERE key = 1").get();
  if (row === undefined) return undefined;
  return {
    owner: ownerOf(row),
    startedAt: integer(row, "started_at"),
    seenAt: integer(row, "seen_at"),
    leaseUntil: integer(row, "lease_until"),
    version: text(row, "version"),
    report: reportOf(text(row, "report")),
  };
}

function cancelRequest(row: Row): CancelRequest {
  return { runId: text(row, "id"), at: integer(row, "requested_at"), reason: text(row, "reason") };
}

/** They are few (`keptEvents`), so they are looked through. What a later version of this schema has noted, this one leaves out. */
function events(
  source: Source,
  { since, until, jobId, kinds, text: words, limit = 100 }: SchedulerEventQuery,
): readonly SchedulerEventRow[] {
  if (!Number.isInteger(limit) || limit < 0) throw new Error(`broken invariant: ${limit} events were asked for`);
  const select = `SELECT at, kind, job_id, text FROM scheduler_events WHERE at >= :since AND at <= :until
    AND (:job IS NULL OR job_id IS NULL OR job_id = :job) AND (:text IS NULL OR text = :text) AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds))) ORDER BY key DESC LIMIT :limit`;
  const found = source.sql(select).all({
    since: whole(since ?? 0),
    until: whole(until ?? Number.MAX_SAFE_INTEGER),
    job: jobId ?? null,
    text: words === undefined ? null : cut(words, keptEventText),
    kinds: kinds === undefined ? null : JSON.stringify(kinds),
    limit,
  });
  return found.flatMap((row) => {
    const kind = schedulerEventKinds.find((one) => one === row["kind"]);
    return kind === undefined
      ? []
      : [present({ at: integer(row, "at"), kind, jobId: textIf(row, "job_id"), text: text(row, "text") })];
  });
}
