/** Row ↔ value: the only place that knows how a value of the contract lies in columns. */
import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import type { Fault, Repair, Usage } from "../../errors.ts";
import { runStatuses } from "../../run/run.ts";
import { keptRepairs, keptText } from "../ledger.ts";
import type { AttemptRow, CallRow, Owner, RungMemory, RunFinish, RunRow, TryRow } from "../ledger.ts";

export type Row = Readonly<Record<string, SQLOutputValue>>;
export type Values = Record<string, SQLInputValue>;

/** The value without its undefined members, as exact optional properties want it. */
type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
function present<T extends object>(value: T): Present<T>;
function present(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}

function unreadable(column: string, value: SQLOutputValue | undefined): Error {
  return new Error(`broken invariant: column ${column} of the ledger holds ${value === null ? "nothing" : typeof value}`);
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw unreadable(column, value);
  return value;
}
/** A word out of a closed list. */
export function word<T extends string>(row: Row, column: string, words: readonly T[]): T {
  const value = text(row, column);
  const found = words.find((candidate) => candidate === value);
  if (found === undefined)
    throw new Error(`broken invariant: column ${column} of the ledger holds the unknown word ${JSON.stringify(value)}`);
  return found;
}
export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw unreadable(column, value);
  return value;
}
function textIf(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column);
}
function integerIf(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : integer(row, column);
}

/** Every fault there is; the compiler keeps the list complete. */
const faults: Readonly<Record<Fault, true>> = {
  aborted: true,
  stream_order: true,
  stream_stall: true,
  stream_broken: true,
  empty: true,
  network: true,
  billing: true,
  quota_window: true,
  overloaded: true,
  rate_limit: true,
  auth: true,
  content_policy: true,
  context_overflow: true,
  output_truncated: true,
  model_gone: true,
  permission: true,
  timeout: true,
  bad_request: true,
  server: true,
  turn_died: true,
  internal: true,
  unknown: true,
};
function isFault(value: string): value is Fault {
  return Object.hasOwn(faults, value);
}
/** A fault that another version of the program has recorded and this one does not know reads as `unknown`. */
function faultIf(row: Row): Fault | undefined {
  const value = textIf(row, "fault");
  return value === undefined || isFault(value) ? value : "unknown";
}

/** A time or duration as the ledger keeps it. Monotonic clocks and jitter give fractions; a column takes whole numbers only. */
export function whole(value: number): number {
  if (!Number.isFinite(value)) throw new Error(`broken invariant: ${value} is not a time`);
  return Math.round(value);
}
export function wholeIf(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : Math.round(value);
}

/** Cut to what is kept, and never through the middle of a surrogate pair. */
export function cut(value: string): string {
  if (value.length <= keptText) return value;
  const last = value.charCodeAt(keptText - 1);
  return value.slice(0, last >= 0xd800 && last <= 0xdbff ? keptText - 1 : keptText);
}
export function cutIf(value: string | undefined): string | null {
  return value === undefined ? null : cut(value);
}

export function usageValues(usage: Usage): Values {
  return {
    input_tokens: wholeIf(usage.inputTokens),
    output_tokens: wholeIf(usage.outputTokens),
    cache_read_tokens: wholeIf(usage.cacheReadTokens),
    cache_write_tokens: wholeIf(usage.cacheWriteTokens),
  };
}
function usageOf(row: Row): Usage {
  return present({
    inputTokens: integerIf(row, "input_tokens"),
    outputTokens: integerIf(row, "output_tokens"),
    cacheReadTokens: integerIf(row, "cache_read_tokens"),
    cacheWriteTokens: integerIf(row, "cache_write_tokens"),
  });
}

export function repairsValue(repairs: readonly Repair[]): string | null {
  if (repairs.length === 0) return null;
  if (repairs.length <= keptRepairs) return JSON.stringify(repairs);
  const left = repairs.length - keptRepairs;
  const more: Repair = {
    code: "more_repairs",
    at: repairs[keptRepairs]?.at ?? 0,
    event: "",
    proof: `${left} further repairs of this try are not kept; the limit is ${keptRepairs}`,
  };
  return JSON.stringify([...repairs.slice(0, keptRepairs), more]);
}
function isRepair(value: unknown): value is Repair {
  return typeof value === "object" && value !== null && "code" in value && "at" in value && "event" in value && "proof" in value;
}
function repairsOf(row: Row): readonly Repair[] {
  const list: unknown = JSON.parse(textIf(row, "repairs") ?? "[]");
  return Array.isArray(list) ? list.filter(isRepair) : [];
}

