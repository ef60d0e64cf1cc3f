/** The shape of a configuration file. */
import * as v from "valibot";
import type { Problem } from "../job/check.ts";
import { isRecord, leaf, list, shape, table } from "../job/shape.ts";
import { describe } from "../job/words.ts";
import { amount, flag, line, model, oneOf, whole, zone } from "../job/leaves.ts";
import { looksSecret } from "../job/secret.ts";

/** What people may write in a configuration file. Everything may be left out. */
export interface ConfigFile {
  /** Model of jobs that name none, as `provider/model`. */
  readonly model?: string;
  /** Models to fall back to, in order, for jobs that name none. */
  readonly fallbacks?: readonly string[];
  /** IANA zone of cron schedules that name none. Default: the machine's. */
  readonly timezone?: string;
  /** Folder of the job files, relative to the configuration file. Default `jobs`. */
  readonly jobsDir?: string;
  /** Folder of the ledger, relative to the configuration file. Default `$XDG_STATE_HOME/runner/PROJECT`. */
  readonly stateDir?: string;
  /** Providers by id: new ones, or changes to the built-in ones. */
  readonly providers?: Readonly<Record<string, ProviderFile>>;
}

export interface ProviderFile {
  /** Address without the endpoint: `https://api.example.com/v1`. */
  readonly baseUrl?: string;
  readonly dialect?: "anthropic-messages" | "openai-completions";
  /** `${NAME}` of the environment variable that holds the key. A key itself is refused. */
  readonly apiKey?: string;
  /** Further headers; values may hold `${NAME}`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly sseQuirks?: { readonly tolerateOutOfOrderEvents?: boolean };
  /** What is known of its models, over the built-in facts; `*` at the end of a name stands for any rest, and the first that fits wins. */
  readonly models?: Readonly<Record<string, ModelFile>>;
  /** Providers that name the same quota (one key or plan under two ids) are left alone together when it is used up. */
  readonly quota?: string;
  /** How JSON of a schema is asked for. */
  readonly structuredOutput?: "output_config" | "response_format" | "json_object";
  /** Module that sees the raw events of every stream first, relative to the configuration file. A job's own goes before it. */
  readonly eventHandler?: string;
}

export interface ModelFile {
  /** US dollars for a million tokens. Without `cacheRead` and `cacheWrite`, cached tokens cost what others do. */
  readonly price?: { readonly input: number; readonly output: number; readonly cacheRead?: number; readonly cacheWrite?: number };
  readonly contextTokens?: number;
  readonly maxOutputTokens?: number;
  /** Pictures can be sent to it. */
  readonly images?: boolean;
}

const revoke = "take it out and revoke it if the file was ever shared";
const reference = /^\$\{([A-Za-z_][A-Za-z0-9_]{0,127})\}$/;
/** A name of an environment variable that was written without its braces; anything else may be a key and is not repeated. */
const bareName = /^\$?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN|SECRET))$/;

const apiKey = leaf({ expects: "the name of an environment variable", example: '"${PROVIDER_API_KEY}"' }, (found) => {
  if (typeof found !== "string") return {};
  const [, env] = reference.exec(found) ?? [];
  if (env !== undefined && !looksSecret(env)) return { value: { env } };
  const [, name] = bareName.exec(found) ?? [];
  if (name !== undefined) return { problem: "names a variable without ${…}", suggestion: `write "apiKey": "\${${name}}"` };
  const problem = "must be a reference such as ${PROVIDER_API_KEY}, never a key itself (what was found is not shown)";
  return { problem, suggestion: `put the key into an environment variable and write "apiKey": "\${NAME}"; ${revoke}` };
});

