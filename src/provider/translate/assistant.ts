/** What the model said, both ways; the same for a message of the history and for an answer. */
import type { JsonObject } from "../provider.ts";
import { type Piece, pieceOf, textIn } from "./content.ts";
import {
  isReasoningBlock,
  isThinking,
  type Luggage,
  luggageOf,
  passengerOf,
  reasoningBlock,
  type Seat,
  seatsOf,
} from "./passenger.ts";
import { isObject, kindOf, listOr, type Problems, saysNothing, textOr, unknownKeys } from "./problems.ts";
import { anthropicIdOf, openaiIdOf } from "./tool-ids.ts";

/** An Anthropic message's blocks as an OpenAI message of the assistant. */
export function assistantToOpenai(content: readonly unknown[], where: string, problems: Problems): JsonObject {
  const texts: string[] = [];
  const calls: JsonObject[] = [];
  const thoughts: string[] = [];
  const seats: Seat[] = [];
  let luggage: Luggage = { message: {}, calls: [] };
  for (const [at, block] of content.entries()) {
    const here = `${where}[${at}]`;
    if (isReasoningBlock(block)) {
      luggage = luggageOf(block);
    } else if (isObject(block) && isThinking(block)) {
      for (const key of unknownKeys(block, ["type", "thinking", "signature", "data"])) problems.push(`${here}.${key}`);
      seats.push(block);
      if (textOr(block["thinking"]) !== "") thoughts.push(textOr(block["thinking"]));
    } else if (isObject(block) && block["type"] === "tool_use") {
      calls.push(callToOpenai(block, here, problems));
      seats.push(textOr(block["id"]));
    } else {
      const text = pieceOf(block, here, problems);
      if (typeof text !== "string") problems.push(`${here} of type ${kindOf(block)}`);
      if (typeof text !== "string" || text === "") continue;
      texts.push(text);
      const last = seats.at(-1);
      if (typeof last === "number") seats[seats.length - 1] = last + text.length;
      else seats.push(text.length);
    }
  }
  const text = texts.join("");
  const passenger = mustTravel(seats) ? [passengerOf(seats)] : [];
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    ...(calls.length === 0 ? {} : { tool_calls: calls.map((call, at) => ({ ...call, ...luggage.calls[at] })) }),
    ...(thoughts.length === 0 ? {} : { reasoning_content: thoughts.join("\n\n") }),
    ...luggage.message,
    ...(passenger.length === 0 ? {} : { reasoning_details: [...listOr(luggage.message["reasoning_details"]), ...passenger] }),
  };
}

/** Whether the message could not be told from its text and its calls alone. */
function mustTravel(seats: readonly Seat[]): boolean {
  const kinds = seats.map((seat) => (typeof seat === "number" ? 0 : typeof seat === "string" ? 1 : 2));
  const usual = kinds.every((kind, at) => kind !== 2 && (kinds[at - 1] ?? 0) <= kind);
  return !usual || seats.some((seat) => typeof seat === "string" && anthropicIdOf(openaiIdOf(seat)) !== seat);
}

function callToOpenai(block: JsonObject, where: string, problems: Problems): JsonObject {
  const { id, name, input } = block;
  for (const key of unknownKeys(block, ["type", "id", "name", "input", "cache_control", "caller"]))
    problems.push(`${where}.${key}`);
  if (typeof id !== "string" || typeof name !== "string") problems.push(`${where} of type "tool_use" without id or name`);
  if (input !== undefined && !isObject(input)) problems.push(`${where} of type "tool_use" whose input is no object`);
  return { id: openaiIdOf(textOr(id)), type: "function", function: { name, arguments: JSON.stringify(input ?? {}) } };
}

/** An OpenAI message of the assistant as blocks. */
export function assistantToAnthropic(message: JsonObject, where: string, problems: Problems): JsonObject[] {
  for (const key of ["refusal", "audio", "function_call", "name"]) {
    if (!saysNothing(message[key]) && message[key] !== "") problems.push(`${where}.${key}`);
  }
  const calls = listOr(message["tool_calls"]).map((call, at) => callToAnthropic(call, `${where}.tool_calls[${at}]`, problems));
  const none = message["content"] === null || message["content"] === undefined;
  const text = none && calls.length > 0 ? "" : textIn(message["content"], `${where}.content`, problems);
  const seats = seatsOf(message);
  if (seats !== undefined) return seated(seats, text, calls);
  const reasoning = reasoningBlock(message);
  return [...(reasoning === undefined ? [] : [reasoning]), ...textBlocks(text), ...calls];
}

const textBlocks = (text: string): JsonObject[] => (text === "" ? [] : [{ type: "text", text }]);

/** The blocks in the order they had; if somebody changed the message since, thinking first, then what it says now. */
function seated(seats: readonly Seat[], text: string, calls: readonly JsonObject[]): JsonObject[] {
  const ids = seats.filter((seat) => typeof seat === "string");
  const chars = seats.reduce<number>((sum, seat) => sum + (typeof seat === "number" ? seat : 0), 0);
  const same =
    chars === text.length &&
    ids.length === calls.length &&
    ids.every((id, at) => anthropicIdOf(openaiIdOf(id)) === calls[at]?.["id"]);
  if (!same) return [...seats.filter((seat) => typeof seat === "object"), ...textBlocks(text), ...calls];
  let from = 0;
  let call = 0;
  return seats.flatMap((seat): Exclude<Piece, string>[] => {
    if (typeof seat === "object") return [seat];
    if (typeof seat === "string") return [{ ...calls[call++], id: seat }];
    from += seat;
    return textBlocks(text.slice(from - seat, from));
  });
}

/** Ids that were too long for OpenAI, by what they became, from everything that the messages carry. */
export function longIdsIn(messages: readonly unknown[]): ReadonlyMap<string, string> {
  const ids = messages
    .flatMap((message) => (isObject(message) ? (seatsOf(message) ?? []) : []))
    .filter((seat) => typeof seat === "string");
  return new Map(ids.map((id) => [openaiIdOf(id), id]));
}

function callToAnthropic(call: unknown, where: string, problems: Problems): JsonObject {
  const fn = isObject(call) ? call["function"] : undefined;
  if (!isObject(call) || !isObject(fn) || (call["type"] ?? "function") !== "function" || typeof fn["name"] !== "string") {
    problems.push(`${where} of type ${kindOf(call)} (not a call of a named function)`);
    return {};
  }
  const input = inputOf(fn["arguments"], `${where}.function.arguments`, problems);
  return { type: "tool_use", id: anthropicIdOf(textOr(call["id"])), name: fn["name"], input };
}

/** The arguments as an object. A number that JavaScript cannot hold would be another number afterwards, so it is refused. */
function inputOf(value: unknown, where: string, problems: Problems): JsonObject {
  const text = textOr(value);
  if (saysNothing(value) || text.trim() === "") return {};
  try {
    const input: unknown = JSON.parse(text);
    if (isObject(input)) {
      if (holdsLongNumber(text)) problems.push(`${where} (a number that JavaScript cannot hold exactly)`);
      return input;
    }
  } catch {
    // Told below, together with JSON that is no object.
  }
  problems.push(`${where} (not a JSON object)`);
  return {};
}

function holdsLongNumber(json: string): boolean {
  if (!/\d{16}/.test(json)) return false;
  const numbers = json.replaceAll(/"(?:[^"\\]|\\.)*"/gs, "").match(/-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g) ?? [];
  return numbers.some((number) => /^-?\d{16,}$/.test(number) && BigInt(number) !== BigInt(Number(number)));
}
