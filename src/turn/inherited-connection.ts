/**
 * The gateway's door as a connection that the turn's process is born with, for one question: the same request and the same answer as over
 * loopback, written and read by hand. A turn without tools asks once and has nothing else to do until it is answered, and loading and warming up
 * node:net and node:http takes a quarter of the processor time of its whole process (docs/performance.md).
 */
import { readSync, writeSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";

/** The descriptor of the connection; the one before is the result's. Node closes it for grandchildren, of which such a turn has none. */
export const gatewayDescriptor = 4;

/** What is read of an answer of HTTP, whichever way it came. */
export interface Response {
  readonly statusCode?: number | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Whether the body was read whole to its end. */
  readonly complete: boolean;
  /** Gives up what was not read. */
  resume(): unknown;
}

/** Its body, piece by piece. */
export type Chunks = AsyncIterable<Buffer> | Iterable<Buffer>;

interface Question {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Buffer;
}

/** Most bytes of an answer's head; Node's own limit is 16 KiB. */
const headLimit = 64 * 1024;
const chunkBytes = 64 * 1024;

/**
 * Asks and waits, without turning the event loop.
 * @throws if the connection ends or breaks before the head of an answer is there
 */
export function askOnce(descriptor: number, { method, url, headers, body }: Question): Response & Iterable<Buffer> {
  const { host, pathname } = new URL(url);
  const lines = Object.entries({ host, ...headers, connection: "close" }).map(([name, value]) => `${name}: ${value}`);
  const unsent = send(
    descriptor,
    Buffer.concat([Buffer.from([`${method} ${pathname} HTTP/1.1`, ...lines, "", ""].join("\r\n")), body]),
  );
  const head = readHead(descriptor, unsent);
  // Our gateway says how long what it sends is.
  if (head.headers["transfer-encoding"] !== undefined) throw new Error("the answer comes in a form that was not asked for");
  const length = head.headers["content-length"];
  let left = length === undefined ? Infinity : Number(length);
  return {
    ...head,
    // One that says no length goes on to the end of the connection.
    get complete() {
      return left === 0 || left === Infinity;
    },
    resume: () => undefined,
    *[Symbol.iterator]() {
      for (let chunk: Buffer | undefined = head.rest; chunk !== undefined && left > 0; chunk = readChunk(descriptor)) {
        left -= chunk.length;
        yield chunk;
      }
    },
  };
}

/** An error does not end it here: who refuses a request may have answered without reading it all. */
function send(descriptor: number, bytes: Buffer): unknown {
  try {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(writeSync(descriptor, rest));
    return undefined;
  } catch (error) {
    return error;
  }
}

interface Head {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  /** What came of the body with it. */
  readonly rest: Buffer;
}

function readHead(descriptor: number, unsent: unknown): Head {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = readChunk(descriptor);
    if (chunk === undefined) throw unsent ?? new Error("the connection ended without an answer");
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf("\r\n\r\n");
    if (end >= 0) return { ...parseHead(bytes.toString("latin1", 0, end)), rest: bytes.subarray(end + 4) };
    if (bytes.length > headLimit) throw new Error(`the head of the answer is longer than ${headLimit} bytes`);
  }
}

function parseHead(text: string): Pick<Head, "statusCode" | "headers"> {
  const [first = "", ...lines] = text.split("\r\n");
  const status = /^HTTP\/1\.1 (?<status>\d{3})(?: |$)/.exec(first)?.groups?.["status"];
  if (status === undefined) throw new Error("the answer is no HTTP");
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { statusCode: Number(status), headers: Object.fromEntries(fields) };
}

/** Undefined at the end of the connection. */
function readChunk(descriptor: number): Buffer | undefined {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  const bytes = readSync(descriptor, chunk);
  return bytes === 0 ? undefined : chunk.subarray(0, bytes);
}
