/** Consecutive slots that have one row: those that nobody answered, and those that were blocked for one and the same reason. */
import type { SlotRange } from "../ledger.ts";
import { cut, integer, integerIf, text, textIf, whole, type Row } from "./columns.ts";
import type { Connection } from "./connection.ts";
import { removeRun } from "./prune.ts";
import { insertRun } from "./runs.ts";
import { fromRuns } from "./run-columns.ts";
import { schedulingOf, schedulingValue } from "./scheduling-column.ts";
import type { Source } from "./source.ts";

/** Instants of a job, both included, and how many slots are among them. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly slots: number;
}

export const rangeQueries = {
  newestOfJob: `${fromRuns} WHERE r.job = (SELECT key FROM jobs WHERE id = :job) ORDER BY r.key DESC LIMIT 1`,
  beforeOfJob: `${fromRuns} WHERE r.job = (SELECT key FROM jobs WHERE id = :job) AND r.key < :key ORDER BY r.key DESC LIMIT 1`,
  /** The newest run before it that says whether its job could begin. */
  tellingBefore: `${fromRuns} WHERE r.job = (SELECT key FROM jobs WHERE id = :job) AND r.key < :key
    AND r.status NOT IN ('skipped', 'missed', 'cancelled', 'interrupted') ORDER BY r.key DESC LIMIT 1`,
  /** Newest first; those that a span meets are the first ones. */
  rangesBefore: `SELECT slot_from, slot_at, scheduling FROM runs WHERE job = (SELECT key FROM jobs WHERE id = :job) AND slot_from <= :to
    ORDER BY slot_from DESC`,
  singlesWithin: `SELECT slot_at FROM runs WHERE job = (SELECT key FROM jobs WHERE id = :job) AND slot_at >= :from AND slot_at <= :to
    AND slot_from IS NULL`,
};

/**
 * What of a span no range of `recorded` holds, in order. Of what was counted without looking at each slot, how many lie in which part is
 * not known: the last part has what the others, with one each, leave. Exact where the span meets nothing, or ranges that begin
 * or end with it or lie inside of it and leave one part.
 * @param recorded in order, and without common instants
 */
export function notRecorded(span: Span, recorded: readonly Span[]): readonly Span[] {
  const met = recorded.filter((range) => range.to >= span.from && range.from <= span.to);
  const gaps: { readonly from: number; readonly to: number }[] = [];
  let from = span.from;
  let slots = span.slots;
  for (const range of met) {
    if (from < range.from) gaps.push({ from, to: range.from - 1 });
    from = range.to + 1;
    slots -= range.slots;
  }
  if (from <= span.to) gaps.push({ from, to: span.to });
  // A range that reaches beyond the span has slots that are not the span's, so more may be left than the difference.
  const beyond = met.some((range) => range.from < span.from || range.to > span.to);
  const left = beyond ? Math.max(gaps.length, slots) : slots;
  const kept = left < 1 ? [] : gaps.slice(-left);
  return kept.map((gap, at) => ({ ...gap, slots: at === kept.length - 1 ? left - at : 1 }));
}

function rangesWithin(source: Source, jobId: string, { from, to }: Span): readonly Span[] {
  const found: Span[] = [];
  for (const row of source.sql(rangeQueries.rangesBefore).iterate({ job: jobId, to })) {
    const range = { from: integer(row, "slot_from"), to: integer(row, "slot_at"), slots: schedulingOf(row).slots ?? 1 };
    if (range.to < from) break;
    found.unshift(range);
  }
  return found;
}

/** Returns whether any of it was new. */
export function recordSlots(connection: Connection, range: SlotRange): boolean {
  const span = { from: whole(range.from), to: whole(range.to), slots: whole(range.slots) };
  if (span.from > span.to || span.slots < 1)
    throw new Error(`broken invariant: ${range.slots} slots from ${range.from} to ${range.to} cannot be recorded`);
  const parts = notRecorded(span, rangesWithin(connection, range.jobId, span));
  return parts.filter((part, at) => recordPart(connection, range, part, at)).length > 0;
}

