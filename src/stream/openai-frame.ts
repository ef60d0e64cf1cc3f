import { type Json, objectOr } from "./json.ts";

/** The piece of content in a chunk of one choice. */
export function pieceOf(event: Json, field: string): unknown {
  const [choice] = Array.isArray(event["choices"]) ? event["choices"] : [];
  const delta = objectOr(objectOr(choice)["delta"]);
  if (field !== "tool_calls") return delta[field];
  const [call] = Array.isArray(delta[field]) ? delta[field] : [];
  return objectOr(objectOr(call)["function"])["arguments"];
}

/** Fields of a chunk that are no content, whatever they hold; beside OpenAI's own those of Azure, Groq, OpenRouter, Perplexity. */
const besideContent = new Set([
  "id",
  "object",
  "created",
  "model",
  "choices",
  "usage",
  "system_fingerprint",
  "service_tier",
  "obfuscation",
  "provider",
  "x_groq",
  "request_id",
  "prompt_filter_results",
  "citations",
  "search_results",
  "base_resp",
]);

/** Whether a chunk holds text anywhere outside its choices and the fields that are known to be no content. */
export function holdsStrayText(chunk: Json): boolean {
  return Object.entries(chunk).some(([key, value]) => !besideContent.has(key) && holdsText(value));
}

function holdsText(value: unknown): boolean {
  if (typeof value === "string") return value !== "";
  return typeof value === "object" && value !== null && Object.values(value).some(holdsText);
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
