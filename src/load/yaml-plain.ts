/**
 * The YAML that job files are written in, read without a parser of all YAML: maps and lists by indentation, texts without quotes, in
 * quotes on one line, or in a block, and lists of words in brackets. Of anything else (anchors, tags, flow maps, tabs, texts over
 * several lines, whatever is wrong) it says nothing: then the `yaml` package reads the file, which alone takes longer to load than a
 * hundred files need here. What it does read is what the package makes of it, value and places; tests hold the two to that.
 */
import { locator, positions, type Node } from "./positions.ts";
import type { TextDocument } from "./syntax.ts";

/** @param linesBefore Lines of the file that stand before the text. */
export function readPlainYaml(text: string, linesBefore = 0): TextDocument | undefined {
  if (unusual.test(text)) return undefined;
  try {
    const { value, node } = new Reader(text).document();
    const placeOf = positions(text);
    const place = (offset: number): { line: number; column: number } => {
      const { line, column } = placeOf(offset);
      return { line: line + linesBefore, column };
    };
    return { value, locate: locator(node, place) };
  } catch (error) {
    if (error === notPlain) return undefined;
    throw error;
  }
}

/** Control characters, tabs and carriage returns among them, and what looks like a blank and is none to YAML. */
const unusual = /[^\n -~\u00A1-\u167F\u1681-\u1FFF\u2010-\u2027\u2030-\u205E\u2060-\uD7FF\u{10000}-\u{10FFFF}]/u;

/** Thrown where the text is not of the plain kind, and caught in this file. */
const notPlain = new Error("not the plain kind of YAML");

interface Placed {
  readonly value: unknown;
  readonly node: Node;
}

/** Deepest nesting; a job has five levels. */
const maxDepth = 30;

