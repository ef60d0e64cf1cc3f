/** The columns that the start and the end of a step write, beside its key. */
import type {
  AttemptFinish,
  AttemptStart,
  CallFinish,
  CallStart,
  ToolFinish,
  ToolStart,
  TryFinish,
  TryStart,
} from "../ledger.ts";
import { cut, cutIf, whole, wholeIf, type Values } from "./columns.ts";
import { repairsValue, usageValues } from "./rows.ts";

export function attemptStart(start: AttemptStart): Values {
  return { started_at: whole(start.startedAt), session_id: start.sessionId, why: cut(start.why) };
}

export function attemptFinish(finish: AttemptFinish): Values {
  return {
    status: finish.status,
    finished_at: whole(finish.finishedAt),
    tool_runs: finish.toolRuns,
    fault: finish.fault ?? null,
    error: cutIf(finish.error),
  };
}

export function callStart(start: CallStart): Values {
  return {
    started_at: whole(start.startedAt),
    dialect: start.dialect,
    model_asked: start.modelAsked,
    stream: start.stream ? 1 : 0,
  };
}

export function callFinish(finish: CallFinish): Values {
  return {
    status: finish.status,
    finished_at: whole(finish.finishedAt),
    fault: finish.fault ?? null,
    http_status: finish.httpStatus,
    model_used: finish.modelUsed ?? null,
    reason: cutIf(finish.reason),
  };
}

export function tryStart(start: TryStart): Values {
  return {
    started_at: whole(start.startedAt),
    provider: start.provider,
    model: start.model,
    stream: start.stream ? 1 : 0,
    why: cut(start.why),
    waited_ms: whole(start.waitedMs),
  };
}

export function tryFinish(finish: TryFinish): Values {
  return {
    status: finish.status,
    finished_at: whole(finish.finishedAt),
    fault: finish.fault ?? null,
    reason: cutIf(finish.reason),
    error: cutIf(finish.error),
    http_status: finish.httpStatus ?? null,
    request_id: finish.requestId ?? null,
    retry_after_ms: wholeIf(finish.retryAfterMs),
    first_byte_ms: wholeIf(finish.firstByteMs),
    model_used: finish.modelUsed ?? null,
    stop_reason: finish.stopReason ?? null,
    repairs: repairsValue(finish.repairs),
    cost_microusd: wholeIf(finish.costMicroUsd),
    ...usageValues(finish.usage),
  };
}

export function toolStart(start: ToolStart): Values {
  return {
    call: start.call,
    started_at: whole(start.startedAt),
    name: cut(start.name),
    granted_by: cut(start.grant),
    input: cut(start.input),
  };
}

export function toolFinish(finish: ToolFinish): Values {
  return {
    status: finish.status,
    finished_at: whole(finish.finishedAt),
    output_bytes: whole(finish.outputBytes),
    error: cutIf(finish.error),
  };
}
