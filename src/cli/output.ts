/**
 * Where text goes: data to stdout, everything else to stderr, each coloured only if that stream is a terminal that wants it
 * (NO_COLOR, FORCE_COLOR, --no-color). One-shot output is written synchronously, which is faster and cannot be cut off by an exit.
 */
import fs from "node:fs";
import os from "node:os";
import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

export interface Output {
  /** Machine-readable output was asked for. */
  readonly json: boolean;
  /** Data for people or pipes, on stdout. */
  data(text: string): void;
  /** Everything that is not the data asked for, on stderr. */
  note(text: string): void;
  /** A document of a stable, versioned shape on stdout. */
  document(kind: string, body: Readonly<Record<string, unknown>>): void;
  /** Styled for stdout. */
  readonly style: (style: Style, text: string) => string;
  /** Styled for stderr. */
  readonly styleNote: (style: Style, text: string) => string;
  /** stdout is a terminal, which foreign text must not steer. */
  readonly terminal: boolean;
  /** stderr is a terminal a live line may be drawn on. */
  readonly live: boolean;
  /** Width of stderr in columns. */
  readonly width: number;
}

/** Version of all `--json` documents; it changes when a field changes its meaning or goes away. */
export const jsonVersion = 1;

export function createOutput(options: { json: boolean; color: boolean | undefined; env: NodeJS.ProcessEnv }): Output {
  const [out, error] = [isTerminal(1), isTerminal(2)];
  const outColor = options.color ?? wantsColor(options.env, out);
  const errColor = options.color ?? wantsColor(options.env, error);
  return {
    json: options.json,
    data: (text) => writeAll(1, `${text}\n`),
    note: (text) => writeAll(2, `${text}\n`),
    document: (kind, body) => writeAll(1, `${JSON.stringify({ version: jsonVersion, kind, ...body }, undefined, 2)}\n`),
    style: (style, text) => (outColor ? styleText(style, text, { validateStream: false }) : text),
    styleNote: (style, text) => (errColor ? styleText(style, text, { validateStream: false }) : text),
    terminal: out,
    live: error && options.env["TERM"] !== "dumb" && options.env["CI"] === undefined,
    get width() {
      // A terminal that reports no size says 0.
      return process.stderr.columns || 100;
    },
  };
}

/**
 * Whether the descriptor is a terminal: a character device other than /dev/null. `isatty` would say it as well, but loads Node's
 * network and stream modules, 5 ms of every start.
 */
function isTerminal(descriptor: 1 | 2): boolean {
  try {
    const device = fs.fstatSync(descriptor);
    return device.isCharacterDevice() && device.rdev !== fs.statSync(os.devNull).rdev;
  } catch {
    return false;
  }
}

/** https://no-color.org: any value that is not empty switches colour off. FORCE_COLOR=0 switches it off as well. */
function wantsColor(env: NodeJS.ProcessEnv, terminal: boolean): boolean {
  if (env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "") return false;
  if (env["FORCE_COLOR"] !== undefined) return env["FORCE_COLOR"] !== "0" && env["FORCE_COLOR"] !== "false";
  return terminal && env["TERM"] !== "dumb";
}

/** What was asked for could not be written: a full disk behind a redirection, mostly. */
export class OutputError extends Error {
  constructor(cause: unknown) {
    super(`the output could not be written: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "OutputError";
  }
}

/**
 * Writes the whole text, also to a pipe that is full (EAGAIN). A reader that has gone away (EPIPE) is not an error of ours, and
 * there is nowhere left to tell of a stderr that cannot be written.
 * @throws OutputError for stdout.
 */
export function writeAll(descriptor: 1 | 2, text: string): void {
  let left = Buffer.from(text, "utf8");
  while (left.length > 0) {
    try {
      left = left.subarray(fs.writeSync(descriptor, left));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      else if (code === "EPIPE" || descriptor === 2) return;
      else throw new OutputError(error);
    }
  }
}

/** Left-aligned columns, two spaces apart, no trailing blanks; the head row is styled by the caller. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, visibleLength(cell))));
  return rows.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - visibleLength(cell)))
      .join("  ")
      .trimEnd(),
  );
}

// Built from a code point: a control character inside a pattern would look like a slip.
const escapeSequence = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

function visibleLength(text: string): number {
  return text.replaceAll(escapeSequence, "").length;
}
