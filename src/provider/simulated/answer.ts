import type { Dialect, JsonObject } from "../provider.ts";
import { hash53 } from "./random.ts";
import { expectedText, toolInput } from "./text.ts";
import { isObject, listOf } from "./wire.ts";

/** What a test wants the simulated provider to say instead of its own text. */
export interface ScriptedAnswer {
  /** A thinking block before the text (`reasoning_content` in the OpenAI dialect). */
  readonly thinking?: string;
  readonly text?: string;
  /** Tool calls after the text. Without `id` one is made from the request's number. */
  readonly toolCalls?: readonly { readonly name: string; readonly input: JsonObject; readonly id?: string }[];
  /** In Anthropic's words. Default `tool_use` with tool calls, else `end_turn`. */
  readonly stopReason?: string;
  /** Default: a quarter of the characters. */
  readonly usage?: { readonly inputTokens?: number; readonly outputTokens?: number };
}

/** One request for a generation, read and found good. */
export interface SimulatedRequest {
  /** From 1, in order of arrival. */
  readonly number: number;
  /** 1, or 2 when a fault makes the provider start its answer anew. */
  readonly generation: number;
  readonly dialect: Dialect;
  readonly model: string;
  readonly stream: boolean;
  /** The last user message as plain text. */
  readonly prompt: string;
  readonly body: JsonObject;
}

export type Block =
  | { readonly type: "thinking"; readonly thinking: string; readonly signature: string }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: JsonObject };

/** One answer of the model, before it is put into a dialect. */
export interface Generation {
  readonly id: string;
  readonly model: string;
  readonly blocks: readonly Block[];
  /** In Anthropic's words. */
  readonly stopReason: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Names the pieces a stream cuts the content into. */
  readonly key: string;
  readonly seed: number;
}

export function generate(
  request: SimulatedRequest,
  seed: number,
  scripted?: (request: SimulatedRequest) => ScriptedAnswer | undefined,
): Generation {
  const answer = scripted?.(request) ?? {
    text: expectedText({
      seed,
      request: request.number,
      generation: request.generation,
      model: request.model,
      prompt: request.prompt,
    }),
  };
  const key = `${request.number}.${request.generation}`;
  const blocks = blocksOf(answer, `${seed}/${key}`);
  const length = JSON.stringify(blocks).length;
  return {
    id: `msg_simulated_${hash53(`${seed}/${key}`)}`,
    model: request.model,
    blocks,
    stopReason: answer.stopReason ?? (blocks.some((block) => block.type === "tool_use") ? "tool_use" : "end_turn"),
    inputTokens: answer.usage?.inputTokens ?? Math.ceil(JSON.stringify(request.body["messages"]).length / 4),
    outputTokens: answer.usage?.outputTokens ?? Math.ceil(length / 4),
    key,
    seed,
  };
}

function blocksOf(answer: ScriptedAnswer, key: string): Block[] {
  const blocks: Block[] = [];
  if (answer.thinking !== undefined)
    blocks.push({ type: "thinking", thinking: answer.thinking, signature: `c2lt${hash53(`signature/${key}`)}` });
  if (answer.text !== undefined) blocks.push({ type: "text", text: answer.text });
  for (const [at, call] of (answer.toolCalls ?? []).entries()) {
    blocks.push({
      type: "tool_use",
      id: call.id ?? `toolu_simulated_${hash53(`tool/${at}/${key}`)}`,
      name: call.name,
      input: call.input,
    });
  }
  return blocks;
}

/** The same generation with a thinking block in front, for faults that need two blocks; the text stays as it is. */
export function withThinking(generation: Generation): Generation {
  if (generation.blocks.some((block) => block.type === "thinking")) return generation;
  const thinking = `Simulated thinking of ${generation.key}: the request is short, so is the answer – nothing to look up.`;
  const block = {
    type: "thinking",
    thinking,
    signature: `c2lt${hash53(`signature/${generation.seed}/${generation.key}`)}`,
  } as const;
  return { ...generation, blocks: [block, ...generation.blocks] };
}

/** The same generation with a tool call at the end, for faults that need one. The name is the first tool the request offers. */
export function withTool(generation: Generation, request: SimulatedRequest, count = 1): Generation {
  if (generation.blocks.filter((block) => block.type === "tool_use").length >= count) return generation;
  const name = offeredTool(request.body) ?? "simulated_tool";
  const calls = Array.from({ length: count }, (_, at) => ({
    type: "tool_use" as const,
    id: `toolu_simulated_${hash53(`tool/${at}/${generation.seed}/${generation.key}`)}`,
    name,
    input: { ...toolInput(`simulated call ${at + 1} of answer ${generation.key}`) },
  }));
  return {
    ...generation,
    blocks: [...generation.blocks.filter((block) => block.type !== "tool_use"), ...calls],
    stopReason: "tool_use",
  };
}

function offeredTool(body: JsonObject): string | undefined {
  const first = listOf(body["tools"])[0];
  const inner = first?.["function"];
  const name = first?.["name"] ?? (isObject(inner) ? inner["name"] : undefined);
  return typeof name === "string" ? name : undefined;
}
