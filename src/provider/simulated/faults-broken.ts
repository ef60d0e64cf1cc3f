import { anthropicError } from "./anthropic.ts";
import { both, cleanReply, cutFrames, cutPoint, wholeFrames, wholeMessage } from "./fault.ts";
import type { FaultDefinition, Scene } from "./fault.ts";
import { chunk, done, openaiError, rawChunk } from "./openai.ts";
import { encodeFrame, encodeFrames, sseHeaders } from "./wire.ts";
import type { Part, Reply, ScriptedFrame } from "./wire.ts";

/** The whole answer to a request, streamed or not, as one text. */
function bodyOf(scene: Scene): string {
  return scene.request.stream ? encodeFrames(wholeFrames(scene)) : JSON.stringify(wholeMessage(scene));
}

/** Some bytes in place of the answer, with the content type the client expects. */
function inPlace(scene: Scene, raw: string | Uint8Array, type?: string): Reply {
  const expected: Readonly<Record<string, string>> = scene.request.stream ? sseHeaders : { "content-type": "application/json" };
  return { status: 200, headers: type === undefined ? expected : { "content-type": type }, parts: [{ raw }] };
}

/** The first part of a healthy answer, and then the act. */
function thenAct(scene: Scene, deed: "hang" | "reset" | "close", frames?: number): Reply {
  if (scene.request.stream) {
    const parts: readonly Part[] = frames === undefined ? cutFrames(scene) : wholeFrames(scene).slice(0, frames);
    return { status: 200, headers: sseHeaders, parts: [...parts, { act: deed }] };
  }
  const text = JSON.stringify(wholeMessage(scene));
  return { ...inPlace(scene, ""), parts: [{ raw: text.slice(0, Math.floor(text.length / 2)) }, { act: deed }] };
}

/** The providers' own words for trouble in mid-stream. */
function errorFrame(scene: Scene): ScriptedFrame {
  const overloaded = scene.random() < 0.5;
  if (scene.request.dialect === "anthropic-messages") {
    const body = overloaded
      ? anthropicError("overloaded_error", "Overloaded")
      : anthropicError("api_error", "Internal server error");
    return { event: "error", data: body };
  }
  const type = overloaded ? "server_is_overloaded" : "server_error";
  return { data: openaiError(type, "The server had an error while processing your request.", type) };
}

const broken: readonly FaultDefinition[] = [
  {
    name: "truncate",
    group: "stream_broken",
    description: "the body ends in mid-text, as if it were whole",
    streamed: both((scene) => cutFrames(scene)),
  },
  {
    name: "error_event",
    group: "stream_broken",
    description: "an error event (a chunk with an error) in mid-text, then the end",
    streamed: both((scene) => [...cutFrames(scene), errorFrame(scene)]),
  },
  {
    name: "error_first",
    group: "stream_broken",
    description: "HTTP 200, and the first event is an error",
    streamed: both((scene) => [errorFrame(scene)]),
  },
  {
    name: "error_string",
    group: "stream_broken",
    description: "in mid-text an error that is a string, not an object",
    streamed: both((scene) => [...cutFrames(scene), { data: { error: "modelStreamErrorException: the model stream broke" } }]),
  },
  {
    name: "finish_error",
    group: "stream_broken",
    description: 'the text breaks off with finish_reason "error"',
    streamed: {
      "openai-completions": (scene) => [...cutFrames(scene), chunk(scene.first, {}, { finish_reason: "error" }), done],
    },
  },
  {
    name: "choice_error",
    group: "stream_broken",
    description: "the text breaks off with an error object inside choices[0]",
    streamed: {
      "openai-completions": (scene) => {
        const error = { code: 502, message: "Provider returned error", metadata: { error_type: "provider_unavailable" } };
        return [...cutFrames(scene), chunk(scene.first, {}, { error, finish_reason: "error" }), done];
      },
    },
  },
  {
    name: "error_with_choices",
    group: "stream_broken",
    description: "a chunk with both a top-level error and empty choices, then [DONE]",
    streamed: {
      "openai-completions": (scene) => {
        const error = { code: 502, message: "Upstream error", metadata: { error_type: "provider_unavailable" } };
        return [...cutFrames(scene), rawChunk(scene.first, { error, choices: [] }), done];
      },
    },
  },
  {
    name: "garbage",
    group: "stream_broken",
    description: "a data line in mid-text is not JSON (the body is not JSON)",
    streamed: both((scene) => {
      const frames = wholeFrames(scene);
      const at = cutPoint(frames, scene.random);
      const text = encodeFrame(frames[at - 1] ?? done);
      return [...frames.slice(0, at - 1), { raw: `${text.slice(0, Math.floor(text.length * 0.6))}\n\n` }, ...frames.slice(at)];
    }),
    plain: (scene) => inPlace(scene, `${JSON.stringify(wholeMessage(scene)).slice(0, -40)}<<<`),
  },
  {
    name: "glued_frames",
    group: "stream_broken",
    description: "the line ends between two frames are lost, so both stand in one data line",
    streamed: both((scene) => {
      const frames = wholeFrames(scene);
      const at = cutPoint(frames, scene.random) - 1;
      const glued = encodeFrames(frames.slice(at, at + 2)).replace("\n\n", "");
      return [...frames.slice(0, at), { raw: glued }, ...frames.slice(at + 2)];
    }),
  },
  {
    name: "invalid_utf8",
    group: "stream_broken",
    description: "a byte in mid-text is not UTF-8",
    streamed: both((scene) => {
      const frames = wholeFrames(scene);
      const at = cutPoint(frames, scene.random) - 1;
      const text = encodeFrame(frames[at] ?? done);
      const bytes = Buffer.from(text);
      // The first byte of the delta's text: what is lost is content, not a name.
      const content = /"(?:text|content|thinking|reasoning_content|partial_json|arguments|signature)":"/u.exec(text);
      bytes[Buffer.byteLength(text.slice(0, (content?.index ?? 0) + (content?.[0].length ?? 0)))] = 0xff;
      return [...frames.slice(0, at), { raw: bytes }, ...frames.slice(at + 1)];
    }),
  },
  {
    name: "gzip_ruin",
    group: "stream_broken",
    description: "gzip bytes that were decoded as text on the way, with no content-encoding",
    any: (scene) => inPlace(scene, gzip(bodyOf(scene)).toString("utf8")),
  },
  {
    name: "gzip_unlabelled",
    group: "stream_broken",
    description: "gzip bytes with no content-encoding",
    any: (scene) => inPlace(scene, gzip(bodyOf(scene))),
  },
  {
    name: "html_body",
    group: "stream_broken",
    description: "HTTP 200 with an HTML error page",
    any: (scene) => inPlace(scene, htmlPage("504 Gateway Time-out"), "text/html; charset=utf-8"),
  },
];