const baseUrl = leaf({ expects: "an http(s) address", example: '"https://api.example.com/v1"' }, (found) => {
  if (typeof found !== "string") return {};
  const url = URL.canParse(found) ? new URL(found) : undefined;
  if (url !== undefined && (url.username !== "" || url.password !== "")) {
    return { problem: "holds a user name or password (not shown)", suggestion: `use "apiKey" or "headers" with "\${NAME}"` };
  }
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) return {};
  if (url.search !== "" || url.hash !== "")
    return {
      problem: "may hold neither a query nor a fragment",
      suggestion: `write "baseUrl": ${JSON.stringify(url.origin + url.pathname)}`,
    };
  const endpoint = /\/(?:v1\/messages|messages|chat\/completions|responses)\/?$/.exec(url.pathname)?.[0];
  if (endpoint !== undefined) {
    const base = found.slice(0, found.lastIndexOf(endpoint));
    return {
      problem: `${describe(found)} ends in the endpoint, which is added by the dialect`,
      suggestion: `write "baseUrl": ${JSON.stringify(base)}`,
    };
  }
  return { value: found.replace(/\/+$/, "") };
});

const dialect = oneOf(["openai-completions", "anthropic-messages"], {
  "openai-responses": `the dialect "openai-responses" is known and not spoken yet; most providers speak "openai-completions" too`,
});

const headerValue = leaf({ expects: "a text", example: '"value, or ${NAME}"' }, (found) => {
  if (typeof found !== "string") return {};
  if (looksSecret(found))
    return { problem: "looks like a key (not shown)", suggestion: `write "\${NAME}" and put it into the environment; ${revoke}` };
  if (found.length > 8_192) return { problem: `has ${found.length} characters, at most 8192 are allowed` };
  if (/\p{Cc}/u.test(found)) return { problem: "may not hold line breaks or other control characters" };
  if (found.replaceAll(/\$\{[A-Za-z_][A-Za-z0-9_]*\}/g, "").includes("${"))
    return { problem: "holds a ${…} that names no variable", suggestion: "write ${NAME}" };
  return { value: found };
});

/** No model costs ten thousand dollars for a million tokens: a price written for one token, or in cents, is seen. */
const dollars = (example: number) => amount(example, 0, 10_000);
const tokens = (example: number) => whole(example, 1, 100_000_000);

const modelFacts = shape(
  { expects: "an object", example: '{ "price": { "input": 3, "output": 15 } }' },
  {
    price: v.exactOptional(
      shape(
        { expects: "US dollars for a million tokens", example: '{ "input": 3, "output": 15, "cacheRead": 0.3 }' },
        {
          input: dollars(3),
          output: dollars(15),
          cacheRead: v.exactOptional(dollars(0.3)),
          cacheWrite: v.exactOptional(dollars(3.75)),
        },
        { in: `did you mean "input"?`, out: `did you mean "output"?`, cache: `write "cacheRead" and "cacheWrite"` },
      ),
    ),
    contextTokens: v.exactOptional(tokens(200_000)),
    maxOutputTokens: v.exactOptional(tokens(64_000)),
    images: v.exactOptional(flag(true)),
  },
  {
    input: `belongs in price: "price": { "input": … }`,
    output: `belongs in price: "price": { "output": … }`,
    cost: `did you mean "price"?`,
    contextWindow: `did you mean "contextTokens"?`,
  },
);

const provider = shape(
  {
    expects: "an object",
    example: '{ "baseUrl": "https://api.example.com/v1", "dialect": "openai-completions", "apiKey": "${EXAMPLE_API_KEY}" }',
  },
  {
    baseUrl: v.exactOptional(baseUrl),
    dialect: v.exactOptional(dialect),
    apiKey: v.exactOptional(apiKey),
    headers: v.exactOptional(table({ expects: "an object", example: '{ "x-team": "ops" }' }, headerValue)),
    sseQuirks: v.exactOptional(
      shape(
        { expects: "an object", example: '{ "tolerateOutOfOrderEvents": false }' },
        { tolerateOutOfOrderEvents: v.exactOptional(flag(true)) },
      ),
    ),
    models: v.exactOptional(table({ expects: "an object of facts by model", example: '{ "k2p5": { … } }' }, modelFacts)),
    quota: v.exactOptional(line("team-plan", 200)),
    structuredOutput: v.exactOptional(oneOf(["output_config", "response_format", "json_object"])),
    eventHandler: v.exactOptional(line("./event-order.ts", 4_096)),
  },
  {
    url: `did you mean "baseUrl"?`,
    api: `did you mean "dialect"?`,
    key: `did you mean "apiKey"?`,
    tolerateOutOfOrderEvents: `belongs in sseQuirks: "sseQuirks": { "tolerateOutOfOrderEvents": … }`,
    price: `belongs to a model: "models": { "<name>": { "price": … } }`,
  },
);

