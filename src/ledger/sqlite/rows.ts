/** Row ↔ value: the only place that knows how a value of the contract lies in columns. */
import type { Repair, Usage } from "../../errors.ts";
import { keptRepairs, keptWarnings, keptWarningText } from "../ledger.ts";
import type { AttemptRow, CallRow, GateRecord, Owner, RungMemory, RunFinish, RunRow, ToolRow, TryRow } from "../ledger.ts";
import {
  cut,
  faultIf,
  integer,
  integerIf,
  present,
  text,
  textIf,
  whole,
  wholeIf,
  word,
  type Row,
  type Values,
} from "./columns.ts";
import { schedulingFacts } from "./scheduling-column.ts";
import { statusOf } from "./status-columns.ts";

export function usageValues(usage: Usage): Values {
  return {
    input_tokens: wholeIf(usage.inputTokens),
    output_tokens: wholeIf(usage.outputTokens),
    cache_read_tokens: wholeIf(usage.cacheReadTokens),
    cache_write_tokens: wholeIf(usage.cacheWriteTokens),
  };
}
export function usageOf(row: Row): Usage {
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

function warningsValue(warnings: readonly string[] = []): string | null {
  if (warnings.length === 0) return null;
  const kept = warnings.slice(0, keptWarnings).map((line) => cut(line, keptWarningText));
  const left = warnings.length - kept.length;
  return JSON.stringify(left === 0 ? kept : [...kept, `${left} further warnings are not kept; the limit is ${keptWarnings}`]);
}
function warningsOf(row: Row): readonly string[] | undefined {
  const list: unknown = JSON.parse(textIf(row, "warnings") ?? "null");
  return Array.isArray(list) ? list.filter((line) => typeof line === "string") : undefined;
}

const verdicts = ["go", "nothing_to_do", "failed"] as const;

function gateValue({ verdict, why, startedAt, tookMs }: GateRecord): string {
  return JSON.stringify({ verdict, why: cut(why), startedAt: whole(startedAt), tookMs: whole(tookMs) });
}
function gateOf(row: Row): GateRecord | undefined {
  const gate: unknown = JSON.parse(textIf(row, "gate") ?? "null");
  if (typeof gate !== "object" || gate === null) return undefined;
  const { verdict: said, why, startedAt, tookMs }: Record<string, unknown> = { ...gate };
  const verdict = verdicts.find((one) => one === said);
  if (verdict === undefined || typeof why !== "string" || typeof startedAt !== "number" || typeof tookMs !== "number")
    throw new Error("broken invariant: column gate of the ledger holds no gate");
  return { verdict, why, startedAt, tookMs };
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
    cost_microusd: wholeIf(finish.costMicroUsd),
    deferred_until: wholeIf(finish.deferredUntil),
    warnings: warningsValue(finish.warnings),
    gate: finish.gate === undefined ? null : gateValue(finish.gate),
    ...usageValues(finish.usage),
  };
}

/** The columns of an owner, in whatever table. */
export function ownerValues(owner: Owner): Values {
  return {
    owner_pid: owner.pid,
    owner_started_at: owner.startedAt,
    owner_boot_id: owner.bootId,
    owner_pid_namespace: owner.pidNamespace,
    owner_host: owner.host,
  };
}
export function ownerOf(row: Row): Owner {
  return {
    pid: integer(row, "owner_pid"),
    startedAt: text(row, "owner_started_at"),
    bootId: text(row, "owner_boot_id"),
    pidNamespace: text(row, "owner_pid_namespace"),
    host: text(row, "owner_host"),
  };
}

/** From the columns of `runColumns`, and `output` and `value` where they were asked for. */
export function runRow(row: Row): RunRow {
  const finishedAt = integerIf(row, "finished_at");
  return present({
    runId: text(row, "id"),
    jobId: text(row, "job_id"),
    jobName: text(row, "job_name"),
    trigger: word(row, "trigger", ["manual", "slot", "retry", "boot"]),
    slotAt: integerIf(row, "slot_at"),
    slotFrom: integerIf(row, "slot_from"),
    ...schedulingFacts(row),
    status: statusOf(row),
    startedAt: integer(row, "started_at"),
    finishedAt,
    owner: ownerOf(row),
    leaseUntil: integerIf(row, "lease_until"),
    modelAsked: text(row, "model_asked"),
    modelUsed: textIf(row, "model_used"),
    simulated: integer(row, "simulated") === 1,
    jobHash: text(row, "job_hash"),
    payloadKind: word(row, "payload_kind", ["agentTurn", "command"]),
    rerunOf: textIf(row, "rerun_of"),
    fault: faultIf(row),
    exitCode: integerIf(row, "exit_code"),
    usage: finishedAt === undefined ? undefined : usageOf(row),
    reason: textIf(row, "reason"),
    costMicroUsd: integerIf(row, "cost_microusd"),
    deferredUntil: integerIf(row, "deferred_until"),
    warnings: warningsOf(row),
    gate: gateOf(row),
    output: row["output"] === undefined ? undefined : textIf(row, "output"),
    value: row["value"] === undefined ? undefined : textIf(row, "value"),
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
    costMicroUsd: integerIf(row, "cost_microusd"),
  });
}

export function toolRow(row: Row, runId: string): ToolRow {
  return present({
    runId,
    attempt: integer(row, "attempt"),
    tool: integer(row, "tool"),
    call: integer(row, "call"),
    status: word(row, "status", ["running", "succeeded", "failed", "refused"]),
    startedAt: integer(row, "started_at"),
    finishedAt: integerIf(row, "finished_at"),
    name: text(row, "name"),
    grant: text(row, "granted_by"),
    input: text(row, "input"),
    error: textIf(row, "error"),
    outputBytes: integerIf(row, "output_bytes"),
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
