/** What an import says of each job: where it went, what is to be known, and when it was due and is. */
import { instantIn } from "./format.ts";
import type { Output } from "./output.ts";
import type { Comparison, DueRow } from "./side-by-side.ts";

/** One job of an import, for people and for `--json`. */
export interface ImportedJob {
  readonly name: string;
  /** Where it is or would be written. */
  readonly file: string;
  /** Where it came from: `line 7`, or an id. */
  readonly origin: string;
  readonly when: string;
  readonly text: string;
  readonly notes: readonly string[];
  /** To be set in runner's environment. */
  readonly variables: readonly string[];
  readonly comparison?: Comparison;
}

type Paint = Output["style"];

/** The two columns, and what is said once for all rows that are the same. */
function comparisonLines({ zone, next, changes }: Comparison, before: string, paint: Paint): string[] {
  const lines = next.map((row) => rowLine(row, zone, before, paint));
  const different = changes.filter(({ differs }) => differs.length > 0);
  for (const { at, minutes, differs } of different) {
    lines.push(`${instantIn(zone, at)}: the clock is put ${minutes > 0 ? "on" : "back"} by ${Math.abs(minutes)} min`);
    lines.push(...differs.map((row) => rowLine(row, zone, before, paint)));
  }
  const same = changes.filter(({ differs }) => differs.length === 0).map(({ at }) => instantIn(zone, at).slice(4, 14));
  if (same.length > 0) lines.push(paint("dim", `the same over the change of the clock on ${same.join(" and on ")}`));
  return lines;
}

function rowLine({ at, before, now, reason }: DueRow, zone: string, name: string, paint: Paint): string {
  const time = instantIn(zone, at);
  const cell = (there: boolean): string => (there ? time : "–").padEnd(time.length);
  const line = `${name} ${cell(before)}   runner ${cell(now)}`;
  return reason === undefined ? line : paint("red", `${line}  ${reason}`);
}

export function tellJob(output: Output, job: ImportedJob, { written, before }: { written: string; before: string }): void {
  output.data(`${written}  ${output.style("bold", job.file)}  ${job.when}  (${job.origin})`);
  for (const note of job.notes) output.data(`       ${output.style("yellow", "note:")} ${note}`);
  if (job.variables.length > 0)
    output.data(
      `       ${output.style("yellow", "set:")} ${job.variables.join(", ")} in runner's environment; the value is not in the file`,
    );
  if (job.comparison !== undefined)
    for (const line of comparisonLines(job.comparison, before, output.style)) output.data(`       ${line}`);
}
