/** What the tests of the adapters share: a provider's configuration, one try and its outcome, servers that answer as told. */
import type http from "node:http";
import { ProviderError } from "../../src/errors.ts";
import { createProvider } from "../../src/provider/index.ts";
import type { Dialect, JsonObject, ProvenAnswer, ProviderConfig, UpstreamRequest } from "../../src/provider/provider.ts";
import { type Wire, httpServer } from "./wire.ts";

export const key = "sk-planted-0123456789abcdef";
export const env = { ACME_KEY: key };

export function config(dialect: Dialect, url: string, more: Partial<ProviderConfig> = {}): ProviderConfig {
  const baseUrl = dialect === "anthropic-messages" ? `${url}/coding` : `${url}/v1`;
  return {
    id: "acme",
    dialect,
    baseUrl,
    apiKey: { env: "ACME_KEY" },
    headers: {},
    sseQuirks: { tolerateOutOfOrderEvents: true },
    ...more,
  };
}

export const limits = { firstByteMs: 5_000, idleMs: 5_000, tryMs: 10_000 };
export const question: JsonObject = { max_tokens: 300, messages: [{ role: "user", content: "What is new?" }] };

export function request(more: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    body: question,
    model: "m-1",
    stream: true,
    headers: {},
    query: "",
    limits,
    signal: new AbortController().signal,
    ...more,
  };
}

export async function outcome(promise: Promise<ProvenAnswer>): Promise<ProvenAnswer | ProviderError> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
}

export const ask = (on: ProviderConfig, more: Partial<UpstreamRequest> = {}): Promise<ProvenAnswer | ProviderError> =>
  outcome(createProvider(on, { env }).ask(request(more)));

export const told = (one: ProvenAnswer | ProviderError): string =>
  one instanceof ProviderError ? one.fault : `answer ${one.stopReason}`;

/** Serves the same bytes to every request; tells what was asked. */
export async function serving(reply: (response: http.ServerResponse) => void): Promise<Wire> {
  return await httpServer((incoming, response) => {
    response.on("error", () => undefined);
    incoming.resume().on("end", () => reply(response));
  });
}

export const frame = (value: JsonObject): string => `event: ${String(value["type"])}\ndata: ${JSON.stringify(value)}\n\n`;
export const startFrame = frame({
  type: "message_start",
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m-1",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 3, output_tokens: 1 },
  },
});
export const textFrames =
  frame({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }) +
  frame({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "All is well." } });
export const stopFrames =
  frame({ type: "content_block_stop", index: 0 }) +
  frame({ type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 5 } });
export const endFrame = frame({ type: "message_stop" });
export const pingFrame = frame({ type: "ping" });

/** An object with all that hangs on it, hidden fields and causes too. */
export function everything(value: unknown, depth = 6): string {
  if (typeof value !== "object" || value === null || depth === 0) return String(value);
  return Reflect.ownKeys(value)
    .map((name) => `${String(name)}: ${everything(Reflect.get(value, name), depth - 1)}`)
    .join("\n");
}
