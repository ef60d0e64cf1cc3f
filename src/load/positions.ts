/** Where the keys and values of a text stand, whatever its format. */
import type { Path } from "../job/words.ts";
import type { LocateText, SyntaxProblem } from "./syntax.ts";

/** The line and the column of an offset, both from 1. */
export type PlaceOf = (offset: number) => { line: number; column: number };

/** A value of the text: its offset, and what is in it. */
export interface Node {
  readonly start: number;
  readonly keys?: ReadonlyMap<string, { readonly at: number; readonly node: Node }>;
  readonly items?: readonly Node[];
  /** A text whose first line stands below the sign that begins it: `|` or `>` of YAML. */
  readonly block?: boolean;
}

/** Line and column of an offset, both from 1. A CR LF counts as one line end, a lone CR as none. */
export function position(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let next = text.indexOf("\n"); next >= 0 && next < offset; next = text.indexOf("\n", start)) {
    line += 1;
    start = next + 1;
  }
  return { line, column: offset - start + 1 };
}

export function locator(root: Node, place: PlaceOf): LocateText {
  return (path: Path, of, textLine) => {
    let at = root.start;
    let node: Node | undefined = root;
    for (const step of path) {
      const entry: { at: number; node: Node } | undefined = typeof step === "string" ? node.keys?.get(step) : undefined;
      const next: Node | undefined = typeof step === "number" ? node.items?.[step] : entry?.node;
      if (next === undefined) break;
      at = of === "key" && entry !== undefined ? entry.at : next.start;
      node = next;
    }
    const found = place(at);
    return textLine === undefined || node.block !== true ? found : { line: found.line + 1 + textLine, column: 1 };
  };
}

/** `position` of many offsets of one text: where its lines begin is found once. */
export function positions(text: string): PlaceOf {
  let starts: number[] | undefined;
  return (offset) => {
    starts ??= lineStarts(text);
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) starts.push(end + 1);
  return starts;
}

/** A key that stands in its object already: offsets of both. */
export interface Repeated {
  readonly at: number;
  readonly first: number;
}

/** At most 50 of them, each with the line of the one before it. */
export function writtenTwice(repeated: readonly Repeated[], text: string): SyntaxProblem[] {
  const placeOf = positions(text);
  return repeated.slice(0, 50).map(({ at, first }) => ({
    ...placeOf(at),
    message: "this key is written twice",
    suggestion: `it stands on line ${placeOf(first).line} too; keep one`,
  }));
}
