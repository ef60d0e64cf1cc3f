/** Two answers line by line, as diff(1) shows them. */
import type { RunRow } from "../ledger/ledger.ts";
import { instantUtc, plainText, shortId } from "./format.ts";
import type { Output, Style } from "./output.ts";

/** A run's answer. */
export interface Said {
  readonly run: Pick<RunRow, "runId" | "jobId" | "jobName" | "startedAt" | "modelUsed">;
  readonly output: string;
}

export interface Comparison {
  readonly same: boolean;
  /** Lines. */
  readonly added: number;
  readonly removed: number;
  /** Unified, with the two runs in its head; empty for equal answers. */
  readonly patch: string;
  /** The two runs in words. */
  readonly names: readonly [from: string, to: string];
}

export async function compareAnswers(output: Pick<Output, "terminal">, older: Said, newer: Said): Promise<Comparison> {
  const name = ({ run }: Said): string => `${shortId(run.runId)} ${instantUtc(run.startedAt)}`;
  const names = [name(older), name(newer)] as const;
  if (lined(older.output) === lined(newer.output)) return { same: true, added: 0, removed: 0, patch: "", names };
  const { createTwoFilesPatch, FILE_HEADERS_ONLY } = await import("diff");
  const shown = ({ output: said }: Said): string => lined(output.terminal ? plainText(said) : said);
  const options = { context: 3, headerOptions: FILE_HEADERS_ONLY };
  const patch = createTwoFilesPatch(names[0], names[1], shown(older), shown(newer), undefined, undefined, options);
  const lines = patch.split("\n").slice(2);
  return {
    same: false,
    added: lines.filter((line) => line.startsWith("+")).length,
    removed: lines.filter((line) => line.startsWith("-")).length,
    patch,
    names,
  };
}

/** With a line break at its end, which most answers lack and nobody misses. */
function lined(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

export function printComparison(output: Output, { same, patch, names: [from, to] }: Comparison): void {
  if (same) output.note(`${to} says the same as ${from}.`);
  else {
    const lines = patch.trimEnd().split("\n");
    output.data(lines.map((line, at) => styled(line, at, output.style)).join("\n"));
  }
}

function styled(line: string, at: number, style: (style: Style, text: string) => string): string {
  if (at < 2) return style("bold", line);
  if (line.startsWith("@@")) return style("cyan", line);
  if (line.startsWith("+")) return style("green", line);
  return line.startsWith("-") ? style("red", line) : line;
}
