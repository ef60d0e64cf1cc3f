/** One document → its jobs: one, a list, or OpenClaw's `{ "version": 1, "jobs": [ … ] }`. */
import type { Issue } from "../errors.ts";
import { isOpenClawState, isOpenClawStore } from "../job/openclaw.ts";
import type { Job } from "../job/job.ts";
import { parseJob, type JobSource } from "../job/parse.ts";
import { isRecord } from "../job/shape.ts";
import { formatPath, type Path } from "../job/words.ts";
import { maxJobFiles } from "./find-files.ts";
import type { Document } from "./syntax.ts";

export interface Found {
  readonly jobs: readonly Job[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
  /** The document is a store of OpenClaw's. */
  readonly openclaw: boolean;
}

/** @param stem The file's path below the folder of jobs, without its ending. */
export function parseDocumentJobs({ value, locate }: Document, stem: string, given: JobSource): Found {
  const openclaw = isOpenClawStore(value);
  const source: JobSource = { ...given, openclaw };
  const at = (path: Path, said: Pick<Issue, "message" | "suggestion">): Issue => {
    return { file: source.file, ...locate(path, "key"), path: formatPath(path), ...said };
  };
  if (isOpenClawState(value)) {
    const message = "is OpenClaw's own state of its jobs, not a job file; passed over";
    return { jobs: [], issues: [], warnings: [at([], { message })], openclaw };
  }
  const several = severalJobs(value, openclaw);
  if (several === undefined) {
    const name = stem.slice(stem.lastIndexOf("/") + 1);
    const parsed = parseJob(value, locate, { ...source, id: stem, name });
    const [jobs, issues] = "job" in parsed ? [[parsed.job], []] : [[], parsed.issues];
    return { jobs, issues, warnings: parsed.warnings, openclaw };
  }
  const jobs: Job[] = [];
  const issues: Issue[] = several.problems.map(({ path, ...said }) => at(path, said));
  const warnings: Issue[] = several.warnings.map(({ path, ...said }) => at(path, said));
  for (const [index, item] of several.items.entries()) {
    const parsed = parseJob(item, locate, { ...source, prefix: [...several.prefix, index] });
    if ("job" in parsed) jobs.push(parsed.job);
    else issues.push(...parsed.issues);
    warnings.push(...parsed.warnings);
  }
  return { jobs, issues, warnings, openclaw };
}

interface Said {
  readonly path: Path;
  readonly message: string;
  readonly suggestion: string;
}

interface Several {
  readonly items: readonly unknown[];
  readonly prefix: Path;
  readonly problems: readonly Said[];
  readonly warnings: readonly Said[];
}

function severalJobs(value: unknown, openclaw: boolean): Several | undefined {
  if (Array.isArray(value)) return limited(value, []);
  if (!isRecord(value) || !Object.hasOwn(value, "jobs") || !Array.isArray(value["jobs"])) return undefined;
  const several = limited(value["jobs"], ["jobs"]);
  const problems = [...several.problems];
  const warnings: Said[] = [];
  for (const key of Object.keys(value)) {
    if (key === "jobs" || key === "$schema") continue;
    const unknown = { path: [key], message: "unknown key", suggestion: "known here: version, jobs" };
    if (key !== "version") (openclaw ? warnings : problems).push(unknown);
    else if (value[key] !== 1)
      problems.push({ path: [key], message: "a version that is not known", suggestion: `write "version": 1` });
  }
  return { ...several, problems, warnings };
}

function limited(items: readonly unknown[], prefix: Path): Several {
  if (items.length <= maxJobFiles) return { items, prefix, problems: [], warnings: [] };
  const message = `holds ${items.length} jobs, at most ${maxJobFiles} are read`;
  return {
    items: items.slice(0, maxJobFiles),
    prefix,
    problems: [{ path: prefix, message, suggestion: "split the file" }],
    warnings: [],
  };
}
