import { withThinking, withTool } from "./answer.ts";
import { anthropicFrames, blockStart, event, messageDelta, messageStart } from "./anthropic.ts";
import { cutFrames, cutPoint, offersTools } from "./fault.ts";
import type { FaultDefinition, Scene, StreamScript } from "./fault.ts";
import { pieceIndexes, typeOf } from "./frames.ts";
import { isObject } from "./wire.ts";
import type { JsonFrame } from "./wire.ts";

/** A fault of the Anthropic dialect alone: blocks and indexes, which the other dialect has not. */
function shape(name: string, description: string, script: (scene: Scene) => StreamScript | undefined): FaultDefinition {
  return { name, group: "stream_shape", description, streamed: { "anthropic-messages": script } };
}

function framesOf(scene: Scene): JsonFrame[] {
  return anthropicFrames(scene.first);
}

function firstOf(frames: readonly JsonFrame[], type: string): number {
  return frames.findIndex((frame) => typeOf(frame) === type);
}

/** The frames with some more put in before position `at`. */
function inserted(frames: readonly JsonFrame[], at: number, ...more: readonly JsonFrame[]): JsonFrame[] {
  return [...frames.slice(0, at), ...more, ...frames.slice(at)];
}

/** The frames with the `index` of every block event changed. */
function reindexed(frames: readonly JsonFrame[], index: (from: number) => number): JsonFrame[] {
  return frames.map((frame) =>
    typeof frame.data["index"] === "number" ? { ...frame, data: { ...frame.data, index: index(frame.data["index"]) } } : frame,
  );
}

const startShapes: readonly FaultDefinition[] = [
  shape("stop_first", "message_stop comes before message_start", (scene) => [event("message_stop"), ...framesOf(scene)]),
  shape("orphan_start", "a block is opened and closed before message_start; then a whole answer follows", (scene) => {
    const frames = framesOf(scene);
    const start = frames[firstOf(frames, "content_block_start")];
    return start === undefined ? frames : [start, event("content_block_stop", { index: 0 }), ...frames];
  }),
  shape("missing_block_start", "text deltas without content_block_start", (scene) =>
    framesOf(scene).filter((frame) => typeOf(frame) !== "content_block_start"),
  ),
  shape("dup_block_start", "content_block_start comes twice in a row", (scene) => {
    const frames = framesOf(scene);
    return frames.flatMap((frame) => (typeOf(frame) === "content_block_start" ? [frame, frame] : [frame]));
  }),
  shape("block_restarted", "in mid-text the block starts again at the same index, with another text", (scene) => [
    ...cutFrames(scene),
    ...anthropicFrames(scene.second()).slice(1),
  ]),
  shape("missing_block_fields", "content_block_start without its empty text, thinking, signature or input", (scene) =>
    anthropicFrames(withThinking(scene.first)).map((frame) => {
      const block = frame.data["content_block"];
      if (typeof block !== "object" || block === null) return frame;
      const bare = Object.fromEntries(Object.entries(block).filter(([key]) => ["type", "id", "name"].includes(key)));
      return { ...frame, data: { ...frame.data, content_block: bare } };
    }),
  ),
  shape("empty_block_first", "an empty text block comes before the block with the text", (scene) => {
    const [start, ...rest] = framesOf(scene);
    const empty = [blockStart(0, { type: "text", text: "" }), event("content_block_stop", { index: 0 })];
    return start === undefined ? [] : [start, ...empty, ...reindexed(rest, (index) => index + 1)];
  }),
];

/** Tool calls and stop reasons that contradict each other or come in one piece; nobody calls a tool that was not offered. */
const toolShapes: readonly FaultDefinition[] = [
  shape(
    "tool_input_in_start",
    "the whole input of a tool call stands in content_block_start (if the request offers tools)",
    (scene) => {
      if (!offersTools(scene)) return undefined;
      const generation = withTool(scene.first, scene.request);
      const inputs = generation.blocks.map((block) => (block.type === "tool_use" ? block.input : undefined));
      return anthropicFrames(generation).flatMap((frame) => {
        const input = inputs[Number(frame.data["index"])];
        if (input === undefined || typeOf(frame) === "content_block_stop") return [frame];
        const block = frame.data["content_block"];
        return isObject(block) ? [{ ...frame, data: { ...frame.data, content_block: { ...block, input } } }] : [];
      });
    },
  ),
  shape("tool_with_end_turn", "a tool call, and stop_reason end_turn (if the request offers tools)", (scene) =>
    offersTools(scene) ? anthropicFrames({ ...withTool(scene.first, scene.request), stopReason: "end_turn" }) : undefined,
  ),
  shape("repeated_tool_id", "two tool calls with the same id", (scene) => {
    const generation = withTool(scene.first, scene.request, 2);
    const id = generation.blocks.find((block) => block.type === "tool_use")?.id ?? "";
    const blocks = generation.blocks.map((block) => (block.type === "tool_use" ? { ...block, id } : block));
    return anthropicFrames({ ...generation, blocks });
  }),
];

