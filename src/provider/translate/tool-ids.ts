/**
 * Ids of tool calls. Anthropic takes `^[a-zA-Z0-9_-]+$` of any length, OpenAI any characters, at most 40 of them. An id that both
 * take is carried as it is; any other is written so that the way back gives exactly the id it was.
 */
import { createHash } from "node:crypto";

const anthropicId = /^[a-zA-Z0-9_-]+$/;
/** OpenAI refuses a longer id. */
const longestOpenaiId = 40;
const encodedMark = "tr-";
const hashedMark = "trh-";

/** Any id as one that Anthropic takes: the characters it does not (`functions.get:0` of Kimi) written in base64url. */
export function anthropicIdOf(id: string): string {
  return mustBeEncoded(id) ? encodedMark + Buffer.from(id).toString("base64url") : id;
}

/** The way back of `anthropicIdOf`; an id that did not come from there is itself. */
function decoded(id: string): string {
  if (!id.startsWith(encodedMark)) return id;
  const text = Buffer.from(id.slice(encodedMark.length), "base64url").toString();
  return mustBeEncoded(text) && encodedMark + Buffer.from(text).toString("base64url") === id ? text : id;
}

/** An id that looks encoded and is not must be encoded itself, or it would be decoded on the way back. */
function mustBeEncoded(id: string): boolean {
  return !anthropicId.test(id) || decoded(id) !== id;
}

/**
 * An Anthropic id as one that OpenAI takes. One that is too long becomes its hash, the same every time; the message that carries the
 * call carries the id itself beside it (`passenger.ts`).
 */
export function openaiIdOf(id: string): string {
  const own = decoded(id);
  // What was OpenAI's id goes back as it was, however long: its own provider made it.
  if (own !== id || own.length <= longestOpenaiId) return own;
  const hash = createHash("sha256").update(id).digest("base64url");
  return hashedMark + hash.slice(0, longestOpenaiId - hashedMark.length);
}