/** A slot that has a row of its own keeps it: the range goes around it, or ends just before it. */
function recordPart(connection: Connection, range: SlotRange, part: Span, number: number): boolean {
  const { from, to } = part;
  const singles = connection
    .sql(rangeQueries.singlesWithin)
    .all({ job: range.jobId, from, to })
    .map((row) => integer(row, "slot_at"));
  const slots = part.slots - singles.length;
  if (slots < 1) return false;
  const free = { from: singles.includes(from) ? from + 1 : from, to: singles.includes(to) ? to - 1 : to, slots };
  if (extendLast(connection, range, free)) return true;
  const { runId, jobId, jobName, status, reason, blockedBy, recordedAt, owner, jobHash } = range;
  const blocked = blockedBy === undefined ? {} : { blockedBy };
  insertRun(
    connection,
    {
      runId: number === 0 ? runId : `${runId}.${number}`,
      jobId,
      jobName,
      trigger: "slot",
      slotAt: free.to,
      startedAt: recordedAt,
      owner,
      modelAsked: "",
      simulated: false,
      jobHash,
    },
    { finish: { status, finishedAt: recordedAt, reason, exitCode: 0, usage: {}, ...blocked }, range: free },
  );
  return true;
}

/** If the job's last row is a range of the same kind and nothing else lies between, it is made longer. */
function extendLast(connection: Connection, range: SlotRange, { from, to, slots }: Span): boolean {
  const last = connection.sql(rangeQueries.newestOfJob).get({ job: range.jobId });
  if (last === undefined || last["slot_from"] === null) return false;
  const same =
    text(last, "status") === range.status &&
    textIf(last, "reason") === cut(range.reason) &&
    schedulingOf(last).blockedBy === range.blockedBy;
  if (!same || integer(last, "slot_at") >= from) return false;
  const [between] = rangesWithin(connection, range.jobId, { from: integer(last, "slot_at") + 1, to, slots });
  if (between !== undefined) return false;
  lengthen(connection, last, { from: integer(last, "slot_from"), to, slots: (schedulingOf(last).slots ?? 1) + slots });
  const key = integer(last, "key");
  const at = whole(range.recordedAt);
  connection.sql("UPDATE runs SET finished_at = ? WHERE key = ?").run(at, key);
  // The roll-up's triggers count rows as they are recorded or end; this one did long ago.
  connection
    .sql(
      `INSERT INTO endings (job, day, status, runs) SELECT job, :day, status, :slots FROM runs WHERE key = :key
        ON CONFLICT (job, day, status) DO UPDATE SET runs = runs + excluded.runs`,
    )
    .run({ key, day: Math.floor(at / 86_400_000), slots });
  return true;
}

function lengthen(connection: Connection, row: Row, { from, to, slots }: Span): void {
  connection
    .sql("UPDATE runs SET slot_from = ?, slot_at = ?, scheduling = ? WHERE key = ?")
    .run(from, to, schedulingValue({ ...schedulingOf(row), slots }), integer(row, "key"));
}

/**
 * Whether the run's job was not blocked by the same before. If it was, by the slot just before, and nothing was used up then, the row of
 * that slot goes and this one stands for both; the roll-up has counted each.
 */
export function isFirstBlock(connection: Connection, runId: string): boolean {
  const row = connection.sql(`${fromRuns} WHERE r.id = ?`).get(runId);
  if (row === undefined) throw new Error(`broken invariant: there is no run ${runId}`);
  // It stands for several already: it was asked before.
  if (row["slot_from"] !== null) return false;
  const which = { job: text(row, "job_id"), key: integer(row, "key") };
  const telling = connection.sql(rangeQueries.tellingBefore).get(which);
  if (telling === undefined || !isSameBlock(telling, row)) return true;
  const before = connection.sql(rangeQueries.beforeOfJob).get(which);
  if (before === undefined || integer(before, "key") !== integer(telling, "key")) return false;
  const from = integerIf(before, "slot_from") ?? integerIf(before, "slot_at");
  const to = integerIf(row, "slot_at");
  // What a person has started is theirs, and its slot may be any: slots that have their rows may lie between.
  if ([before, row].some((one) => text(one, "trigger") !== "slot")) return false;
  const spent = before["cost_microusd"] !== null || before["input_tokens"] !== null || before["output_tokens"] !== null;
  if (from === undefined || to === undefined || integer(before, "slot_at") >= to || spent) return false;
  removeRun(connection, integer(before, "key"));
  lengthen(connection, row, { from, to, slots: (schedulingOf(before).slots ?? 1) + (schedulingOf(row).slots ?? 1) });
  return false;
}

/** Of a row that was written before obstacles were, its reason decides. */
function isSameBlock(before: Row, row: Row): boolean {
  if (text(before, "status") !== "blocked" || text(row, "status") !== "blocked") return false;
  const [was, is] = [schedulingOf(before).obstacle, schedulingOf(row).obstacle];
  return was !== undefined && is !== undefined ? was === is : textIf(before, "reason") === textIf(row, "reason");
}
