/**
 * How a failure is told to a turn: a real HTTP status that says whether to try again, and a JSON error in the turn's own dialect.
 * `x-should-retry: false` comes with every one of them: the gateway has tried all there was to try, and retries of a client on top
 * would multiply (both official SDKs obey the header).
 */
import type { Fault } from "../errors.ts";
import type { Dialect, JsonObject } from "../provider/provider.ts";

export interface Refusal {
  readonly status: number;
  /** Error type in Anthropic's words; the OpenAI dialect gets it as `type` too, its own word as `code`. */
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly fault: Fault;
  readonly retryAfterMs?: number;
}

type Shape = Pick<Refusal, "status" | "type" | "code">;

/** A status of the 400 class says: do not ask this again. */
const shapes: Readonly<Record<Fault, Shape>> = {
  // 499 is nginx's word for a client that has gone; nobody is left to read it.
  aborted: { status: 499, type: "api_error", code: "cancelled" },
  stream_order: { status: 502, type: "api_error", code: "server_error" },
  stream_stall: { status: 504, type: "timeout_error", code: "server_error" },
  stream_broken: { status: 502, type: "api_error", code: "server_error" },
  empty: { status: 502, type: "api_error", code: "server_error" },
  network: { status: 503, type: "api_error", code: "server_error" },
  billing: { status: 402, type: "billing_error", code: "insufficient_quota" },
  quota_window: { status: 429, type: "rate_limit_error", code: "insufficient_quota" },
  overloaded: { status: 529, type: "overloaded_error", code: "server_is_overloaded" },
  rate_limit: { status: 429, type: "rate_limit_error", code: "rate_limit_exceeded" },
  auth: { status: 401, type: "authentication_error", code: "invalid_api_key" },
  content_policy: { status: 400, type: "invalid_request_error", code: "content_filter" },
  context_overflow: { status: 400, type: "invalid_request_error", code: "context_length_exceeded" },
  output_truncated: { status: 400, type: "invalid_request_error", code: "max_tokens_too_small" },
  model_gone: { status: 404, type: "not_found_error", code: "model_not_found" },
  permission: { status: 403, type: "permission_error", code: "permission_denied" },
  timeout: { status: 504, type: "timeout_error", code: "timeout" },
  bad_request: { status: 400, type: "invalid_request_error", code: "invalid_request" },
  server: { status: 502, type: "api_error", code: "server_error" },
  turn_died: { status: 500, type: "api_error", code: "server_error" },
  not_ready: { status: 500, type: "api_error", code: "server_error" },
  budget: { status: 400, type: "invalid_request_error", code: "budget_exhausted" },
  declared: { status: 500, type: "api_error", code: "server_error" },
  gate: { status: 500, type: "api_error", code: "server_error" },
  event_handler: { status: 502, type: "api_error", code: "server_error" },
  breaker_open: { status: 503, type: "overloaded_error", code: "server_is_overloaded" },
  internal: { status: 500, type: "api_error", code: "internal" },
  unknown: { status: 502, type: "api_error", code: "server_error" },
};

/** The refusal of a call that was given up. */
export function refusalOf(fault: Fault, message: string, retryAfterMs?: number): Refusal {
  return { ...shapes[fault], message, fault, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** The door's own refusals, which are no model's: what is wrong with the request itself. */
export const doorRefusals = {
  host: at(403, "permission_error", "this door answers to 127.0.0.1 and localhost only"),
  token: at(401, "authentication_error", "the gateway's token is missing or not valid (any more)"),
  path: at(404, "not_found_error", "nothing is here; the gateway answers */v1/messages, */chat/completions and */models"),
  method: at(405, "invalid_request_error", "this address takes another method"),
  encoding: at(415, "invalid_request_error", "a compressed request body is not read; send it as it is"),
  size: at(413, "request_too_large", "the request's body is larger than 32 MiB"),
  body: at(400, "invalid_request_error", "the request's body is not a JSON object"),
} as const;

function at(status: number, type: string, message: string): Refusal {
  return { status, type, code: type, message, fault: status === 401 ? "auth" : status === 403 ? "permission" : "bad_request" };
}

/** Why a tool may not be begun, or its end not be taken. Each means: do not run it. */
export const toolRefusals = {
  body: at(400, "invalid_request_error", "this does not describe a tool run"),
  tooMany: at(429, "invalid_request_error", "the attempt has begun as many tools as one may"),
  ended: { ...at(409, "invalid_request_error", "the attempt has ended"), fault: "aborted" },
  unrecorded: { ...at(500, "api_error", "tool runs of this attempt are not recorded, so no tool may run"), fault: "internal" },
  number: (tool: number, last: number): Refusal =>
    at(409, "invalid_request_error", `tool run ${tool} cannot begin after tool run ${last}: each number begins once, in order`),
  notOpen: (tool: number): Refusal => at(409, "invalid_request_error", `tool run ${tool} is not under way`),
  notRecorded: (why: string): Refusal => ({
    ...at(500, "api_error", `the tool run cannot be recorded: ${why}`),
    fault: "internal",
  }),
} as const;

/** A turn that asks without end, as some agent programs do after a fault. A status of the 400 class stops them. */
export function tooManyCalls(limit: number): Refusal {
  const message = `the attempt has used its ${limit} model calls (limits.callsPerAttempt)`;
  return { status: 400, type: "invalid_request_error", code: "too_many_calls", message, fault: "bad_request" };
}

export function refusalBody(dialect: Dialect, { type, code, message, fault }: Refusal): JsonObject {
  if (dialect === "anthropic-messages") return { type: "error", error: { type, message, fault } };
  return { error: { message, type, code, param: null, fault } };
}

export function refusalHeaders({ fault, retryAfterMs }: Refusal): Record<string, string> {
  return {
    "x-runner-fault": fault,
    "x-should-retry": "false",
    ...(retryAfterMs === undefined
      ? {}
      : { "retry-after": String(Math.ceil(retryAfterMs / 1_000)), "retry-after-ms": String(Math.ceil(retryAfterMs)) }),
  };
}
