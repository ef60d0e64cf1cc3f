import type { JsonObject } from "../provider.ts";
import type { Generation } from "./answer.ts";
import { piecesOf, randomFor } from "./random.ts";
import type { JsonFrame, ScriptedFrame } from "./wire.ts";

const finishWords: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};

/** A fixed second, so that the same seed gives the same bytes at any time of day. */
const created = 1_795_000_000;

export const done: ScriptedFrame = { data: "[DONE]" };

/** The id of a completion in OpenAI's form. */
function completionId(generation: Generation): string {
  return generation.id.replace("msg_", "chatcmpl-");
}

function finishReason(generation: Generation): string {
  return finishWords[generation.stopReason] ?? generation.stopReason;
}

/** One chunk; `choice` is merged into its only choice. */
export function chunk(generation: Generation, delta: JsonObject, choice: JsonObject = {}): JsonFrame {
  return rawChunk(generation, { choices: [{ index: 0, delta, logprobs: null, finish_reason: null, ...choice }] });
}

export function rawChunk(generation: Generation, fields: JsonObject): JsonFrame {
  const head = { id: completionId(generation), object: "chat.completion.chunk", created, model: generation.model };
  return { data: { ...head, system_fingerprint: "fp_simulated", ...fields } };
}

export function roleChunk(generation: Generation): JsonFrame {
  return chunk(generation, { role: "assistant", content: "" });
}

/** The chunks that carry content, without role, finish, usage and `[DONE]`. */
function contentChunks(generation: Generation): JsonFrame[] {
  const chunks: JsonFrame[] = [];
  let call = 0;
  for (const block of generation.blocks) {
    const random = randomFor(generation.seed, "pieces", generation.key, block.type);
    if (block.type === "text") chunks.push(...piecesOf(block.text, random).map((content) => chunk(generation, { content })));
    else if (block.type === "thinking") {
      chunks.push(...piecesOf(block.thinking, random).map((text) => chunk(generation, { reasoning_content: text })));
    } else {
      const index = call++;
      const head = { index, id: block.id, type: "function", function: { name: block.name, arguments: "" } };
      chunks.push(chunk(generation, { tool_calls: [head] }));
      for (const part of piecesOf(JSON.stringify(block.input), random)) {
        chunks.push(chunk(generation, { tool_calls: [{ index, function: { arguments: part } }] }));
      }
    }
  }
  return chunks;
}

export function finishChunk(generation: Generation): JsonFrame {
  return chunk(generation, {}, { finish_reason: finishReason(generation) });
}

function usageOf(generation: Generation): JsonObject {
  const { inputTokens, outputTokens } = generation;
  return { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens };
}

/** One generation as the frames a healthy provider streams; the usage chunk only if the request asked for it. */
export function openaiFrames(generation: Generation, includeUsage: boolean): ScriptedFrame[] {
  const usage = includeUsage ? [rawChunk(generation, { choices: [], usage: usageOf(generation) })] : [];
  return [roleChunk(generation), ...contentChunks(generation), finishChunk(generation), ...usage, done];
}

/** One generation in the shape of an answer that is not streamed. */
export function openaiCompletion(generation: Generation): JsonObject {
  const text = generation.blocks.filter((block) => block.type === "text").map((block) => block.text);
  const thinking = generation.blocks.filter((block) => block.type === "thinking").map((block) => block.thinking);
  const calls = generation.blocks
    .filter((block) => block.type === "tool_use")
    .map((block) => ({ id: block.id, type: "function", function: { name: block.name, arguments: JSON.stringify(block.input) } }));
  const message = {
    role: "assistant",
    content: text.length === 0 ? null : text.join(""),
    refusal: null,
    ...(thinking.length === 0 ? {} : { reasoning_content: thinking.join("") }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  return {
    id: completionId(generation),
    object: "chat.completion",
    created,
    model: generation.model,
    system_fingerprint: "fp_simulated",
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishReason(generation) }],
    usage: usageOf(generation),
  };
}

/** An error in OpenAI's shape. */
export function openaiError(type: string, message: string, code: string | null = null, extra: JsonObject = {}): JsonObject {
  return { error: { message, type, param: null, code, ...extra } };
}
