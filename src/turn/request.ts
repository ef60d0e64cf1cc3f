/** The body of the turn's request to the gateway, in the dialect of the model that was asked for. Pure. */
import type { TurnSpec } from "./turn.ts";

export type Ask = Pick<TurnSpec, "model" | "maxTokens" | "system" | "message" | "stream">;

export function turnRequest(dialect: TurnSpec["dialect"], ask: Ask): Record<string, unknown> {
  return dialect === "anthropic-messages" ? anthropicRequest(ask) : openAiRequest(ask);
}

function anthropicRequest({ model, maxTokens, system, message, stream }: Ask): Record<string, unknown> {
  const body = { model, max_tokens: maxTokens, messages: [{ role: "user", content: message }], stream };
  return system === "" ? body : { ...body, system };
}

/** What is left out is the provider's default. */
function openAiRequest({ model, maxTokens, system, message, stream }: Ask): Record<string, unknown> {
  const instructions = system === "" ? [] : [{ role: "system", content: system }];
  return { model, max_tokens: maxTokens, messages: [...instructions, { role: "user", content: message }], stream };
}
