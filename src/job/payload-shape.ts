/** The shapes of a payload: an agent's turn, or a plain command. */
import * as v from "valibot";
import { argv, environment, shellOrArgv } from "./command-leaves.ts";
import type { AgentTurnPayload } from "./job.ts";
import { amount, line, meantFlag, model, oneOf, text, whole } from "./leaves.ts";
import { either, factsOf, ignored, isRecord, leaf, list, mapped, optional, required, shape, type Hint } from "./shape.ts";
import { tools } from "./tools-shape.ts";
import { nearest } from "./words.ts";

const longestSeconds = 86_400;
/** Most characters of a message or system prompt. */
export const maxMessage = 200_000;

const stream = leaf<boolean | "auto">(
  { expects: `true, false or "auto"`, example: `"auto"`, json: { enum: [true, false, "auto"] } },
  (found) => {
    if (typeof found === "boolean" || found === "auto") return { value: found };
    const meant = meantFlag(found);
    if (meant !== undefined) return { suggestion: `write ${meant} without quotes` };
    return typeof found === "string" && found.toLowerCase() === "auto" ? { suggestion: `did you mean "auto"?` } : {};
  },
);

const otherKind = (kind: string): string => `payloads of kind "${kind}" are not carried out, only "agentTurn" and "command"`;
const kind = oneOf(["agentTurn", "command"], {
  systemEvent: otherKind("systemEvent"),
  script: otherKind("script"),
  heartbeat: otherKind("heartbeat"),
});

const efforts = ["off", "low", "medium", "high"] as const;
const thinking = leaf<NonNullable<AgentTurnPayload["thinking"]>>(
  { expects: `"off", "low", "medium" or "high"`, example: `"low"`, json: { enum: efforts } },
  (found) => {
    const value = efforts.find((effort) => effort === found);
    if (value !== undefined) return { value };
    if (found === false) return { suggestion: `write "off"` };
    if (found === true) return { suggestion: `write "low", "medium" or "high"` };
    const near = typeof found === "string" ? nearest(found, efforts) : undefined;
    return near === undefined ? {} : { suggestion: `did you mean "${near}"?` };
  },
);

const seconds = (example: number, least = 0) => amount(example, least, longestSeconds);
const timeoutSeconds = optional("Most time of one attempt, in seconds; 0: only the run's limit. Default 1800.", seconds(300));
const beside = "belongs beside payload, not in it";
const noModel = `a command asks no model; take it out, or write "kind": "agentTurn"`;

const payloadHint: Hint = { expects: "an object", example: `{ "kind": "agentTurn", "message": "Say what to do." }` };

