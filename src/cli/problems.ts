import { formatIssue, type Issue } from "../errors.ts";
import type { Output } from "./output.ts";

/** Writes what is wrong with the project's files to stderr; returns 78 if any job cannot be used, else 0. */
export function reportProblems(
  output: Output,
  found: { readonly issues: readonly Issue[]; readonly warnings: readonly Issue[] },
): number {
  for (const warning of found.warnings) output.note(`${output.styleNote("yellow", "warning:")} ${formatIssue(warning)}`);
  for (const issue of found.issues) output.note(`${output.styleNote("red", "error:")} ${formatIssue(issue)}`);
  return found.issues.length === 0 ? 0 : 78;
}
