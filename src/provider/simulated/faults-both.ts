import { withTool } from "./answer.ts";
import { event } from "./anthropic.ts";
import { both, cutPoint, offersTools, wholeFrames } from "./fault.ts";
import type { FaultDefinition, Scene, StreamScript } from "./fault.ts";
import { isEnd, isFinish, isStart, typeOf } from "./frames.ts";
import { chunk, done, finishChunk } from "./openai.ts";
import { choiceOf, encodeFrame, isObject, listOf } from "./wire.ts";
import type { Part, ScriptedFrame } from "./wire.ts";

/** A fault both dialects can have. */
function shape(name: string, description: string, script: (scene: Scene) => StreamScript): FaultDefinition {
  return { name, group: "stream_shape", description, streamed: both(script) };
}

function isAnthropic(scene: Scene): boolean {
  return scene.request.dialect === "anthropic-messages";
}

/** The start moved to behind the frame at position `to`. */
function startMoved(frames: readonly ScriptedFrame[], to: number): ScriptedFrame[] {
  const start = frames.filter((frame) => isStart(frame)).slice(0, 1);
  const others = frames.filter((frame) => !start.includes(frame));
  return [...others.slice(0, to), ...start, ...others.slice(to)];
}

const startAndEnd: readonly FaultDefinition[] = [
  shape("late_start", "message_start (the role chunk) comes after the first frame of the content", (scene) =>
    startMoved(wholeFrames(scene), 1),
  ),
  shape("delta_before_start", "message_start (the role chunk) comes in mid-text", (scene) => {
    const frames = wholeFrames(scene);
    return startMoved(frames, cutPoint(frames, scene.random) - 1);
  }),
  shape("missing_start", "no message_start (no role chunk)", (scene) => wholeFrames(scene).filter((frame) => !isStart(frame))),
  shape("missing_message_stop", "the stream ends without message_stop (without [DONE])", (scene) =>
    wholeFrames(scene).filter((frame) => !isEnd(frame)),
  ),
  shape("missing_message_delta", "no message_delta, so no stop_reason (no finish_reason)", (scene) =>
    wholeFrames(scene).filter((frame) => !isFinish(frame)),
  ),
  shape("stop_twice", "message_stop ([DONE]) comes twice", (scene) =>
    wholeFrames(scene).flatMap((frame) => (isEnd(frame) ? [frame, frame] : [frame])),
  ),
  shape(
    "two_message_deltas",
    "the stop reason in one message_delta, the usage in a second with stop_reason null (two finish chunks)",
    (scene) => wholeFrames(scene).flatMap((frame) => (isFinish(frame) ? finishTwice(scene, frame) : [frame])),
  ),
  shape("open_after_stop", "after the end of the answer the body is never closed", (scene) => [
    ...wholeFrames(scene),
    { act: "hang" },
  ]),
  shape("pings_without_stop", "after the stop reason only pings (comments) come, for ever, and no end", (scene) => {
    const frames = wholeFrames(scene).filter((frame) => !isEnd(frame));
    const ping: Part = isAnthropic(scene) ? event("ping") : { raw: ": ping\n\n" };
    return [...frames, ...Array.from({ length: 1000 }, () => [ping, { waitMs: scene.delays.pingMs }]).flat(), { act: "hang" }];
  }),
];

function finishTwice(scene: Scene, frame: ScriptedFrame): ScriptedFrame[] {
  if (!isAnthropic(scene)) return [frame, frame];
  const usage = { input_tokens: scene.first.inputTokens, output_tokens: scene.first.outputTokens };
  const second = event("message_delta", { delta: { stop_reason: null, stop_sequence: null }, usage });
  return [
    event("message_delta", { delta: { stop_reason: scene.first.stopReason, stop_sequence: null }, usage: { output_tokens: 1 } }),
    second,
  ];
}

const content: readonly FaultDefinition[] = [
  shape("unknown_event", "an event (a chunk) of a type nobody knows, in mid-text", (scene) => {
    const frames = wholeFrames(scene);
    const at = cutPoint(frames, scene.random);
    const unknown = isAnthropic(scene)
      ? event("content_block_annotation", { index: 0, annotation: { kind: "simulated" } })
      : { data: { object: "chat.completion.annotation", note: "simulated" } };
    return [...frames.slice(0, at), unknown, ...frames.slice(at)];
  }),
  shape("tool_json_cut", "the input of a tool call breaks off, and the answer is closed as if it were whole", (scene) => {
    const frames = wholeFrames(scene, withTool(scene.first, scene.request));
    // Of the last call, so that it breaks off and does not vanish: a call without any input is a whole one of a tool that takes none.
    const all = frames.flatMap((frame, at) => (toolPiece(frame) === undefined ? [] : [at]));
    const last = callOf(frames[all.at(-1) ?? 0]);
    const pieces = all.filter((at) => callOf(frames[at]) === last);
    const dropped = new Set(pieces.slice(Math.ceil(pieces.length / 2)));
    return frames.filter((_, at) => !dropped.has(at));
  }),
  shape("tool_stop_without_tool", "text and no tool call, and stop reason tool_use (tool_calls)", (scene) =>
    wholeFrames(scene, { ...scene.first, stopReason: "tool_use" }),
  ),
  shape("data_twice", "data: data: before every frame", (scene) =>
    wholeFrames(scene).map((frame) => ({ raw: encodeFrame(frame).replace("data: ", "data: data: ") })),
  ),
  shape("cumulative_text", "each text delta holds the whole text so far", (scene) => {
    let soFar = "";
    return wholeFrames(scene).map((frame) => withText(frame, (text) => (soFar += text)));
  }),
];

