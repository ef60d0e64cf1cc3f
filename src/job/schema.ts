/** The shape of a job in a file: OpenClaw's fields (§ "job schema" of its 2026 stores) and our own. */
import * as v from "valibot";
import { ignored, isWhole, leaf, quietLeaf, list, shape, type Hint } from "./check.ts";
import { readCron } from "./cron.ts";
import { formatDuration, readDuration } from "./duration.ts";
import { readInstant } from "./instant.ts";
import { amount, duration, flag, line, meantFlag, model, oneOf, text, whole, zone } from "./leaves.ts";

const second = 1_000;
const hour = 3_600_000;
/** The longest any limit or wait may be set to. */
export const longestMs = 24 * hour;
/** Most characters of a message or system prompt. */
const maxMessage = 200_000;

const expr = leaf({ expects: "a cron expression", example: `"0 12 * * *"` }, (found) => {
  if (typeof found !== "string") return {};
  const read = readCron(found);
  return "problem" in read ? read : { value: found.trim() };
});

const everyMs = leaf({ expects: "a whole number of milliseconds from 1000 on", example: "1800000" }, (found) => {
  if (typeof found === "string") {
    const read = /^\d+$/.test(found) ? { ms: Number(found) } : readDuration(found);
    return "ms" in read
      ? {
          problem: `expected milliseconds, found ${JSON.stringify(found.slice(0, 40))}`,
          suggestion: `write "everyMs": ${read.ms}`,
        }
      : {};
  }
  if (!isWhole(found)) return {};
  const value = found;
  if (value < second) {
    const problem = `${value} ms is less than 1 second, the least interval`;
    return value > 0
      ? { problem, suggestion: `"everyMs" counts milliseconds: for ${value} seconds, write ${value * second}` }
      : { problem };
  }
  const most = 10 * 365 * 24 * hour;
  return value > most ? { problem: `${value} ms is more than ${formatDuration(most)}, the longest interval` } : { value };
});

const anchorMs = leaf({ expects: "epoch milliseconds", example: "1772000000000" }, (found) => {
  return isWhole(found) && found >= 0 && found < 253_402_300_800_000 ? { value: found } : {};
});

const at = leaf({ expects: "an instant as ISO 8601", example: `"2027-01-31T09:00:00Z"` }, (found) => {
  const ms = readInstant(found);
  if (ms !== undefined) return { value: new Date(ms).toISOString() };
  const dated = typeof found === "string" && /^\d{4}-\d{2}-\d{2}/.test(found);
  return dated ? { problem: `${JSON.stringify(found.slice(0, 60))} is not an instant that exists` } : {};
});

/** A field of OpenClaw's that cannot be passed over without changing what the job means. */
function refused(problem: string, suggestion: string) {
  return quietLeaf({ expects: "nothing", example: "null" }, () => ({ problem, suggestion }));
}

const kinds = ["cron", "every", "at", "manual"] as const;
const otherKinds = {
  "on-exit": `schedules of kind "on-exit" are not carried out: cron, every, at or manual`,
  stream: `schedules of kind "stream" are not carried out: cron, every, at or manual`,
};
export const scheduleKind = shape({ expects: "an object", example: "{}" }, { kind: oneOf(kinds, otherKinds) });

const scheduleHint: Hint = { expects: "an object", example: `{ "kind": "cron", "expr": "0 12 * * *", "tz": "Europe/London" }` };
const kind = leaf({ expects: "a kind", example: `"cron"` }, (found) => ({ value: found }));
const cronHome = { cron: `write it as "expr"`, timezone: `did you mean "tz"?`, timeZone: `did you mean "tz"?` };
export const schedules = {
  cron: shape(scheduleHint, { kind, expr, tz: v.exactOptional(zone), staggerMs: v.exactOptional(ignored()) }, cronHome),
  every: shape(
    scheduleHint,
    { kind, everyMs, anchorMs: v.exactOptional(anchorMs), staggerMs: v.exactOptional(ignored()) },
    { every: `write "everyMs" in milliseconds, such as 1800000 for 30 minutes`, interval: `write "everyMs" in milliseconds` },
  ),
  at: shape(
    scheduleHint,
    { kind, at },
    { tz: `write the offset within "at", such as "2027-01-31T09:00:00+01:00"`, atMs: `write it as "at"` },
  ),
  manual: shape(scheduleHint, { kind }),
};

const stream = leaf<boolean | "auto">({ expects: `true, false or "auto"`, example: `"auto"` }, (found) => {
  if (typeof found === "boolean" || found === "auto") return { value: found };
  const meant = meantFlag(found);
  if (meant !== undefined) return { suggestion: `write ${meant} without quotes` };
  return typeof found === "string" && found.toLowerCase() === "auto" ? { suggestion: `did you mean "auto"?` } : {};
});

const payloadKind = oneOf(["agentTurn"], {
  systemEvent: `payloads of kind "systemEvent" are not carried out, only "agentTurn"`,
  command: `payloads of kind "command" are not carried out, only "agentTurn"`,
  script: `payloads of kind "script" are not carried out, only "agentTurn"`,
  heartbeat: `payloads of kind "heartbeat" are not carried out, only "agentTurn"`,
});

const sessionTarget = leaf({ expects: `"isolated"`, example: `"isolated"` }, (found) => {
  if (found === "isolated") return { value: "isolated" as const };
  if (typeof found !== "string") return {};
  if (found.toLowerCase() === "isolated") return { suggestion: `did you mean "isolated"?` };
  const other = found === "main" || found === "current" || found.startsWith("session:");
  return other
    ? {
        problem: `every turn is isolated here; ${JSON.stringify(found.slice(0, 40))} is not carried out`,
        suggestion: `write "isolated", or leave it out`,
      }
    : {};
});

