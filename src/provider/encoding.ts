/** Bodies that come compressed although `identity` was asked for: decoded while they arrive, as the header says. */
import type { IncomingMessage } from "node:http";

/** The body's bytes; decoding errors are thrown as they are, with their `Z_…` code. */
export function decoded(response: IncomingMessage): AsyncIterable<Uint8Array> {
  const encoding = (response.headers["content-encoding"] ?? "").trim().toLowerCase();
  return encoding === "" || encoding === "identity" ? response : decompressed(response, encoding);
}

async function* decompressed(response: IncomingMessage, encoding: string): AsyncGenerator<Uint8Array> {
  const zlib = process.getBuiltinModule("node:zlib");
  // Flushed chunk by chunk: an event stream must not wait for the compressor's window to fill.
  const flush = { flush: zlib.constants.Z_SYNC_FLUSH };
  const decoder =
    encoding === "gzip" || encoding === "x-gzip"
      ? zlib.createGunzip(flush)
      : encoding === "deflate"
        ? zlib.createInflate(flush)
        : encoding === "br"
          ? zlib.createBrotliDecompress({ flush: zlib.constants.BROTLI_OPERATION_FLUSH })
          : undefined;
  // Unknown to us: handed on as it is, and the reader finds no text in it.
  if (decoder === undefined) return yield* response;
  response.on("error", (error) => decoder.destroy(error));
  response.on("aborted", () => decoder.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" })));
  response.pipe(decoder);
  try {
    yield* decoder as AsyncIterable<Uint8Array>;
  } finally {
    decoder.destroy();
  }
}
