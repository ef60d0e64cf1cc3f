import { defaultGraceMs, type StreamReader } from "./sse.ts";

export interface BodyLimits {
  /** How long the end of the body is waited for after the provider certified the end of the answer. */
  readonly graceMs: number;
  /** How long nothing may come before that. */
  readonly idleMs: number;
}

export const defaultBodyLimits: BodyLimits = { graceMs: defaultGraceMs, idleMs: 300_000 };

const silence = Symbol("silence");

/** The next chunk, or `silence` after `ms`. A chunk that comes too late is lost, so the caller must not read on after a silence. */
async function readWithin<T>(next: Promise<T>, ms: number): Promise<T | typeof silence> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<typeof silence>((resolve) => {
    timer = setTimeout(() => resolve(silence), Math.max(0, ms));
  });
  try {
    return await Promise.race([next, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Reads a web stream through a `StreamReader` and yields what may be released, one text for each chunk that released any.
 * The input is asked for the next chunk only when the last text was taken, and is cancelled as soon as the answer is proven or
 * refused. Throws the reader's `StreamError`.
 */
export async function* provenChunks(
  input: ReadableStreamDefaultReader<Uint8Array>,
  reader: StreamReader,
  limits: BodyLimits = defaultBodyLimits,
): AsyncGenerator<string, void> {
  let certifiedAt: number | undefined;
  try {
    while (!reader.done) {
      // Pings after the certified end do not prolong the grace: some providers send them for ever.
      if (!reader.certified) certifiedAt = undefined;
      else certifiedAt ??= performance.now();
      const wait = certifiedAt === undefined ? limits.idleMs : certifiedAt + limits.graceMs - performance.now();
      const text = await step(input, reader, wait);
      if (text !== "") yield text;
    }
  } finally {
    // A provider that keeps the body open must not hold the answer up, so nobody waits for this.
    input.cancel().catch(() => undefined);
  }
}

async function step(input: ReadableStreamDefaultReader<Uint8Array>, reader: StreamReader, waitMs: number): Promise<string> {
  let next;
  try {
    next = await readWithin(input.read(), waitMs);
  } catch {
    return reader.end("transport_error");
  }
  if (next === silence) return reader.end(reader.certified ? "idle_after_stop_reason" : "idle_timeout");
  return next.done ? reader.end("eof") : reader.push(next.value);
}
