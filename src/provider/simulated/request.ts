import type { IncomingMessage } from "node:http";
import type { Dialect, JsonObject } from "../provider.ts";
import { anthropicError } from "./anthropic.ts";
import { openaiError } from "./openai.ts";
import { isObject, jsonReply, listOf } from "./wire.ts";
import type { Reply } from "./wire.ts";

/** The largest request body taken, in bytes; agent programs send some hundred KB. */
const requestBodyLimit = 64 * 1024 * 1024;

export type Route = "messages" | "chat" | "models" | "count_tokens" | "unknown";

/** What a path asks for: the end decides, so that any prefix (`/coding/v1/messages`) and query works. */
export function routeOf(method: string, pathname: string): Route {
  const path = pathname.replace(/\/+$/u, "");
  if (method === "GET") return path.endsWith("/models") ? "models" : "unknown";
  if (method !== "POST") return "unknown";
  if (path.endsWith("/v1/messages") || path === "/messages") return "messages";
  if (path.endsWith("/chat/completions")) return "chat";
  return path.endsWith("/messages/count_tokens") ? "count_tokens" : "unknown";
}

/** Whose error shape a request expects. */
export function dialectOf(request: IncomingMessage, pathname: string): Dialect {
  const anthropic =
    request.headers["anthropic-version"] !== undefined || pathname.includes("/messages") || pathname.includes("/coding");
  return anthropic && !pathname.includes("/chat/completions") ? "anthropic-messages" : "openai-completions";
}

/** The whole body, or `undefined` when it is larger than the limit. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > requestBodyLimit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** An error answer in the dialect's own shape. */
export function errorReply(dialect: Dialect, status: number, type: string, message: string, code: string | null = null): Reply {
  return jsonReply(status, dialect === "anthropic-messages" ? anthropicError(type, message) : openaiError(type, message, code));
}

/** Why a provider would refuse the key, or `undefined`. `true` takes any key, a string only that one. */
export function keyProblem(request: IncomingMessage, dialect: Dialect, requireKey: boolean | string): Reply | undefined {
  if (requireKey === false) return undefined;
  const bearer = /^Bearer\s+(?<key>\S+)$/iu.exec(request.headers.authorization ?? "")?.groups?.["key"];
  const header = request.headers["x-api-key"];
  const key = typeof header === "string" && header !== "" ? header : bearer;
  if (key !== undefined && (requireKey === true || key === requireKey)) return undefined;
  return dialect === "anthropic-messages"
    ? errorReply(dialect, 401, "authentication_error", key === undefined ? "x-api-key header is required" : "invalid x-api-key")
    : errorReply(dialect, 401, "invalid_request_error", "Incorrect API key provided.", "invalid_api_key");
}

/** Reads a request's body as the provider would: a problem in its words, or the parsed body. */
export function parseBody(bytes: Buffer, dialect: Dialect): { body: JsonObject; model: string } | { problem: Reply } {
  const refuse = (message: string): { problem: Reply } => ({
    problem: errorReply(dialect, 400, "invalid_request_error", message),
  });
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString("utf8"));
  } catch {
    return refuse("The request body is not valid JSON");
  }
  if (!isObject(body)) return refuse("The request body is not a JSON object");
  const { model, messages, max_tokens: maxTokens } = body;
  if (typeof model !== "string" || model === "") return refuse("model: Field required");
  if (!Array.isArray(messages)) return refuse("messages: Field required");
  if (messages.length === 0) return refuse("messages: at least one message is required");
  if (dialect === "anthropic-messages" && !(typeof maxTokens === "number" && Number.isInteger(maxTokens) && maxTokens > 0)) {
    return refuse("max_tokens: Field required");
  }
  return { body, model };
}

/** The last user message as plain text. */
export function promptOf(body: JsonObject): string {
  const last = listOf(body["messages"]).findLast((message) => message["role"] === "user")?.["content"];
  if (typeof last === "string") return last;
  return listOf(last)
    .map((part) => (typeof part["text"] === "string" ? part["text"] : ""))
    .join(" ");
}
