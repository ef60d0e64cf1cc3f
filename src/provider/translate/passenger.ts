/**
 * What one dialect has no place for travels as a passenger: thinking with its signature, the order of text and calls, ids that are
 * too long. It is put where the turn keeps it unread and sends it back with the history, so that it comes home unchanged when the
 * ladder returns. It is never sent to a provider of the other dialect: the adapters put it out before a request goes (`withoutSeats`, `withoutReasoningBlocks`).
 *
 * In OpenAI's messages it is an entry of `reasoning_details`; in Anthropic's a `thinking` or `redacted_thinking` block whose signature
 * or data begins with our mark.
 */
import type { JsonObject } from "../provider.ts";
import { isObject, listOr, objectOr, saysNothing, textOr } from "./problems.ts";

const format = "turn-runner/anthropic-messages";
const mark = "turn-runner.openai-completions.";

/** One block of an Anthropic message: thinking whole, a text as its length, a tool call as its id. */
export type Seat = JsonObject | number | string;

export function passengerOf(seats: readonly Seat[]): JsonObject {
  return { type: "reasoning.encrypted", format, data: Buffer.from(JSON.stringify(seats)).toString("base64url") };
}

/** The blocks an OpenAI message carries; undefined if it carries none of ours. */
export function seatsOf(message: JsonObject): readonly Seat[] | undefined {
  const ours = listOr(message["reasoning_details"]).find(isOurs);
  if (ours === undefined) return undefined;
  const seats = parsed(textOr(ours["data"]));
  return Array.isArray(seats) ? (seats as readonly unknown[]).filter(isSeat) : undefined;
}

function isSeat(value: unknown): value is Seat {
  return typeof value === "string" || typeof value === "number" || (isObject(value) && isThinking(value));
}

const isOurs = (detail: unknown): detail is JsonObject => isObject(detail) && detail["format"] === format;

export const isThinking = (block: JsonObject): boolean => block["type"] === "thinking" || block["type"] === "redacted_thinking";

/** Fields of an OpenAI message that Anthropic's blocks have a place for. */
const placed = new Set(["role", "content", "tool_calls", "refusal", "audio", "function_call", "name"]);
const placedInCall = new Set(["id", "type", "function", "index"]);

/** The fields of an OpenAI message, and of each of its calls, that have no place in Anthropic's: reasoning, signatures of calls, … */
export interface Luggage {
  readonly message: JsonObject;
  readonly calls: readonly JsonObject[];
}

/** The reasoning of an OpenAI message, and what else has no place, as a block of Anthropic's; undefined if there is none. */
export function reasoningBlock(message: JsonObject): JsonObject | undefined {
  const luggage: Luggage = {
    message: without(placed, message),
    calls: listOr(message["tool_calls"]).map((call) => without(placedInCall, isObject(call) ? call : {})),
  };
  const fields = Object.keys(luggage.message);
  const bare = luggage.calls.every((call) => Object.keys(call).length === 0);
  if (fields.length === 0 && bare) return undefined;
  const thinking = textOr(message["reasoning_content"]) || textOr(message["reasoning"]);
  const [only] = fields;
  if (bare && fields.length === 1 && (only === "reasoning_content" || only === "reasoning") && thinking !== "")
    return { type: "thinking", thinking, signature: mark + only };
  const packed = mark + Buffer.from(JSON.stringify(luggage)).toString("base64url");
  return thinking === "" ? { type: "redacted_thinking", data: packed } : { type: "thinking", thinking, signature: packed };
}

function without(known: ReadonlySet<string>, value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([key, one]) => !known.has(key) && !isEmpty(one)));
}

const isEmpty = (value: unknown): boolean => saysNothing(value) || value === "";

/** Whether a block of an Anthropic message is what an OpenAI-style model's message has no place for there. */
export function isReasoningBlock(block: unknown): block is JsonObject {
  return (
    isObject(block) &&
    isThinking(block) &&
    (textOr(block["signature"]).startsWith(mark) || textOr(block["data"]).startsWith(mark))
  );
}

export function luggageOf(block: JsonObject): Luggage {
  const packed = (textOr(block["signature"]) || textOr(block["data"])).slice(mark.length);
  if (packed === "reasoning_content" || packed === "reasoning") return { message: { [packed]: block["thinking"] }, calls: [] };
  const { message, calls } = objectOr(parsed(packed));
  return {
    message: without(placed, objectOr(message)),
    calls: listOr(calls).map((call) => without(placedInCall, objectOr(call))),
  };
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(Buffer.from(data, "base64url").toString()) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * The body that an OpenAI-style provider is sent: without Anthropic's passengers.
 * @param keepThoughts whether what another dialect's model thought goes along as `reasoning_content`.
 */
export function withoutSeats(body: JsonObject, keepThoughts: boolean): JsonObject {
  if (!listOr(body["messages"]).some((message) => isObject(message) && listOr(message["reasoning_details"]).some(isOurs)))
    return body;
  return {
    ...body,
    messages: listOr(body["messages"]).map((message) => (isObject(message) ? seatless(message, keepThoughts) : message)),
  };
}

function seatless(message: JsonObject, keepThoughts: boolean): JsonObject {
  const details = listOr(message["reasoning_details"]);
  if (!details.some(isOurs)) return message;
  const { reasoning_details: _all, reasoning_content: words, ...others } = message;
  const rest = keepThoughts && words !== undefined ? { ...others, reasoning_content: words } : others;
  const own = details.filter((detail) => !isOurs(detail));
  return own.length === 0 ? rest : { ...rest, reasoning_details: own };
}

/** The body that an Anthropic-style provider is sent: without blocks of ours, whose signature it would refuse. */
export function withoutReasoningBlocks(body: JsonObject): { readonly body: JsonObject; readonly changes: readonly string[] } {
  return withoutThinking(body, isReasoningBlock);
}

/**
 * A body without the thinking that its provider would refuse. A turn that is in the middle of its tools must begin with thinking while
 * thinking is on, so it is off until the next question (docs.claude.com, "Extended thinking with tool use").
 */
export function withoutThinking(
  body: JsonObject,
  isForeign: (block: unknown) => boolean,
): { readonly body: JsonObject; readonly changes: readonly string[] } {
  const messages = listOr(body["messages"]);
  const holds = (message: unknown): message is JsonObject => isObject(message) && listOr(message["content"]).some(isForeign);
  if (!messages.some(holds)) return { body, changes: [] };
  const own = messages.flatMap((message) => {
    if (!holds(message)) return [message];
    const content = listOr(message["content"]).filter((block) => !isForeign(block));
    return content.length === 0 ? [] : [{ ...message, content }];
  });
  const left = { ...body, messages: own };
  if (!midTools(own) || objectOr(body["thinking"])["type"] === "disabled" || body["thinking"] === undefined)
    return { body: left, changes: [] };
  return {
    body: { ...left, thinking: { type: "disabled" } },
    changes: ["thinking is off for this request: another model thought before the calls it goes on from"],
  };
}

/** The last thing is results of tools, and the message that asked for them does not begin with thinking. */
function midTools(messages: readonly unknown[]): boolean {
  const [before, last] = messages.slice(-2).map((message) => listOr(objectOr(message)["content"]).map(objectOr));
  return last?.[0]?.["type"] === "tool_result" && before?.[0] !== undefined && !isThinking(before[0]);
}
