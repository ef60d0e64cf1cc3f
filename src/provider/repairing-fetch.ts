import { type Repair, StreamError } from "../errors.ts";
import type { StreamDialect } from "../stream/event.ts";
import { errorBody, errorEvent } from "./error-event.ts";
import { type BodyLimits, defaultBodyLimits, provenChunks } from "./proven-chunks.ts";
import { createStreamReader, type StreamReader } from "./sse.ts";

/** Everything may be left out. */
export interface RepairingFetchOptions {
  /** The `fetch` that talks to the provider. Default: the global one, looked up at each call. */
  readonly fetch?: typeof globalThis.fetch;
  /** Default true. False: every irregularity of a stream is an error, however harmless. */
  readonly tolerateOutOfOrderEvents?: boolean;
  /** How long to wait for the end of the body after the provider certified the end of the answer. Default 2,000 ms. */
  readonly graceMs?: number;
  /** How long a body may be silent before that. Default 300,000 ms. */
  readonly idleMs?: number;
  /** Told of each repair when it is made. Must not throw. */
  readonly onRepair?: (repair: Repair) => void;
  /** Told when an answer cannot be proven whole, before the SDK is told. Must not throw. */
  readonly onFault?: (error: StreamError) => void;
}

/**
 * A `fetch` for the official SDKs (`new Anthropic({ fetch: repairingFetch() })`, `new OpenAI({ fetch: repairingFetch() })`) that
 * proves and repairs the answers of `…/messages` and `…/chat/completions` while they stream: what it releases is never taken
 * back, and an answer that cannot be proven whole ends in an error event, which the SDK throws as an `APIError`.
 *
 * Everything else passes untouched: other paths, other methods, answers that are not 2xx. Answers to `stream: false` are held,
 * proven by the same rules and, if they fail, given to the SDK as HTTP 502. It never asks again itself: an answer that was
 * partly released cannot be replaced, so trying again is up to the caller (the SDK does so for the 502 by its `maxRetries`).
 *
 * Limits: 16 Mi characters for one event, 256 MiB for an answer that is not streamed, none for one that is. It throws what `fetch` throws, and
 * the reason of the caller's own signal.
 */
export function repairingFetch(options: RepairingFetchOptions = {}): typeof globalThis.fetch {
  const limits: BodyLimits = {
    graceMs: options.graceMs ?? defaultBodyLimits.graceMs,
    idleMs: options.idleMs ?? defaultBodyLimits.idleMs,
  };
  return async (input, init) => {
    const send = options.fetch ?? globalThis.fetch;
    const dialect = dialectOf(input, init);
    if (dialect === undefined) return send(input, init);
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
    // Compressed streams come in blocks, not in events, and some proxies decompress them wrongly.
    headers.set("accept-encoding", "identity");
    const response = await send(input, { ...init, headers });
    if (!response.ok || response.body === null) return response;
    const streamed = asksForStream(init, response);
    const reader = createStreamReader(dialect, {
      status: response.status,
      asked: streamed ? "events" : "document",
      // A streamed answer goes on at once, so its text need not be kept.
      assemble: !streamed,
      maxBodyBytes: streamed ? Number.MAX_SAFE_INTEGER : maxDocumentBytes,
      ...(options.tolerateOutOfOrderEvents === undefined ? {} : { tolerateOutOfOrderEvents: options.tolerateOutOfOrderEvents }),
    });
    const exchange = { dialect, response, body: response.body, reader, limits, options, signal: signalOf(input, init) };
    return streamed ? streamedAnswer(exchange) : documentAnswer(exchange);
  };
}

/** A non-streamed answer may be this long. */
const maxDocumentBytes = 256 * 1024 * 1024;

interface Exchange {
  readonly dialect: StreamDialect;
  readonly response: Response;
  readonly body: ReadableStream<Uint8Array>;
  readonly reader: StreamReader;
  readonly limits: BodyLimits;
  readonly options: RepairingFetchOptions;
  readonly signal: AbortSignal | undefined;
}

