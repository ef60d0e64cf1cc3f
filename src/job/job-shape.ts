/** The shape of a job in a file: OpenClaw's fields (§ "job schema" of its 2026 stores) and our own. */
import * as v from "valibot";
import { namesKey, variableRule } from "./command-leaves.ts";
import { expectations, gate } from "./expect-shape.ts";
import { flatPayloadKeys, flatScheduleKeys } from "./flat-keys.ts";
import { flag, line, oneOf, schemaAddress } from "./leaves.ts";
import { limits, retry } from "./limits-shape.ts";
import { payload } from "./payload-shape.ts";
import { scheduleHint } from "./schedule-shape.ts";
import { catchUp, group, overlap } from "./scheduling-shape.ts";
import { ignored, leaf, list, optional, quietLeaf, required, shape, table } from "./shape.ts";

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
    notify: v.exactOptional(ignored()),
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
