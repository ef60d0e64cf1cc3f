/**
 * One POST to a provider, by `node:http` and `node:https` directly. Not by `fetch` and not by undici: Node's `fetch` ends a request
 * whose headers take more than 300 s, and the headers of a non-streamed answer come only when the whole answer is written; and it
 * costs 60 ms at start, where `node:http` costs 4.
 */
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { ProviderError } from "../errors.ts";
import { decoded } from "./encoding.ts";
import { networkError } from "./classify-network.ts";
import { agentFor, https } from "./connections.ts";
import { type LimitWatch, type TryLimits, watchLimits } from "./limits.ts";

export interface HttpRequest {
  /** The provider's id, for messages. */
  readonly provider: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly limits: TryLimits;
  readonly signal: AbortSignal;
  /** Where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are read. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case; hop-by-hop and encoding headers are gone. */
  readonly headers: Readonly<Record<string, string>>;
  /** The decoded body, once. Throws a `ProviderError` when a limit, the signal or the connection ends it early. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ms from sending to the first byte of the body, as far as it has come. */
  readonly firstByteMs: () => number;
  /** Ends the body as if it were over, without an error, and frees the connection. Safe to call twice. */
  readonly stop: () => void;
}

/** Most bytes of a body after decoding: 64 MiB. More is a fault, not memory. */
export const bodyLimit = 64 * 1024 * 1024;
/** Most bytes of response headers: 64 KiB (Node's own limit is 16). */
const headerLimit = 64 * 1024;
/** How long the end of a body may take after its last event so that the connection is kept. */
const lingerMs = 250;
/** How often a request is sent again because its kept-alive connection had died unnoticed. */
const deadConnectionLimit = 3;

/**
 * Sends the request and resolves when the headers have come. Redirects are not followed: the key would go with them.
 * @throws ProviderError `network`, `stream_stall`, `timeout` or `aborted`; HTTP statuses are answers, not errors.
 */
export async function post(request: HttpRequest): Promise<HttpAnswer> {
  if (request.signal.aborted) throw aborted(request);
  const exchange = new Exchange(request);
  for (let sent = 1; ; sent += 1) {
    try {
      return await exchange.send();
    } catch (error) {
      // The provider closed an idle connection just as it was taken: nothing was processed, and Node's documentation advises to resend.
      if (error instanceof DeadConnection && sent < deadConnectionLimit) continue;
      exchange.end();
      throw error instanceof DeadConnection ? networkError(request.provider, request.url, error.cause) : error;
    }
  }
}

class DeadConnection extends Error {}

/** One request and its answer; owns the timers, the abort listener and the first cause of death. */
class Exchange {
  readonly #request: HttpRequest;
  readonly #watch: LimitWatch;
  readonly #sentAt = performance.now();
  readonly #onAbort = (): void => this.#die(aborted(this.#request));
  #firstByteAt: number | undefined;
  #cause: ProviderError | undefined;
  #stopped = false;
  #released = false;
  #client: ClientRequest | undefined;

