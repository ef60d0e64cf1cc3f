import type { JsonObject } from "../provider.ts";
import type { Block, Generation } from "./answer.ts";
import { piecesOf, randomFor } from "./random.ts";
import type { JsonFrame } from "./wire.ts";

/** A frame of the Anthropic dialect: its name is its data's type. */
export function event(type: string, fields: JsonObject = {}): JsonFrame {
  return { event: type, data: { type, ...fields } };
}

export function messageStart(generation: Generation): JsonFrame {
  const usage = {
    input_tokens: generation.inputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: 1,
  };
  return event("message_start", {
    message: {
      id: generation.id,
      type: "message",
      role: "assistant",
      model: generation.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage,
    },
  });
}

/** One generation as the frames a healthy provider streams. */
export function anthropicFrames(generation: Generation): JsonFrame[] {
  const frames = [messageStart(generation)];
  for (const [index, block] of generation.blocks.entries()) {
    frames.push(blockStart(index, block));
    if (index === 0) frames.push(event("ping"));
    for (const delta of deltasOf(block, generation)) frames.push(event("content_block_delta", { index, delta }));
    frames.push(event("content_block_stop", { index }));
  }
  frames.push(messageDelta(generation), event("message_stop"));
  return frames;
}

export function messageDelta(generation: Generation): JsonFrame {
  return event("message_delta", {
    delta: { stop_reason: generation.stopReason, stop_sequence: null },
    usage: { output_tokens: generation.outputTokens },
  });
}

export function blockStart(index: number, block: Block): JsonFrame {
  return event("content_block_start", { index, content_block: emptyBlock(block) });
}

function emptyBlock(block: Block): JsonObject {
  if (block.type === "text") return { type: "text", text: "" };
  if (block.type === "thinking") return { type: "thinking", thinking: "", signature: "" };
  return { type: "tool_use", id: block.id, name: block.name, input: {} };
}

function deltasOf(block: Block, generation: Generation): JsonObject[] {
  const random = randomFor(generation.seed, "pieces", generation.key, block.type);
  if (block.type === "text") return piecesOf(block.text, random).map((text) => ({ type: "text_delta", text }));
  if (block.type === "thinking") {
    const thoughts = piecesOf(block.thinking, random).map((thinking) => ({ type: "thinking_delta", thinking }));
    return [...thoughts, { type: "signature_delta", signature: block.signature }];
  }
  // The real API begins each tool input with an empty fragment.
  const input = ["", ...piecesOf(JSON.stringify(block.input), random)];
  return input.map((partial_json) => ({ type: "input_json_delta", partial_json }));
}

/** One generation in the shape of an answer that is not streamed. */
export function anthropicMessage(generation: Generation): JsonObject {
  return {
    id: generation.id,
    type: "message",
    role: "assistant",
    model: generation.model,
    content: generation.blocks,
    stop_reason: generation.stopReason,
    stop_sequence: null,
    usage: {
      input_tokens: generation.inputTokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: generation.outputTokens,
    },
  };
}

/** An error in Anthropic's shape, for a body and for an `error` event. */
export function anthropicError(type: string, message: string, extra: JsonObject = {}): JsonObject {
  return { type: "error", error: { type, message, ...extra }, request_id: "req_simulated" };
}