const folder = (example: string) => line(example, 4_096);

export const configShape = shape(
  { expects: "an object", example: '{ "model": "kimi-coding/k2p5" }' },
  {
    $schema: v.exactOptional(line("https://example.com/schema.json", 2_000)),
    model: v.exactOptional(model),
    fallbacks: v.exactOptional(list({ expects: "a list of models", example: '["anthropic/claude-sonnet-4-6"]' }, model, 20)),
    timezone: v.exactOptional(zone),
    jobsDir: v.exactOptional(folder("jobs")),
    stateDir: v.exactOptional(folder("~/.local/state/runner")),
    providers: v.exactOptional(table({ expects: "an object of providers by id", example: '{ "example": { … } }' }, provider)),
  },
  {
    tz: `did you mean "timezone"?`,
    jobs: `did you mean "jobsDir"?`,
    state: `did you mean "stateDir"?`,
    fallback: `write "fallbacks" with a list`,
    apiKey: `belongs to a provider: "providers": { "<id>": { "apiKey": … } }`,
    baseUrl: `belongs to a provider: "providers": { "<id>": { "baseUrl": … } }`,
    headers: `belongs to a provider: "providers": { "<id>": { "headers": … } }`,
    sseQuirks: `belongs to a provider: "providers": { "<id>": { "sseQuirks": … } }`,
  },
);

export type ConfigValues = v.InferOutput<typeof configShape>;
export type ProviderValues = NonNullable<ConfigValues["providers"]>[string];

/** Headers that are the transport's own, and headers that carry keys and so must be references. */
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
const keyHeaders = new Set(["authorization", "x-api-key", "api-key", "cookie", "proxy-authorization", "x-goog-api-key"]);

/** What the single values cannot say: names of providers and headers. */
export function namingProblems(value: unknown): Problem[] {
  const providers = isRecord(value) && isRecord(value["providers"]) ? value["providers"] : {};
  return Object.entries(providers).flatMap(([id, entry]) => {
    const problems: Problem[] = [];
    if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(id)) {
      problems.push({
        path: ["providers", id],
        of: "key",
        message: "a provider's id is letters, digits, dots and dashes, at most 64",
        suggestion: `models name it: "id/model"`,
      });
    }
    const headers = isRecord(entry) && isRecord(entry["headers"]) ? entry["headers"] : {};
    for (const [name, text] of Object.entries(headers)) {
      const said = headerProblem(name, text);
      if (said !== undefined) problems.push({ path: ["providers", id, "headers", name], ...said });
    }
    return problems;
  });
}

function headerProblem(name: string, value: unknown): Omit<Problem, "path"> | undefined {
  const lower = name.toLowerCase();
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(name)) return { of: "key", message: "is not a name of an HTTP header" };
  if (transportHeaders.has(lower)) return { of: "key", message: "is set by the transport itself", suggestion: "take it out" };
  if (keyHeaders.has(lower) && typeof value === "string" && !value.includes("${")) {
    return {
      of: "value",
      message: "carries a key, so its value must be a reference (not shown)",
      suggestion: `write "\${NAME}", or use "apiKey"; ${revoke}`,
    };
  }
  return undefined;
}
