/** A message that did not come as a stream, as the stream it would have been: by the same machine that proves streams. */
import type { Dialect, JsonObject } from "./provider.ts";
import { createStreamReader } from "./sse.ts";

/** The events of a message in its dialect; made at the first call and kept. */
export function fromMessage(dialect: Dialect, message: JsonObject): () => string {
  let text: string | undefined;
  return () => (text ??= eventsOf(dialect, message));
}

function eventsOf(dialect: Dialect, message: JsonObject): string {
  const reader = createStreamReader(dialect);
  return reader.push(new TextEncoder().encode(JSON.stringify(message))) + reader.end("eof");
}
