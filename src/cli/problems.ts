/** How problems of the project's files are told: the first of them, and how many more there are. */
import { formatIssue, type Issue } from "../errors.ts";
import { several } from "./money.ts";
import type { Output } from "./output.ts";

/** Most problems that are told where they are not what was asked for; as many as a daemon keeps for `status`. `runner validate` tells each. */
export const mostTold = 20;

/** The first problems, each in its words, and how many more there are. */
export function toldProblems(
  problems: readonly Issue[],
  most = mostTold,
): { readonly told: readonly Issue[]; readonly more?: string } {
  if (problems.length <= most) return { told: problems };
  const files = new Set(problems.map(({ file }) => file)).size;
  const left = several(problems.length - most, "more problem");
  return {
    told: problems.slice(0, most),
    more: `and ${left}, ${problems.length} in ${several(files, "file")} in all (each of them: runner validate)`,
  };
}

/**
 * Writes what is wrong with the project's files to stderr; returns 78 if any job cannot be used, else 0.
 * @param most of the errors, and of the warnings.
 */
export function reportProblems(
  output: Output,
  { issues, warnings }: { readonly issues: readonly Issue[]; readonly warnings: readonly Issue[] },
  most = mostTold,
): number {
  for (const [colour, word, problems] of [["yellow", "warning:", warnings] as const, ["red", "error:", issues] as const])
    for (const line of problemLines(problems, most)) output.note(`${output.styleNote(colour, word)} ${line}`);
  return issues.length === 0 ? 0 : 78;
}

/** A line a problem, and one for those that are not told. */
export function problemLines(problems: readonly Issue[], most = mostTold): string[] {
  const { told, more } = toldProblems(problems, most);
  return [...told.map(formatIssue), ...(more === undefined ? [] : [more])];
}
