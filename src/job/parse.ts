/** Makes a job of what a file holds, or says everything that is wrong with it. Pure: positions come by `locate`. */
import type { Issue } from "../errors.ts";
import { check, maxProblems, missing, type Locate, type Problem } from "./check.ts";
import { readCron } from "./cron.ts";
import type { Job, Schedule } from "./job.ts";
import { flatPayloadKeys } from "./flat-keys.ts";
import { locatePrograms, resolveFiles, type JobFiles } from "./job-files.ts";
import { holds, withDefaults, type Layer } from "./layers.ts";
import { normaliseJob } from "./normalise.ts";
import { notActedOn } from "./not-acted-on.ts";
import { readSchedule } from "./read-schedule.ts";
import { contradictions, modelless, plainKeys, secretProblems, strangers, type KnownOutside } from "./rules.ts";
import { jobShape, type JobInput } from "./job-shape.ts";
import { isRecord } from "./shape.ts";
import { toJob, type ResolvedFiles } from "./to-job.ts";
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
  /** Defaults of its folders, the nearest first. */
  readonly defaults?: readonly Layer[];
  /** The document is a store of OpenClaw's: unknown keys are warnings, and its messages are no templates. */
  readonly openclaw?: boolean;
}

export type ParsedJob =
  | { readonly job: Job; readonly warnings: readonly Issue[] }
  | { readonly issues: readonly Issue[]; readonly warnings: readonly Issue[] };

/**
 * Reads one job. Never throws, whatever the value is; all problems are reported at once, at most 50.
 * A text that looks like a key is a problem wherever it stands, and is not repeated.
 */
export function parseJob(written: unknown, locate: Locate, source: JobSource): ParsedJob {
  const { openclaw = false, defaults = [], prefix = [] } = source;
  const { value: own, origin, problems: twice, warnings: hints } = normaliseJob(written, openclaw);
  const value = withDefaults(own, defaults);
  const asWritten = (problem: Problem): Issue => issueAt(problem, [...prefix, ...problem.path], locate, source.file);
  const layerOf = (path: Path): Layer | undefined =>
    holds(own, path) ? undefined : defaults.find((layer) => holds(layer.value, path));
  const toIssue = (problem: Problem): Issue => {
    const layer = layerOf(problem.path);
    if (layer !== undefined) return issueAt(problem, layer.origin(problem.path), layer.locate, layer.file);
    return asWritten(inWords(problem, origin(problem.path)));
  };
  const read = readJob(value, source, (path) => layerOf(path)?.folder ?? source.folder ?? "");
  const warnings = [...hints.map(asWritten), ...[...read.warnings, ...idleStagger(value, own)].map(toIssue)];
  const secrets = secretProblems(written);
  if (secrets.length > 0 || twice.length > 0 || "problems" in read) {
    const found = "problems" in read ? withoutFollowers(read.problems).map(toIssue) : [];
    const told = withoutRepeats([...[...secrets, ...twice].map(asWritten), ...found]).slice(0, maxProblems);
    return { issues: told.toSorted(byPlace), warnings };
  }
  const place = { file: source.file, line: locate(prefix, "value").line ?? 1 };
  const { input, schedule, files } = read;
  return { job: toJob(input, { schedule, source: place, id: source.id, name: source.name, files }), warnings };
}

/** A problem at the place where it was written, and a remedy by the key that stands there. */
function inWords(problem: Problem, path: Path): Problem {
  const [today, written] = [problem.path.at(-1), path.at(-1)];
  const renamed =
    typeof written === "string" && typeof today === "string" && written !== today && path.length <= problem.path.length;
  const suggestion = problem.suggestion;
  if (!renamed || suggestion === undefined) return { ...problem, path };
  return { ...problem, path, suggestion: suggestion.replace(`write "${today}": `, `write "${written}": `) };
}

function issueAt(problem: Problem, path: Path, locate: Locate, file: string): Issue {
  const said = problem.suggestion === undefined ? {} : { suggestion: problem.suggestion };
  return { file, ...locate(path, problem.of, problem.textLine), path: formatPath(path), message: problem.message, ...said };
}

type Read =
  | {
      readonly input: JobInput;
      readonly schedule: Schedule;
      readonly files: ResolvedFiles;
      readonly warnings: readonly Problem[];
    }
  | { readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] };

