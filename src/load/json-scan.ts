/**
 * JSON with positions: where each key and value stands, keys written twice (which `JSON.parse` drops without a word), and what
 * is wrong with text that is not JSON, without repeating it, because `JSON.parse`'s own message quotes the file, keys and all.
 * A scan of a job file takes microseconds; the YAML parser, which could do the same, takes longer to load than Node to start.
 */
import { locator, position, positions, writtenTwice, type Node, type Repeated } from "./positions.ts";
import type { SyntaxProblem, TextDocument } from "./syntax.ts";

/** Deepest nesting that is read; a job has five levels. */
export const maxDepth = 100;

class NotJson extends Error {
  readonly at: number;
  readonly suggestion: string | undefined;
  constructor(at: number, message: string, suggestion?: string) {
    super(message);
    this.at = at;
    this.suggestion = suggestion;
  }
}

/** Reads it with the place of everything, and says what is wrong. */
export function scanJson(text: string): TextDocument | { readonly problems: readonly SyntaxProblem[] } {
  const scan = new Scan(text);
  try {
    const root = scan.document();
    if (scan.repeated.length === 0) return { value: JSON.parse(text), locate: locator(root, positions(text)) };
    return { problems: writtenTwice(scan.repeated, text) };
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    const suggestion = error.suggestion === undefined ? {} : { suggestion: error.suggestion };
    return { problems: [{ ...position(text, error.at), message: error.message, ...suggestion }] };
  }
}

/** Where everything stands in a text that is known to be JSON. */
export function nodesOf(text: string): Node {
  return new Scan(text).document();
}

class Scan {
  readonly repeated: Repeated[] = [];
  private at = 0;
  private readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  document(): Node {
    this.blank();
    if (this.at >= this.text.length) throw new NotJson(0, "is empty", `write a job: { "payload": { "message": "…" } }`);
    const node = this.value(0);
    this.blank();
    if (this.at < this.text.length) throw this.unexpected("the end of the file");
    return node;
  }

  private value(depth: number): Node {
    if (depth > maxDepth) throw new NotJson(this.at, `is nested deeper than ${maxDepth} levels`);
    const start = this.at;
    switch (this.text.charAt(start)) {
      case "{":
        return this.object(start, depth);
      case "[":
        return this.array(start, depth);
      case '"':
        this.string();
        return { start };
      default: {
        const found = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;
        found.lastIndex = start;
        if (!found.test(this.text)) throw this.unexpected("a value");
        this.at = found.lastIndex;
        return { start };
      }
    }
  }

  private object(start: number, depth: number): Node {
    const keys = new Map<string, { at: number; node: Node }>();
    this.at += 1;
    this.blank();
    if (this.text[this.at] === "}") {
      this.at += 1;
      return { start, keys };
    }
    for (;;) {
      const at = this.at;
      if (this.text[at] !== '"') throw this.unexpected("a key in double quotes", start);
      const key = this.string();
      this.blank();
      if (this.text[this.at] !== ":") throw this.unexpected('":" after the key', start);
      this.at += 1;
      this.blank();
      const node = this.value(depth + 1);
      const first = keys.get(key);
      if (first === undefined) keys.set(key, { at, node });
      else this.repeated.push({ at, first: first.at });
      if (this.endOf("}", start)) return { start, keys };
    }
  }

  private array(start: number, depth: number): Node {
    const items: Node[] = [];
    this.at += 1;
    this.blank();
    if (this.text[this.at] === "]") {
      this.at += 1;
      return { start, items };
    }
    for (;;) {
      items.push(this.value(depth + 1));
      if (this.endOf("]", start)) return { start, items };
    }
  }

  /** After an item: true past the closing bracket, false past a comma. */
  private endOf(close: "}" | "]", opened: number): boolean {
    this.blank();
    const found = this.text[this.at];
    if (found === close) {
      this.at += 1;
      return true;
    }
    if (found !== ",") throw this.unexpected(`"," or "${close}"`, opened);
    const comma = this.at;
    this.at += 1;
    this.blank();
    if (this.text[this.at] === close) throw new NotJson(comma, `a comma before "${close}" is not JSON`, "take the comma away");
    return false;
  }

  private string(): string {
    const start = this.at;
    for (let at = start + 1; ; at += 1) {
      const code = this.text.charCodeAt(at);
      if (code === quote) {
        this.at = at + 1;
        const value: unknown = JSON.parse(this.text.slice(start, this.at));
        return String(value);
      }
      // NaN, the end of the file, is neither of these.
      if (code === backslash && /^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(this.text.slice(at + 1, at + 6))) at += 1;
      else if (!(code >= space) || code === backslash) throw brokenString(this.text, start, at);
    }
  }

  private blank(): void {
    while (isBlank(this.text.charCodeAt(this.at))) this.at += 1;
  }

  private unexpected(wanted: string, opened?: number): NotJson {
    const found = this.text[this.at];
    if (found === undefined) {
      const since = opened === undefined ? "" : `; the bracket of line ${position(this.text, opened).line} is still open`;
      return new NotJson(this.text.length, `expected ${wanted}, found the end of the file${since}`);
    }
    if (found === "/" || found === "#")
      return new NotJson(this.at, "JSON has no comments", "take it out, or name the file .json5 or .yaml");
    if (found === "'") return new NotJson(this.at, "JSON has no single quotes", 'write "…"');
    const [word] = /^[A-Za-z_$][\w$]*/.exec(this.text.slice(this.at, this.at + 60)) ?? [];
    if (word !== undefined && wanted === "a key in double quotes")
      return new NotJson(this.at, `expected ${wanted}`, "put the key in double quotes");
    const meant = word === undefined ? undefined : words[word.toLowerCase()];
    if (meant !== undefined) return new NotJson(this.at, `expected ${wanted}`, `write ${meant}`);
    const shown = word === undefined && found > " " && found <= "~" && found !== '"' ? `, found ${JSON.stringify(found)}` : "";
    const missing =
      wanted.startsWith('","') && (found === '"' || found === "{" || found === "[")
        ? { suggestion: "is a comma missing before it?" }
        : {};
    return new NotJson(this.at, `expected ${wanted}${shown}`, missing.suggestion);
  }
}

function brokenString(text: string, start: number, at: number): NotJson {
  const found = text[at];
  if (found === undefined) return new NotJson(start, "this text has no closing quote");
  if (found === "\\") return new NotJson(at, "a backslash that JSON does not know", `write "\\\\" for a backslash itself`);
  if (found === "\n" || found === "\r") {
    return new NotJson(start, "this text has no closing quote on its line", `write a line break as "\\n"`);
  }
  return new NotJson(at, "a control character within a text", found === "\t" ? `write a tab as "\\t"` : undefined);
}

const words: Readonly<Record<string, string>> = {
  true: "true",
  false: "false",
  none: "null",
  null: "null",
  undefined: "null",
  yes: "true",
  no: "false",
};

const quote = 34;
const backslash = 92;
const space = 32;

/** Blanks of JSON, by code: a job file is read once and cold, where a loop is quicker than a pattern. */
export function isBlank(code: number): boolean {
  return code === space || code === 10 || code === 13 || code === 9;
}
