import { choiceOf } from "./wire.ts";
import type { ScriptedFrame } from "./wire.ts";

/** The event's type in the Anthropic dialect. */
export function typeOf(frame: ScriptedFrame): unknown {
  return typeof frame.data === "string" ? undefined : frame.data["type"];
}

/** Where the deltas of one block stand. */
export function pieceIndexes(frames: readonly ScriptedFrame[], index: number): number[] {
  return frames.flatMap((frame, at) =>
    typeof frame.data !== "string" && frame.data["type"] === "content_block_delta" && frame.data["index"] === index ? [at] : [],
  );
}

/** Whether the frame starts an answer: `message_start`, or the chunk with the role. */
export function isStart(frame: ScriptedFrame): boolean {
  if (typeOf(frame) === "message_start") return true;
  const delta = choiceOf(frame)?.["delta"];
  return typeof delta === "object" && delta !== null && "role" in delta;
}

/** Whether the frame certifies the end: `message_delta`, or the chunk with `finish_reason`. */
export function isFinish(frame: ScriptedFrame): boolean {
  return typeOf(frame) === "message_delta" || typeof choiceOf(frame)?.["finish_reason"] === "string";
}

/** Whether the frame is the last word: `message_stop`, or `[DONE]`. */
export function isEnd(frame: ScriptedFrame): boolean {
  return frame.data === "[DONE]" || typeOf(frame) === "message_stop";
}
