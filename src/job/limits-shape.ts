/** `retry` and `limits` of a job: how often, how long, and how much a run may take. */
import { amount, duration, flag, whole } from "./leaves.ts";
import { optional, shape } from "./shape.ts";

const hour = 3_600_000;
/** The longest any limit or wait may be set to. */
export const longestMs = 24 * hour;

/** How often the turn is started, and the waits in between. */
export const retry = shape(
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
/** Times, counts and the budget of a run. */
export const limits = shape(
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