function readJob(value: unknown, source: JobSource, folderOf: (path: Path) => string): Read {
  const lenient = source.openclaw === true;
  const shaped = check(jobShape, value, { lenient });
  const schedule = readSchedule(isRecord(value) ? value["schedule"] : undefined, { lenient, zone: source.zone });
  const input = "value" in shaped ? shaped.value : undefined;
  const context = { files: source.files, folderOf, literal: lenient };
  const files = input === undefined ? {} : resolveFiles(input, context);
  const programs = input === undefined ? undefined : locatePrograms(input, context);
  const problems: Problem[] = [
    ...plainKeys(value),
    ...("problems" in shaped ? withoutEchoOfFlat(shaped.problems) : []),
    ...("problems" in schedule ? schedule.problems : []),
    ...(input === undefined ? [] : rulesOf(input, source)),
    ...("problems" in files ? files.problems : []),
    ...(programs !== undefined && "problems" in programs ? programs.problems : []),
  ];
  const unknown = [...("unknown" in shaped ? shaped.unknown : []), ...("unknown" in schedule ? schedule.unknown : [])];
  const warnings = [...warningsOf(value), ...(lenient ? unknown.map(passedOver) : [])];
  if (problems.length > 0 || programs === undefined || "problems" in programs || "problems" in schedule || "problems" in files)
    return { problems, warnings };
  return { input: programs.input, schedule: schedule.schedule, files, warnings };
}

/** A key of the payload that was misspelt at the top of the job: that it is missing says no more. */
function withoutEchoOfFlat(problems: readonly Problem[]): readonly Problem[] {
  const meant = problems.flatMap(({ path, of, suggestion = "" }) => {
    const [, word = ""] = of === "key" && path.length === 1 ? (/^did you mean "(\w+)"/.exec(suggestion) ?? []) : [];
    return flatPayloadKeys.includes(word) ? [word] : [];
  });
  if (meant.length === 0) return problems;
  const echoes = new Set(["payload", ...meant.map((word) => `payload.${word}`)]);
  return problems.filter(({ path, message }) => message !== missing || !echoes.has(path.join(".")));
}

function passedOver({ path, of }: Problem): Problem {
  return { path, of, message: "unknown key, passed over" };
}

/** What is wrong with a folder's defaults by themselves: all that does not depend on the job they are for. */
export function checkDefaults(written: unknown, locate: Locate, file: string): { issues: Issue[]; warnings: Issue[] } {
  const { value, origin, problems: twice, warnings: hints } = normaliseJob(written, false);
  const asWritten = (problem: Problem): Issue => issueAt(problem, problem.path, locate, file);
  const shaped = check(jobShape, value);
  const schedule = isRecord(value) && isRecord(value["schedule"]) ? value["schedule"] : undefined;
  const zoned =
    schedule !== undefined && !Object.hasOwn(schedule, "kind") ? { kind: "cron", expr: "@daily", ...schedule } : schedule;
  const read = readSchedule(zoned);
  const found = [...("problems" in shaped ? shaped.problems : []), ...("problems" in read ? read.problems : [])]
    .filter(({ message }) => message !== missing)
    .map((problem) => ({ ...problem, path: origin(problem.path) }));
  const same: Problem[] = ["id", "name"].flatMap((key) =>
    isRecord(value) && Object.hasOwn(value, key)
      ? [
          {
            path: origin([key]),
            of: "key" as const,
            message: "cannot be the same for every job of a folder",
            suggestion: "take it out",
          },
        ]
      : [],
  );
  const keys = plainKeys(value).map((problem) => ({ ...problem, path: origin(problem.path) }));
  const issues = withoutRepeats([...secretProblems(written), ...keys, ...same, ...twice, ...found].map(asWritten));
  return { issues: issues.slice(0, maxProblems).toSorted(byPlace), warnings: hints.map(asWritten) };
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

/** A text that was found to be a key needs no second complaint about its form; of one text, each line may have its own. */
function withoutRepeats(issues: readonly Issue[]): Issue[] {
  const seen = new Map<string, Issue>();
  return issues.filter((issue) => {
    const key = JSON.stringify([issue.file, issue.path]);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, issue);
    return (
      first === undefined || (first.message.includes("{{") && issue.message.includes("{{") && first.message !== issue.message)
    );
  });
}

/** Of a payload of another kind, its other keys are no news. */
function withoutFollowers(problems: readonly Problem[]): readonly Problem[] {
  const other = problems.some(({ path, message }) => formatPath(path) === "payload.kind" && message.includes("not carried out"));
  return other ? problems.filter(({ path }) => path[0] !== "payload" || path[1] === "kind") : problems;
}

/** Said of the job's own alone: a folder's stagger is for the others in it. */
function idleStagger(value: unknown, own: unknown): Problem[] {
  const schedule = isRecord(value) ? value["schedule"] : undefined;
  const path = ["schedule", "staggerMs"];
  if (!isRecord(schedule) || schedule["kind"] !== "boot" || !holds(own, path)) return [];
  const message = "spreads the slots of other schedules; what is due at a start of the machine begins at once";
  return [{ path, of: "key", message, suggestion: "take it out" }];
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