const key = /^([A-Za-z_][\w-]*):(?: +|$)/;
/** What a text may begin with that needs no quotes: no sign of YAML, and a number, a word of its own or a path at most. */
const plainText = /^(?:[A-Za-z0-9_/.~$(\u00A1-\uFFFF]|-[A-Za-z-])/;
const doubleQuoted = /^("(?:[^"\\]|\\["\\nt])*")(?: +#.*| *)$/;
const singleQuoted = /^'((?:[^']|'')*)'(?: +#.*| *)$/;
const bracketed = /^\[([^[\]{}#&*!|>%@`:]*)\]$/;
/** A word in brackets, with quotes round it or without; what quotes could hide, such as a comma or a backslash, is none. */
const bracketWord = /^(?:(?:[A-Za-z0-9]|-{1,2}[A-Za-z])[\w./-]*|"([^"'\\]*)"|'([^"']*)')$/;
/** The words that are no texts in YAML 1.2, also as keys. */
const words: ReadonlyMap<string, boolean | null> = new Map([
  ...["true", "True", "TRUE"].map((word) => [word, true] as const),
  ...["false", "False", "FALSE"].map((word) => [word, false] as const),
  ...["null", "Null", "NULL", "~"].map((word) => [word, null] as const),
]);

class Reader {
  private readonly lines: string[];
  /** The line that is read next, and the offset of its first character. */
  private at = 0;
  private start = 0;
  private depth = 0;

  constructor(text: string) {
    this.lines = text.split("\n");
  }

  document(): Placed {
    if (this.indent() !== 0) throw notPlain;
    const made = this.block(0);
    if (this.indent() >= 0) throw notPlain;
    return made;
  }

  /** How far the next line with something in it is indented; -1 at the end of the text. */
  private indent(): number {
    for (; this.at < this.lines.length; this.next()) {
      const line = this.line();
      const indent = blanksOf(line);
      if (indent < line.length && line[indent] !== "#") return indent;
    }
    return -1;
  }

  private line(): string {
    return this.lines[this.at] ?? "";
  }

  private next(): void {
    this.start += this.line().length + 1;
    this.at += 1;
  }

  private block(indent: number): Placed {
    this.depth += 1;
    if (this.depth > maxDepth) throw notPlain;
    const made = isItem(this.line(), indent) ? this.list(indent) : this.map(indent);
    this.depth -= 1;
    return made;
  }

  private map(indent: number): Placed {
    const start = this.start + indent;
    const value: Record<string, unknown> = {};
    const keys = new Map<string, { at: number; node: Node }>();
    while (this.indent() === indent) {
      const rest = this.line().slice(indent);
      const [whole, name] = key.exec(rest) ?? [];
      if (whole === undefined || name === undefined || name === "__proto__" || words.has(name) || keys.has(name)) throw notPlain;
      const at = this.start + indent;
      const held = this.held(rest.slice(whole.length), at + whole.length, indent, true);
      value[name] = held.value;
      keys.set(name, { at, node: held.node });
    }
    if (this.indent() > indent) throw notPlain;
    return { value, node: { start, keys } };
  }

  private list(indent: number): Placed {
    const start = this.start + indent;
    const value: unknown[] = [];
    const items: Node[] = [];
    while (this.indent() === indent && isItem(this.line(), indent)) {
      const line = this.line();
      const inner = indent + 1 + blanksOf(line.slice(indent + 1));
      const rest = line.slice(inner);
      if (key.test(rest)) this.lines[this.at] = " ".repeat(inner) + rest;
      const held = key.test(rest) ? this.block(inner) : this.held(rest, this.start + inner, indent, false);
      value.push(held.value);
      items.push(held.node);
    }
    if (this.indent() > indent) throw notPlain;
    return { value, node: { start, items } };
  }

  /** What stands behind a key or a dash; with it, what belongs to it on the lines below. */
  private held(written: string, start: number, indent: number, ofKey: boolean): Placed {
    const double = doubleQuoted.exec(written)?.[1];
    if (double !== undefined) return this.scalar(JSON.parse(double), start);
    const single = singleQuoted.exec(written)?.[1];
    if (single !== undefined) return this.scalar(single.replaceAll("''", "'"), start);
    const said = withoutComment(written);
    if (said === "") return this.below(indent, ofKey);
    if (/^[|>]-?$/.test(said)) return this.text(said, start, indent);
    const list = bracketed.exec(said)?.[1];
    if (list !== undefined) return this.brackets(list, start);
    return this.scalar(plainValue(said), start);
  }

  private scalar(value: unknown, start: number): Placed {
    this.next();
    return { value, node: { start } };
  }

  /** The map or the list on the lines below a key. A list may stand as far left as the key itself. */
  private below(indent: number, ofKey: boolean): Placed {
    if (!ofKey) throw notPlain;
    this.next();
    const inner = this.indent();
    if (inner > indent || (inner === indent && isItem(this.line(), indent))) return this.block(inner);
    throw notPlain;
  }

  /** `[sh, -c, "a b"]`: words, none of them with a comma in it. */
  private brackets(inner: string, start: number): Placed {
    const value: unknown[] = [];
    const items: Node[] = [];
    let at = start + 1;
    for (const part of inner === "" ? [] : inner.split(",")) {
      const blanks = blanksOf(part);
      const [word, double, single] = bracketWord.exec(withoutEnd(part).slice(blanks)) ?? [];
      if (word === undefined) throw notPlain;
      value.push(double ?? single ?? plainValue(word));
      items.push({ start: at + blanks });
      at += part.length + 1;
    }
    this.next();
    return { value, node: { start, items } };
  }

  /** A text in a block: `|` keeps its lines, `>` makes one line of them, `-` takes the last line end away. */
  private text(sign: string, start: number, parent: number): Placed {
    this.next();
    const inner = blanksOf(this.line());
    const lines: string[] = [];
    for (; this.at < this.lines.length; this.next()) {
      const line = this.line();
      const indent = blanksOf(line);
      const isBlank = indent === line.length;
      if (!isBlank && indent <= parent) break;
      // Blanks that are part of the text, or a line further left than the first.
      if (isBlank ? indent > inner : indent < inner) throw notPlain;
      lines.push(line.slice(inner));
    }
    while (lines.at(-1) === "") lines.pop();
    if (lines.length === 0 || lines[0] === "" || inner <= parent) throw notPlain;
    const text = sign.startsWith("|") ? lines.join("\n") : folded(lines);
    return { value: sign.endsWith("-") ? text : `${text}\n`, node: { start, block: true } };
  }
}

function blanksOf(line: string): number {
  let blanks = 0;
  while (line.charCodeAt(blanks) === 32) blanks += 1;
  return blanks;
}

/** What stands before a comment. Without a pattern: blanks without an end would take one the square of their number. */
function withoutComment(written: string): string {
  if (written.startsWith("#")) return "";
  const comment = written.indexOf(" #");
  return withoutEnd(comment < 0 ? written : written.slice(0, comment));
}

function withoutEnd(text: string): string {
  let end = text.length;
  while (text.charCodeAt(end - 1) === 32) end -= 1;
  return text.slice(0, end);
}

function isItem(line: string, indent: number): boolean {
  return line.startsWith("- ", indent);
}

/** Lines as one, an empty line as a line end; lines that are indented further have rules of their own. */
function folded(lines: readonly string[]): string {
  if (lines.some((line) => /^ | $/.test(line))) throw notPlain;
  let text = "";
  let isStart = true;
  for (const line of lines) {
    text += line === "" ? "\n" : isStart ? line : ` ${line}`;
    isStart = line === "";
  }
  return text;
}

/** A text without quotes, or the number or the word that it is in YAML 1.2. */
function plainValue(said: string): unknown {
  const word = words.get(said);
  if (word !== undefined) return word;
  if (!plainText.test(said) || said.includes(": ") || said.endsWith(":")) throw notPlain;
  if (/^(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/.test(said)) return Number(said);
  // What could be a number in another form.
  if (/^[\d.]/.test(said) && (/^[\d.eE+-]*$/.test(said) || /^0[xo]/.test(said) || /^\.(?![./])/.test(said))) throw notPlain;
  return said;
}
