/** Reads every job file of a folder. One bad file never hides the others: good jobs and all problems come back together. */
import { basename, dirname, sep } from "node:path";
import type { Issue } from "../errors.ts";
import type { Job } from "../job/job.ts";
import type { KeepJob } from "../job/keeper.ts";
import type { Layer } from "../job/layers.ts";
import { isOpenClawStore } from "../job/openclaw.ts";
import type { JobSource } from "../job/parse.ts";
import { readDefaults } from "./defaults.ts";
import { displayName, relativeTo } from "./display-name.ts";
import { readDocument, readText, type ReadDocument } from "./document.ts";
import { withoutDoubles, type Loaded } from "./doubles.ts";
import { findFiles, formatOf } from "./find-files.ts";
import type { Environment } from "./folders.ts";
import { openJobCache, type JobCachePlace } from "./job-cache.ts";
import { namedFiles } from "./named-files.ts";
import { counted } from "./outside.ts";
import { parseDocumentJobs, type Found } from "./several.ts";

export interface LoadedJobs {
  /** Usable jobs, in the order of their files. */
  readonly jobs: readonly Job[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
  /** Names and ids that more than one job has, with what is to be done about each. Such a name means none of them (see `findJob`). */
  readonly clashes: ReadonlyMap<string, readonly Issue[]>;
  /** How many files were looked at. */
  readonly files: number;
  /** Files of defaults that are used, and how many jobs begin with each. */
  readonly defaults: ReadonlyMap<string, number>;
  /** Every file that a job names, absolute: texts that are put in, schemas, event handlers. */
  readonly named: readonly string[];
  /** Leaves what was read for commands that only look in this folder, if `cache` says so; the second time does nothing. */
  readonly leave: (folder: string) => Promise<void>;
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
  /** What becomes of each job that is to be held for long (job/keeper.ts). Absent: it stays as it was made. */
  readonly keep?: KeepJob;
  /** For commands that only look, and for whoever leaves something for them. Absent: every file is read. */
  readonly cache?: JobCachePlace;
  /** Zone of schedules that name none, asked only where a time without an offset is read. Absent: UTC. */
  readonly zone?: () => string;
}

/**
 * Reads every job file below the folder: .json, .json5, .yaml, .yml, .md and programs. Never throws for what is in the folder:
 * the caller decides what problems mean. Programs are run, as the configuration is.
 */
export async function loadJobs(options: LoadJobsOptions): Promise<LoadedJobs> {
  const { dir, base = process.cwd(), projectDir = base, env = {}, providers, defaultModel, zone, keep } = options;
  const named = new Set<string>();
  const { asked, ...outside } = counted({
    files: namedFiles({ projectDir, roots: [projectDir, dir], env, found: (path) => void named.add(path) }),
    ...(zone === undefined ? {} : { zone }),
  });
  const known: Known = {
    ...(providers === undefined ? {} : { providers }),
    ...(defaultModel === undefined ? {} : { defaultModel }),
    ...outside,
  };
  const issues: Issue[] = [];
  const files = findFiles(dir, base, issues);
  const cache = options.cache === undefined ? undefined : openJobCache(options.cache, files);
  const defaults = await readDefaults(files, dir, base, async (path) => await readJobDocument(path, base));
  issues.push(...defaults.issues);
  const warnings: Issue[] = [...defaults.warnings];
  const readJobFile = async (path: string, layers: readonly Layer[] | undefined): Promise<Found> => {
    const before = asked();
    const leave = cache?.before(path);
    const read = await readJobDocument(path, base);
    // Without its defaults a job would do something else than it was meant to.
    if ("issues" in read || layers === undefined)
      return { jobs: [], warnings: [], openclaw: false, issues: "issues" in read ? read.issues : [] };
    const source = { file: displayName(path, base), folder: dirname(path), defaults: layers, ...known };
    const made = parseDocumentJobs(read.document, stemOf(path, dir), source);
    if (asked() === before) leave?.(made);
    return made;
  };
  const found = new Map<string, Found>();
  let lastBreath = performance.now();
  const used = new Map<string, number>(defaults.files.map((file) => [file, 0]));
  // Programs last: one that a job names, such as an event handler, is no job and is not run.
  const programs = new Set(files.jobs.filter(isProgram));
  for (const path of [...files.jobs.filter((file) => !programs.has(file)), ...programs]) {
    if (programs.has(path) && named.has(path)) continue;
    const layers = defaults.layersOf(dirname(path));
    let made = layers === undefined ? undefined : cache?.take(path);
    if (made === undefined) {
      lastBreath = await breathe(lastBreath);
      made = await readJobFile(path, layers);
    }
    found.set(path, keep === undefined ? made : { ...made, jobs: made.jobs.map(keep) });
    for (const layer of layers ?? []) used.set(layer.file, (used.get(layer.file) ?? 0) + made.jobs.length);
  }
  const loaded: Loaded[] = [];
  for (const path of files.jobs) {
    const file = found.get(path);
    if (file === undefined) continue;
    const { jobs, openclaw } = file;
    loaded.push(...jobs.map((job) => ({ job, openclaw })));
    // A schema or a text that a job names may lie among the jobs, and need not be one.
    if (jobs.length === 0 && named.has(path)) continue;
    issues.push(...file.issues);
    warnings.push(...file.warnings);
  }
  const { unique, repeated, told, clashes } = withoutDoubles(loaded);
  return {
    jobs: unique,
    issues: [...distinct(issues), ...repeated],
    warnings: [...distinct(warnings), ...told],
    clashes,
    files: files.jobs.length,
    defaults: used,
    named: [...named].toSorted(),
    leave: cache?.leave ?? (async () => {}),
  };
}

/** Longest time in one piece, in ms: a daemon that reads its 10,000 files anew fires slots meanwhile. */
const breathMs = 15;

async function breathe(lastBreath: number): Promise<number> {
  if (performance.now() - lastBreath < breathMs) return lastBreath;
  await new Promise((resolve) => setImmediate(resolve));
  return performance.now();
}

/** What is wrong with a folder's defaults is found again by every job that they are for; once is enough to say. */
function distinct(issues: readonly Issue[]): Issue[] {
  return [...new Map(issues.map((issue) => [JSON.stringify(issue), issue])).values()];
}

function isProgram(path: string): boolean {
  return formatOf(path) === "program";
}

/** What is known beside the files themselves. */
type Known = Pick<JobSource, "providers" | "defaultModel" | "files" | "zone">;

/** One file's value with its places, whatever its format. */
async function readJobDocument(path: string, base: string): Promise<ReadDocument> {
  const file = displayName(path, base);
  const format = formatOf(path);
  if (format === undefined) return { issues: [] };
  if (format === "program") {
    const { runProgram } = await import("./program.ts");
    const run = await runProgram(path, file, { call: true });
    // A program has no lines to show: its values are made, not written.
    return "issues" in run ? run : { document: { value: run.value, locate: () => ({}) } };
  }
  const text = readText(path, file);
  if ("issues" in text) return text;
  const read = await readDocument(text.text, format, file);
  if (!("issues" in read) || basename(path) !== "jobs.json") return read;
  // OpenClaw reads its store as JSON and, where that fails, as JSON5.
  const loose = await readDocument(text.text, "json5", file);
  return "document" in loose && isOpenClawStore(loose.document.value) ? loose : read;
}

function stemOf(path: string, dir: string): string {
  const below = relativeTo(dir, path);
  return below.slice(0, below.lastIndexOf(".")).split(sep).join("/");
}