  constructor(request: HttpRequest) {
    this.#request = request;
    this.#watch = watchLimits(request.provider, request.limits, (error) => this.#die(error));
    request.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  send(): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const client = this.#open();
      let answered = false;
      this.#client = client;
      client.on("socket", (socket) => {
        // So that a peer that is gone without a word is noticed during the long silence of a non-streamed answer.
        socket.setKeepAlive(true, 30_000);
        if (!socket.connecting) return;
        this.#watch.connecting();
        socket.once(this.#request.url.protocol === "https:" ? "secureConnect" : "connect", () => this.#watch.connected());
      });
      client.on("response", (response) => {
        answered = true;
        resolve(this.#answer(response));
      });
      client.on("error", (error) => {
        // A reset ends a body that has no length as if it were whole; only this event tells the two apart.
        if (answered) this.#cause ??= networkError(this.#request.provider, this.#request.url, error);
        else if (this.#cause === undefined && client.reusedSocket && isReset(error))
          reject(new DeadConnection("reset", { cause: error }));
        else reject(this.#causeOf(error));
      });
      // Whatever ends a request without an answer and without an error of its own (Node on an unasked upgrade): it must not hang.
      client.on("close", () => reject(this.#causeOf(noAnswer())));
      client.end(this.#request.body);
    });
  }

  end(): void {
    this.#watch.close();
    this.#request.signal.removeEventListener("abort", this.#onAbort);
  }

  #open(): ClientRequest {
    const { url, headers, provider } = this.#request;
    try {
      const options = { method: "POST", headers, maxHeaderSize: headerLimit, agent: agentFor(url, this.#request.env) };
      return url.protocol === "https:" ? https().request(url, options) : httpRequest(url, options);
    } catch (error) {
      // The proxy's address may hold a password, and Node repeats it.
      if (error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PROXY_")) {
        throw networkError(provider, url, { code: error.code });
      }
      // Node names the header and never its value.
      const words = error instanceof Error ? error.message : String(error);
      throw new ProviderError(`${provider}: the request cannot be sent: ${words}`, { fault: "bad_request", code: "unsendable" });
    }
  }

  #answer(response: IncomingMessage): HttpAnswer {
    this.#watch.connected();
    // A listener must exist as long as the body is not read, or a reset in between would end the process.
    response.on("error", () => undefined);
    return {
      status: response.statusCode ?? 0,
      headers: headersOf(response),
      body: this.#body(response),
      firstByteMs: () => Math.round((this.#firstByteAt ?? performance.now()) - this.#sentAt),
      stop: () => {
        this.#stopped ||= !this.#released;
        this.#release(response);
      },
    };
  }

  async *#body(response: IncomingMessage): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    try {
      for await (const chunk of decoded(response)) {
        if (this.#stopped) return;
        this.#firstByteAt ??= performance.now();
        this.#watch.byte();
        bytes += chunk.length;
        if (bytes > bodyLimit) {
          const words = `${this.#request.provider}: the answer is larger than the limit of ${bodyLimit / 1024 / 1024} MiB`;
          throw (this.#cause = new ProviderError(words, {
            fault: "stream_broken",
            code: "body_limit",
            status: response.statusCode,
            reason: "unexpected_body",
          }));
        }
        yield chunk;
      }
      if (this.#cause !== undefined) throw this.#cause;
    } catch (error) {
      if (!this.#stopped) throw this.#causeOf(error);
    } finally {
      this.#release(response);
    }
  }

  #release(response: IncomingMessage): void {
    if (this.#released) return;
    this.#released = true;
    this.end();
    if (!response.complete && (this.#stopped || this.#cause !== undefined)) {
      response.destroy();
      return;
    }
    // A body that ends gives its connection back. The reader leaves with the last event, and the end is often in the next packet.
    response.resume();
    if (response.complete) return;
    const lingering = setTimeout(() => response.destroy(), lingerMs);
    response.once("close", () => clearTimeout(lingering));
  }

  #die(error: ProviderError): void {
    this.#cause ??= error;
    this.#watch.close();
    this.#client?.destroy(error);
  }

  /** What ended it: the first cause of ours, else what the connection says. */
  #causeOf(error: unknown): ProviderError {
    return (
      this.#cause ?? (error instanceof ProviderError ? error : networkError(this.#request.provider, this.#request.url, error))
    );
  }
}

function aborted(request: HttpRequest): ProviderError {
  return new ProviderError(`${request.provider}: stopped before the answer was whole`, {
    fault: "aborted",
    code: "aborted",
    cause: request.signal.reason,
  });
}

function noAnswer(): Error {
  return Object.assign(new Error("the connection closed without an answer"), { code: "ECONNRESET" });
}

function isReset(error: Error): boolean {
  return "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

/** They speak about one connection or about the bytes before decoding (RFC 9110 §7.6.1). */
const dropped = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-encoding",
  "content-length",
  "set-cookie",
]);

function headersOf(response: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value === undefined || dropped.has(name)) continue;
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}
