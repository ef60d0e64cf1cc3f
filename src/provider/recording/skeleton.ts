/**
 * What is left of an event when everything that was said is taken out: its fields, its types, its numbers of tokens. A text becomes
 * its length (`~12`), an id or a name a hash (`#1a2b3c4d`), an object of somebody else's its length (`{"~":57}`). `filledIn` makes an
 * event of it again, with other words of the same length.
 */
import { isObject, type Json } from "../../stream/json.ts";

/** A short word for an id, the same for the same id; a word that it made itself stays as it is. */
export type Hash = (value: string) => string;

/** Stands for the piece of text of a run of events, in an event and in a skeleton. */
const hole = { inEvent: "\u0000", inSkeleton: "~" } as const;

const wordKeys = new Set(
  "type role object stop_reason finish_reason native_finish_reason code service_tier error_type".split(" "),
);
const idKeys = new Set("id name model tool_use_id tool_call_id system_fingerprint request_id provider format".split(" "));
const numberKeys = new Set("index code status status_code".split(" "));
const jsonKeys = new Set(["arguments", "partial_json"]);
/** Objects whose fields are the model's or the caller's, or of no meaning for the order. */
const closedKeys = new Set("input logprobs metadata container citation".split(" "));
/** Every other field name may be something that was said. */
const knownKeys = new Set([
  ...wordKeys,
  ...idKeys,
  ...numberKeys,
  ...jsonKeys,
  ...closedKeys,
  ..."message content content_block delta usage stop_sequence text thinking signature data citations error choices created".split(
    " ",
  ),
  ..."tool_calls function_call function reasoning_content reasoning reasoning_details refusal audio base_resp status_msg".split(
    " ",
  ),
  ..."obfuscation summary input_tokens output_tokens cache_read_input_tokens cache_creation_input_tokens prompt_tokens".split(
    " ",
  ),
  ..."completion_tokens total_tokens cached_tokens prompt_tokens_details completion_tokens_details reasoning_tokens".split(" "),
]);

const word = /^[A-Za-z0-9][\w.:-]{0,40}$/;
const deepest = 12;
const longestList = 300;

export function skeletonOf(value: unknown, hash: Hash): unknown {
  return skeleton(value, "", { hash, counted: false, depth: 0 });
}

interface Place {
  readonly hash: Hash;
  /** Inside `usage`, where every number counts tokens. */
  readonly counted: boolean;
  readonly depth: number;
}

function skeleton(value: unknown, key: string, place: Place): unknown {
  if (typeof value === "string") return text(value, key, place.hash);
  if (typeof value === "number") return place.counted || numberKeys.has(key) ? value : 0;
  if (typeof value !== "object" || value === null) return value;
  if (place.depth >= deepest || closedKeys.has(key)) return { "~": lengthOf(value) };
  const inner = { ...place, depth: place.depth + 1, counted: place.counted || key === "usage" };
  if (Array.isArray(value)) return (value as readonly unknown[]).slice(0, longestList).map((one) => skeleton(one, key, inner));
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [knownKeys.has(name) ? name : place.hash(name), skeleton(one, name, inner)]),
  );
}

function text(value: string, key: string, hash: Hash): string {
  if (value === hole.inEvent) return hole.inSkeleton;
  if (wordKeys.has(key) && (value === "" || word.test(value))) return value;
  if (idKeys.has(key)) return value === "" ? "" : hash(value);
  if (key === "obfuscation") return "~0";
  return `~${jsonKeys.has(key) && isJsonObject(value) ? "j" : ""}${value.length}`;
}

export function isJsonObject(json: string): boolean {
  try {
    return isObject(JSON.parse(json));
  } catch {
    return false;
  }
}

function lengthOf(value: object): number {
  try {
    return JSON.stringify(value).length;
  } catch {
    return 0;
  }
}

/** Words of a given length, each other than the ones before. */
export type Words = (length: number) => string;

