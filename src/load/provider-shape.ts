/** The shape of one provider in a configuration file. A key is never in it, nor in what is said about it. */
import type { Problem } from "../job/check.ts";
import { isRecord, leaf, optional, required, shape, table, type KeyRule } from "../job/shape.ts";
import { describe } from "../job/words.ts";
import { referenceText } from "../job/command-leaves.ts";
import { carriesKey, headerRule } from "../job/http-leaves.ts";
import { amount, flag, line, oneOf, whole } from "../job/leaves.ts";
import { looksSecret } from "../job/secret.ts";

const revoke = "take it out and revoke it if the file was ever shared";
const reference = /^\$\{([A-Za-z_][A-Za-z0-9_]{0,127})\}$/;
/** A name of an environment variable that was written without its braces; anything else may be a key and is not repeated. */
const bareName = /^\$?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN|SECRET))$/;

const apiKey = leaf(
  {
    expects: "the name of an environment variable",
    example: '"${PROVIDER_API_KEY}"',
    json: { type: "string", pattern: reference.source },
  },
  (found) => {
    if (typeof found !== "string") return {};
    const [, env] = reference.exec(found) ?? [];
    if (env !== undefined && !looksSecret(env)) return { value: { env } };
    const [, name] = bareName.exec(found) ?? [];
    if (name !== undefined) return { problem: "names a variable without ${…}", suggestion: `write "apiKey": "\${${name}}"` };
    const problem = "must be a reference such as ${PROVIDER_API_KEY}, never a key itself (what was found is not shown)";
    return { problem, suggestion: `put the key into an environment variable and write "apiKey": "\${NAME}"; ${revoke}` };
  },
);

const baseUrl = leaf(
  { expects: "an http(s) address", example: '"https://api.example.com/v1"', json: { type: "string", pattern: "^https?://" } },
  (found) => {
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
  },
);

const dialect = oneOf(["openai-completions", "anthropic-messages"], {
  "openai-responses": `the dialect "openai-responses" is known and not spoken yet; most providers speak "openai-completions" too`,
});

const headerValue = leaf({ expects: "a text", example: '"value, or ${NAME}"', json: { type: "string" } }, (found) => {
  if (typeof found !== "string") return {};
  if (found.length > 8_192) return { problem: `has ${found.length} characters, at most 8192 are allowed` };
  if (/\p{Cc}/u.test(found)) return { problem: "may not hold line breaks or other control characters" };
  return referenceText(found);
});

/** No model costs ten thousand dollars for a million tokens: a price written for one token, or in cents, is seen. */
const dollars = amount(0.6, 0, 10_000);
const modelFacts = shape(
  { expects: "an object", example: '{ "price": { "input": 0.6, "output": 2.5 } }' },
  {
    price: optional(
      "US dollars for a million tokens.",
      shape(
        { expects: "an object", example: '{ "input": 0.6, "output": 2.5 }' },
        {
          input: required("Tokens of the question that did not come from the cache.", dollars),
          output: required("Tokens of the answer.", dollars),
          cacheRead: optional("Tokens read from the cache. Default as `input`.", dollars),
          cacheWrite: optional("Tokens written to the cache. Default as `input`.", dollars),
        },
        {
          in: `did you mean "input"?`,
          out: `did you mean "output"?`,
          cache: `write "cacheRead" and "cacheWrite"`,
          prompt: `did you mean "input"?`,
          completion: `did you mean "output"?`,
          cached: `did you mean "cacheRead"?`,
        },
      ),
    ),
    contextTokens: optional("Most tokens of question and answer together.", whole(200_000, 1, 100_000_000)),
    maxOutputTokens: optional("Most tokens of one answer.", whole(8_192, 1, 100_000_000)),
    images: optional("Pictures can be sent to it.", flag(true)),
  },
  {
    contextWindow: `did you mean "contextTokens"?`,
    maxTokens: `did you mean "maxOutputTokens"?`,
    cost: `did you mean "price"?`,
    vision: `did you mean "images"?`,
    input: `belongs in price: "price": { "input": … }`,
    output: `belongs in price: "price": { "output": … }`,
  },
);