export const agentTurn = shape(
  payloadHint,
  {
    kind: optional("`agentTurn` (default): a model is asked. `command`: a program is run.", kind),
    message: required("What the turn is to do: the prompt, a template.", text("Say what the turn is to do.", maxMessage)),
    model: optional("`provider/model`. Default the configuration's.", model),
    fallbacks: optional(
      "Models to go to, in order; an empty list is none. Default the configuration's.",
      list({ expects: "a list of models", example: `["anthropic/claude-sonnet-4-6"]` }, model, 20),
    ),
    stream: optional("true: streamed only. false: off from the first try. auto (default): off where the stream broke.", stream),
    system: optional("System prompt, a template.", text("You are terse.", maxMessage)),
    maxTokens: optional("Most tokens of one answer. Default 8192.", whole(8_192, 1, 1_000_000)),
    maxTurns: optional("Most questions of one attempt to the model. Default 30.", whole(30, 1, 1_000)),
    thinking: optional("How much the model is to think. Default its own.", thinking),
    tools: optional("What the turn may do beside answering. Default nothing.", tools),
    timeoutSeconds,
    lightContext: v.exactOptional(ignored()),
    toolsAllow: v.exactOptional(ignored()),
    toolsAllowIsDefault: v.exactOptional(ignored()),
    allowUnsafeExternalContent: v.exactOptional(ignored()),
    deliver: v.exactOptional(ignored()),
    channel: v.exactOptional(ignored()),
    provider: v.exactOptional(ignored()),
    to: v.exactOptional(ignored()),
    threadId: v.exactOptional(ignored()),
    bestEffortDeliver: v.exactOptional(ignored()),
  },
  {
    text: `write it as "message"`,
    prompt: `write it as "message"`,
    fallback: `write "fallbacks" with a list: ["provider/model"]`,
    max_tokens: `did you mean "maxTokens"?`,
    max_turns: `did you mean "maxTurns"?`,
    timeout: `write "timeoutSeconds" with a number of seconds`,
    timeoutMs: `write "timeoutSeconds" with a number of seconds`,
    reasoning: `did you mean "thinking"?`,
    mcp: `belongs in tools: "tools": { "mcp": … }`,
    mcpServers: `belongs in tools: "tools": { "mcp": … }`,
    shell: `belongs in tools: "tools": { "shell": … }`,
    files: `belongs in tools: "tools": { "files": … }`,
    http: `belongs in tools: "tools": { "http": … }`,
    command: `goes with "kind": "command", which asks no model and has no message`,
    argv: `goes with "kind": "command", which asks no model and has no message`,
    cwd: `write "workDir" beside payload`,
    env: `belongs beside payload, as a list of names for {{env.X}}`,
    vars: beside,
    expect: beside,
    gate: beside,
    retry: beside,
    limits: beside,
    quiet: beside,
    onRateLimit: beside,
    record: beside,
    workDir: beside,
    eventHandler: beside,
    idempotent: beside,
  },
);

export const commandPayload = shape(
  { expects: "an object", example: `{ "kind": "command", "argv": ["./backup.sh", "--all"] }` },
  {
    kind: optional("`command`.", kind),
    argv: optional("Program and arguments; no shell.", argv),
    command: optional("As `argv`; one text is a line for `sh -lc`.", shellOrArgv),
    cwd: optional("Folder it works in; as the job's `workDir`.", line("~/reports", 4_096)),
    env: optional("Variables of its environment; `${NAME}` is taken from runner's.", environment),
    input: optional("Written to its stdin. Default nothing.", text("yes", maxMessage)),
    timeoutSeconds,
    noOutputTimeoutSeconds: optional("Ends it when it writes nothing for so long, in seconds.", seconds(60, 0.001)),
    outputMaxBytes: optional("Bytes of its output that are kept; as `limits.outputBytes`.", whole(1_048_576, 1, 104_857_600)),
  },
  {
    message: noModel,
    model: noModel,
    fallbacks: noModel,
    stream: noModel,
    system: noModel,
    maxTokens: noModel,
    maxTurns: noModel,
    thinking: noModel,
    tools: noModel,
    args: `write them in "argv", after the program`,
    environment: `did you mean "env"?`,
    stdin: `did you mean "input"?`,
    workDir: beside,
    timeout: `write "timeoutSeconds" with a number of seconds`,
    expect: beside,
    gate: beside,
    retry: beside,
    limits: beside,
  },
);

/** Keys of each kind of payload, so that what a folder gives to all is taken only where it fits. */
export const commandKeys: readonly string[] = Object.keys(factsOf(commandPayload)?.keys ?? {});
export const agentTurnKeys: readonly string[] = Object.keys(factsOf(agentTurn)?.keys ?? {});

/** Whether a payload is meant as a command; without a kind its keys say so. */
export function isCommand(found: unknown): boolean {
  if (!isRecord(found)) return false;
  if (Object.hasOwn(found, "kind")) return found["kind"] === "command";
  return !Object.hasOwn(found, "message") && (Object.hasOwn(found, "command") || Object.hasOwn(found, "argv"));
}

export const payload = either(
  payloadHint,
  isCommand,
  mapped(commandPayload, (value) => ({ ...value, kind: "command" as const })),
  mapped(agentTurn, (value) => ({ ...value, kind: "agentTurn" as const })),
);
