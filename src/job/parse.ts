/** Makes a job of what a file holds, or says everything that is wrong with it. Pure: positions come by `locate`. */
import type { Issue } from "../errors.ts";
import { check, maxProblems, type Locate, type Problem } from "./check.ts";
import { readCron } from "./cron.ts";
import type { Job } from "./job.ts";
import { resolveFiles, type JobFiles } from "./job-files.ts";
import { notActedOn } from "./not-acted-on.ts";
import { readSchedule } from "./read-schedule.ts";
import { contradictions, modelless, secretProblems, strangers, type KnownOutside } from "./rules.ts";
import { jobShape, type JobInput } from "./schema.ts";
import { isRecord } from "./shape.ts";
import { toJob } from "./to-job.ts";
import { byPlace, formatPath, type Path } from "./words.ts";

export interface JobSource extends KnownOutside {
  readonly file: string;
  /** Absolute folder of the file, for the paths it holds. */
  readonly folder?: string;
  /** Id and name for a job that says none; derived from the file's path. Absent where a file holds several jobs. */
  readonly id?: string;
  readonly name?: string;
  /** Where in the document the job stands; empty when it is the whole document. */
  readonly prefix?: Path;
  /** The files that a job may name. */
  readonly files?: JobFiles;
}

export type ParsedJob =
  | { readonly job: Job; readonly warnings: readonly Issue[] }
  | { readonly issues: readonly Issue[]; readonly warnings: readonly Issue[] };

/**
 * Reads one job. Never throws, whatever the value is; all problems are reported at once, at most 50.
 * A text that looks like a key is a problem wherever it stands, and is not repeated.
 */
export function parseJob(value: unknown, locate: Locate, source: JobSource): ParsedJob {
  const prefix = source.prefix ?? [];
  const toIssue = (problem: Problem): Issue => {
    const path = [...prefix, ...problem.path];
    const said = problem.suggestion === undefined ? {} : { suggestion: problem.suggestion };
    const place = locate(path, problem.of, problem.textLine);
    return { file: source.file, ...place, path: formatPath(path), message: problem.message, ...said };
  };
  const problems = secretProblems(value);
  const shaped = check(jobShape, value);
  const schedule = isRecord(value) ? readSchedule(value["schedule"]) : undefined;
  if ("problems" in shaped) problems.push(...shaped.problems);
  if (schedule !== undefined && "problems" in schedule) problems.push(...schedule.problems);
  if ("value" in shaped) problems.push(...rulesOf(shaped.value, source));
  const warnings = warningsOf(value).map(toIssue);
  const files =
    "value" in shaped
      ? resolveFiles(shaped.value, { files: source.files, folderOf: () => source.folder ?? "", literal: false })
      : undefined;
  if (files !== undefined && "problems" in files) problems.push(...files.problems);
  if (
    problems.length > 0 ||
    !("value" in shaped) ||
    schedule === undefined ||
    !("schedule" in schedule) ||
    files === undefined ||
    "problems" in files
  ) {
    const told = withoutRepeats(withoutFollowers(problems)).slice(0, maxProblems);
    return { issues: told.map(toIssue).toSorted(byPlace), warnings };
  }
  const place = { file: source.file, line: locate(prefix, "value").line ?? 1 };
  const job = toJob(shaped.value, { schedule: schedule.schedule, source: place, id: source.id, name: source.name, files });
  return { job, warnings };
}

function rulesOf(input: JobInput, source: JobSource): Problem[] {
  return [
    ...contradictions(input),
    ...nameless(input, source),
    ...strangers(input, source.providers),
    ...modelless(input, source.defaultModel),
  ];
}

function nameless(input: JobInput, source: JobSource): Problem[] {
  if (input.id !== undefined || input.name !== undefined || source.id !== undefined) return [];
  const message = "is missing: in a file of several jobs each needs a name or an id";
  return [{ path: ["name"], of: "value", message, suggestion: `write "name": "daily-check"` }];
}

/** A text that was found to be a key needs no second complaint about its form. */
function withoutRepeats(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ path, textLine = 0, message }) => {
    // Of one text, each line may have something wrong with it.
    const key = JSON.stringify([path, textLine, textLine > 0 ? message : ""]);
    return seen.has(key) ? false : seen.add(key) !== undefined;
  });
}

/** Of a payload of another kind, its other keys are no news. */
function withoutFollowers(problems: readonly Problem[]): readonly Problem[] {
  const other = problems.some(({ path, message }) => formatPath(path) === "payload.kind" && message.includes("not carried out"));
  return other ? problems.filter(({ path }) => path[0] !== "payload" || path[1] === "kind") : problems;
}

function warningsOf(value: unknown): Problem[] {
  if (!isRecord(value)) return [];
  const warnings = notActedOn(value);
  const schedule = value["schedule"];
  const expr = isRecord(schedule) && schedule["kind"] === "cron" ? schedule["expr"] : undefined;
  const read = typeof expr === "string" && /\*[/,]/.test(expr) ? readCron(expr) : undefined;
  if (read !== undefined && "doubt" in read && read.doubt !== undefined) {
    const suggestion = `for both, write "+" before the day of week`;
    warnings.push({ path: ["schedule", "expr"], of: "value", message: read.doubt, suggestion });
  }
  const payload = value["payload"];
  if (isRecord(payload) && payload["timeoutSeconds"] === 0) {
    const message = "0 means no limit in OpenClaw; here the limit of the run applies";
    warnings.push({ path: ["payload", "timeoutSeconds"], of: "value", message });
  }
  return warnings;
}