function gzip(text: string): Buffer {
  return process.getBuiltinModule("node:zlib").gzipSync(text);
}

/** What a proxy in front of a provider says. */
export function htmlPage(title: string): string {
  return `<!DOCTYPE html>\n<html><head><title>${title}</title></head>\n<body><center><h1>${title}</h1></center><hr><center>cloudflare</center></body></html>\n`;
}

const stalledOrGone: readonly FaultDefinition[] = [
  {
    name: "hang",
    group: "stream_stall",
    description: "silence after the first event (the first half of the body)",
    any: (scene) => thenAct(scene, "hang", 1),
  },
  {
    name: "hang_before_headers",
    group: "stream_stall",
    description: "the request is taken and nothing at all comes back",
    any: () => ({ status: 200, headers: {}, parts: [{ act: "hang" }], withoutHead: true }),
  },
  { name: "reset", group: "network", description: "a TCP reset in mid-text", any: (scene) => thenAct(scene, "reset") },
  {
    name: "premature_close",
    group: "network",
    description: "the connection closes in mid-text without the end of the body",
    any: (scene) => thenAct(scene, "close"),
  },
  {
    name: "reset_before_headers",
    group: "network",
    description: "a TCP reset in place of an answer",
    any: () => ({ status: 200, headers: {}, parts: [{ act: "reset" }], withoutHead: true }),
  },
];

/** A whole answer without content. */
function emptied(scene: Scene, outputTokens: number): Scene {
  return { ...scene, first: { ...scene.first, blocks: [], stopReason: "end_turn", outputTokens } };
}

/** Half of the text, then the given stop reason: the answer says of itself that it is not whole. */
function halved(scene: Scene, stopReason: string): Scene {
  const blocks = scene.first.blocks
    .filter((block) => block.type === "text")
    .map((block) => ({ ...block, text: block.text.slice(0, Math.floor(block.text.length / 2)) }));
  return { ...scene, first: { ...scene.first, blocks, stopReason } };
}

const incomplete: readonly FaultDefinition[] = [
  { name: "empty_stream", group: "empty", description: "HTTP 200 and not one byte", any: (scene) => inPlace(scene, "") },
  {
    name: "empty_message",
    group: "empty",
    description: "a whole answer without any content",
    any: (scene) => cleanReply(emptied(scene, 2)),
  },
  {
    name: "empty_with_tokens",
    group: "empty",
    description: "a whole answer without any content that counts 157 output tokens",
    any: (scene) => cleanReply(emptied(scene, 157)),
  },
  {
    name: "max_tokens_reached",
    group: "output_truncated",
    description: "half of the text, with stop reason max_tokens (length)",
    any: (scene) => cleanReply(halved(scene, "max_tokens")),
  },
  {
    name: "refusal",
    group: "content_policy",
    description: "half of the text, with stop reason refusal (content_filter)",
    any: (scene) => cleanReply(halved(scene, "refusal")),
  },
];

export const faultsOfBreaking: readonly FaultDefinition[] = [...broken, ...stalledOrGone, ...incomplete];
