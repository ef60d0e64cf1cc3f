/** What a leader says of itself, as JSON in one column: nothing is sought by it. */
import type { LeaderReport } from "../ledger.ts";
import { cut, present, whole } from "./columns.ts";

/** Most problems kept of a report, and the longest one, in UTF-16 units. */
const keptProblems = 20;
const keptProblemText = 500;

const states = ["running", "draining", "held"] as const;

export function reportValue(report: LeaderReport): string {
  return JSON.stringify({
    ...report,
    ...(report.nextAt === undefined ? {} : { nextAt: whole(report.nextAt) }),
    problems: report.problems.slice(0, keptProblems).map((line) => cut(line, keptProblemText)),
  });
}

export function reportOf(column: string): LeaderReport {
  const parsed: unknown = JSON.parse(column);
  const fields: Record<string, unknown> = typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  const number = (name: string): number | undefined => (typeof fields[name] === "number" ? fields[name] : undefined);
  const string = (name: string): string => (typeof fields[name] === "string" ? fields[name] : "");
  const { problems } = fields;
  const state = states.find((one) => one === fields["state"]) ?? "running";
  return present({
    projectDir: string("projectDir"),
    zone: string("zone"),
    jobs: number("jobs") ?? 0,
    running: number("running") ?? 0,
    queued: number("queued") ?? 0,
    maxRuns: number("maxRuns"),
    nextAt: number("nextAt"),
    state,
    problems: Array.isArray(problems) ? problems.filter((line) => typeof line === "string") : [],
    refused: fields["refused"] === true ? (true as const) : undefined,
  });
}
