/** The conversation, both ways. */
import type { JsonObject } from "../provider.ts";
import { assistantToAnthropic, assistantToOpenai, longIdsIn } from "./assistant.ts";
import { contentOf, partsOf, type Piece, piecesOf, textIn } from "./content.ts";
import { isObject, listOr, type Problems, unknownKeys } from "./problems.ts";
import { type AnthropicResult, type OpenaiResult, resultBlocks, resultToAnthropic, resultToOpenai } from "./tool-results.ts";

const isResult = (block: unknown): block is JsonObject => isObject(block) && block["type"] === "tool_result";
const isSystem = (role: string): boolean => role === "system" || role === "developer";

function eachMessage(
  value: unknown,
  roles: readonly string[],
  problems: Problems,
): { message: JsonObject; where: string; role: string }[] {
  if (!Array.isArray(value)) {
    problems.push("messages (not a list)");
    return [];
  }
  return (value as readonly unknown[]).flatMap((message, at) => {
    const where = `messages[${at}]`;
    const role = isObject(message) ? message["role"] : undefined;
    if (isObject(message) && typeof role === "string" && roles.includes(role)) return [{ message, where, role }];
    problems.push(isObject(message) ? `${where}.role ${JSON.stringify(role)}` : `${where} (not an object)`);
    return [];
  });
}

/** Anthropic's messages as OpenAI's; `system` stands before them and is the caller's. */
export function messagesToOpenai(value: unknown, problems: Problems): JsonObject[] {
  return eachMessage(value, ["user", "assistant"], problems).flatMap(({ message, where, role }) => {
    for (const key of unknownKeys(message, ["role", "content"])) problems.push(`${where}.${key}`);
    const { content } = message;
    if (typeof content === "string") return [{ role, content }];
    if (!Array.isArray(content)) {
      problems.push(`${where}.content (no text)`);
      return [];
    }
    if (role === "assistant") return [assistantToOpenai(content, `${where}.content`, problems)];
    return userToOpenai(content, `${where}.content`, problems);
  });
}

function userToOpenai(content: readonly unknown[], where: string, problems: Problems): JsonObject[] {
  const firstOther = content.findIndex((block) => !isResult(block));
  const end = firstOther < 0 ? content.length : firstOther;
  content.forEach((block, at) => {
    if (at > end && isResult(block)) problems.push(`${where}[${at}] of type "tool_result" behind other content`);
  });
  const results: OpenaiResult[] = content
    .slice(0, end)
    .filter(isResult)
    .map((block, at) => resultToOpenai(block, `${where}[${at}]`, problems));
  const rest = content.slice(end).filter((block) => !isResult(block));
  const pieces = piecesOf(rest, where, problems, end);
  const pictures: Piece[] = results.flatMap((result) => result.pictures);
  const messages = results.map((result) => result.message);
  if (pictures.length === 0 && pieces.length === 0 && results.length > 0) return messages;
  const said = pictures.length > 0 ? partsOf([...pictures, ...pieces]) : contentOf(pieces);
  return [...messages, { role: "user", content: said }];
}

/** OpenAI's messages as Anthropic's system text and messages. */
export function messagesToAnthropic(value: unknown, problems: Problems): { system: string[]; messages: JsonObject[] } {
  const all = eachMessage(value, ["system", "developer", "user", "assistant", "tool"], problems);
  const firstOther = all.findIndex(({ role }) => !isSystem(role));
  if (firstOther >= 0 && all.slice(firstOther).some(({ role }) => isSystem(role)))
    problems.push("a system message after the conversation has begun");
  const system: string[] = [];
  const messages: JsonObject[] = [];
  const longIds = longIdsIn(listOr(value));
  let results: AnthropicResult[] = [];
  const flush = (following: readonly Piece[]): void => {
    const { blocks, rest } = resultBlocks(results, following, longIds);
    messages.push({ role: "user", content: [...blocks, ...partsOf(rest)] });
    results = [];
  };
  for (const { message, where, role } of all) {
    if (role === "tool") {
      results.push(resultToAnthropic(message, where, problems));
      continue;
    }
    if (results.length > 0 && role !== "user") flush([]);
    if (role === "assistant") {
      messages.push(assistantMessage(message, where, problems));
      continue;
    }
    for (const key of unknownKeys(message, ["role", "content"])) problems.push(`${where}.${key}`);
    if (isSystem(role)) system.push(textIn(message["content"], `${where}.content`, problems));
    // Anthropic wants everything that answers a message with calls in one message.
    else if (results.length > 0) flush(piecesOf(message["content"], `${where}.content`, problems));
    else messages.push({ role, content: contentOf(piecesOf(message["content"], `${where}.content`, problems)) });
  }
  if (results.length > 0) flush([]);
  return { system, messages };
}

function assistantMessage(message: JsonObject, where: string, problems: Problems): JsonObject {
  const blocks = assistantToAnthropic(message, where, problems);
  const only = blocks[0];
  if (blocks.length === 0) return { role: "assistant", content: "" };
  return { role: "assistant", content: blocks.length === 1 && only?.["type"] === "text" ? only["text"] : blocks };
}
