/**
 * One HTTP request and its answer, bounded in time and size. The address is checked where the connection is made, after the name was
 * resolved: a check of the name alone would be undone by a name server that answers twice.
 */
import type { LookupAddress } from "node:dns";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import type { LookupFunction } from "node:net";
import { isPublicAddress, plainHost } from "./addresses.ts";

export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface Received {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Of the body, as far as it was read. */
  readonly bytes: number;
  readonly cut: boolean;
}

/** Nothing was sent: the address is not one that may be asked. */
export class RefusedAddress extends Error {
  override readonly name = "RefusedAddress";
}

/** Most bytes read of one answer. */
const readBytes = 1024 * 1024;

export interface ExchangeRules {
  readonly privateAddresses: boolean;
  readonly leftMs: number;
}

/** @throws RefusedAddress, or an error that says why there is no answer. */
export async function exchange(sent: Exchange, { privateAddresses, leftMs }: ExchangeRules): Promise<Received> {
  const { url, method, body } = sent;
  const check = (address: string): void => {
    if (!privateAddresses && !isPublicAddress(address))
      throw new RefusedAddress(`${url.hostname} is ${address}, an address of a private network or of this machine`);
  };
  const host = plainHost(url.hostname);
  // A host that is an address is connected to without a lookup.
  if (process.getBuiltinModule("node:net").isIP(host) !== 0) check(host);
  const headers: Record<string, string> = {
    "user-agent": "turn-runner",
    accept: "*/*",
    ...sent.headers,
    "accept-encoding": "identity",
  };
  if (body !== undefined) headers["content-length"] = String(Buffer.byteLength(body));
  // No agent: no connection is kept, and none of a proxy's.
  const options: RequestOptions = { method, headers, agent: false, lookup: lookupWith(check), setHost: true };
  return withinTime(leftMs, (signal) => ask(url, { ...options, signal }, body));
}

function lookupWith(check: (address: string) => void): LookupFunction {
  return (hostname, options, done) => {
    const dns = process.getBuiltinModule("node:dns");
    dns.lookup(hostname, { ...options, all: true }, (error: Error | null, found: LookupAddress[]) => {
      if (error !== null) return done(error, "");
      try {
        // One of several that is private would be tried when the others do not answer.
        for (const { address } of found) check(address);
      } catch (refusal) {
        return done(refusal instanceof Error ? refusal : new Error(String(refusal)), "");
      }
      const [first] = found;
      if (first === undefined) return done(new Error("the name has no address"), "");
      if (options.all === true) done(null, found);
      else done(null, first.address, first.family);
    });
  };
}

async function withinTime(leftMs: number, act: (signal: AbortSignal) => Promise<Received>): Promise<Received> {
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(leftMs)));
  // Whatever becomes of the request: nothing is waited for longer than its time.
  const over = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(new Error("too late"))));
  try {
    return await Promise.race([act(signal), over]);
  } catch (error) {
    if (signal.aborted) throw new Error("the answer did not come in time", { cause: error });
    throw error;
  }
}

function ask(url: URL, options: RequestOptions, body: string | undefined): Promise<Received> {
  const http = process.getBuiltinModule(url.protocol === "https:" ? "node:https" : "node:http");
  return new Promise((resolve, reject) => {
    const request: ClientRequest = http.request(url, options, (response) => {
      read(response)
        .then(resolve, reject)
        .finally(() => request.destroy());
    });
    request.on("error", reject);
    // Node would close the connection and say nothing more.
    request.on("upgrade", (_, socket) => {
      socket.destroy();
      reject(new Error("it left HTTP (status 101), which was not asked for"));
    });
    request.end(body);
  });
}

async function read(response: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let cut = false;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const room = readBytes - bytes;
    chunks.push(chunk.subarray(0, room));
    bytes += Math.min(chunk.length, room);
    cut = chunk.length > room;
    if (cut) break;
  }
  const headers = Object.fromEntries(
    Object.entries(response.headers).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  );
  const { statusCode = 0 } = response;
  return { status: statusCode, headers, text: textOf(Buffer.concat(chunks), headers, cut), bytes, cut };
}

function textOf(body: Buffer, headers: Readonly<Record<string, string>>, cut: boolean): string {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") return `[a body in ${encoding.slice(0, 40)}, which was not asked for]`;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body, { stream: cut });
  } catch {
    // Old pages are in Latin-1; what holds NUL or is no text at all is not worth its tokens.
    return body.includes(0) ? `[${body.length} bytes that are no text]` : body.toString("latin1");
  }
}
