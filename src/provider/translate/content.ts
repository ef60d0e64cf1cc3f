/** Text and pictures of a message, in either dialect. */
import type { JsonObject } from "../provider.ts";
import { imageBlock, imagePart } from "./images.ts";
import { isObject, kindOf, type Problems, unknownKeys } from "./problems.ts";

/** A text, or a picture as the target dialect has it. */
export type Piece = string | JsonObject;

/**
 * The pieces of a content field: a string, or parts that are text or pictures. Texts that stand side by side become one, an empty one
 * none; a cache mark is left out, it changes the price and not the meaning.
 * @param from the place of the first part in the list it was taken out of
 */
export function piecesOf(value: unknown, where: string, problems: Problems, from = 0): Piece[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  if (!Array.isArray(value)) {
    problems.push(`${where} (no text)`);
    return [];
  }
  const pieces: Piece[] = [];
  for (const [at, part] of (value as readonly unknown[]).entries()) {
    const piece = pieceOf(part, `${where}[${from + at}]`, problems);
    const last = pieces.at(-1);
    if (typeof piece === "string" && typeof last === "string") pieces[pieces.length - 1] = last + piece;
    else if (piece !== "") pieces.push(piece);
  }
  return pieces;
}

export function pieceOf(part: unknown, where: string, problems: Problems): Piece {
  if (isObject(part) && part["type"] === "text" && typeof part["text"] === "string") {
    for (const key of unknownKeys(part, ["type", "text", "cache_control"])) problems.push(`${where}.${key}`);
    return part["text"];
  }
  if (isObject(part) && part["type"] === "image") return imagePart(part, where, problems);
  if (isObject(part) && part["type"] === "image_url") return imageBlock(part, where, problems);
  problems.push(`${where} of type ${kindOf(part)}`);
  return "";
}

/** Pieces as a content field: a string where there is nothing but one text. */
export function contentOf(pieces: readonly Piece[]): string | JsonObject[] {
  const [only = ""] = pieces;
  return pieces.length < 2 && typeof only === "string" ? only : partsOf(pieces);
}

export function partsOf(pieces: readonly Piece[]): JsonObject[] {
  return pieces.map((piece) => (typeof piece === "string" ? { type: "text", text: piece } : piece));
}

/** The text of a field that can hold nothing else. */
export function textIn(value: unknown, where: string, problems: Problems): string {
  const pieces = piecesOf(value, where, problems);
  if (pieces.some((piece) => typeof piece !== "string")) problems.push(`${where} (a picture)`);
  return pieces.filter((piece) => typeof piece === "string").join("");
}
