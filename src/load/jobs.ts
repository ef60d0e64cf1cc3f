/** Finds and reads every job file of a folder. One bad file never hides the others: good jobs and all problems come back together. */
import { readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import type { Issue } from "../errors.ts";
import { isRecord } from "../job/shape.ts";
import { formatPath, type Path } from "../job/words.ts";
import type { Job } from "../job/job.ts";
import { parseJob, type JobSource } from "../job/parse.ts";
import { displayName } from "./display-name.ts";
import { readDocument, readText, type DocumentFormat } from "./document.ts";
import type { Environment } from "./folders.ts";
import { namedFiles } from "./named-files.ts";
import type { Document } from "./syntax.ts";

/** Most job files of one project, and most jobs of one file. */
const maxJobFiles = 10_000;
const maxDepth = 16;

const formats: Readonly<Record<string, DocumentFormat>> = { json: "json", yaml: "yaml", yml: "yaml", md: "markdown" };

export interface LoadedJobs {
  /** Usable jobs, in the order of their files. */
  readonly jobs: readonly Job[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
  /** Names and ids that more than one job has, with what is to be done about each. Such a name means none of them (see `findJob`). */
  readonly clashes: ReadonlyMap<string, readonly Issue[]>;
  /** How many files were looked at. */
  readonly files: number;
}

export interface LoadJobsOptions {
  /** The folder, absolute; `jobs/` of the project unless configured. */
  readonly dir: string;
  /** Folder that files are named relative to in messages; default the current one. */
  readonly base?: string;
  /** The project's folder, absolute; work folders are relative to it, and includes lie in it. Default `base`. */
  readonly projectDir?: string;
  /** For `~/`. Default none: the home folder of the user. */
  readonly env?: Environment;
  /** Ids of the known providers; given, a job that asks any other is a problem. */
  readonly providers?: readonly string[];
  /** The configuration's `model`; `null` if it names none: then a job that names none either is a problem. Absent: not known. */
  readonly defaultModel?: string | null;
}

/** Reads every .json, .yaml, .yml and .md file below the folder. Never throws for what is in the folder: the caller decides what problems mean. */
export async function loadJobs(options: LoadJobsOptions): Promise<LoadedJobs> {
  const { dir, base = process.cwd(), projectDir = base, env = {}, providers, defaultModel } = options;
  const known: Known = {
    ...(providers === undefined ? {} : { providers }),
    ...(defaultModel === undefined ? {} : { defaultModel }),
    files: namedFiles({ projectDir, roots: [projectDir, dir], env }),
  };
  const issues: Issue[] = [];
  const warnings: Issue[] = [];
  const jobs: Job[] = [];
  const files = findFiles(dir, base, issues);
  for (const file of files) {
    const read = await readJobFile(file, dir, base, known);
    issues.push(...read.issues);
    warnings.push(...read.warnings);
    jobs.push(...read.jobs);
  }
  const { unique, repeated, clashes } = withoutDoubles(jobs);
  return { jobs: unique, issues: [...issues, ...repeated], warnings, clashes, files: files.length };
}

interface Found {
  readonly jobs: readonly Job[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
}

/** What is known beside the files themselves. */
type Known = Pick<JobSource, "providers" | "defaultModel" | "files">;

async function readJobFile(path: string, dir: string, base: string, known: Known): Promise<Found> {
  const file = displayName(path, base);
  const format = formatOf(path);
  const text = readText(path, file);
  if ("issues" in text || format === undefined) return { jobs: [], warnings: [], issues: "issues" in text ? text.issues : [] };
  const read = await readDocument(text.text, format, file);
  if ("issues" in read) return { jobs: [], warnings: [], issues: read.issues };
  const stem = relative(dir, path)
    .slice(0, -extensionOf(path).length - 1)
    .split(sep)
    .join("/");
  return parseDocumentJobs(read.document, stem, { file, folder: dirname(path), ...known });
}

/** One job a file; a list, or OpenClaw's `{ "version": 1, "jobs": [...] }`, is accepted too. */
function parseDocumentJobs(document: Document, stem: string, source: JobSource): Found {
  const { value, locate } = document;
  const name = stem.slice(stem.lastIndexOf("/") + 1);
  const several = severalJobs(value);
  if (several === undefined) {
    const parsed = parseJob(value, locate, { ...source, id: stem, name });
    return {
      jobs: "job" in parsed ? [parsed.job] : [],
      issues: "issues" in parsed ? parsed.issues : [],
      warnings: parsed.warnings,
    };
  }
  const jobs: Job[] = [];
  const issues: Issue[] = several.problems.map(({ path, message, suggestion }) => {
    return { file: source.file, ...locate(path, "key"), path: formatPath(path), message, suggestion };
  });
  const warnings: Issue[] = [];
  for (const [at, item] of several.items.entries()) {
    const parsed = parseJob(item, locate, { ...source, prefix: [...several.prefix, at] });
    if ("job" in parsed) jobs.push(parsed.job);
    else issues.push(...parsed.issues);
    warnings.push(...parsed.warnings);
  }
  return { jobs, issues, warnings };
}

interface Several {
  readonly items: readonly unknown[];
  readonly prefix: Path;
  readonly problems: readonly { readonly path: Path; readonly message: string; readonly suggestion: string }[];
}

function severalJobs(value: unknown): Several | undefined {
  if (Array.isArray(value)) return limited(value, []);
  if (!isRecord(value) || !Object.hasOwn(value, "jobs") || !Array.isArray(value["jobs"])) return undefined;
  const several = limited(value["jobs"], ["jobs"]);
  const problems = [...several.problems];
  for (const key of Object.keys(value)) {
    if (key === "jobs") continue;
    if (key !== "version") problems.push({ path: [key], message: "unknown key", suggestion: "known here: version, jobs" });
    else if (value[key] !== 1)
      problems.push({ path: [key], message: "a version that is not known", suggestion: `write "version": 1` });
  }
  return { ...several, problems };
}

function limited(items: readonly unknown[], prefix: Path): Several {
  if (items.length <= maxJobFiles) return { items, prefix, problems: [] };
  const message = `holds ${items.length} jobs, at most ${maxJobFiles} are read`;
  return { items: items.slice(0, maxJobFiles), prefix, problems: [{ path: prefix, message, suggestion: "split the file" }] };
}

/** Ids and names are each unique in a project; the second and later ones are refused, and both places are named. */
function withoutDoubles(jobs: readonly Job[]): { unique: Job[]; repeated: Issue[]; clashes: Map<string, Issue[]> } {
  const repeated: Issue[] = [];
  const clashes = new Map<string, Issue[]>();
  const clash = (job: Job, key: "id" | "name", value: string, first: Job): void => {
    const issue = double(job, key, value, first);
    repeated.push(issue);
    clashes.set(value, [...(clashes.get(value) ?? []), issue]);
  };
  const ids = new Map<string, Job>();
  const names = new Map<string, Job>();
  const unique = jobs.filter((job) => {
    const sameId = ids.get(job.id);
    const sameName = names.get(job.name);
    if (sameId !== undefined) clash(job, "id", job.id, sameId);
    if (sameName !== undefined && sameName !== sameId) clash(job, "name", job.name, sameName);
    if (sameId !== undefined || sameName !== undefined) return false;
    ids.set(job.id, job);
    names.set(job.name, job);
    return true;
  });
  return { unique, repeated, clashes };
}

function double(job: Job, key: "id" | "name", value: string, first: Job): Issue {
  const place = `${first.source.file}:${first.source.line}`;
  return {
    file: job.source.file,
    line: job.source.line,
    path: key,
    message: `the ${key} ${JSON.stringify(value)} is taken by the job at ${place}`,
    suggestion: `give one of them another ${key}`,
  };
}

function extensionOf(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

function formatOf(path: string): DocumentFormat | undefined {
  const name = path.slice(path.lastIndexOf(sep) + 1);
  // A folder's README explains the jobs and is not one.
  if (name.startsWith(".") || /^readme\.md$/i.test(name)) return undefined;
  const extension = extensionOf(name);
  return Object.hasOwn(formats, extension) ? formats[extension] : undefined;
}

/** Job files below the folder, sorted by path. Hidden entries and node_modules are passed over; links are followed, circles are not. */
function findFiles(dir: string, base: string, issues: Issue[]): string[] {
  const files: string[] = [];
  const seen = new Set<string>();
  const left: { path: string; depth: number }[] = [{ path: dir, depth: 0 }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { path, depth } = next;
    try {
      const real = realpathSync(path);
      if (seen.has(real)) continue;
      seen.add(real);
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        const inner = join(path, entry.name);
        if (formatOf(inner) !== undefined) files.push(inner);
        else if (!entry.name.startsWith(".") && entry.name !== "node_modules" && isFolder(inner, entry) && depth < maxDepth)
          left.push({ path: inner, depth: depth + 1 });
      }
    } catch (error) {
      issues.push(noFolder(path, dir, base, error));
    }
    if (files.length > maxJobFiles) {
      issues.push({
        file: displayName(dir, base),
        path: "",
        message: `holds more than ${maxJobFiles} job files; the rest is not read`,
      });
      break;
    }
  }
  return files.slice(0, maxJobFiles).toSorted();
}

function isFolder(path: string, entry: { isDirectory(): boolean; isSymbolicLink(): boolean }): boolean {
  return entry.isDirectory() || (entry.isSymbolicLink() && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true);
}

function noFolder(path: string, dir: string, base: string, error: unknown): Issue {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const file = displayName(path, base);
  if (code === "ENOENT") {
    const suggestion =
      path === dir ? `make it and put a job in it, or name another with "jobsDir" in the configuration` : undefined;
    return { file, path: "", message: "there is no such folder", ...(suggestion === undefined ? {} : { suggestion }) };
  }
  if (code === "ENOTDIR") return { file, path: "", message: "is not a folder" };
  if (code === "EACCES") return { file, path: "", message: "may not be read by this user" };
  return { file, path: "", message: `cannot be read: ${code === "" ? "unknown reason" : code}` };
}
