/** The shape of a configuration file. */
import * as v from "valibot";
import type { Problem } from "../job/check.ts";
import { isRecord, leaf, list, optional, quietLeaf, required, shape, table, type KeyRule } from "../job/shape.ts";
import { describe } from "../job/words.ts";
import { referenceText } from "../job/command-leaves.ts";
import { carriesKey, headerRule } from "../job/http-leaves.ts";
import { amount, duration, flag, line, model, oneOf, whole, zone } from "../job/leaves.ts";
import { groupForm } from "../job/scheduling-shape.ts";
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

const provider = shape(
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

/** Where editors find the JSON Schema; it says nothing to us. */
const schemaAddress = quietLeaf({ expects: "an address", example: '"./schema.json"', json: { type: "string" } }, (found) =>
  typeof found === "string" ? { value: found } : {},
);

const providerRule: KeyRule = (id) =>
  /^[A-Za-z0-9][\w.-]{0,63}$/.test(id)
    ? undefined
    : { problem: "a provider's id is letters, digits, dots and dashes, at most 64", suggestion: `models name it: "id/model"` };

const hour = 3_600_000;
const groupRule: KeyRule = (name) =>
  groupForm.test(name)
    ? undefined
    : {
        problem: "is no name of a group",
        suggestion: `letters, digits, dots and dashes, at most 64; jobs name it: "group": "reports"`,
      };

const scheduler = shape(
  { expects: "an object", example: '{ "maxRuns": 8, "groups": { "reports": 2 } }' },
  {
    maxRuns: optional("Runs at once, over all jobs. Default 8.", whole(8, 1, 10_000)),
    groups: optional(
      "Runs at once of the jobs of a group, by its name.",
      table({ expects: "an object of numbers by group", example: '{ "reports": 2 }' }, whole(2, 1, 10_000), {
        rule: groupRule,
        pattern: groupForm.source,
        max: 200,
      }),
    ),
    startsPerSecond: optional("Runs begun in one second. Default 10.", whole(10, 1, 10_000)),
    shutdownGrace: optional(
      "From the first signal until what is still under way is ended. Default 20s.",
      duration("20s", 0, 24 * hour),
    ),
    killGrace: optional("From TERM to KILL of each process tree. Default 5s.", duration("5s", 0, hour)),
  },
  {
    maxConcurrentRuns: `did you mean "maxRuns"?`,
    concurrency: `did you mean "maxRuns"?`,
    maxConcurrency: `did you mean "maxRuns"?`,
    limit: `did you mean "maxRuns"?`,
    rate: `did you mean "startsPerSecond"?`,
    grace: `write "shutdownGrace" or "killGrace"`,
    timeout: `write "shutdownGrace" or "killGrace"`,
    providers: `belongs to a provider: "providers": { "<id>": { "maxRuns": … } }`,
    timezone: `belongs beside "scheduler", not in it`,
    catchUp: `belongs to jobs; for all of a folder, to its _defaults file`,
    overlap: `belongs to jobs; for all of a folder, to its _defaults file`,
    stagger: `belongs to jobs; for all of a folder, to its _defaults file`,
  },
);

const folder = (example: string) => line(example, 4_096);

export const configShape = shape(
  { expects: "an object", example: '{ "model": "kimi-coding/k2p5" }' },
  {
    $schema: v.exactOptional(schemaAddress),
    model: optional("Model of jobs that name none, as `provider/model`.", model),
    fallbacks: optional(
      "Models to fall back to, of jobs that name none.",
      list({ expects: "a list of models", example: '["anthropic/claude-sonnet-4-6"]' }, model, 20),
    ),
    timezone: optional("IANA zone of cron schedules that name none. Default the machine's.", zone),
    jobsDir: optional("Folder of the job files, relative to this file. Default `jobs`.", folder("jobs")),
    stateDir: optional("Folder of the ledger, relative to this file.", folder("~/.local/state/runner")),
    scheduler: optional("How much the daemon may do at once.", scheduler),
    providers: optional(
      "Providers by id: new ones, or changes to the built-in ones.",
      table({ expects: "an object of providers by id", example: '{ "example": { … } }' }, provider, {
        rule: providerRule,
        pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        max: 200,
      }),
    ),
  },
  {
    tz: `did you mean "timezone"?`,
    cron: `did you mean "scheduler"?`,
    daemon: `did you mean "scheduler"?`,
    maxRuns: `belongs in scheduler: "scheduler": { "maxRuns": … }`,
    groups: `belongs in scheduler: "scheduler": { "groups": … }`,
    startsPerSecond: `belongs in scheduler: "scheduler": { "startsPerSecond": … }`,
    shutdownGrace: `belongs in scheduler: "scheduler": { "shutdownGrace": … }`,
    killGrace: `belongs in scheduler: "scheduler": { "killGrace": … }`,
    concurrency: `write "scheduler": { "maxRuns": … }`,
    catchUp: `belongs to jobs; for all of a folder, to its _defaults file`,
    overlap: `belongs to jobs; for all of a folder, to its _defaults file`,
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
