/** The shape of a job in a file: OpenClaw's fields (§ "job schema" of its 2026 stores) and our own. */
import * as v from "valibot";
import { namesKey, variableRule } from "./command-leaves.ts";
import { expectations, gate } from "./expect-shape.ts";
import { flatPayloadKeys, flatScheduleKeys } from "./flat-keys.ts";
import { amount, duration, flag, line, oneOf, whole } from "./leaves.ts";
import { payload } from "./payload-shape.ts";
import { scheduleHint } from "./schedule-shape.ts";
import { catchUp, group, overlap } from "./scheduling-shape.ts";
import { ignored, leaf, list, optional, quietLeaf, required, shape, table } from "./shape.ts";

const hour = 3_600_000;
/** The longest any limit or wait may be set to. */
export const longestMs = 24 * hour;

/** A field of OpenClaw's that cannot be passed over without changing what the job means. */
function refused(problem: string, suggestion: string) {
  return quietLeaf({ expects: "nothing", example: "null", json: false }, () => ({ problem, suggestion }));
}

const sessionTarget = leaf({ expects: `"isolated"`, example: `"isolated"`, json: { enum: ["isolated"] } }, (found) => {
  if (found === "isolated") return { value: "isolated" as const };
  if (typeof found !== "string") return {};
  const other = found === "main" || found === "current" || found.startsWith("session:");
  return other
    ? {
        problem: `every turn is isolated here; ${JSON.stringify(found.slice(0, 40))} is not carried out`,
        suggestion: `write "isolated", or leave it out`,
      }
    : {};
});

const retry = shape(
  { expects: "an object", example: `{ "maxAttempts": 3, "delay": "5s" }` },
  {
    maxAttempts: optional("Starts of the turn in one run, the first included. Default 3.", whole(3, 1, 20)),
    delay: optional("First wait. Default 5s.", duration("5s", 0, longestMs)),
    factor: optional("Growth from wait to wait. Default 2.", amount(2, 1, 10)),
    maxDelay: optional("Longest wait of ours. Default 1m.", duration("1m", 0, longestMs)),
    jitter: optional("Share of a wait added at random. Default 0.25.", amount(0.25, 0, 1)),
    declared: optional(
      "The turn is started again when it says itself that it failed. Default false; of a command, which says so by its exit code, true.",
      flag(true),
    ),
  },
  {
    attempts: `did you mean "maxAttempts"?`,
    retries: `write "maxAttempts", which counts the first attempt too`,
    backoff: `write "delay" and "factor"`,
    delayMs: `write "delay" with a unit: "5s"`,
    maxDelayMs: `write "maxDelay" with a unit: "1m"`,
  },
);

const limit = (words: string, example: string) => optional(words, duration(example, 1, longestMs));
const limits = shape(
  { expects: "an object", example: `{ "run": "1h", "usd": 0.5 }` },
  {
    firstByte: limit("Streamed: from sending to the first byte. Default 2m.", "2m"),
    idle: limit("Streamed: silence between two chunks. Default 2m.", "2m"),
    try: limit("One request to a provider. Default 10m.", "10m"),
    call: limit("One question of the turn, with all its tries and waits. Default 20m.", "20m"),
    run: limit("The whole run. Default 1h.", "1h"),
    maxWait: optional("The longest wait a provider may impose. Default 10m.", duration("10m", 0, longestMs)),
    defer: optional("How long after its slot a run may wait to be carried on. Default 24h.", duration("24h", 0, 30 * 86_400_000)),
    triesPerCall: optional("Tries for one call over all models. Default 12.", whole(12, 1, 1_000)),
    callsPerAttempt: optional("Calls of one attempt. Default 50.", whole(50, 1, 10_000)),
    outputBytes: optional("Bytes of the output that are kept. Default 1048576.", whole(1_048_576, 1, 104_857_600)),
    tokens: optional("Budget of a run: tokens, input and output together.", whole(200_000, 1, 1_000_000_000)),
    usd: optional("Budget of a run: US dollars.", amount(0.5, 0.000_001, 1_000_000)),
    calls: optional("Budget of a run: model calls.", whole(50, 1, 1_000_000)),
    turns: optional("Budget of a run: questions of the turn to the model, over all attempts.", whole(60, 1, 1_000_000)),
    seconds: optional("Budget of a run: seconds from claim to end; what there is then counts.", amount(900, 0.001, 86_400)),
  },
  {
    attempt: `write "timeoutSeconds" in payload`,
    timeoutSeconds: `belongs in payload`,
    timeout: `write "run", or "timeoutSeconds" in payload`,
    cost: `did you mean "usd"?`,
    dollars: `did you mean "usd"?`,
    budget: `write "usd", "tokens", "calls", "turns" or "seconds"`,
    maxTokens: `write "tokens" for a run's budget; "payload.maxTokens" bounds one answer`,
    maxTurns: `write "turns" for a run's budget; "payload.maxTurns" bounds one attempt`,
    maxAttempts: `belongs in retry: "retry": { "maxAttempts": … }`,
    minutes: `write "seconds"`,
  },
);

