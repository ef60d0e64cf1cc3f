/** What readers of each format give back: a value with positions, or what is wrong with the text. */
import type { Locate } from "../job/check.ts";
import type { Path } from "../job/words.ts";

export interface Document {
  readonly value: unknown;
  readonly locate: Locate;
}

/** A document that is text, so that everything in it has a line. */
export interface TextDocument extends Document {
  readonly locate: LocateText;
}

export type LocateText = (path: Path, of: "key" | "value", textLine?: number) => { line: number; column: number };

/** What a reader of one format found wrong; the file is added by whoever knows it. */
export interface SyntaxProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly suggestion?: string;
  readonly path?: string;
}