const tokens = whole(8_192, 1, 1_000_000);

const belongsInPayload = (key: string): string => `belongs in payload: "payload": { "${key}": … }`;
const belongsInSchedule = (key: string): string => `belongs in schedule: "schedule": { "${key}": … }`;

const payload = shape(
  { expects: "an object", example: `{ "kind": "agentTurn", "message": "Say what to do." }` },
  {
    kind: v.exactOptional(payloadKind),
    message: text("Say what the turn is to do.", maxMessage),
    model: v.exactOptional(model),
    fallbacks: v.exactOptional(list({ expects: "a list of models", example: `["anthropic/claude-sonnet-4-6"]` }, model, 20)),
    stream: v.exactOptional(stream),
    system: v.exactOptional(text("You are terse.", maxMessage)),
    maxTokens: v.exactOptional(tokens),
    timeoutSeconds: v.exactOptional(amount(300, 0, longestMs / second)),
    thinking: v.exactOptional(ignored()),
    lightContext: v.exactOptional(ignored()),
    toolsAllow: v.exactOptional(ignored()),
    toolsAllowIsDefault: v.exactOptional(ignored()),
    allowUnsafeExternalContent: v.exactOptional(ignored()),
    deliver: v.exactOptional(ignored()),
    channel: v.exactOptional(ignored()),
    to: v.exactOptional(ignored()),
    threadId: v.exactOptional(ignored()),
    bestEffortDeliver: v.exactOptional(ignored()),
  },
  {
    text: `write it as "message"`,
    prompt: `write it as "message"`,
    fallback: `write "fallbacks" with a list: ["provider/model"]`,
    max_tokens: `did you mean "maxTokens"?`,
    timeout: `write "timeoutSeconds" with a number of seconds`,
    timeoutMs: `write "timeoutSeconds" with a number of seconds`,
    retry: `belongs beside payload, not in it`,
    limits: `belongs beside payload, not in it`,
    idempotent: `belongs beside payload, not in it`,
  },
);

const retry = shape(
  { expects: "an object", example: `{ "maxAttempts": 3, "delay": "5s" }` },
  {
    maxAttempts: v.exactOptional(whole(3, 1, 20)),
    delay: v.exactOptional(duration("5s", 0, longestMs)),
    factor: v.exactOptional(amount(2, 1, 10)),
    maxDelay: v.exactOptional(duration("1m", 0, longestMs)),
    jitter: v.exactOptional(amount(0.25, 0, 1)),
  },
  {
    attempts: `did you mean "maxAttempts"?`,
    retries: `write "maxAttempts", which counts the first attempt too`,
    backoff: `write "delay" and "factor"`,
    delayMs: `write "delay" with a unit: "5s"`,
    maxDelayMs: `write "maxDelay" with a unit: "1m"`,
  },
);

const limit = (example: string) => v.exactOptional(duration(example, 1, longestMs));
const limits = shape(
  { expects: "an object", example: `{ "run": "1h", "try": "10m" }` },
  {
    firstByte: limit("2m"),
    idle: limit("2m"),
    try: limit("10m"),
    call: limit("20m"),
    run: limit("1h"),
    maxWait: v.exactOptional(duration("10m", 0, longestMs)),
    triesPerCall: v.exactOptional(whole(12, 1, 1_000)),
    callsPerAttempt: v.exactOptional(whole(50, 1, 10_000)),
    outputBytes: v.exactOptional(whole(1_048_576, 1, 104_857_600)),
  },
  {
    attempt: `write "timeoutSeconds" in payload`,
    timeoutSeconds: `belongs in payload`,
    timeout: `write "run", or "timeoutSeconds" in payload`,
  },
);

export const jobShape = shape(
  { expects: "an object", example: `{ "name": "daily-check", "payload": { "message": "…" } }` },
  {
    id: v.exactOptional(line("b393d508-ec9a-4b6d-bb97-7f584eb0ef83", 200)),
    name: v.exactOptional(line("daily-check", 200)),
    description: v.exactOptional(
      leaf({ expects: "a text", example: `"What it is for."` }, (found) =>
        typeof found === "string" && found.length <= 10_000 ? { value: found } : {},
      ),
    ),
    enabled: v.exactOptional(flag(true)),
    schedule: v.exactOptional(leaf(scheduleHint, (found) => ({ value: found }))),
    sessionTarget: v.exactOptional(sessionTarget),
    payload,
    retry: v.exactOptional(retry),
    limits: v.exactOptional(limits),
    idempotent: v.exactOptional(flag(false)),
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
    jobId: `did you mean "id"?`,
    session: `did you mean "sessionTarget"?`,
    message: belongsInPayload("message"),
    model: belongsInPayload("model"),
    fallbacks: belongsInPayload("fallbacks"),
    stream: belongsInPayload("stream"),
    system: belongsInPayload("system"),
    maxTokens: belongsInPayload("maxTokens"),
    timeoutSeconds: belongsInPayload("timeoutSeconds"),
    thinking: belongsInPayload("thinking"),
    expr: belongsInSchedule("expr"),
    cron: `write "schedule": { "kind": "cron", "expr": … }`,
    every: `write "schedule": { "kind": "every", "everyMs": … }`,
    at: `write "schedule": { "kind": "at", "at": … }`,
    tz: belongsInSchedule("tz"),
    timezone: `belongs in schedule as "tz"`,
    maxAttempts: `belongs in retry: "retry": { "maxAttempts": … }`,
  },
);

/** What a file may say of a job, checked. Durations are milliseconds. */
export type JobInput = v.InferOutput<typeof jobShape>;