const stopShapes: readonly FaultDefinition[] = [
  shape("dup_block_stop", "content_block_stop comes twice in a row", (scene) =>
    framesOf(scene).flatMap((frame) => (typeOf(frame) === "content_block_stop" ? [frame, frame] : [frame])),
  ),
  shape("stray_block_stop", "content_block_stop for a block that was never opened, in mid-text", (scene) => {
    const frames = framesOf(scene);
    return inserted(frames, cutPoint(frames, scene.random), event("content_block_stop", { index: 7 }));
  }),
  shape("block_not_closed", "no content_block_stop", (scene) =>
    framesOf(scene).filter((frame) => typeOf(frame) !== "content_block_stop"),
  ),
  shape("delta_after_stop", "the last text delta comes after its content_block_stop", (scene) => {
    const frames = framesOf(scene);
    const stop = firstOf(frames, "content_block_stop");
    const [last, end] = [frames[stop - 1], frames[stop]];
    return last === undefined || end === undefined
      ? frames
      : [...frames.slice(0, stop - 1), end, last, ...frames.slice(stop + 1)];
  }),
  shape("done_instead_of_stop", "data: [DONE] in place of message_stop", (scene) => [
    ...framesOf(scene).slice(0, -1),
    { data: "[DONE]" },
  ]),
  shape("done_after_stop", "data: [DONE] after message_stop", (scene) => [...framesOf(scene), { data: "[DONE]" }]),
  shape("usage_null", "message_delta with usage: null", (scene) => withMessageDelta(scene, { usage: null })),
  shape("usage_missing", "message_delta without usage", (scene) => withMessageDelta(scene, { usage: undefined })),
];

function withMessageDelta(scene: Scene, fields: Readonly<Record<string, unknown>>): JsonFrame[] {
  return framesOf(scene).map((frame) =>
    typeOf(frame) === "message_delta" ? { ...frame, data: { ...frame.data, ...fields } } : frame,
  );
}

const indexShapes: readonly FaultDefinition[] = [
  shape("index_gap", "blocks with indexes 0 and 2", (scene) =>
    reindexed(anthropicFrames(withThinking(scene.first)), (index) => index * 2),
  ),
  shape("index_reused", "a second block opens at the index of the one just closed", (scene) =>
    reindexed(anthropicFrames(withThinking(scene.first)), () => 0),
  ),
  shape("block_left_open", "a text block opens at the index of a thinking block that was never closed", (scene) => {
    const frames = reindexed(anthropicFrames(withThinking(scene.first)), () => 0);
    const stop = firstOf(frames, "content_block_stop");
    return frames.filter((_, at) => at !== stop);
  }),
  shape("block_type_switch", "thinking deltas, then text deltas, all in one block opened as text", (scene) => {
    const frames = anthropicFrames(withThinking(scene.first));
    const [start] = frames;
    const deltas = frames.filter((frame) => typeOf(frame) === "content_block_delta" && !isSignature(frame));
    const block = [
      blockStart(0, { type: "text", text: "" }),
      ...reindexed(deltas, () => 0),
      event("content_block_stop", { index: 0 }),
    ];
    return start === undefined ? [] : [start, ...block, messageDelta(scene.first), event("message_stop")];
  }),
  shape("interleaved_blocks", "two blocks open at once, their deltas in turn", (scene) => interleaved(scene)),
  shape("content_after_stop", "message_delta and message_stop come before the content, and once more after it", (scene) => {
    const [start, ...rest] = framesOf(scene);
    return start === undefined ? [] : [messageStart(scene.first), messageDelta(scene.first), event("message_stop"), ...rest];
  }),
];

function isSignature(frame: JsonFrame): boolean {
  return JSON.stringify(frame.data["delta"]).includes("signature_delta");
}

function interleaved(scene: Scene): JsonFrame[] {
  const frames = anthropicFrames(withThinking(scene.first));
  const of = (index: number): JsonFrame[] => pieceIndexes(frames, index).flatMap((at) => frames.slice(at, at + 1));
  const starts = frames.filter((frame) => typeOf(frame) === "content_block_start");
  const stops = frames.filter((frame) => typeOf(frame) === "content_block_stop");
  const lanes = starts.map((_, index) => of(index));
  const mixed = Array.from({ length: Math.max(...lanes.map((lane) => lane.length)) }, (_, at) => lanes.map((lane) => lane[at]))
    .flat()
    .filter((frame) => frame !== undefined);
  return [
    messageStart(scene.first),
    ...starts,
    ...mixed,
    ...stops.toReversed(),
    messageDelta(scene.first),
    event("message_stop"),
  ];
}

export const faultsOfShape: readonly FaultDefinition[] = [...startShapes, ...toolShapes, ...stopShapes, ...indexShapes];
