/** What readers of each format give back: a value with positions, or what is wrong with the text. */
import type { Locate } from "../job/check.ts";

export interface Document {
  readonly value: unknown;
  readonly locate: Locate;
}

/** What a reader of one format found wrong; the file is added by whoever knows it. */
export interface SyntaxProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly suggestion?: string;
  readonly path?: string;
}
