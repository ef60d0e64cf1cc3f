import { isObject, type Json, stringOr } from "./json.ts";

/** Counters of a start that named none. */
export const emptyUsage: Json = { input_tokens: 0, output_tokens: 0 };

/** The message that stands in for a start that has not come. */
export function standInHead(): Json {
  return {
    id: "msg_unnamed",
    type: "message",
    role: "assistant",
    model: "unknown",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: emptyUsage,
  };
}

/**
 * The message of a `message_start` with every field that the official SDK takes for granted; it throws on a start without content
 * or counters. A stop reason in a start certifies nothing and is taken out. `regular` if nothing had to be changed.
 */
export function completeHead(message: Json): { head: Json; regular: boolean } {
  const head: Record<string, unknown> = { ...message };
  if (stringOr(head["id"], "") === "") head["id"] = "msg_unnamed";
  if (typeof head["model"] !== "string") head["model"] = "unknown";
  head["type"] = "message";
  head["role"] = "assistant";
  if (!Array.isArray(head["content"])) head["content"] = [];
  if (head["stop_reason"] !== undefined) head["stop_reason"] = null;
  const usage = isObject(head["usage"]) ? head["usage"] : {};
  if (typeof usage["input_tokens"] !== "number" || typeof usage["output_tokens"] !== "number") {
    head["usage"] = { ...usage, input_tokens: usage["input_tokens"] ?? 0, output_tokens: usage["output_tokens"] ?? 0 };
  }
  return { head, regular: JSON.stringify(head) === JSON.stringify(message) };
}
