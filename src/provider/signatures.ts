/**
 * Whose thinking a block is. A provider refuses thinking that it has not signed itself ("Invalid `signature` in `thinking` block"), and
 * nothing in a block says whose it is, so it is remembered which provider of this process gave which signature. What nobody is
 * known to have given passes.
 */
import { createHash } from "node:crypto";
import type { JsonObject } from "./provider.ts";
import { isThinking, withoutThinking } from "./translate/passenger.ts";
import { isObject, listOr, textOr } from "./translate/problems.ts";

/** Most signatures that are remembered, the last ones. */
const mostSignatures = 10_000;

const givenBy = new Map<string, string>();

function keyOf(block: unknown): string | undefined {
  if (!isObject(block) || !isThinking(block)) return undefined;
  const signed = textOr(block["signature"]) || textOr(block["data"]);
  return signed === "" ? undefined : createHash("sha256").update(signed).digest("base64url");
}

/** Remembers the thinking in an answer as this provider's. */
export function rememberThinking(provider: string, message: JsonObject): void {
  for (const block of listOr(message["content"])) {
    const key = keyOf(block);
    if (key === undefined) continue;
    // The last one who gave it counts, and is the last one to be forgotten.
    givenBy.delete(key);
    givenBy.set(key, provider);
    const [oldest] = givenBy.keys();
    if (givenBy.size > mostSignatures && oldest !== undefined) givenBy.delete(oldest);
  }
}

/** The body without thinking that another provider is known to have signed. */
export function withoutOthersThinking(provider: string, body: JsonObject): ReturnType<typeof withoutThinking> {
  return withoutThinking(body, (block) => {
    const key = keyOf(block);
    const owner = key === undefined ? undefined : givenBy.get(key);
    return owner !== undefined && owner !== provider;
  });
}
