import { type Json, objectOr } from "./json.ts";

/** The piece of content in a chunk of one choice. */
export function pieceOf(event: Json, field: string): unknown {
  const [choice] = Array.isArray(event["choices"]) ? event["choices"] : [];
  const delta = objectOr(objectOr(choice)["delta"]);
  if (field !== "tool_calls") return delta[field];
  const [call] = Array.isArray(delta[field]) ? delta[field] : [];
  return objectOr(objectOr(call)["function"])["arguments"];
}

/** MiniMax reports failures beside an answer-shaped body. */
export function failedBase(event: Json): boolean {
  const code = objectOr(event["base_resp"])["status_code"];
  return typeof code === "number" && code !== 0;
}

export function baseError(event: Json): Json {
  const base = objectOr(event["base_resp"]);
  return { code: base["status_code"], message: base["status_msg"] };
}
