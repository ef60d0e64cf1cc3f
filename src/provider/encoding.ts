/** Bodies that come compressed although `identity` was asked for: decoded while they arrive, as the header says. */
import type { IncomingMessage } from "node:http";

/** The body's bytes; decoding errors are thrown as they are, with their `Z_…` code. */
export function decoded(response: IncomingMessage): AsyncIterable<Uint8Array> {
  const encoding = (response.headers["content-encoding"] ?? "").trim().toLowerCase();
  // Left open when the reader leaves early: whether the connection can be kept is for its owner to say.
  const plain = (): AsyncIterable<Uint8Array> => response.iterator({ destroyOnReturn: false });
  return encoding === "" || encoding === "identity" ? plain() : decompressed(response, encoding);
}

async function* decompressed(response: IncomingMessage, encoding: string): AsyncGenerator<Uint8Array> {
  const zlib = process.getBuiltinModule("node:zlib");
  const decoder =
    encoding === "gzip" || encoding === "x-gzip"
      ? zlib.createGunzip()
      : encoding === "deflate"
        ? zlib.createInflate()
        : encoding === "br"
          ? zlib.createBrotliDecompress()
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
