/**
 * JSON5 with positions. The json5 package reads the value and says what is wrong; a walk over the text, which is then known to be
 * good, finds where each key and value stands, and keys that are written twice. Loaded only when there is such a file.
 */
import JSON5 from "json5";
import { maxDepth } from "./json-scan.ts";
import { locator, position, positions, writtenTwice, type Node, type Repeated } from "./positions.ts";
import type { SyntaxProblem, TextDocument } from "./syntax.ts";

export function readJson5(text: string): TextDocument | { readonly problems: readonly SyntaxProblem[] } {
  if (text.trim() === "") {
    return { problems: [{ line: 1, column: 1, message: "is empty", suggestion: `write a job: { message: "…" }` }] };
  }
  const deep = tooDeep(text);
  if (deep !== undefined) return { problems: [{ ...position(text, deep), message: `is nested deeper than ${maxDepth} levels` }] };
  let value: unknown;
  try {
    value = JSON5.parse<unknown>(text);
  } catch (error) {
    return { problems: [explain(error, text)] };
  }
  const walk = new Walk(text);
  const root = walk.value();
  if (walk.repeated.length === 0) return { value, locate: locator(root, positions(text)) };
  return { problems: writtenTwice(walk.repeated, text) };
}

/** The first bracket that is nested too deeply. Brackets in texts and comments count too, which only makes the limit stricter. */
function tooDeep(text: string): number | undefined {
  let depth = 0;
  const plain = text.replaceAll(/"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*'|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (piece) =>
    " ".repeat(piece.length),
  );
  for (const { 0: bracket, index } of plain.matchAll(/[[\]{}]/g)) {
    depth += bracket === "{" || bracket === "[" ? 1 : -1;
    if (depth > maxDepth + 1) return index;
  }
  return undefined;
}

/** The package's errors name one character and its place, never the text around it. */
function explain(error: unknown, text: string): SyntaxProblem {
  const place = error instanceof Error ? error : new Error("unknown");
  const line = "lineNumber" in place && typeof place.lineNumber === "number" ? place.lineNumber : 1;
  const column = "columnNumber" in place && typeof place.columnNumber === "number" ? place.columnNumber : 1;
  if (place.message.includes("invalid end of input")) {
    return { ...position(text, text.length), message: "ends too soon: a bracket or a text is still open" };
  }
  const [, character] = /invalid character '([^']{1,8})'/.exec(place.message) ?? [];
  const message = character === undefined ? "is not JSON5 here" : `is not JSON5 here: '${character}' is not expected`;
  return { line, column, message, suggestion: "is a comma, a quote or a bracket missing before it?" };
}

const blanks = /(?:[\s\uFEFF]|\/\/[^\n\r\u2028\u2029]*|\/\*[\s\S]*?\*\/)*/y;
const string = /"(?:\\(?:\r\n|[\s\S])|[^"\\])*"|'(?:\\(?:\r\n|[\s\S])|[^'\\])*'/y;
/** A number, a word, or a key without quotes: everything up to what ends it. */
const bare = /[^\s\uFEFF,:[\]{}/"']+/y;

/** Goes over a text that is known to be JSON5. */
class Walk {
  readonly repeated: Repeated[] = [];
  private at = 0;
  private readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  value(): Node {
    this.take(blanks);
    const start = this.at;
    const open = this.text.charAt(start);
    if (open === "{") return this.object(start);
    if (open === "[") return this.array(start);
    if (this.take(string) === "") this.take(bare);
    return { start };
  }

  private object(start: number): Node {
    const keys = new Map<string, { at: number; node: Node }>();
    this.at += 1;
    for (;;) {
      this.take(blanks);
      if (this.closes("}")) return { start, keys };
      const at = this.at;
      const quoted = this.take(string);
      const key = keyOf(quoted === "" ? this.take(bare) : quoted);
      this.take(blanks);
      this.at += 1;
      const node = this.value();
      const first = keys.get(key);
      if (first === undefined) keys.set(key, { at, node });
      else this.repeated.push({ at, first: first.at });
      this.comma();
    }
  }

  private array(start: number): Node {
    const items: Node[] = [];
    this.at += 1;
    for (;;) {
      this.take(blanks);
      if (this.closes("]")) return { start, items };
      items.push(this.value());
      this.comma();
    }
  }

  /** True past a closing bracket, and at the end of the text, which a good text never reaches. */
  private closes(bracket: string): boolean {
    if (this.at >= this.text.length) return true;
    if (this.text.charAt(this.at) !== bracket) return false;
    this.at += 1;
    return true;
  }

  private comma(): void {
    this.take(blanks);
    if (this.text.charAt(this.at) === ",") this.at += 1;
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const [found = ""] = pattern.exec(this.text) ?? [];
    this.at += found.length;
    return found;
  }
}

/** A key as the package reads it: its escapes are undone by the package itself. */
function keyOf(written: string): string {
  if (!written.includes("\\")) return /^["']/.test(written) ? written.slice(1, -1) : written;
  const [key = written] = Object.keys(JSON5.parse<Record<string, unknown>>(`{${written}: 0}`));
  return key;
}
