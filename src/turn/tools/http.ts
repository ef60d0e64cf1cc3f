/** The `http` grant: requests to allowed hosts, to addresses of the open internet only, without anybody's credentials. */
import type { HttpGrant } from "../../job/job.ts";
import { isRecord } from "../result.ts";
import { exchange, RefusedAddress, type Exchange, type Received } from "./exchange.ts";
import { isAllowedHost } from "./addresses.ts";
import {
  failed,
  InputError,
  objectSchema,
  optionalText,
  refused,
  succeeded,
  textAt,
  type Tool,
  type ToolOutcome,
} from "./tool.ts";

const mostRedirects = 5;
const mostHeaders = 50;

/** Headers that would carry somebody's identity, or that are the connection's own. */
const ownHeaders =
  /^(?:authorization|proxy-.*|cookie2?|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-length|expect|accept-encoding)$/;

export function httpTool(grant: HttpGrant): Tool {
  return {
    name: "http_request",
    grant: "http",
    description:
      `Sends one HTTP request and gives its status, headers and text. Hosts: ${grant.allow.join(", ")}. Methods: ${grant.methods.join(", ")}. ` +
      `No cookies and no credentials are sent. Limit: ${grant.timeoutMs / 1000} s.`,
    inputSchema: objectSchema(
      {
        url: { type: "string" },
        method: { type: "string", enum: grant.methods },
        headers: { type: "object", additionalProperties: { type: "string" } },
        body: { type: "string" },
      },
      ["url"],
    ),
    run: async (input) => request(input, grant),
  };
}

async function request(input: Readonly<Record<string, unknown>>, grant: HttpGrant): Promise<ToolOutcome> {
  const method = (optionalText(input, "method") ?? "GET").toUpperCase();
  let sent: Exchange = {
    method,
    headers: headersIn(input["headers"]),
    body: optionalText(input, "body"),
    url: urlIn(textAt(input, "url")),
  };
  const endsAt = performance.now() + grant.timeoutMs;
  for (let redirects = 0; ; redirects += 1) {
    // After the first request something has been done, so what follows is a failure and no refusal.
    const no = redirects === 0 ? refused : failed;
    const problem = problemOf(sent, grant);
    if (problem !== undefined)
      return no(redirects === 0 ? problem : `it was redirected to ${sent.url.href.slice(0, 300)}: ${problem}`);
    let received: Received;
    try {
      received = await exchange(sent, { privateAddresses: grant.privateAddresses, leftMs: endsAt - performance.now() });
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      return error instanceof RefusedAddress ? no(words) : failed(`${sent.url.host} could not be asked: ${words}`);
    }
    const next = redirectOf(received, sent);
    if (next === undefined) return told(received);
    if (redirects === mostRedirects) return failed(`it was redirected more than ${mostRedirects} times`);
    sent = next;
  }
}

function urlIn(text: string): URL {
  if (!URL.canParse(text)) throw new InputError("url is no URL");
  return withoutDot(new URL(text));
}

/** The name that is checked is the name that is asked: the dot that says it is complete goes. */
function withoutDot(url: URL): URL {
  if (url.hostname.endsWith(".")) url.hostname = url.hostname.replace(/\.+$/, "");
  return url;
}

function headersIn(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) throw new InputError("headers must be an object of texts");
  const entries = Object.entries(value).map(([name, text]) => {
    if (typeof text !== "string") throw new InputError("headers must be an object of texts");
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]{0,8192}$/.test(text))
      throw new InputError(`the header ${JSON.stringify(name.slice(0, 100))} is none`);
    if (ownHeaders.test(name.toLowerCase())) throw new InputError(`the header ${name} is not sent`);
    return [name.toLowerCase(), text] as const;
  });
  if (entries.length > mostHeaders) throw new InputError(`${mostHeaders} headers at most`);
  return Object.fromEntries(entries);
}

/** Why this may not be sent, as far as the request itself shows it. */
function problemOf({ url, method }: Exchange, grant: HttpGrant): string | undefined {
  if (url.protocol !== "http:" && url.protocol !== "https:") return `${url.protocol} is not http or https`;
  if (url.username !== "" || url.password !== "") return "a URL with credentials in it is not asked";
  if (!isAllowedHost(url.hostname, grant.allow))
    return `the host ${JSON.stringify(url.hostname.slice(0, 253))} is not allowed; allowed are: ${grant.allow.join(", ")}`;
  if (!grant.methods.some((one) => one.toUpperCase() === method))
    return `the method ${JSON.stringify(method.slice(0, 20))} is not allowed; allowed are: ${grant.methods.join(", ")}`;
  return undefined;
}

/** The request that a redirect asks for, by the rules of RFC 9110, section 15.4; undefined if it is none. */
function redirectOf({ status, headers }: Received, sent: Exchange): Exchange | undefined {
  const { location } = headers;
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined || !URL.canParse(location, sent.url.href))
    return undefined;
  const url = withoutDot(new URL(location, sent.url));
  const asItWas = status === 307 || status === 308 || sent.method === "GET" || sent.method === "HEAD";
  if (asItWas) return { ...sent, url };
  const headersLeft = Object.entries(sent.headers).filter(([name]) => !name.startsWith("content-"));
  return { url, method: "GET", headers: Object.fromEntries(headersLeft), body: undefined };
}

function told({ status, headers, text, bytes, cut }: Received): ToolOutcome {
  const shown = ["content-type", "location", "retry-after", "last-modified", "etag"].flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [`${name}: ${value.slice(0, 1_000)}`];
  });
  const more = cut ? [`[the answer is longer; these are its first ${bytes} bytes]`] : [];
  const body = [...shown, "", text, ...more].join("\n");
  return status < 400 ? succeeded(`HTTP ${status}\n${body}`, bytes) : failed(`HTTP ${status}`, body);
}