/** The dialect is told by the end of the path; gateways put anything before it. */
function dialectOf(input: string | URL | Request, init: RequestInit | undefined): StreamDialect | undefined {
  const method = init?.method ?? (input instanceof Request ? input.method : "GET");
  if (method.toUpperCase() !== "POST") return undefined;
  const address = input instanceof Request ? input.url : String(input);
  const path = address.replace(/[?#].*$/, "").replace(/\/+$/, "");
  if (path.endsWith("/messages")) return "anthropic-messages";
  return path.endsWith("/chat/completions") ? "openai-completions" : undefined;
}

function signalOf(input: string | URL | Request, init: RequestInit | undefined): AbortSignal | undefined {
  return init?.signal ?? (input instanceof Request ? input.signal : undefined);
}

/** Only the request's body says what was asked for: both SDKs accept `application/json` for streams, too. */
function asksForStream(init: RequestInit | undefined, response: Response): boolean {
  if (typeof init?.body === "string") {
    try {
      const asked: unknown = JSON.parse(init.body);
      return typeof asked === "object" && asked !== null && "stream" in asked && asked.stream === true;
    } catch {
      return false;
    }
  }
  // A body that can only be read once is left to the provider; the answer's type is the next best sign.
  return (response.headers.get("content-type") ?? "").includes("event-stream");
}

/** Headers of an answer whose bytes are written anew. */
function rewritten(response: Response, contentType: string): Headers {
  const headers = new Headers(response.headers);
  for (const name of ["content-length", "content-encoding", "transfer-encoding"]) headers.delete(name);
  headers.set("content-type", contentType);
  return headers;
}

function answer(exchange: Exchange, body: string | ReadableStream<Uint8Array>, init: ResponseInit): Response {
  const made = new Response(body, init);
  Object.defineProperty(made, "url", { value: exchange.response.url });
  return made;
}

/** Tells of repairs as they are made. */
function repairTeller({ reader, options }: Exchange): () => void {
  let told = 0;
  return () => {
    for (; told < reader.repairs.length; told++) {
      const repair = reader.repairs[told];
      if (repair !== undefined) options.onRepair?.(repair);
    }
  };
}

function streamedAnswer(exchange: Exchange): Response {
  const { dialect, response, reader, options, signal } = exchange;
  const encoder = new TextEncoder();
  const input = exchange.body.getReader();
  const chunks = provenChunks(input, reader, exchange.limits);
  const tell = repairTeller(exchange);
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await chunks.next();
          tell();
          if (next.done === true) controller.close();
          else controller.enqueue(encoder.encode(next.value));
        } catch (error) {
          tell();
          // The caller's own abort is not the provider's fault.
          if (signal?.aborted === true || !(error instanceof StreamError)) {
            controller.error(signal?.aborted === true ? signal.reason : error);
            return;
          }
          options.onFault?.(error);
          controller.enqueue(encoder.encode(reader.unreleased() + errorEvent(dialect, error)));
          controller.close();
        }
      },
      async cancel(reason) {
        await input.cancel(reason);
      },
    },
    // Nothing is read ahead: the reader's pace is the provider's pace.
    { highWaterMark: 0 },
  );
  const { status, statusText } = response;
  return answer(exchange, body, { status, statusText, headers: rewritten(response, "text/event-stream; charset=utf-8") });
}

async function documentAnswer(exchange: Exchange): Promise<Response> {
  const { dialect, response, reader, options, signal } = exchange;
  const tell = repairTeller(exchange);
  const contentType = "application/json; charset=utf-8";
  try {
    // The events of a document are not needed; only the proof is.
    for await (const _events of provenChunks(exchange.body.getReader(), reader, exchange.limits)) tell();
    tell();
  } catch (error) {
    tell();
    if (signal?.aborted === true) throw signal.reason;
    if (!(error instanceof StreamError)) throw error;
    options.onFault?.(error);
    const headers = rewritten(response, contentType);
    // Both SDKs obey this before any rule of theirs.
    headers.set("x-should-retry", error.action === "retry" || error.action === "retry_after_delay" ? "true" : "false");
    return answer(exchange, JSON.stringify(errorBody(dialect, error)), { status: 502, statusText: "Bad Gateway", headers });
  }
  const { status, statusText } = response;
  return answer(exchange, JSON.stringify(reader.message().body), {
    status,
    statusText,
    headers: rewritten(response, contentType),
  });
}
