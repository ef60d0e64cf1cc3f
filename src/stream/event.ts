import type { Repair, StreamAction, StreamError, StreamFaultReason, Usage } from "../errors.ts";

/** The dialects whose streams can be proven. A subset of the provider's `Dialect`, so that a provider can pass its own. */
export type StreamDialect = "anthropic-messages" | "openai-completions";

/** One server-sent event as parsed from bytes: the `event:` field, if there was one, and the joined `data:` lines. */
export interface Frame {
  readonly event?: string | undefined;
  readonly data: string;
}

/**
 * How the body ended. `idle_after_stop_reason`: the provider had certified the end and then sent nothing but pings for the
 * grace time. `idle_timeout`: nothing came for the idle limit and the end was not certified.
 */
export type StreamEnd = "eof" | "transport_error" | "idle_after_stop_reason" | "idle_timeout";

/** How forgiving a machine is, and what it keeps. */
export interface NormalizerOptions {
  /** Default true. False: every irregularity is a `StreamError` with reason `irregular`, however harmless. */
  readonly tolerateOutOfOrderEvents?: boolean;
  /** Default true. False: no content is kept, memory stays bounded whatever the length, and `message()` throws. */
  readonly assemble?: boolean;
}

/** What is known of a stream while it is being proven. */
export interface StreamFacts {
  /** True once the terminal event was released: the shell cancels the input at once. */
  readonly done: boolean;
  /** True once the provider has certified the end (`stop_reason`, `finish_reason`): from here only the terminal event is missing. */
  readonly certified: boolean;
  readonly repairs: readonly Repair[];
  /** Frames seen so far. */
  readonly frames: number;
  /** Whether any text, thinking or tool call has come, so that tokens were paid for. */
  readonly contentSeen: boolean;
  /** Tokens as counted by the provider so far. */
  readonly usage: Usage;
  /** The assembled answer, in the dialect's non-streamed shape. Only after `done`, and not with `assemble: false`. */
  message(): AssembledMessage;
}

/**
 * A pure machine, one per response, that proves a stream whole while it passes through. No clock, no I/O, no bytes.
 * `push` and `end` return the server-sent events to release, as text, in the dialect's own form ("" for nothing); what was
 * returned is never taken back. Both throw a `StreamError` when the stream cannot be proven to be one whole answer; from
 * then on they throw the same error again.
 */
export interface Normalizer extends StreamFacts {
  push(frame: Frame): string;
  end(how: StreamEnd): string;
  /** For what only the shell can see (bytes, body shape): ends the machine and returns the error to throw, with all its facts. */
  refuse(reason: StreamFaultReason, what: string, action?: StreamAction): StreamError;
  /** For a repair only the shell can see. @throws StreamError in strict mode. */
  note(code: string, proof: string): void;
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