/** The event of a skeleton. `piece` is what stands in its hole. */
export function filledIn(shape: unknown, words: Words, piece = ""): unknown {
  if (typeof shape === "string") {
    if (shape === hole.inSkeleton) return piece;
    const [, json, length] = /^~(j?)(\d{1,9})$/.exec(shape) ?? [];
    if (length === undefined) return shape;
    return json === "j" ? jsonText(Number(length), words) : words(Number(length));
  }
  if (Array.isArray(shape)) return (shape as readonly unknown[]).map((one) => filledIn(one, words, piece));
  if (!isObject(shape)) return shape;
  if (typeof shape["~"] === "number") return JSON.parse(jsonText(shape["~"], words)) as unknown;
  return Object.fromEntries(Object.entries(shape).map(([key, one]) => [key, filledIn(one, words, piece)]));
}

/** A JSON object that is written in so many characters; one of fewer than two is none. */
export function jsonText(length: number, words: Words): string {
  if (length < 6) return length < 2 ? "{".repeat(length) : `{${" ".repeat(length - 2)}}`;
  if (length < 8) return length === 6 ? '{"":0}' : '{"a":0}';
  return `{"a":"${words(length - 8)}"}`;
}

/** Letters that never come twice in the same way: a text that repeats itself would be taken for a fault of its own. */
export function endlessWords(): Words {
  let state = 1;
  let texts = 0;
  return (length) => {
    if (length === 0) return "";
    const first = String.fromCharCode(97 + (texts++ % 26));
    let rest = "";
    while (rest.length < length - 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      rest += state.toString(36).replaceAll(/\d/g, "z");
    }
    return first + rest.slice(0, length - 1);
  };
}

/** The piece of text of an event that has exactly one, and the event with a hole in its place. */
export interface Single {
  readonly piece: string;
  readonly rest: Json;
  /** Whether the piece belongs to the input of a tool. */
  readonly tool: boolean;
}

const anthropicPieces = ["text", "thinking", "partial_json", "signature"] as const;
const openaiPieces = ["content", "reasoning_content", "reasoning", "refusal"] as const;

export function singleOf(event: Json): Single | undefined {
  const { delta } = event;
  if (event["type"] === "content_block_delta" && isObject(delta)) {
    const fields = anthropicPieces.filter((field) => typeof delta[field] === "string" && delta[field] !== "");
    const [field] = fields;
    if (field === undefined || fields.length > 1) return undefined;
    return {
      piece: String(delta[field]),
      rest: { ...event, delta: { ...delta, [field]: hole.inEvent } },
      tool: field === "partial_json",
    };
  }
  return openaiSingle(event);
}

function openaiSingle(event: Json): Single | undefined {
  const choices: readonly unknown[] = Array.isArray(event["choices"]) ? event["choices"] : [];
  const [choice] = choices;
  if (choices.length !== 1 || !isObject(choice) || !isObject(choice["delta"])) return undefined;
  const { delta } = choice;
  const fields = openaiPieces.filter((field) => typeof delta[field] === "string" && delta[field] !== "");
  const calls: readonly unknown[] = Array.isArray(delta["tool_calls"]) ? delta["tool_calls"] : [];
  const within = (changed: Json): Json => ({ ...event, choices: [{ ...choice, delta: { ...delta, ...changed } }] });
  if (calls.length === 0) {
    const [field] = fields;
    if (field === undefined || fields.length > 1) return undefined;
    return { piece: String(delta[field]), rest: within({ [field]: hole.inEvent }), tool: false };
  }
  const [call] = calls;
  if (fields.length > 0 || calls.length > 1 || !isObject(call) || !isObject(call["function"])) return undefined;
  const { arguments: piece } = call["function"];
  if (typeof piece !== "string" || piece === "") return undefined;
  const rest = within({ tool_calls: [{ ...call, function: { ...call["function"], arguments: hole.inEvent } }] });
  return { piece, rest, tool: true };
}
