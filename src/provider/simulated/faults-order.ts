import type { Generation } from "./answer.ts";
import { withTool } from "./answer.ts";
import { anthropicFrames, event, messageStart } from "./anthropic.ts";
import { both, cutFrames, wholeFrames } from "./fault.ts";
import type { FaultDefinition, Scene } from "./fault.ts";
import { isFinish } from "./frames.ts";
import { done, finishChunk, roleChunk } from "./openai.ts";
import type { ScriptedFrame } from "./wire.ts";

/** The start of a stream in the request's dialect: `message_start`, or the chunk with the role. */
function startOf(scene: Scene, generation: Generation): ScriptedFrame {
  return scene.request.dialect === "anthropic-messages" ? messageStart(generation) : roleChunk(generation);
}

/** Half of one generation, then the whole of another, as when a relay asks again without telling. */
function restart(scene: Scene, second: Generation): ScriptedFrame[] {
  return [...cutFrames(scene), ...wholeFrames(scene, second)];
}

/** The streams the project was born from: what `stream_order` draws among, with equal weight. */
const orderFaults: readonly FaultDefinition[] = [
  {
    name: "dup_start",
    group: "stream_order",
    description: "message_start (the role chunk) comes twice with the same id; the content is sent once",
    streamed: both((scene) => [startOf(scene, scene.first), ...wholeFrames(scene)]),
  },
  {
    name: "dup_start_29",
    group: "stream_order",
    description: "29 times message_start (the role chunk) in a row, the content once",
    streamed: both((scene) => [...Array.from({ length: 28 }, () => startOf(scene, scene.first)), ...wholeFrames(scene)]),
  },
  {
    name: "restart_new_id",
    group: "stream_order",
    description: "the answer breaks off in mid-text and another whole answer with a new id follows",
    streamed: both((scene) => restart(scene, scene.second())),
  },
  {
    name: "orphan_stop",
    group: "stream_order",
    description: "content_block_stop (a finish chunk) comes before the start",
    streamed: {
      "anthropic-messages": (scene) => [event("content_block_stop", { index: 0 }), ...wholeFrames(scene)],
      "openai-completions": (scene) => [finishChunk(scene.first), ...wholeFrames(scene)],
    },
  },
];

const restartFaults: readonly FaultDefinition[] = [
  {
    name: "dup_start_late",
    group: "stream_shape",
    description: "message_start (the role chunk) comes again, same id, in mid-text; the text goes on where it was",
    streamed: both((scene) => {
      const head = cutFrames(scene);
      return [...head, startOf(scene, scene.first), ...wholeFrames(scene).slice(head.length)];
    }),
  },
  {
    name: "dup_start_new_id",
    group: "stream_shape",
    description: "two starts with different ids before any content; the content is sent once",
    streamed: both((scene) => [startOf(scene, { ...scene.first, id: scene.second().id }), ...wholeFrames(scene)]),
  },
  {
    name: "restart_same_id",
    group: "stream_shape",
    description: "the answer breaks off in mid-text and another whole answer with the same id follows",
    streamed: both((scene) => restart(scene, { ...scene.second(), id: scene.first.id })),
  },
  {
    name: "restart_after_tool",
    group: "stream_shape",
    description: "after a finished tool call another whole answer with a new id, and a tool call of its own, follows",
    streamed: both((scene) => {
      const first = wholeFrames(scene, withTool(scene.first, scene.request));
      const end = first.findIndex((frame) => isFinish(frame));
      return [...first.slice(0, end), ...wholeFrames(scene, withTool(scene.second(), scene.request))];
    }),
  },
  {
    name: "second_message",
    group: "stream_shape",
    description: "two whole answers, one after the other, in one body",
    streamed: {
      "anthropic-messages": (scene) => [...anthropicFrames(scene.first), ...anthropicFrames(scene.second())],
      "openai-completions": (scene) => [
        ...wholeFrames(scene).filter((frame) => frame !== done),
        ...wholeFrames(scene, scene.second()),
      ],
    },
  },
];

export const faultsOfOrder: readonly FaultDefinition[] = [...orderFaults, ...restartFaults];
