import type { Repair, StreamRecording, Usage } from "../errors.ts";

/** A wire format of model APIs. `openai-responses` is known and not spoken yet. */
export type Dialect = "anthropic-messages" | "openai-completions";

export type JsonObject = { readonly [key: string]: unknown };

/** Where a provider is and what is known about it. The key is resolved here, in the parent process, and goes nowhere else. */
export interface ProviderConfig {
  readonly id: string;
  readonly dialect: Dialect;
  /** Without the endpoint: `https://api.kimi.com/coding` for anthropic-messages, `https://api.openai.com/v1` for openai-completions. */
  readonly baseUrl: string;
  /** How to find the key; `undefined` for a provider without one. The value is read by `resolveKey`, once per process. */
  readonly apiKey: KeyReference | undefined;
  /** Sent with every request, over what the turn sent and over our own. A value under a key-like name is treated as a secret. */
  readonly headers: Readonly<Record<string, string>>;
  readonly sseQuirks: SseQuirks;
  /** How the key is sent. Default: `x-api-key` for anthropic-messages, `bearer` for openai-completions. */
  readonly auth?: "x-api-key" | "bearer";
  /** Model names people write → the id the provider knows; a name that is not listed goes out as written. */
  readonly modelNames?: Readonly<Record<string, string>>;
  /** Most output tokens of a non-streamed answer, by model id, where a provider sets less than the try limit allows. */
  readonly nonStreamedMaxTokens?: Readonly<Record<string, number>>;
  /** The name this provider wants for `max_tokens` (openai-completions only). Default: as the turn sent it. */
  readonly maxTokensField?: "max_tokens" | "max_completion_tokens";
  /** What is known of its models, by the id the provider knows; `*` at the end of a name stands for any rest. Of each fact the first entry that says it counts. */
  readonly models?: Readonly<Record<string, ModelFacts>>;
  /** Providers of one quota (the same key or plan under two ids) share a breaker; default the provider's own id. */
  readonly quota?: string;
  /** How JSON of a schema is asked for; absent: not at all, the prompt says it. */
  readonly structuredOutput?: "output_config" | "response_format" | "json_object";
  /** How thinking is asked for in openai-completions: by degrees, or on and off (`thinking: { type }`). Default `reasoning_effort`. */
  readonly thinkingField?: "reasoning_effort" | "thinking";
  /** Models of anthropic-messages that take `thinking: { type: "adaptive" }` with an effort in place of a budget. Default none. */
  readonly adaptiveThinking?: RegExp;
  /** Thinking of another model in the history is sent as `reasoning_content` (openai-completions), because calls without it are refused. Default false. */
  readonly thinkingHistory?: boolean;
  /** Absolute path of a module that sees the raw events of every stream first. */
  readonly eventHandler?: string;
}

/** What is known of a model; everything may be absent, and then nothing is assumed. */
export interface ModelFacts {
  readonly price?: Price;
  readonly contextTokens?: number;
  readonly maxOutputTokens?: number;
  /** Pictures can be sent to it. */
  readonly images?: boolean;
}

/** US dollars for a million tokens. `input`: what did not come from the cache. */
export interface Price {
  readonly input: number;
  readonly output: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
}

/** A key is named, never written: `${NAME}` in the configuration. */
export interface KeyReference {
  readonly env: string;
}

interface SseQuirks {
  /** Default true: irregular but provably whole streams are repaired. False: every irregularity is a fault. */
  readonly tolerateOutOfOrderEvents: boolean;
}

/** One try: one request upstream. */
export interface UpstreamRequest {
  /** The request's body as the turn sent it; the adapter sets `model` and `stream` and fits `max_tokens`. */
  readonly body: JsonObject;
  /** Model id as the provider knows it, without the provider's name. */
  readonly model: string;
  readonly stream: boolean;
  /** Headers worth forwarding (`anthropic-version`, `anthropic-beta`, …), without keys and hop-by-hop headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** Query of the turn's request with its `?`, or "". */
  readonly query: string;
  readonly limits: { readonly firstByteMs: number; readonly idleMs: number; readonly tryMs: number };
  /** What is recorded of the stream. Default nothing. */
  readonly record?: StreamRecording["mode"];
  /** Absolute path of the job's event handler; wins over the provider's. */
  readonly eventHandler?: string;
  readonly signal: AbortSignal;
}

/** A whole answer with its proof. Nothing of it was shown to the turn before it was whole. */
export interface ProvenAnswer {
  readonly dialect: Dialect;
  /** The complete message in the dialect's non-streamed shape. */
  readonly message: JsonObject;
  /** The same as server-sent events, normalised, ready to release; made on demand when the answer was not streamed. */
  readonly sse: () => string;
  /** Model the provider says it used. */
  readonly model: string;
  /** In Anthropic's words: end_turn, max_tokens, stop_sequence, tool_use, refusal, pause_turn. */
  readonly stopReason: string;
  /** The text of the answer, all text blocks joined. */
  readonly text: string;
  readonly toolCalls: number;
  readonly usage: Usage;
  readonly repairs: readonly Repair[];
  readonly requestId: string | undefined;
  /** From sending to the first byte of the body. */
  readonly firstByteMs: number;
  /** What was changed in the request so that it could be sent, in words; empty if nothing. */
  readonly changes: readonly string[];
  readonly recording?: StreamRecording;
}

/** The request as it would go out, for `run --dry-run`; the key's value replaced by its reference. */
export interface RequestPreview {
  readonly method: "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

export interface Provider {
  readonly id: string;
  readonly dialect: Dialect;
  /**
   * Sends one try and returns a whole, proven answer.
   * @throws ProviderError for everything that is not one, already classified.
   */
  ask(request: UpstreamRequest): Promise<ProvenAnswer>;
  /** What of a request a model is known not to take, in words; undefined for nothing. Such a rung is left out and not asked. */
  cannotTake?(body: JsonObject, model: string): string | undefined;
  /** What `ask` would send. Pure: no key is read, nothing is sent. */
  preview(request: Pick<UpstreamRequest, "body" | "model" | "stream" | "headers" | "query" | "limits">): RequestPreview;
}
