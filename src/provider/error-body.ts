/**
 * What an error body says, whichever of the many shapes it has: Anthropic's and OpenAI's envelopes, OpenRouter's metadata, MiniMax'
 * `base_resp`, z.ai's codes, Bedrock's `__type`, a list, a bare string, JSON inside a string, an SSE frame, an HTML page, plain words.
 * Pure and total: it never throws.
 */

type Json = { readonly [key: string]: unknown };

export interface ErrorBody {
  /** The provider's word for the error, such as `overloaded_error`. */
  readonly type: string | undefined;
  /** The narrower code, such as `context_length_exceeded` or `1308`; never an HTTP status. */
  readonly code: string | undefined;
  /** OpenRouter's own class, which counts before the HTTP status. */
  readonly errorType: string | undefined;
  /** The provider's words; for HTML the title. */
  readonly message: string;
  /** OpenRouter's verdict whether asking again can help. */
  readonly availability: Availability | undefined;
  /** MiniMax: a status of its own, which may come with HTTP 200. */
  readonly baseStatus: number | undefined;
  /** An HTTP status written into the body (`error.code: 429` on HTTP 200). */
  readonly status: number | undefined;
  readonly html: boolean;
  readonly requestId: string | undefined;
  /** The innermost error object, for the fields only `retry-after.ts` needs. */
  readonly fields: Json;
  /** Headers of the provider behind a router, in lower case. */
  readonly innerHeaders: Readonly<Record<string, string>>;
}

interface Availability {
  readonly code: string | undefined;
  readonly retryable: boolean | undefined;
  /** Seconds. */
  readonly retryAfter: number | undefined;
}

/** Strings in strings in strings: more layers than this are words. */
const deepestNesting = 3;
/** Characters of a body that are read: 256 Ki. What comes after them is not looked at. */
const longestBody = 256 * 1024;
/** Lines of a body that is an event stream; an error is in its first ones. */
const longestFrames = 100;
/** A page's title stands at its top: 4 Ki. */
const longestHead = 4 * 1024;

export function readErrorBody(text: string): ErrorBody {
  const trimmed = text
    .slice(0, longestBody)
    .replace(/^\uFEFF/, "")
    .trim();
  if (/^<(?:!doctype|html|head|body|\?xml|title|h1|center)/i.test(trimmed))
    return { ...nothing, html: true, message: htmlTitle(trimmed) };
  const value = parseLoosely(trimmed);
  if (value === undefined) return { ...nothing, message: trimmed };
  return readValue(value, deepestNesting);
}

/** The same for a value that is already parsed, such as an error event of a stream. */
export function readErrorValue(value: unknown): ErrorBody {
  return readValue(value, deepestNesting);
}

const nothing: ErrorBody = {
  type: undefined,
  code: undefined,
  errorType: undefined,
  message: "",
  availability: undefined,
  baseStatus: undefined,
  status: undefined,
  html: false,
  requestId: undefined,
  fields: {},
  innerHeaders: {},
};

function readValue(value: unknown, depth: number): ErrorBody {
  if (typeof value === "string") {
    const inner = depth > 0 ? parseLoosely(value) : undefined;
    return inner === undefined ? { ...nothing, message: value } : readValue(inner, depth - 1);
  }
  if (Array.isArray(value)) return value.length > 0 && depth > 0 ? readValue(value[0], depth - 1) : nothing;
  if (!isObject(value)) return nothing;
  const inner = innerError(value);
  if (!isObject(inner)) return overlay(readValue(inner, depth - 1), { ...readFields(value, {}, depth), fields: value });
  // An envelope in an envelope: a proxy's `detail` around the provider's whole error.
  if (inner !== value && isObject(inner["error"]) && depth > 0)
    return overlay(readValue(inner, depth - 1), readFields(value, {}, depth));
  const own = readFields(value, inner, depth);
  return depth > 0 ? unfold(own, depth) : own;
}

/** The object that describes the error: the envelope's content, or the value itself. */
function innerError(root: Json): Json | string | readonly unknown[] {
  for (const candidate of [
    root["error"],
    firstOf(root["errors"]),
    choiceError(root),
    objectOf(root["response"])?.["error"],
    root["detail"],
  ]) {
    if (isObject(candidate) || Array.isArray(candidate)) return candidate;
    if (typeof candidate === "string" && candidate !== "") return candidate;
  }
  return root;
}

