import type { Repair, Usage } from "../errors.ts";

/** One server-sent event as parsed from bytes: the `event:` field, if there was one, and the joined `data:` lines. */
export interface Frame {
  readonly event: string | undefined;
  readonly data: string;
}

/** How the body ended. */
export type StreamEnd = "eof" | "transport_error" | "idle_after_stop_reason";

export interface NormalizerOptions {
  /** Default true. False: every irregularity is a `StreamError` with reason `irregular`, however harmless. */
  readonly tolerateOutOfOrderEvents?: boolean;
}

/**
 * A pure machine, one per response, that proves a stream whole while it passes through. No clock, no I/O, no bytes.
 * `push` and `end` return the server-sent events to release, as text, in the dialect's own form ("" for nothing); what was
 * returned is never taken back. Both throw a `StreamError` when the stream cannot be proven to be one whole answer.
 */
export interface Normalizer {
  push(frame: Frame): string;
  end(how: StreamEnd): string;
  /** True once the terminal event was released: the shell cancels the input at once. */
  readonly done: boolean;
  /** True once the provider has certified the end (`stop_reason`, `finish_reason`): from here only the terminal event is missing. */
  readonly certified: boolean;
  readonly repairs: readonly Repair[];
  /** Only after `done`. */
  message(): AssembledMessage;
}

/** What the stream said, put together once, in linear time. */
export interface AssembledMessage {
  /** The complete message in the dialect's non-streamed shape. */
  readonly body: { readonly [key: string]: unknown };
  readonly id: string;
  readonly model: string;
  /** In Anthropic's words for both dialects: end_turn, max_tokens, stop_sequence, tool_use, refusal, pause_turn. */
  readonly stopReason: string;
  readonly text: string;
  readonly toolCalls: number;
  readonly usage: Usage;
}
