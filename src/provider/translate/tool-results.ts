/**
 * Results of tools. OpenAI's have neither an error mark nor pictures: the mark becomes the first line of the text, the pictures
 * follow in the next message of the user, where the model sees them. Both find their way back exactly.
 */
import type { JsonObject } from "../provider.ts";
import { partsOf, type Piece, piecesOf } from "./content.ts";
import { isObject, type Problems, textOr, unknownKeys } from "./problems.ts";
import { anthropicIdOf, openaiIdOf } from "./tool-ids.ts";

const failedLine = "[the tool failed]\n";
/** Before a text that begins with one of these lines itself. */
const asWrittenLine = "[as written]\n";

const needsLine = (text: string): boolean => text.startsWith(failedLine) || unwritten(text) !== text;
const unwritten = (text: string): string => {
  const rest = text.slice(asWrittenLine.length);
  return text.startsWith(asWrittenLine) && needsLine(rest) ? rest : text;
};

function withMark(text: string, failed: boolean): string {
  const written = needsLine(text) ? asWrittenLine + text : text;
  return failed ? failedLine + written : written;
}

function withoutMark(text: string): { text: string; failed: boolean } {
  const failed = text.startsWith(failedLine);
  return { text: unwritten(failed ? text.slice(failedLine.length) : text), failed };
}

const place = (image: number): string => `[picture ${image} of this result is in the next message]`;
const heading = (id: string, count: number): string =>
  `[${count} ${count === 1 ? "picture" : "pictures"} of the result of ${id}]`;

export interface OpenaiResult {
  readonly message: JsonObject;
  /** What must stand at the beginning of the next message of the user. */
  readonly pictures: readonly Piece[];
}

export function resultToOpenai(block: JsonObject, where: string, problems: Problems): OpenaiResult {
  for (const key of unknownKeys(block, ["type", "tool_use_id", "content", "is_error", "cache_control"]))
    problems.push(`${where}.${key}`);
  if (typeof block["tool_use_id"] !== "string") problems.push(`${where}.tool_use_id (no text)`);
  const id = openaiIdOf(textOr(block["tool_use_id"]));
  const pieces = piecesOf(block["content"] ?? "", `${where}.content`, problems);
  const pictures = pieces.filter((piece) => typeof piece !== "string");
  if (pictures.length > 0 && pieces.some((piece) => typeof piece === "string" && piece.includes(place(1).slice(10))))
    problems.push(`${where}.content (pictures beside a text that speaks of them in our own words)`);
  let seen = 0;
  const text = pieces.map((piece) => (typeof piece === "string" ? piece : place((seen += 1)))).join("");
  const content = withMark(text, block["is_error"] === true);
  return {
    message: { role: "tool", tool_call_id: id, content },
    pictures: pictures.length === 0 ? [] : [heading(id, pictures.length), ...pictures],
  };
}

export interface AnthropicResult {
  readonly id: string;
  readonly failed: boolean;
  readonly text: string;
}

export function resultToAnthropic(message: JsonObject, where: string, problems: Problems): AnthropicResult {
  // Some clients name the function once more.
  for (const key of unknownKeys(message, ["role", "content", "tool_call_id", "name"])) problems.push(`${where}.${key}`);
  if (typeof message["tool_call_id"] !== "string") problems.push(`${where}.tool_call_id (no text)`);
  const pieces = piecesOf(message["content"] ?? "", `${where}.content`, problems);
  if (pieces.some((piece) => typeof piece !== "string")) problems.push(`${where}.content (a picture)`);
  return { id: textOr(message["tool_call_id"]), ...withoutMark(pieces.filter((piece) => typeof piece === "string").join("")) };
}

/** The blocks of the results and of the message of the user that follows them, whose first pieces may be pictures of the results. */
export function resultBlocks(
  results: readonly AnthropicResult[],
  following: readonly Piece[],
  longIds: ReadonlyMap<string, string>,
): { blocks: JsonObject[]; rest: readonly Piece[] } {
  let rest = following;
  const blocks = results.map(({ id, failed, text }) => {
    const count = countOfPlaces(text);
    const here = count > 0 && rest[0] === heading(id, count);
    const pictures = here ? rest.slice(1, count + 1) : [];
    const moved =
      pictures.length === count && pictures.every((one): one is JsonObject => isObject(one) && one["type"] === "image");
    if (here && moved) rest = rest.slice(count + 1);
    const content = here && moved ? partsOf(putBack(text, pictures)) : text;
    const tool_use_id = longIds.get(id) ?? anthropicIdOf(id);
    return { type: "tool_result", tool_use_id, content, ...(failed ? { is_error: true } : {}) };
  });
  return { blocks, rest };
}

function countOfPlaces(text: string): number {
  let count = 0;
  while (text.includes(place(count + 1))) count += 1;
  return count;
}

function putBack(text: string, pictures: readonly JsonObject[]): Piece[] {
  let rest = text;
  const pieces: Piece[] = [];
  for (const [at, picture] of pictures.entries()) {
    const where = rest.indexOf(place(at + 1));
    if (where > 0) pieces.push(rest.slice(0, where));
    pieces.push(picture);
    rest = rest.slice(where + place(at + 1).length);
  }
  return rest === "" ? pieces : [...pieces, rest];
}
