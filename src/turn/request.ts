/** The body of the turn's requests to the gateway, in the dialect of the model that was asked for. Pure. */
import type { Tool } from "./tools/tool.ts";
import { structured } from "./structured.ts";
import type { DoneTool, RequestSpec, TurnSpec } from "./turn.ts";

export type Ask = Pick<TurnSpec, "model" | "maxTokens" | "system" | "message" | "stream" | "done" | "thinking" | "outputSchema">;

/** What a tool is to the model. */
type Offered = Pick<Tool, "name" | "description" | "inputSchema">;

type Message = Readonly<Record<string, unknown>>;

/** The first request; with `later`, what was said since, a later one of the same conversation. */
export function turnRequest(
  dialect: RequestSpec["dialect"],
  ask: Ask,
  tools: readonly Offered[] = [],
  later: readonly Message[] = [],
): Record<string, unknown> {
  // What the turn's process works through is whole messages; a stream of tool calls would have to be put together again.
  const asked = { ...ask, stream: ask.stream && tools.length === 0 };
  return dialect === "anthropic-messages" ? anthropicRequest(asked, tools, later) : openAiRequest(asked, tools, later);
}

function anthropicRequest(ask: Ask, tools: readonly Offered[], later: readonly Message[]): Record<string, unknown> {
  const { model, maxTokens, system, stream } = ask;
  const schema = structured(ask.outputSchema);
  return {
    model,
    max_tokens: maxTokens,
    ...(system === "" ? {} : { system }),
    messages: [{ role: "user", content: openingOf(ask) }, ...later],
    ...(tools.length === 0 ? {} : { tools: tools.map(anthropicTool) }),
    ...anthropicThinking(ask),
    ...(schema === undefined ? {} : { output_config: { format: { type: "json_schema", schema } } }),
    stream,
  };
}

/** Shares of `max_tokens` that may be thought; the least that the API takes; what fits the provider's models is the adapter's matter. */
const thinkingShares = { low: 0.2, medium: 0.5, high: 0.8 } as const;
const leastThinking = 1_024;

function anthropicThinking({ thinking, maxTokens }: Ask): Message {
  if (thinking === undefined) return {};
  if (thinking === "off") return { thinking: { type: "disabled" } };
  // An answer so short leaves no room for both.
  if (maxTokens <= leastThinking) return {};
  const budget = Math.max(leastThinking, Math.floor(maxTokens * thinkingShares[thinking]));
  return { thinking: { type: "enabled", budget_tokens: Math.min(budget, maxTokens - 1) } };
}

function anthropicTool({ name, description, inputSchema }: Offered): Message {
  return { name, description, input_schema: inputSchema };
}

/** What is left out is the provider's default. */
function openAiRequest(ask: Ask, tools: readonly Offered[], later: readonly Message[]): Record<string, unknown> {
  const { model, maxTokens, system, stream } = ask;
  const instructions = system === "" ? [] : [{ role: "system", content: system }];
  const schema = structured(ask.outputSchema);
  return {
    model,
    max_tokens: maxTokens,
    messages: [...instructions, { role: "user", content: openingOf(ask) }, ...later],
    ...(tools.length === 0 ? {} : { tools: tools.map(openAiTool) }),
    ...(ask.thinking === undefined ? {} : { reasoning_effort: ask.thinking === "off" ? "none" : ask.thinking }),
    ...(schema === undefined
      ? {}
      : { response_format: { type: "json_schema", json_schema: { name: "answer", schema, strict: true } } }),
    stream,
  };
}

function openAiTool({ name, description, inputSchema }: Offered): Message {
  return { type: "function", function: { name, description, parameters: inputSchema } };
}

/** Most lines about earlier attempts, and most characters of an input in one. */
const doneLines = 50;
const doneInput = 300;

/** The job's message, after it what earlier attempts of the run have done already, and the form of the answer. */
function openingOf({ message, done = [], outputSchema }: Ask): string {
  return [message, ...doneNote(done), ...schemaNote(outputSchema)].join("\n");
}

function doneNote(done: readonly DoneTool[]): string[] {
  if (done.length === 0) return [];
  const shown = done.slice(-doneLines).map((tool) => `- ${tool.name} ${short(tool.input)}: ${doneWords[tool.status]}`);
  const left = done.length > doneLines ? [`- (${done.length - doneLines} earlier ones are not listed)`] : [];
  return [
    "",
    "Already done in an earlier attempt of this very task, which broke off; do not do it again:",
    ...left,
    ...shown,
    "Go on from there. Where it is not known whether something was done, look before you act.",
  ];
}

/** Said in words as well: not every provider has a mode for it, and a model that knows the form fills it better. */
function schemaNote(schema: TurnSpec["outputSchema"]): string[] {
  if (schema === undefined) return [];
  return [
    "",
    "Answer with one JSON value that satisfies this JSON Schema, and nothing around it, no prose and no code fence:",
    JSON.stringify(schema),
  ];
}

const doneWords: Readonly<Record<DoneTool["status"], string>> = {
  succeeded: "done",
  failed: "failed",
  refused: "refused, nothing was done",
  unknown: "begun; whether it was done is not known",
};

function short(input: string): string {
  return input.length > doneInput ? `${input.slice(0, doneInput)}…` : input;
}
