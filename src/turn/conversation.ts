/**
 * What was said so far, in the words of one dialect. The model's own messages go back exactly as they came: a thinking block whose
 * signature does not fit its text any more is refused by the provider. Pure: no I/O, no clock.
 */
import { AnswerError, recordAt, stringAt } from "./answer.ts";
import { isRecord } from "./result.ts";
import type { TurnSpec } from "./turn.ts";
import type { ToolContent, ToolOutcome } from "./tools/tool.ts";

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** Undefined: what the model gave is not a JSON object. */
  readonly input: Readonly<Record<string, unknown>> | undefined;
}

export interface ToolAnswer {
  readonly call: ToolCall;
  readonly outcome: Pick<ToolOutcome, "status" | "content">;
}

type Message = Readonly<Record<string, unknown>>;

/** One dialect's way to keep a conversation. */
export interface Speech {
  /** The model's message in an answer's body, and the tool calls in it. @throws AnswerError */
  said(body: unknown): { readonly message: Message; readonly calls: readonly ToolCall[] };
  /** The messages that tell what the tools gave. */
  results(answers: readonly ToolAnswer[]): readonly Message[];
}

export const speeches: Readonly<Record<TurnSpec["dialect"], Speech>> = {
  "anthropic-messages": { said: anthropicSaid, results: anthropicResults },
  "openai-completions": { said: openAiSaid, results: openAiResults },
};

function anthropicSaid(body: unknown): ReturnType<Speech["said"]> {
  const { content } = recordAt(body, "a message");
  if (!Array.isArray(content)) throw new AnswerError("stream_broken", "the gateway's answer has no content");
  const calls = content
    .filter((block): block is Record<string, unknown> => isRecord(block) && block["type"] === "tool_use")
    .map((block) => ({
      id: stringAt(block, "id"),
      name: stringAt(block, "name"),
      input: isRecord(block["input"]) ? block["input"] : undefined,
    }));
  return { message: { role: "assistant", content }, calls: distinct(calls) };
}

function anthropicResults(answers: readonly ToolAnswer[]): readonly Message[] {
  const content = answers.map(({ call, outcome }) => ({
    type: "tool_result",
    tool_use_id: call.id,
    content: outcome.content.map(anthropicContent),
    ...(outcome.status === "succeeded" ? {} : { is_error: true }),
  }));
  return [{ role: "user", content }];
}

function anthropicContent(item: ToolContent): Message {
  // An empty text block is refused by the API.
  if (item.type === "text") return { type: "text", text: item.text === "" ? "(nothing)" : item.text };
  return { type: "image", source: { type: "base64", media_type: item.mediaType, data: item.data } };
}

function openAiSaid(body: unknown): ReturnType<Speech["said"]> {
  const { choices } = recordAt(body, "a completion");
  const message = recordAt(recordAt(Array.isArray(choices) ? choices[0] : undefined, "a choice")["message"], "a message");
  const list = message["tool_calls"] ?? [];
  if (!Array.isArray(list)) throw new AnswerError("stream_broken", "the gateway's answer has tool calls that are no list");
  const calls = list.map((item) => {
    const call = recordAt(item, "a tool call");
    const asked = recordAt(call["function"], "a function");
    return { id: stringAt(call, "id"), name: stringAt(asked, "name"), input: inputIn(asked["arguments"]) };
  });
  // Empty fields (`refusal: null`, `audio: null`) say nothing, and some providers refuse them in a request.
  const kept = Object.entries(message).filter(([key, value]) => key === "content" || (value !== null && value !== undefined));
  return { message: { ...Object.fromEntries(kept), role: "assistant" }, calls: distinct(calls) };
}

/** The arguments of a call, JSON in a text. A call without any is one with none. */
function inputIn(text: unknown): ToolCall["input"] {
  if (typeof text !== "string") return undefined;
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function openAiResults(answers: readonly ToolAnswer[]): readonly Message[] {
  const messages: Message[] = answers.map(({ call, outcome }) => {
    const texts = outcome.content.filter((item) => item.type === "text").map((item) => item.text);
    const text = texts.join("\n");
    const said = text === "" ? "(nothing)" : text;
    return { role: "tool", tool_call_id: call.id, content: outcome.status === "succeeded" ? said : `Error: ${said}` };
  });
  // A tool's message carries text only, so its pictures follow as the user's; all tool messages have to come first.
  const pictures = answers.flatMap(({ outcome }) => outcome.content.filter((item) => item.type === "image"));
  if (pictures.length === 0) return messages;
  const content = [
    { type: "text", text: "The pictures that the tools above gave:" },
    ...pictures.map((item) => ({ type: "image_url", image_url: { url: `data:${item.mediaType};base64,${item.data}` } })),
  ];
  return [...messages, { role: "user", content }];
}

/** Two calls of one id cannot be answered apart, and running both might be running one of them twice. */
function distinct(calls: readonly ToolCall[]): readonly ToolCall[] {
  if (new Set(calls.map((call) => call.id)).size !== calls.length)
    throw new AnswerError("stream_broken", "the gateway's answer has two tool calls of the same id");
  return calls;
}
