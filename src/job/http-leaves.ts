/** Values of HTTP: addresses, hosts, names of headers. */
import { leaf, type KeyRule } from "./shape.ts";
import { describe } from "./words.ts";

/** An http(s) address without a user name, password or fragment. */
export const httpAddress = leaf(
  { expects: "an http(s) address", example: '"https://mcp.example.com/mcp"', json: { type: "string", pattern: "^https?://" } },
  (found) => {
    if (typeof found !== "string" || !URL.canParse(found)) return {};
    const url = new URL(found);
    if (url.username !== "" || url.password !== "")
      return { problem: "holds a user name or password (not shown)", suggestion: `use "headers" with "\${NAME}"` };
    return url.protocol === "http:" || url.protocol === "https:" ? { value: found } : {};
  },
);

/** A host as one name, or `*.` and a name for every one below it. */
export const host = leaf(
  {
    expects: "a host",
    example: `"api.example.com"`,
    json: { type: "string", pattern: "^(\\*\\.)?[^\\s/*:]+$|^\\[?[0-9a-fA-F:]+\\]?$" },
  },
  (found) => {
    if (typeof found !== "string") return {};
    const name = found.trim().toLowerCase();
    if (name === "*")
      return { problem: `"*" would be every host there is`, suggestion: `name them: "api.example.com", "*.example.org"` };
    if (/^[a-z][a-z0-9+.-]*:\/\//.test(name) || name.includes("/")) {
      const bare = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/:?#@]+)/.exec(name)?.[1];
      const problem = `${describe(found)} is an address, not a host`;
      return bare === undefined ? { problem } : { problem, suggestion: `write ${JSON.stringify(bare)}` };
    }
    if (/^\[?[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*\]?$/.test(name)) return { value: name.replace(/^\[|\]$/g, "") };
    const [bare = "", port] = name.split(":");
    if (port !== undefined)
      return {
        problem: `${describe(found)} names a port; a host is allowed with all its ports`,
        suggestion: `write ${JSON.stringify(bare)}`,
      };
    const label = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
    const form = new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*\\.?$`);
    if (name.length <= 253 && form.test(name)) return { value: name };
    return name.includes("*") ? { problem: `${describe(found)}: "*" stands only at the front, before a dot` } : {};
  },
);

/** Headers that are the transport's own. */
const transportHeaders = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "content-type",
  "accept-encoding",
  "upgrade",
  "te",
  "trailer",
]);

/** The name of a header that may be set. */
export const headerRule: KeyRule = (name) => {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(name)) return { problem: "is not a name of an HTTP header" };
  if (transportHeaders.has(name.toLowerCase())) return { problem: "is set by the transport itself", suggestion: "take it out" };
  return undefined;
};

const keyHeaders = new Set(["authorization", "x-api-key", "api-key", "cookie", "proxy-authorization", "x-goog-api-key"]);

/** Whether a header carries a key, so that its value must be a reference. */
export function carriesKey(name: string): boolean {
  return keyHeaders.has(name.toLowerCase());
}
