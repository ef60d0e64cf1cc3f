import { event } from "./anthropic.ts";
import { both, wholeFrames, wholeMessage } from "./fault.ts";
import type { FaultDefinition, Scene, StreamScript } from "./fault.ts";
import { typeOf } from "./frames.ts";
import { chunk } from "./openai.ts";
import { encodeFrame, encodeFrames, jsonReply, sseHeaders, streamReply } from "./wire.ts";
import type { ScriptedFrame } from "./wire.ts";

/** A whole answer, oddly written. */
function form(name: string, description: string, script: (scene: Scene) => StreamScript): FaultDefinition {
  return { name, group: "wire_form", description, streamed: both(script) };
}

/** Something harmless after every frame but the last. */
function interspersed(scene: Scene, raw: string): StreamScript {
  const frames = wholeFrames(scene);
  return frames.flatMap((frame, at) => (at === frames.length - 1 ? [frame] : [frame, { raw }]));
}

/** A delta without text, as some relays send to keep a connection alive. */
function emptyDelta(scene: Scene): ScriptedFrame {
  return scene.request.dialect === "anthropic-messages"
    ? event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "" } })
    : chunk(scene.first, { content: "" });
}

export const faultsOfForm: readonly FaultDefinition[] = [
  {
    name: "nameless_frames",
    group: "wire_form",
    description: "no event: lines",
    streamed: { "anthropic-messages": (scene) => ({ parts: wholeFrames(scene), style: { nameless: true } }) },
  },
  {
    name: "data_before_event",
    group: "wire_form",
    description: "the data: line stands before the event: line",
    streamed: {
      "anthropic-messages": (scene) =>
        wholeFrames(scene).map((frame) => ({
          raw: `${encodeFrame({ data: frame.data }).trimEnd()}\nevent: ${frame.event ?? ""}\n\n`,
        })),
    },
  },
  form("no_space_data", "data:{ without a space", (scene) => ({ parts: wholeFrames(scene), style: { noSpace: true } })),
  form("crlf", "lines end in CR LF", (scene) => ({ parts: wholeFrames(scene), style: { newline: "\r\n" } })),
  form("cr", "lines end in CR", (scene) => ({ parts: wholeFrames(scene), style: { newline: "\r" } })),
  form("bom", "the body begins with a byte order mark", (scene) => [{ raw: "\uFEFF" }, ...wholeFrames(scene)]),
  form("comments", "comment lines between the frames", (scene) => interspersed(scene, ": OPENROUTER PROCESSING\n\n")),
  form("empty_data", "frames with empty data between the others", (scene) => interspersed(scene, "event: ping\ndata:\n\n")),
  form("empty_deltas", "deltas without text between the others", (scene) => {
    const [first, second] = scene.request.dialect === "anthropic-messages" ? [2, 3] : [1, 2];
    const frames = wholeFrames(scene);
    return frames.flatMap((frame, at) => (at === first || at === second ? [emptyDelta(scene), frame] : [frame]));
  }),
  form("last_frame_open", "the blank line after the last frame is missing", (scene) => {
    const frames = wholeFrames(scene);
    return [...frames.slice(0, -1), { raw: encodeFrames(frames.slice(-1)).trimEnd() }];
  }),
  form("json_content_type", "a stream sent as content-type application/json", (scene) => ({
    parts: wholeFrames(scene),
    headers: { "content-type": "application/json" },
  })),
  form("slow", "a pause between the frames", (scene) =>
    wholeFrames(scene).flatMap((frame) => (typeOf(frame) === "ping" ? [frame] : [frame, { waitMs: scene.delays.slowMs }])),
  ),
  {
    name: "json_for_stream",
    group: "wire_form",
    description: "a JSON answer although a stream was asked for",
    streamed: both((scene) => ({
      parts: [{ raw: JSON.stringify(wholeMessage(scene)) }],
      headers: { "content-type": "application/json" },
    })),
  },
  {
    name: "sse_for_nonstream",
    group: "wire_form",
    description: "a stream although none was asked for (streaming off only)",
    plain: (scene) => streamReply(wholeFrames(scene), undefined, sseHeaders),
  },
  {
    name: "json_then_done",
    group: "wire_form",
    description: "a JSON answer with data: [DONE] after it (streaming off only)",
    plain: (scene) => ({ ...jsonReply(200, ""), parts: [{ raw: `${JSON.stringify(wholeMessage(scene))}\n\ndata: [DONE]\n\n` }] }),
  },
];
