/** What a turn's request asks of the gateway: who asks, which door, which headers go on, the body. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Dialect, JsonObject } from "../provider/provider.ts";
import { doorRefusals, type Refusal } from "./refusal.ts";
import { toolRouteOf, type ToolRoute } from "./tools.ts";

/** Most bytes of a request's body. Requests of agent programs start at 30–50 KB and grow with the conversation. */
const bodyLimit = 32 * 1024 * 1024;

export type Route =
  | { readonly kind: "ask"; readonly dialect: Dialect }
  | { readonly kind: "count_tokens"; readonly dialect: Dialect }
  | { readonly kind: "models"; readonly dialect: Dialect }
  | (ToolRoute & { readonly dialect: Dialect })
  | { readonly kind: "nothing"; readonly dialect: Dialect; readonly refusal: Refusal };

/** A request for an answer, as the turn sent it. */
export interface Asked {
  readonly dialect: Dialect;
  readonly body: JsonObject;
  /** `body.stream`; what the client accepts says nothing (several ask `application/json` for a stream). */
  readonly stream: boolean;
  /** As named in the body; the ladder decides what is really asked. */
  readonly modelAsked: string;
  readonly headers: Readonly<Record<string, string>>;
  /** With its `?`, or "". */
  readonly query: string;
}

/** Any prefix before the known endings, any query after them: clients append to the base URL in different ways. */
export function routeOf(method: string, url: string, headers: IncomingHttpHeaders): Route {
  const path = pathOf(url).replace(/\/+$/, "");
  const route = knownRoute(path, headers);
  if (route === undefined) return { kind: "nothing", dialect: dialectOf(path, headers), refusal: doorRefusals.path };
  const wanted = methods[route.kind];
  // A HEAD is a program looking whether anything is there; it is told no, as for any other address.
  if (method === wanted) return route;
  const refusal = method === "HEAD" ? doorRefusals.path : doorRefusals.method;
  return { kind: "nothing", dialect: route.dialect, refusal };
}

const methods = { ask: "POST", count_tokens: "POST", models: "GET", tool_start: "POST", tool_end: "PUT" } as const;

function knownRoute(path: string, headers: IncomingHttpHeaders): Exclude<Route, { kind: "nothing" }> | undefined {
  const tool = toolRouteOf(path);
  if (tool !== undefined) return { ...tool, dialect: dialectOf(path, headers) };
  if (path.endsWith("/v1/messages")) return { kind: "ask", dialect: "anthropic-messages" };
  if (path.endsWith("/chat/completions")) return { kind: "ask", dialect: "openai-completions" };
  if (path.endsWith("/v1/messages/count_tokens")) return { kind: "count_tokens", dialect: "anthropic-messages" };
  return path.endsWith("/models") ? { kind: "models", dialect: dialectOf(path, headers) } : undefined;
}

function dialectOf(path: string, headers: IncomingHttpHeaders): Dialect {
  const anthropic =
    headers["anthropic-version"] !== undefined || headers["x-api-key"] !== undefined || path.includes("/messages");
  return anthropic ? "anthropic-messages" : "openai-completions";
}

function pathOf(url: string): string {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}

function queryOf(url: string): string {
  const start = url.indexOf("?");
  return start < 0 || start === url.length - 1 ? "" : url.slice(start);
}

/** The token a request carries, in whichever of the three headers its program uses. */
export function tokenOf(headers: IncomingHttpHeaders): string | undefined {
  const google = headers["x-goog-api-key"];
  const bearer = /^Bearer\s+(?<token>\S+)$/i.exec(headers.authorization ?? "")?.groups?.["token"];
  const plain = headers["x-api-key"];
  return [plain, bearer, google].find((token): token is string => typeof token === "string" && token !== "");
}

/**
 * Whether the request was meant for this door. A page in a browser on this machine can reach a loopback port under a name of its
 * own (DNS rebinding); its Host header gives it away.
 */
export function isOwnHost(host: string | undefined, port: number): boolean {
  return host === `127.0.0.1:${port}` || host === `localhost:${port}`;
}

/** Headers of agent programs that providers read. Everything else stays here, above all the token. */
const forwarded =
  /^(?:anthropic-(?:version|beta|dangerous-direct-browser-access)|openai-beta|x-stainless-.+|x-app|x-claude-.+|x-session-.+|session[-_]id|user-agent|traceparent|tracestate)$/;

function forwardedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === "string" && forwarded.test(name)) kept[name] = value;
  }
  return kept;
}

/** The body as text, or the refusal. Reads no more than the limit in bytes. */
export async function readBody(
  request: IncomingMessage,
  limit: number = bodyLimit,
): Promise<{ readonly text: string } | Refusal> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") return doorRefusals.encoding;
  if (Number(request.headers["content-length"] ?? 0) > limit) return doorRefusals.size;
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop early must not destroy the connection, or the refusal would never arrive.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > limit) return doorRefusals.size;
    chunks.push(chunk);
  }
  return { text: Buffer.concat(chunks).toString("utf8") };
}

/** The request for an answer in a body, or the refusal. Nothing but its being an object is checked: what a model takes, its provider knows. */
export function askedIn(text: string, dialect: Dialect, headers: IncomingHttpHeaders, url: string): Asked | Refusal {
  const body = jsonObject(text);
  if (body === undefined) return doorRefusals.body;
  const model = body["model"];
  return {
    dialect,
    body,
    stream: body["stream"] === true,
    modelAsked: typeof model === "string" ? model : "",
    headers: forwardedHeaders(headers),
    query: queryOf(url),
  };
}

export function jsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
