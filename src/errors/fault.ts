/** What may go wrong, by name: the closed unions that the error classes carry. */

/** Every class of a failure, for whatever has to tell one from another word at run time. The policy for each stands once, in `run/fault.ts`. */
export const faults = [
  /** We stopped it: a signal, a cancel. */
  "aborted",
  /** Events of a stream in an order no single generation can have produced. */
  "stream_order",
  /** No first byte, or no further byte, within the limit. */
  "stream_stall",
  /** Cut, unreadable, or ended by an error event after a good start. */
  "stream_broken",
  /** A complete answer that says nothing. */
  "empty",
  /** No connection, a reset, a name that does not resolve, TLS. */
  "network",
  /** Balance, membership or spend limit: waiting does not help. */
  "billing",
  /** A plan's window is used up and has a reset time. */
  "quota_window",
  "overloaded",
  "rate_limit",
  /** The key is missing, wrong or expired. */
  "auth",
  "content_policy",
  /** The prompt does not fit the model. */
  "context_overflow",
  /** The answer did not fit `max_tokens`. */
  "output_truncated",
  /** The provider does not know the model (any more). */
  "model_gone",
  /** The key is good and may not do this: region, plan, data policy. */
  "permission",
  /** A time limit of the provider's or of ours, other than a stalled stream. */
  "timeout",
  "bad_request",
  "server",
  /** The turn's process ended without a result: killed, crashed, or gone. */
  "turn_died",
  /** What the job grants its turn could not be had, such as an MCP server that did not start. Nothing was asked. */
  "not_ready",
  /** The run's budget (tokens, money, calls, turns, time) is used up. */
  "budget",
  /** The turn said itself that it failed: the marker that its prompt names, or a command's exit code. */
  "declared",
  /** The gate before the turn failed: crashed, took too long, or could not be started. */
  "gate",
  /** The configured event handler threw, took too long, or gave back what is no stream. */
  "event_handler",
  /** The model is being left alone after repeated failures; nothing was asked. */
  "breaker_open",
  /** A broken invariant of our own. */
  "internal",
  "unknown",
] as const;

/** The class of a failure. */
export type Fault = (typeof faults)[number];

/** Whether a value, such as one that another process or another version wrote, is the name of a fault. */
export function isFault(value: unknown): value is Fault {
  return faults.some((fault) => fault === value);
}

/** Why a stream could not be proven to be one whole answer. */
export type StreamFaultReason =
  | "transport"
  | "idle_timeout"
  | "truncated"
  | "empty_stream"
  | "empty_content"
  | "malformed_frame"
  | "invalid_utf8"
  | "spliced_message"
  | "restarted_message"
  | "block_restarted"
  | "index_regression"
  | "delta_after_stop"
  | "delta_without_block"
  | "block_type_mismatch"
  | "tool_input_incomplete"
  | "tool_without_name"
  | "repeated_tool_id"
  | "content_after_finish"
  | "cumulative_text"
  | "lane_overflow"
  | "frame_too_large"
  | "output_truncated"
  | "compressed_body"
  | "html_body"
  | "unexpected_body"
  /** `sseQuirks.tolerateOutOfOrderEvents: false` and something was out of order, however harmless. */
  | "irregular"
  /** The provider said so itself, in an error event; `upstream` on the error holds its words. */
  | "upstream_error";

/** What may help: ask the same again, wait first, change the request, or go to another model. */
export type StreamAction = "retry" | "retry_after_delay" | "change_request" | "fall_back";

/** Why the durable record cannot be used. */
export type LedgerFaultReason =
  | "newer_schema"
  | "older_schema"
  | "locked"
  | "full"
  | "corrupt"
  | "permission"
  /** No folder can be where it is to be: a part of the path is a file, or no file system. */
  | "misplaced"
  /** Its file was removed or replaced while this process had it open. */
  | "removed"
  | "unavailable";
