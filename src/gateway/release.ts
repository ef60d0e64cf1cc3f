/**
 * The way back to the turn. Until an answer is proven, nothing of it goes out; a turn that asked for a stream gets pings meanwhile, so
 * that no client takes the silence for death. Then the whole answer at once, in the form that was asked for, or the refusal.
 */
import type { ServerResponse } from "node:http";
import type { Dialect, ProvenAnswer } from "../provider/provider.ts";
import type { PingTimes } from "./gateway.ts";
import { refusalBody, refusalHeaders, type Refusal } from "./refusal.ts";

/** Both are ignored by every client of their dialect: the one by name, the other as a comment. */
const pings: Readonly<Record<Dialect, string>> = {
  "anthropic-messages": 'event: ping\ndata: {"type":"ping"}\n\n',
  "openai-completions": ": ping\n\n",
};

const streamHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  // Some front ends hold a stream back to compress it; none should stand here, but the header costs nothing.
  "x-accel-buffering": "no",
};

/** One answer to one request. */
export class Reply {
  readonly #response: ServerResponse;
  readonly #dialect: Dialect;
  readonly #stream: boolean;
  #timer: NodeJS.Timeout | undefined;

  constructor(response: ServerResponse, dialect: Dialect, stream: boolean, times: PingTimes) {
    this.#response = response;
    this.#dialect = dialect;
    this.#stream = stream;
    if (stream) this.#timer = setTimeout(() => this.#ping(times), times.firstMs);
  }

  #ping(times: PingTimes): void {
    if (this.#response.destroyed) return;
    if (!this.#response.headersSent) this.#response.writeHead(200, streamHeaders);
    this.#response.write(pings[this.#dialect]);
    this.#timer = setTimeout(() => this.#ping(times), times.everyMs);
  }

  /** Ends the pings, and says which status the turn is given: once a ping went out, it is 200 whatever follows. */
  settle(status: number): number {
    clearTimeout(this.#timer);
    return this.#response.headersSent ? 200 : status;
  }

  /** Sends the whole answer, as a stream or as a message. */
  release(answer: ProvenAnswer, headers: Readonly<Record<string, string>>): void {
    this.settle(200);
    const named = { ...headers, ...requestIdHeaders(answer.requestId) };
    if (!this.#stream) return sendJson(this.#response, 200, answer.message, named);
    const events = answer.sse();
    if (!this.#response.headersSent) this.#response.writeHead(200, { ...streamHeaders, ...named });
    this.#response.end(events);
  }

  /** Sends the refusal as a status, or as an error event when a ping has already said 200; the stream then ends without its last event. */
  refuse(refusal: Refusal, headers: Readonly<Record<string, string>> = {}): void {
    this.settle(refusal.status);
    if (!this.#response.headersSent) return sendRefusal(this.#response, this.#dialect, refusal, headers);
    const name = this.#dialect === "anthropic-messages" ? "event: error\n" : "";
    this.#response.end(`${name}data: ${JSON.stringify(refusalBody(this.#dialect, refusal))}\n\n`);
  }
}

/** Both official SDKs show it in their errors, each under its own name. It comes from outside, so only what fits in a header goes on. */
function requestIdHeaders(id: string | undefined): Record<string, string> {
  return id !== undefined && /^[\x21-\x7e]{1,200}$/.test(id) ? { "request-id": id, "x-request-id": id } : {};
}

export function sendRefusal(
  response: ServerResponse,
  dialect: Dialect,
  refusal: Refusal,
  headers: Readonly<Record<string, string>> = {},
): void {
  sendJson(response, refusal.status, refusalBody(dialect, refusal), { ...headers, ...refusalHeaders(refusal) });
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed || response.headersSent) return;
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { ...headers, "content-type": "application/json", "content-length": String(text.length) });
  response.end(text);
}
