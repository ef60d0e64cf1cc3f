/** A job on its way from what was written to the one form that is checked. */
import type { Problem } from "./check.ts";
import type { Path } from "./words.ts";

/** One job under normalisation: its parts as they are so far, and where each was written. */
export interface Draft {
  readonly job: Record<string, unknown>;
  /** Of an OpenClaw store: its spellings are no news, and what it would pass over is passed over. */
  readonly openclaw: boolean;
  readonly problems: Problem[];
  readonly warnings: Problem[];
  /** Remembers that what stands at `path` was written at `written`. */
  readonly moved: (path: Path, written: Path) => void;
}

export function twice(path: Path, other: string): Problem {
  return { path, of: "key", message: `says the same as "${other}", which is there too`, suggestion: "keep one" };
}

export function older(path: Path, today: string): Problem {
  return { path, of: "key", message: "is an older spelling, read as it was meant", suggestion: `write ${today}` };
}