const quiet = leaf<string | false>(
  { expects: `a text, or false`, example: `"NO_REPLY"`, json: { anyOf: [{ type: "string", pattern: "\\S" }, { const: false }] } },
  (found) => {
    if (found === false) return { value: false };
    if (found === true) return { suggestion: `leave it out, for "NO_REPLY", or write the text` };
    if (typeof found !== "string") return {};
    const value = found.trim();
    if (value === "") return { problem: "may not be blank", suggestion: "for no such answer, write false" };
    return value.length > 200 ? { problem: `has ${value.length} characters, at most 200 are allowed` } : { value };
  },
);

const record = oneOf(["shape", "full", "off"]);
const onRateLimit = oneOf(["fallback", "wait", "defer"]);

const variableText = leaf<string>(
  { expects: "a text, a number or a boolean", example: `"text"`, json: { type: ["string", "number", "boolean"] } },
  (found) => {
    if (typeof found === "number" || typeof found === "boolean") return { value: String(found) };
    if (typeof found !== "string") return {};
    return found.length > 100_000 ? { problem: `has ${found.length} characters, at most 100000 are allowed` } : { value: found };
  },
);

const vars = table({ expects: "an object of texts", example: `{ "team": "ops" }` }, variableText, {
  rule: (name) =>
    /^[A-Za-z_][\w-]{0,63}$/.test(name)
      ? undefined
      : { problem: "is no name for {{vars.x}}", suggestion: "letters, digits, _ and -, at most 64" },
  pattern: "^[A-Za-z_][A-Za-z0-9_-]{0,63}$",
  max: 200,
});

const shownVariable = leaf(
  { expects: "a name of an environment variable", example: `"REGION"`, json: { type: "string" } },
  (found) => {
    if (typeof found !== "string") return {};
    const bare = /^\$\{?([A-Za-z_]\w*)\}?$/.exec(found)?.[1];
    if (bare !== undefined) return { problem: "is written with its braces", suggestion: `write "${bare}"` };
    if (namesKey(found))
      return {
        problem: "holds a key by its name, and what {{env.X}} shows goes to the provider and into the ledger",
        suggestion: "grant a key to the one program that needs it: tools.mcp.<name>.env",
      };
    const wrong = variableRule(found);
    return wrong ?? { value: found };
  },
);

/** Where editors find the JSON Schema; it says nothing to us. */
const schemaAddress = quietLeaf({ expects: "an address", example: `"./schema.json"`, json: { type: "string" } }, (found) =>
  typeof found === "string" ? { value: found } : {},
);

