/** What goes out: address, headers, body. Pure; the key is an argument, so that a preview is the same request with a name in its place. */
import { ProviderError } from "../errors.ts";
import type { DialectAdapter } from "./dialect.ts";
import { fittingTokens } from "./fit-tokens.ts";
import { isOnlyReferences, isSecretHeader, resolveHeader } from "./keys.ts";
import type { JsonObject, ProviderConfig, UpstreamRequest } from "./provider.ts";

export interface BuiltRequest {
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
  readonly changes: readonly string[];
}

/** Told to every provider that does not get the turn's own; see docs/providers.md. */
const userAgent = "turn-runner/0.1.0";

type Asked = Pick<UpstreamRequest, "body" | "model" | "stream" | "headers" | "query" | "limits">;

/** @throws ProviderError `bad_request` when the address is not one. */
export function buildRequest(
  adapter: DialectAdapter,
  config: ProviderConfig,
  asked: Asked,
  key: string | undefined,
): BuiltRequest {
  const model = modelIdOf(config, asked.model);
  const tokens = fittingTokens(config, model, asked.limits.tryMs);
  const { body, changes } = adapter.body({ body: asked.body, model, stream: asked.stream, config, fittingTokens: tokens });
  return {
    url: addressOf(config, adapter.path, asked.query),
    headers: {
      "user-agent": userAgent,
      ...adapter.headers,
      ...forwarded(asked.headers),
      ...lowerCase(config.headers),
      ...keyHeader(config.auth ?? adapter.auth, key),
      "content-type": "application/json",
      accept: asked.stream ? "text/event-stream" : "application/json",
      // A compressed event stream is held back by compressors on the way, and a lost header makes it unreadable (Wei-Shaw/claude-relay-service#1027).
      "accept-encoding": "identity",
    },
    body,
    changes,
  };
}

/** The id a provider knows a model by; `modelNames` holds the names people write. */
function modelIdOf(config: ProviderConfig, model: string): string {
  const names = config.modelNames ?? {};
  return Object.hasOwn(names, model) ? (names[model] ?? model) : model;
}

/** The endpoint under the base URL, whether that is written with or without `/v1`, a slash at its end, or the endpoint itself. */
function addressOf(config: ProviderConfig, path: string, query: string): URL {
  const base = config.baseUrl.trim().replace(/(?<!\/)\/+$/, "");
  const last = path.replace(/^\/v1(?=\/)/, "");
  const address =
    base.endsWith(path) || (base.endsWith(last) && base.includes("/v1/"))
      ? base
      : base.endsWith("/v1")
        ? base + last
        : base + path;
  const url = URL.canParse(address + query) ? new URL(address + query) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ProviderError(`${config.id}: "${config.baseUrl}" is not an address; baseUrl must begin with https:// or http://`, {
      fault: "bad_request",
      code: "bad_base_url",
    });
  }
  // Credentials in an address would be shown wherever the address is.
  if (url.username !== "" || url.password !== "") {
    throw new ProviderError(`${config.id}: baseUrl holds a user name or a password; name the key in apiKey instead`, {
      fault: "bad_request",
      code: "bad_base_url",
    });
  }
  return url;
}

/** They speak about one connection, about bytes we make ourselves, or are credentials of another door. */
const ours =
  /^(?:host|connection|keep-alive|proxy-.*|te|trailers?|transfer-encoding|upgrade|expect|content-.*|accept|accept-encoding|authorization|x-api-key|api-key|x-goog-api-key|cookie|forwarded|x-forwarded-.*)$/;

function forwarded(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(lowerCase(headers)).filter(([name]) => !ours.test(name)));
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function keyHeader(auth: "x-api-key" | "bearer", key: string | undefined): Record<string, string> {
  if (key === undefined) return {};
  return auth === "bearer" ? { authorization: `Bearer ${key}` } : { "x-api-key": key };
}

/** A configuration whose headers are as they go out, with the values that came from the environment. */
interface ResolvedConfig extends ProviderConfig {
  readonly fromEnvironment?: Readonly<Record<string, readonly string[]>>;
}

/** Whether any header must be looked up before it can be sent. */
export function hasReferences(config: ProviderConfig): boolean {
  return Object.values(config.headers).some((value) => value.includes("${"));
}

/**
 * The configuration with every `${NAME}` in its headers replaced. In the parent and for a request only; a preview keeps the references.
 * @throws ProviderError `auth` for a variable that is not set.
 */
export function resolveHeaders(config: ProviderConfig, env: Readonly<Record<string, string | undefined>>): ResolvedConfig {
  const resolved = Object.entries(config.headers).map(([name, text]) => ({ name, ...resolveHeader(name, text, env) }));
  return {
    ...config,
    headers: Object.fromEntries(resolved.map(({ name, value }) => [name, value])),
    fromEnvironment: Object.fromEntries(resolved.map(({ name, secrets }) => [name, secrets])),
  };
}

/**
 * Configured headers that are secrets, by their name or because the environment holds their value, with every part of the value that
 * must not be shown. A reference that was not replaced is none: it is what is shown instead.
 */
export function secretHeaders(config: ResolvedConfig): { readonly name: string; readonly secrets: readonly string[] }[] {
  const { fromEnvironment = {} } = config;
  return Object.entries(config.headers).flatMap(([name, value]) => {
    const looked = fromEnvironment[name] ?? [];
    if (looked.length === 0 && (!isSecretHeader(name) || isOnlyReferences(value))) return [];
    return [{ name: name.toLowerCase(), secrets: [...looked, value, value.replace(/^\w+\s+/, "")] }];
  });
}