/** The fragment of a tool's input in this frame. */
function toolPiece(frame: ScriptedFrame): string | undefined {
  return /"(?:partial_json|arguments)":"(?<piece>(?:[^"\\]|\\.)+)"/u.exec(JSON.stringify(frame.data))?.groups?.["piece"];
}

/** Which block or call of the answer a frame with a fragment belongs to. */
function callOf(frame: ScriptedFrame | undefined): string | undefined {
  const json = JSON.stringify(frame?.data) ?? "";
  const found = /"tool_calls":\[\{"index":(?<index>\d+)/u.exec(json) ?? /"index":(?<index>\d+)/u.exec(json);
  return found?.groups?.["index"];
}

/** The frame with its text changed, if it carries text. */
function withText(frame: ScriptedFrame, change: (text: string) => string): ScriptedFrame {
  if (typeof frame.data === "string") return frame;
  const delta = frame.data["delta"];
  if (typeOf(frame) === "content_block_delta" && isObject(delta) && typeof delta["text"] === "string") {
    return { ...frame, data: { ...frame.data, delta: { ...delta, text: change(delta["text"]) } } };
  }
  const choice = choiceOf(frame);
  const inner = choice?.["delta"];
  if (!isObject(inner) || typeof inner["content"] !== "string" || inner["content"] === "") return frame;
  return { ...frame, data: { ...frame.data, choices: [{ ...choice, delta: { ...inner, content: change(inner["content"]) } }] } };
}

/** A fault of the OpenAI dialect alone. */
function chunkShape(name: string, description: string, script: (scene: Scene) => StreamScript | undefined): FaultDefinition {
  return { name, group: "stream_shape", description, streamed: { "openai-completions": script } };
}

/** Changes the only choice of every chunk that has one. */
function withChoices(
  frames: readonly ScriptedFrame[],
  change: (choice: Readonly<Record<string, unknown>>) => object,
): ScriptedFrame[] {
  return frames.map((frame) => {
    const choice = choiceOf(frame);
    return choice === undefined || typeof frame.data === "string"
      ? frame
      : { ...frame, data: { ...frame.data, choices: [change(choice)] } };
  });
}

/** Changes the index of every tool call; needs a request that offers tools, for nobody calls a tool that was not offered. */
function withToolIndexes(scene: Scene, change: (index: number) => number | undefined): ScriptedFrame[] | undefined {
  if (!offersTools(scene)) return undefined;
  return withChoices(wholeFrames(scene, withTool(scene.first, scene.request, 2)), (choice) => {
    const delta = choice["delta"];
    if (!isObject(delta) || delta["tool_calls"] === undefined) return choice;
    const calls = listOf(delta["tool_calls"]).map((call) => ({ ...call, index: change(Number(call["index"])) }));
    return { ...choice, delta: { ...delta, tool_calls: calls } };
  });
}

const chunks: readonly FaultDefinition[] = [
  chunkShape(
    "tool_index_zero",
    "two tool calls, both with index 0, each with its own id (if the request offers tools)",
    (scene) => withToolIndexes(scene, () => 0),
  ),
  chunkShape("tool_index_missing", "tool calls without an index (if the request offers tools)", (scene) =>
    withToolIndexes(scene, () => undefined),
  ),
  chunkShape("tool_index_gap", "tool calls with indexes 1 and 3 (if the request offers tools)", (scene) =>
    withToolIndexes(scene, (index) => index * 2 + 1),
  ),
  chunkShape("usage_in_choice", "the usage stands inside choices[0] of the finish chunk", (scene) => {
    const usage = { prompt_tokens: scene.first.inputTokens, completion_tokens: scene.first.outputTokens };
    const frames = wholeFrames(scene).filter((frame) => typeof frame.data === "string" || choiceOf(frame) !== undefined);
    return withChoices(frames, (choice) => (typeof choice["finish_reason"] === "string" ? { ...choice, usage } : choice));
  }),
  chunkShape("empty_finish", 'finish_reason "" on every chunk until the last', (scene) =>
    withChoices(wholeFrames(scene), (choice) => ({ ...choice, finish_reason: choice["finish_reason"] ?? "" })),
  ),
  chunkShape("empty_ids", "every chunk after the first has an empty id", (scene) =>
    wholeFrames(scene).map((frame, at) =>
      at === 0 || typeof frame.data === "string" ? frame : { data: { ...frame.data, id: "" } },
    ),
  ),
  chunkShape("choices_null", "a chunk with choices: null in mid-text", (scene) => {
    const frames = wholeFrames(scene);
    const at = cutPoint(frames, scene.random);
    const { data } = chunk(scene.first, {});
    return [...frames.slice(0, at), { data: { ...data, choices: null } }, ...frames.slice(at)];
  }),
  chunkShape("empty_object", "data: {} between the chunks", (scene) =>
    wholeFrames(scene).flatMap((frame) => (frame === done ? [frame] : [frame, { data: {} }])),
  ),
  chunkShape("content_after_finish", "more text comes after the finish chunk, and then another finish chunk", (scene) => {
    const frames = wholeFrames(scene);
    const at = cutPoint(frames, scene.random);
    return [...frames.slice(0, at), finishChunk(scene.first), ...frames.slice(at)];
  }),
];

export const faultsOfBoth: readonly FaultDefinition[] = [...startAndEnd, ...content, ...chunks];