/** What a run's end writes into its row. */
export function finishValues(finish: RunFinish): Values {
  return {
    status: finish.status,
    finished_at: whole(finish.finishedAt),
    reason: cut(finish.reason),
    fault: finish.fault ?? null,
    exit_code: finish.exitCode,
    model_used: finish.modelUsed ?? null,
    ...usageValues(finish.usage),
  };
}

export function owner(row: Row): Owner {
  return {
    pid: integer(row, "owner_pid"),
    startedAt: text(row, "owner_started_at"),
    bootId: text(row, "owner_boot_id"),
    host: text(row, "owner_host"),
  };
}

/** From the columns of `runColumns`, and `output` where it was asked for. */
export function runRow(row: Row): RunRow {
  const finishedAt = integerIf(row, "finished_at");
  return present({
    runId: text(row, "id"),
    jobId: text(row, "job_id"),
    jobName: text(row, "job_name"),
    trigger: word(row, "trigger", ["manual", "slot"]),
    slotAt: integerIf(row, "slot_at"),
    status: word(row, "status", runStatuses),
    startedAt: integer(row, "started_at"),
    finishedAt,
    owner: owner(row),
    modelAsked: text(row, "model_asked"),
    modelUsed: textIf(row, "model_used"),
    simulated: integer(row, "simulated") === 1,
    jobHash: text(row, "job_hash"),
    fault: faultIf(row),
    exitCode: integerIf(row, "exit_code"),
    usage: finishedAt === undefined ? undefined : usageOf(row),
    reason: textIf(row, "reason"),
    output: row["output"] === undefined ? undefined : textIf(row, "output"),
  });
}

/** Steps carry the run's id from outside: the query knows it, and a join would only repeat it. */
export function attemptRow(row: Row, runId: string): AttemptRow {
  return present({
    runId,
    attempt: integer(row, "attempt"),
    status: word(row, "status", ["running", "succeeded", "failed"]),
    startedAt: integer(row, "started_at"),
    finishedAt: integerIf(row, "finished_at"),
    sessionId: text(row, "session_id"),
    why: text(row, "why"),
    toolRuns: integerIf(row, "tool_runs"),
    fault: faultIf(row),
    error: textIf(row, "error"),
  });
}

export function callRow(row: Row, runId: string): CallRow {
  return present({
    runId,
    attempt: integer(row, "attempt"),
    call: integer(row, "call"),
    status: word(row, "status", ["running", "answered", "failed"]),
    startedAt: integer(row, "started_at"),
    finishedAt: integerIf(row, "finished_at"),
    dialect: text(row, "dialect"),
    modelAsked: text(row, "model_asked"),
    modelUsed: textIf(row, "model_used"),
    stream: integer(row, "stream") === 1,
    httpStatus: integerIf(row, "http_status"),
    fault: faultIf(row),
    reason: textIf(row, "reason"),
  });
}

export function tryRow(row: Row, runId: string): TryRow {
  return present({
    runId,
    attempt: integer(row, "attempt"),
    call: integer(row, "call"),
    try: integer(row, "try"),
    status: word(row, "status", ["running", "answered", "failed"]),
    startedAt: integer(row, "started_at"),
    finishedAt: integerIf(row, "finished_at"),
    provider: text(row, "provider"),
    model: text(row, "model"),
    modelUsed: textIf(row, "model_used"),
    stream: integer(row, "stream") === 1,
    why: text(row, "why"),
    waitedMs: integer(row, "waited_ms"),
    fault: faultIf(row),
    reason: textIf(row, "reason"),
    error: textIf(row, "error"),
    httpStatus: integerIf(row, "http_status"),
    requestId: textIf(row, "request_id"),
    retryAfterMs: integerIf(row, "retry_after_ms"),
    firstByteMs: integerIf(row, "first_byte_ms"),
    stopReason: textIf(row, "stop_reason"),
    usage: usageOf(row),
    repairs: repairsOf(row),
  });
}

export function rungMemory(row: Row): RungMemory {
  return {
    provider: text(row, "provider"),
    model: text(row, "model"),
    fault: faultIf(row) ?? "unknown",
    notedAt: integer(row, "noted_at"),
    expiresAt: integer(row, "expires_at"),
  };
}