function readFields(root: Json, error: Json, depth: number): ErrorBody {
  const metadata = objectOf(error["metadata"]) ?? {};
  const base = objectOf(root["base_resp"]) ?? objectOf(error["base_resp"]);
  const [code, status] = codeAndStatus(error["code"] ?? error["status_code"] ?? error["status"]);
  const envelopeType = root === error ? wordOf(error["type"]) : undefined;
  const type =
    wordOf(error === root ? undefined : error["type"]) ??
    envelopeType ??
    wordOf(root["__type"] ?? error["__type"])?.replace(/^.*#/, "");
  return {
    type: type === "error" ? undefined : type,
    code: code ?? codeAndStatus(root["code"])[0] ?? (typeof error["status"] === "string" ? wordOf(error["status"]) : undefined),
    errorType: wordOf(metadata["error_type"]) ?? wordOf(error["error_type"]) ?? wordOf(root["error_type"]),
    message: messageOf(root, error, base, metadata, depth),
    availability: availabilityOf(
      objectOf(error["availability"]) ?? objectOf(metadata["availability"]) ?? objectOf(root["availability"]),
    ),
    baseStatus: numberOf(base?.["status_code"]) || undefined,
    status: status ?? codeAndStatus(root["code"])[1],
    html: false,
    requestId: wordOf(root["request_id"]) ?? wordOf(error["request_id"]),
    fields: error,
    innerHeaders: headersOf(metadata["headers"]),
  };
}

function messageOf(root: Json, error: Json, base: Json | undefined, metadata: Json, depth: number): string {
  const words = [
    error["message"],
    error["msg"],
    error["Message"],
    root["message"],
    root["msg"],
    base?.["status_msg"],
    error["description"],
    root["error_description"],
  ];
  const message = words.find((word): word is string => typeof word === "string" && word !== "") ?? "";
  const raw = metadata["raw"];
  // A router's own words are "Provider returned error"; what the provider said is in `raw`.
  if (typeof raw === "string" && raw !== "") return `${message}: ${readValue(raw, Math.min(depth, 1)).message || raw}`;
  // Each layer takes one off, or a body of ten thousand layers would be followed to its end.
  if (isObject(raw) && depth > 0) return `${message}: ${readValue(raw, depth - 1).message}`;
  return message;
}

/** Proxies wrap the whole error of the provider into their message: read the inner one and let it count where the outer says nothing. */
function unfold(own: ErrorBody, depth: number): ErrorBody {
  const start = own.message.indexOf("{");
  if (start < 0) return own;
  const inner = parseLoosely(own.message.slice(start));
  if (!isObject(inner)) return own;
  const read = readValue(inner, depth - 1);
  return read.message === "" && read.type === undefined && read.code === undefined ? own : overlay(read, own);
}

function overlay(inner: ErrorBody, outer: ErrorBody): ErrorBody {
  return {
    type: inner.type ?? outer.type,
    code: inner.code ?? outer.code,
    errorType: outer.errorType ?? inner.errorType,
    message: inner.message || outer.message,
    availability: outer.availability ?? inner.availability,
    baseStatus: inner.baseStatus ?? outer.baseStatus,
    status: inner.status ?? outer.status,
    html: false,
    requestId: outer.requestId ?? inner.requestId,
    fields: { ...outer.fields, ...inner.fields },
    innerHeaders: { ...outer.innerHeaders, ...inner.innerHeaders },
  };
}

function availabilityOf(value: Json | undefined): Availability | undefined {
  if (value === undefined) return undefined;
  const retryable = value["retryable"];
  return {
    code: wordOf(value["code"]),
    retryable: typeof retryable === "boolean" ? retryable : undefined,
    retryAfter: numberOf(value["retry_after"]),
  };
}

/** `code` is a word, a provider's number, or (OpenRouter, Gemini) the HTTP status once more. */
function codeAndStatus(value: unknown): readonly [string | undefined, number | undefined] {
  const number = numberOf(value);
  if (number !== undefined && Number.isInteger(number) && number >= 100 && number < 600) return [undefined, number];
  return [wordOf(value), undefined];
}

function parseLoosely(text: string): unknown {
  const first = text.trimStart()[0];
  if (first === "{" || first === "[" || first === '"') {
    const whole = tryParse(text);
    // JSON followed by something else (`}\n\ndata: [DONE]`, a proxy's footer) is still a body that speaks.
    return whole ?? tryParse(text.slice(0, text.lastIndexOf("}") + 1));
  }
  if (!/^(?:event|data|id|retry|:)/.test(text)) return undefined;
  for (const line of text.split(/\r\n|\r|\n/, longestFrames)) {
    const data = /^data:\s*(\{.*)$/.exec(line)?.[1];
    const parsed = data === undefined ? undefined : tryParse(data);
    if (parsed !== undefined) return parsed;
  }
  return undefined;
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function htmlTitle(html: string): string {
  const head = html.slice(0, longestHead);
  const title = /<title[^<>]{0,200}>([^<]{0,400})/i.exec(head)?.[1] ?? /<h1[^<>]{0,200}>([^<]{0,400})/i.exec(head)?.[1] ?? "";
  return `an HTML page${title.trim() === "" ? "" : ` titled "${title.trim().replaceAll(/\s+/g, " ").slice(0, 120)}"`}`;
}

function choiceError(root: Json): unknown {
  return objectOf(firstOf(root["choices"]))?.["error"];
}

const firstOf = (value: unknown): unknown => (Array.isArray(value) ? (value as readonly unknown[])[0] : undefined);
const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const objectOf = (value: unknown): Json | undefined => (isObject(value) ? value : undefined);

function wordOf(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

function headersOf(value: unknown): Record<string, string> {
  const entries = Object.entries(objectOf(value) ?? {}).map(([name, one]) => [name.toLowerCase(), wordOf(one)] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