/** A model's id at its provider; `*` stands only at its end. */
const modelRule: KeyRule = (name) =>
  /^[^\s*]{1,200}\*?$|^\*$/.test(name)
    ? undefined
    : { problem: "is no model id", suggestion: 'the id the provider knows, or its beginning and "*"' };

/** What a configuration may say of one provider. */
export const provider = shape(
  {
    expects: "an object",
    example: '{ "baseUrl": "https://api.example.com/v1", "dialect": "openai-completions", "apiKey": "${EXAMPLE_API_KEY}" }',
  },
  {
    baseUrl: optional("Address without the endpoint. Required for a new provider.", baseUrl),
    dialect: optional("Its wire format. Required for a new provider.", dialect),
    apiKey: optional("`${NAME}` of the environment variable with the key.", apiKey),
    auth: optional("How the key is sent. Default by the dialect.", oneOf(["x-api-key", "bearer"])),
    headers: optional(
      "Further headers; values may hold `${NAME}`.",
      table({ expects: "an object", example: '{ "x-team": "ops" }' }, headerValue, { rule: headerRule, max: 100 }),
    ),
    sseQuirks: optional(
      "How forgiving its streams are read.",
      shape(
        { expects: "an object", example: '{ "tolerateOutOfOrderEvents": false }' },
        { tolerateOutOfOrderEvents: optional("false: every irregularity is a fault. Default true.", flag(true)) },
      ),
    ),
    models: optional(
      "What is known of its models, by id; `*` at the end of a name stands for any rest.",
      table(
        { expects: "an object of models by id", example: '{ "k2p5": { "price": { "input": 0.6, "output": 2.5 } } }' },
        modelFacts,
        {
          rule: modelRule,
        },
      ),
    ),
    maxRuns: optional("Runs at once of the jobs that may ask it, under the daemon. Default no such limit.", whole(4, 1, 10_000)),
    quota: optional("Providers that name the same quota share a breaker. Default its own id.", line("kimi-plan", 100)),
    structuredOutput: optional("How JSON of a schema is asked for.", oneOf(["output_config", "response_format", "json_object"])),
    modelNames: optional(
      "Model names that people write, and the ids the provider knows.",
      table({ expects: "an object of ids by name", example: '{ "fast": "example-large-2" }' }, line("example-large-2", 200)),
    ),
    maxTokensField: optional(
      "The name it wants for max_tokens (openai-completions only).",
      oneOf(["max_tokens", "max_completion_tokens"]),
    ),
    eventHandler: optional(
      "A module that sees the raw events of every stream first; relative to the configuration file.",
      line("./events.mjs", 4_096),
    ),
  },
  {
    url: `did you mean "baseUrl"?`,
    api: `did you mean "dialect"?`,
    key: `did you mean "apiKey"?`,
    tolerateOutOfOrderEvents: `belongs in sseQuirks: "sseQuirks": { "tolerateOutOfOrderEvents": … }`,
    price: `belongs to a model: "models": { "<id>": { "price": … } }`,
    aliases: `did you mean "modelNames"?`,
    maxConcurrent: `did you mean "maxRuns"?`,
    concurrency: `did you mean "maxRuns"?`,
    authHeader: `did you mean "auth"?`,
    timeoutSeconds: `belongs to jobs: "limits": { "try": "10m" }`,
  },
);

/** What the single values cannot say: headers that carry keys in plain sight. */
export function namingProblems(value: unknown): Problem[] {
  const providers = isRecord(value) && isRecord(value["providers"]) ? value["providers"] : {};
  return Object.entries(providers).flatMap(([id, entry]) => {
    const headers = isRecord(entry) && isRecord(entry["headers"]) ? entry["headers"] : {};
    return Object.entries(headers).flatMap(([name, text]): Problem[] => {
      if (!carriesKey(name) || typeof text !== "string" || text.includes("${")) return [];
      const message = "carries a key, so its value must be a reference (not shown)";
      const suggestion = `write "\${NAME}", or use "apiKey"; ${revoke}`;
      return [{ path: ["providers", id, "headers", name], of: "value", message, suggestion }];
    });
  });
}
