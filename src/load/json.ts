/** JSON files. Nearly all of them are good, so `JSON.parse` reads them first; who is to say what is wrong, or where something stands, scans them. */
import { isBlank, maxDepth, nodesOf, scanJson } from "./json-scan.ts";
import { locator, position, positions } from "./positions.ts";
import type { LocateText, SyntaxProblem, TextDocument } from "./syntax.ts";

/** Positions are found out when one is asked for: most files are good, and nobody asks. */
export function readJson(text: string): TextDocument | { readonly problems: readonly SyntaxProblem[] } {
  const plain = parsePlain(text);
  if (plain === undefined) return scanJson(text);
  let locate: LocateText | undefined;
  return {
    value: plain.value,
    locate: (path, of) => {
      if (path.length === 0) return position(text, text.search(/[^ \n\r\t]/));
      locate ??= locator(nodesOf(text), positions(text));
      return locate(path, of);
    },
  };
}

/** What `JSON.parse` makes of a text that it can read, that writes no key twice, and that is not nested too deeply. */
function parsePlain(text: string): { readonly value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    // Of a key that is written twice, only one is in the value.
    return countKeys(value, 0) === countWrittenKeys(text) ? { value } : undefined;
  } catch {
    return undefined;
  }
}

/** Keys of all objects in the value; NaN if it is nested more deeply than is read. */
function countKeys(value: unknown, depth: number): number {
  if (typeof value !== "object" || value === null) return 0;
  if (depth >= maxDepth) return Number.NaN;
  let keys = 0;
  if (Array.isArray(value)) for (const item of value) keys += countKeys(item, depth + 1);
  else for (const item of Object.values(value)) keys += 1 + countKeys(item, depth + 1);
  return keys;
}

/** Texts of a text that is known to be JSON with a colon behind them. */
function countWrittenKeys(text: string): number {
  let keys = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    do at = text.indexOf('"', at + 1);
    while (isEscaped(text, at));
    at += 1;
    while (isBlank(text.charCodeAt(at))) at += 1;
    if (text.charCodeAt(at) === colon) keys += 1;
  }
  return keys;
}

/** Whether the quote stands behind an odd number of backslashes. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === backslash) before -= 1;
  return (at - before) % 2 === 0;
}

const backslash = 92;
const colon = 58;
