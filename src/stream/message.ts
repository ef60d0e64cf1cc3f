import type { Repair } from "../errors.ts";
import { AnthropicNormalizer } from "./anthropic.ts";
import type { AssembledMessage, Frame, Normalizer, NormalizerOptions, StreamDialect } from "./event.ts";
import { isObject, type Json, objectOr, stringOr, tooDeep } from "./json.ts";
import { OpenaiNormalizer } from "./openai.ts";
import { baseError, failedBase } from "./openai-frame.ts";

/**
 * A whole, non-streamed answer as the events a stream would have brought, so that both are proven by the same machine.
 * Undefined if the body is not shaped like an answer of the dialect at all.
 */
export function framesOf(dialect: StreamDialect, body: unknown): Frame[] | undefined {
  if (!isObject(body) || tooDeep(body)) return undefined;
  if (isFailure(body)) return [{ event: "error", data: JSON.stringify(failedBase(body) ? { error: baseError(body) } : body) }];
  return dialect === "anthropic-messages" ? anthropicFrames(body) : openaiFrames(body);
}

function isFailure(body: Json): boolean {
  return (
    body["type"] === "error" ||
    body["object"] === "error" ||
    (body["error"] !== undefined && body["error"] !== null) ||
    failedBase(body)
  );
}

function named(event: Json): Frame {
  return { event: stringOr(event["type"], ""), data: JSON.stringify(event) };
}

function anthropicFrames(body: Json): Frame[] | undefined {
  const { content } = body;
  if (!Array.isArray(content)) return undefined;
  const { stop_reason, stop_sequence = null, usage } = body;
  const extras = Object.fromEntries(
    ["stop_details", "container"].flatMap((key) => (body[key] === undefined ? [] : [[key, body[key]]])),
  );
  return [
    named({ type: "message_start", message: { ...body, content: [], stop_reason: null, stop_sequence: null } }),
    ...content.flatMap((block: unknown, index) => blockFrames(objectOr(block), index)),
    named({
      type: "message_delta",
      delta: { ...extras, stop_reason: stop_reason ?? null, stop_sequence },
      ...(usage === undefined ? {} : { usage }),
    }),
    named({ type: "message_stop" }),
  ];
}

function blockFrames(block: Json, index: number): Frame[] {
  const { start, deltas } = split(block);
  return [
    named({ type: "content_block_start", index, content_block: start }),
    ...deltas.map((delta) => named({ type: "content_block_delta", index, delta })),
    named({ type: "content_block_stop", index }),
  ];
}

/** A block's start without its content, and the content as deltas. */
function split(block: Json): { start: Json; deltas: Json[] } {
  const type = stringOr(block["type"], "");
  if (type === "text" && typeof block["text"] === "string") {
    return { start: { ...block, text: "" }, deltas: block["text"] === "" ? [] : [{ type: "text_delta", text: block["text"] }] };
  }
  if (type === "thinking" && typeof block["thinking"] === "string") {
    const { thinking, signature } = block;
    const deltas: Json[] = thinking === "" ? [] : [{ type: "thinking_delta", thinking }];
    if (typeof signature === "string" && signature !== "") deltas.push({ type: "signature_delta", signature });
    return { start: { ...block, thinking: "", signature: "" }, deltas };
  }
  if (type.endsWith("tool_use") && isObject(block["input"])) {
    return {
      start: { ...block, input: {} },
      deltas: [{ type: "input_json_delta", partial_json: JSON.stringify(block["input"]) }],
    };
  }
  return { start: block, deltas: [] };
}

function openaiFrames(body: Json): Frame[] | undefined {
  const { choices, usage, ...rest } = body;
  if (!Array.isArray(choices)) return undefined;
  const head = { ...rest, object: "chat.completion.chunk" };
  const chunk = (one: readonly Json[], more: Json = {}): Frame => ({
    event: undefined,
    data: JSON.stringify({ ...head, choices: one, ...more }),
  });
  const frames: Frame[] = [];
  for (const given of choices) {
    if (!isObject(given) || (!isObject(given["message"]) && !given["error"])) return undefined;
    const { message, finish_reason = null, ...others } = given;
    const index = given["index"] ?? 0;
    frames.push(chunk([{ ...others, index, delta: indexed(objectOr(message)), finish_reason: null }]));
    frames.push(chunk([{ index, delta: {}, finish_reason }]));
  }
  if (isObject(usage)) frames.push(chunk([], { usage }));
  frames.push({ event: undefined, data: "[DONE]" });
  return frames;
}

/** Tool calls of a whole message have no index; those of a chunk must. */
function indexed(message: Json): Json {
  const delta: Record<string, unknown> = { ...message };
  if (typeof delta["role"] !== "string") delta["role"] = "assistant";
  const calls = message["tool_calls"];
  if (Array.isArray(calls))
    delta["tool_calls"] = calls.map((call: unknown, index) => (isObject(call) ? { ...call, index } : call));
  return delta;
}

function machine(dialect: StreamDialect, options: NormalizerOptions): Normalizer {
  return dialect === "anthropic-messages" ? new AnthropicNormalizer(options) : new OpenaiNormalizer(options);
}

/** What a whole answer proved to be. */
interface ProvenMessage {
  readonly message: AssembledMessage;
  /** The same answer as server-sent events. */
  readonly events: string;
  readonly repairs: readonly Repair[];
}

/**
 * Proves a non-streamed body by the rules of the streams.
 * @throws StreamError if it is an error object, not shaped like an answer, unfinished, or not whole.
 */
export function proveMessage(dialect: StreamDialect, body: unknown, options: NormalizerOptions = {}): ProvenMessage {
  const proof = machine(dialect, { ...options, assemble: true });
  const frames = framesOf(dialect, body);
  if (frames === undefined) throw proof.refuse("unexpected_body", "the body is JSON and no answer of this dialect");
  let events = "";
  for (const frame of frames) events += proof.push(frame);
  events += proof.end("eof");
  return { message: proof.message(), events, repairs: proof.repairs };
}

/** The answer, proven; see `proveMessage`. @throws StreamError */
export function checkMessage(dialect: StreamDialect, body: unknown, options: NormalizerOptions = {}): AssembledMessage {
  return proveMessage(dialect, body, options).message;
}

/** A complete non-streamed answer as the text of the stream that would have brought it. @throws StreamError */
export function messageToEvents(dialect: StreamDialect, body: unknown, options: NormalizerOptions = {}): string {
  return proveMessage(dialect, body, options).events;
}
