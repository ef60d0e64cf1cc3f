/** YAML of every kind, with positions. Loaded only where a file holds more than what yaml-plain.ts reads, or something wrong. */
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type YAMLError } from "yaml";
import type { Path } from "../job/words.ts";
import type { LocateText, SyntaxProblem, TextDocument } from "./syntax.ts";
import { inspect } from "./yaml-inspect.ts";

/** Most times that aliases may multiply the size of a document: the defence against a bomb of nested anchors. */
const maxAliases = 100;

/** @param linesBefore Lines of the file that stand before the text. */
export function readWholeYaml(text: string, linesBefore = 0): TextDocument | { readonly problems: readonly SyntaxProblem[] } {
  const lines = new LineCounter();
  const place = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1) + linesBefore, column: Math.max(col, 1) };
  };
  try {
    const parsed = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: "error",
      uniqueKeys: false,
      version: "1.2",
    });
    // After the first syntax error the rest is guesswork of the parser's.
    const fault = parsed.errors[0] ?? parsed.warnings[0];
    if (fault !== undefined) return { problems: [{ ...place(fault.pos[0]), ...explain(fault, text) }] };
    if (parsed.contents === null)
      return {
        problems: [
          { line: 1 + linesBefore, column: 1, message: "is empty", suggestion: `write at least "payload:" with a "message:"` },
        ],
      };
    const findings = inspect(parsed).slice(0, 50);
    if (findings.length > 0) return { problems: findings.map(({ at, ...said }) => ({ ...place(at), ...said })) };
    const value: unknown = parsed.toJS({ maxAliasCount: maxAliases });
    return { value, locate: locator(parsed.contents, place) };
  } catch (error) {
    // The parser's own nesting is recursive, so what is nested too deeply ends here too, as a RangeError.
    const bomb = error instanceof ReferenceError && error.message.startsWith("Excessive alias count");
    const message = bomb
      ? `its aliases multiply to more than ${maxAliases} values`
      : error instanceof RangeError
        ? "is nested too deeply"
        : "is not YAML that can be read";
    return { problems: [{ line: 1 + linesBefore, column: 1, message }] };
  }
}

/** The parser's messages without the lines of the file that some of them quote. */
function explain(fault: YAMLError, text: string): Pick<SyntaxProblem, "message" | "suggestion"> {
  const start = text.lastIndexOf("\n", fault.pos[0] - 1) + 1;
  const end = text.indexOf("\n", start);
  if (/:\s+\*\S*\s/.test(text.slice(start, end < 0 ? text.length : end))) {
    return { message: "is not YAML here", suggestion: 'put quotes round a text that starts with "*", such as a cron expression' };
  }
  return (
    explanations[fault.code] ?? {
      message: `is not YAML here (${fault.code.toLowerCase().replaceAll("_", " ")})`,
      suggestion: "check the indentation and the quotes",
    }
  );
}

const notYaml = { message: "is not YAML here", suggestion: `check the indentation, and quote texts that hold ": " or " #"` };
const explanations: Readonly<Partial<Record<YAMLError["code"], Pick<SyntaxProblem, "message" | "suggestion">>>> = {
  TAB_AS_INDENT: { message: "a tab cannot indent YAML", suggestion: "use spaces" },
  MULTIPLE_DOCS: { message: "holds more than one document", suggestion: "write several jobs as a list, or one a file" },
  TAG_RESOLVE_FAILED: { message: "a tag (!name) that is not supported", suggestion: "take the tag out" },
  RESOURCE_EXHAUSTION: { message: "is nested too deeply" },
  BAD_ALIAS: { message: "an alias (*name) that cannot be used here", suggestion: "put quotes round a text that starts with *" },
  UNEXPECTED_TOKEN: notYaml,
  BLOCK_AS_IMPLICIT_KEY: notYaml,
  MULTILINE_IMPLICIT_KEY: notYaml,
};

type Place = (offset: number) => { line: number; column: number };

function locator(contents: unknown, place: Place): LocateText {
  return (path: Path, of, textLine) => {
    let node: unknown = contents;
    let at = startOf(contents) ?? 0;
    for (const step of path) {
      const [key, next] = child(node, step);
      if (next === undefined && key === undefined) break;
      at = (of === "key" ? (startOf(key) ?? startOf(next)) : (startOf(next) ?? startOf(key))) ?? at;
      node = next;
    }
    // Of a text in a block (| or >), the first line stands below the sign.
    const block = isScalar(node) && (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED");
    if (textLine === undefined || !block) return place(at);
    return { line: place(at).line + 1 + textLine, column: 1 };
  };
}

function child(node: unknown, step: string | number): [key: unknown, value: unknown] {
  if (isSeq(node)) return [undefined, node.items[Number(step)]];
  if (!isMap(node)) return [undefined, undefined];
  const pair = node.items.find((item) => isPair(item) && nameOf(item.key) === String(step));
  return pair === undefined ? [undefined, undefined] : [pair.key, pair.value ?? undefined];
}

/** A key as `toJS` names it: numbers and booleans become texts, and a key left out is "". */
function nameOf(key: unknown): string | undefined {
  const value = isScalar(key) ? key.value : undefined;
  if (value === null) return "";
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

function startOf(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node) || !Array.isArray(node.range)) return undefined;
  const [start] = node.range as unknown[];
  return typeof start === "number" ? start : undefined;
}