export const jobShape = shape(
  { expects: "an object", example: `{ "name": "daily-check", "payload": { "message": "…" } }` },
  {
    $schema: v.exactOptional(schemaAddress),
    id: optional(
      "Identity across renames; the history hangs on it. Default the file's path.",
      line("b393d508-ec9a-4b6d-bb97-7f584eb0ef83", 200),
    ),
    name: optional("What people type: `runner run NAME`. Default the file's name.", line("daily-check", 200)),
    description: optional(
      "For people.",
      leaf({ expects: "a text", example: `"What it is for."`, json: { type: "string", maxLength: 10_000 } }, (found) => {
        if (typeof found !== "string") return {};
        return found.length > 10_000
          ? { problem: `has ${found.length} characters, at most 10000 are allowed` }
          : { value: found };
      }),
    ),
    enabled: optional("false: not on schedule; by hand it still runs. Default true.", flag(true)),
    schedule: optional(
      "When: a cron expression, `@daily`, or an object. Default only by hand.",
      leaf(scheduleHint, (found) => ({ value: found })),
    ),
    catchUp: optional("What becomes of slots that passed while nobody was there. Default `latest`.", catchUp),
    overlap: optional("What a slot does while a run of the job is open. Default `skip`.", overlap),
    group: optional("Jobs of a group share a limit: the configuration's `scheduler.groups`.", group),
    sessionTarget: optional("`isolated`, the only one.", sessionTarget),
    payload: required("What is done: an agent's turn or a command.", payload),
    retry: optional("Waits, and how often the turn is started.", retry),
    limits: optional("Times, counts and the budget of a run.", limits),
    onRateLimit: optional("What to do when a provider says later. Default `fallback`.", onRateLimit),
    gate: optional("A cheap command before the turn that may say there is nothing to do.", gate),
    expect: optional("What must hold of the answer for the run to be a success.", expectations),
    quiet: optional("The whole answer that means nothing to report; false: none does. Default `NO_REPLY`.", quiet),
    record: optional("What is recorded of each stream. Default `shape`.", record),
    vars: optional("Values for `{{vars.x}}`.", vars),
    env: optional(
      "Variables of runner's environment that `{{env.X}}` may show.",
      list({ expects: "a list of names of environment variables", example: `["REGION"]` }, shownVariable, 100),
    ),
    workDir: optional(
      "Folder the job works in; relative to the project folder. Default a fresh one, removed afterwards.",
      line("~/reports", 4_096),
    ),
    eventHandler: optional(
      "A module that sees the raw events of every stream first; relative to the job file.",
      line("./events.mjs", 4_096),
    ),
    idempotent: optional("The turn may be repeated although tools have run in a failed attempt. Default false.", flag(false)),
    displayName: v.exactOptional(ignored()),
    declarationKey: v.exactOptional(ignored()),
    owner: v.exactOptional(ignored()),
    agentId: v.exactOptional(ignored()),
    sessionKey: v.exactOptional(ignored()),
    wakeMode: v.exactOptional(ignored()),
    deleteAfterRun: v.exactOptional(ignored()),
    createdAtMs: v.exactOptional(ignored()),
    updatedAtMs: v.exactOptional(ignored()),
    delivery: v.exactOptional(ignored()),
    failureAlert: v.exactOptional(ignored()),
    pacing: v.exactOptional(ignored()),
    state: v.exactOptional(ignored()),
    trigger: v.exactOptional(
      refused("is not carried out, and without it the job would run more often than it was meant to", "take it out"),
    ),
    isolation: v.exactOptional(refused("has no settings here: every turn is isolated", "take it out")),
  },
  {
    timezone: `belongs in schedule as "tz"`,
    timeZone: `belongs in schedule as "tz"`,
    prompt: `write it as "message"`,
    missed: `did you mean "catchUp"?`,
    misfire: `did you mean "catchUp"?`,
    backfill: `did you mean "catchUp"?`,
    startingDeadlineSeconds: `write "catchUp": { "maxAge": "10m" }`,
    concurrency: `write "overlap": "skip", "queue" or "replace"; for a limit over several jobs, "group"`,
    concurrencyPolicy: `write "overlap": "skip", "queue" or "replace"`,
    maxConcurrency: `a job never runs beside itself; see "overlap", and "group" for several jobs`,
    pool: `did you mean "group"?`,
    queue: `write "overlap": "queue", or "group" for a limit over several jobs`,
    jitter: `for the time of slots, write "stagger": "5m"; for waits between tries, "retry": { "jitter": … }`,
    splay: `did you mean "stagger"?`,
    start: `did you mean "startAt"?`,
    end: `did you mean "endAt"?`,
    until: `did you mean "endAt"?`,
    quietHours: `did you mean "blackout"?`,
    maxRuns: `belongs in the configuration: "scheduler": { "maxRuns": … }`,
    budget: `write "limits": { "usd": …, "tokens": … }`,
    usd: `belongs in limits: "limits": { "usd": … }`,
    tokens: `belongs in limits: "limits": { "tokens": … }`,
    timeout: `write "timeoutSeconds" with a number of seconds, or "limits": { "run": "1h" }`,
    maxAttempts: `belongs in retry: "retry": { "maxAttempts": … }`,
    retries: `belongs in retry: "retry": { "maxAttempts": … }`,
    expects: `did you mean "expect"?`,
    mcp: `belongs in tools: "tools": { "mcp": … }`,
    mcpServers: `belongs in tools: "tools": { "mcp": … }`,
    shell: `belongs in tools: "tools": { "shell": … }`,
    files: `belongs in tools: "tools": { "files": … }`,
    http: `belongs in tools: "tools": { "http": … }`,
    apiKey: `keys are named in the configuration, never in a job`,
    baseUrl: `belongs to a provider in the configuration`,
    providers: `belongs in the configuration`,
    stateDir: `belongs in the configuration`,
    jobsDir: `belongs in the configuration`,
  },
  [...flatPayloadKeys, ...flatScheduleKeys],
);

/** What a file may say of a job, checked. Durations are milliseconds. */
export type JobInput = v.InferOutput<typeof jobShape>;
