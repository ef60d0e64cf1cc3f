import type { ServerResponse } from "node:http";
import { between } from "./random.ts";
import { bytesOf, encodeFrame, isFrame } from "./wire.ts";
import type { Part, Reply } from "./wire.ts";

/** How a body is cut into writes: one a frame, odd pieces of 1 to 13 bytes, or everything at once. */
export type Split = "frames" | "bytes" | "one";

/** How an answer ended: all was sent, it was cut on purpose, or the client left first. */
export type Ending = "whole" | "cut" | "client_gone";

export interface Playing {
  readonly split: Split;
  readonly beforeHeadersMs: number;
  readonly betweenFramesMs: number;
  readonly random: () => number;
}

/** Sends one answer, honouring back-pressure and a client that leaves. Never rejects. */
export async function play(response: ServerResponse, reply: Reply, how: Playing): Promise<Ending> {
  const gone = new Promise<"gone">((resolve) => {
    if (response.closed) resolve("gone");
    else response.once("close", () => resolve("gone"));
  });
  const sleep = async (ms: number): Promise<boolean> => {
    if (ms <= 0) return !response.destroyed;
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise<"waited">((resolve) => void (timer = setTimeout(resolve, ms, "waited")));
    const first = await Promise.race([waited, gone]);
    clearTimeout(timer);
    return first === "waited";
  };
  const write = async (bytes: string | Uint8Array): Promise<boolean> => {
    if (response.destroyed) return false;
    if (!response.headersSent) writeHead(response, reply);
    if (response.write(bytes)) return true;
    const drained = new Promise<"drained">((resolve) => void response.once("drain", () => resolve("drained")));
    return (await Promise.race([drained, gone])) === "drained";
  };

  if (!(await sleep(how.beforeHeadersMs))) return "client_gone";
  if (reply.withoutHead !== true) writeHead(response, reply);
  const parts = how.split === "one" ? joined(reply) : reply.parts;
  for (const [at, part] of parts.entries()) {
    if ("act" in part) return await act(response, part.act, gone);
    if ("waitMs" in part) {
      if (!(await sleep(part.waitMs))) return "client_gone";
      continue;
    }
    if (at > 0 && !(await sleep(how.betweenFramesMs))) return "client_gone";
    const bytes = isFrame(part) ? encodeFrame(part, reply.style) : part.raw;
    for (const piece of how.split === "bytes" ? oddPieces(bytes, how.random) : [bytes]) {
      if (!(await write(piece))) return "client_gone";
    }
  }
  if (!response.headersSent) writeHead(response, reply);
  response.end();
  return "whole";
}

/** An answer of known length says so, as providers do; a stream is chunked. */
function writeHead(response: ServerResponse, reply: Reply): void {
  const only = reply.parts[0];
  const length =
    reply.parts.length === 1 && only !== undefined && "raw" in only ? { "content-length": Buffer.byteLength(only.raw) } : {};
  response.writeHead(reply.status, { ...reply.headers, ...length });
  response.flushHeaders();
}

async function act(response: ServerResponse, deed: "hang" | "reset" | "close", gone: Promise<"gone">): Promise<Ending> {
  if (deed === "hang") {
    await gone;
    return "client_gone";
  }
  // What was written must have left before the socket goes, or the cut would be at another place each time.
  await new Promise<void>((resolve) => {
    if (!response.headersSent || response.destroyed) resolve();
    else response.write("", () => resolve());
  });
  if (deed === "reset") response.socket?.resetAndDestroy();
  else response.socket?.destroy();
  return "cut";
}

/** Neighbouring bytes as one part each, so that pauses and cuts stay where they are. */
function joined(reply: Reply): readonly Part[] {
  const parts: Part[] = [];
  let run: Uint8Array[] = [];
  const flush = (): void => {
    if (run.length > 0) parts.push({ raw: Buffer.concat(run) });
    run = [];
  };
  for (const part of reply.parts) {
    if (isFrame(part)) run.push(Buffer.from(encodeFrame(part, reply.style)));
    else if ("raw" in part) run.push(bytesOf(part.raw));
    else {
      flush();
      parts.push(part);
    }
  }
  flush();
  return parts;
}

function oddPieces(bytes: string | Uint8Array, random: () => number): Uint8Array[] {
  const whole = bytesOf(bytes);
  const pieces: Uint8Array[] = [];
  for (let from = 0; from < whole.length;) {
    const to = from + between(random, 1, 13);
    pieces.push(whole.subarray(from, to));
    from = to;
  }
  return pieces;
}
