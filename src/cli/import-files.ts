/** What all imports end in: names that are free, files that are written or printed, and the report. */
import path from "node:path";
import type { Project } from "../compose/project.ts";
import type { Issue } from "../errors.ts";
import type { CommandContext, CommandOptions } from "./command.ts";
import { tellJob, type ImportedJob } from "./import-lines.ts";
import { reportProblems } from "./problems.ts";
import { writeFiles } from "./write-files.ts";

export interface ImportPlace {
  /** Folder that is written to, absolute. */
  readonly dir: string;
  /** A file in it: as it is named in messages, and the id that its job has. */
  readonly of: (name: string) => { readonly file: string; readonly stem: string };
}

export function importPlace(project: Project, options: CommandOptions): ImportPlace {
  const { jobsDir, place } = project;
  const cwd = path.resolve(place.dir);
  const dir = typeof options["out"] === "string" ? path.resolve(cwd, options["out"]) : path.join(jobsDir, "imported");
  return {
    dir,
    of: (name) => {
      const target = path.join(dir, name);
      const below = path.relative(jobsDir, target);
      const stem = (below.startsWith("..") ? name : below).replace(/\.[^.]+$/, "");
      return { file: path.relative(cwd, target) || target, stem: stem.split(path.sep).join("/") };
    },
  };
}

/** Names and ids of the project's jobs but for those in the folder that is written to, which may be from an earlier import. */
export function takenNames(project: Project, out: string): Set<string> {
  const cwd = path.resolve(project.place.dir);
  const others = project.jobs.filter(({ source }) => !path.resolve(cwd, source.file).startsWith(`${out}${path.sep}`));
  return new Set(others.flatMap(({ id, name }) => [id, name]));
}

export interface Imported {
  readonly from: "crontab" | "openclaw";
  readonly file: string;
  /** Others may not read what was imported, and may not read what becomes of it: there may be a token in it that nobody can tell from a word. */
  readonly private: boolean;
  readonly jobs: readonly ImportedJob[];
  /** What is to be known of all of them. */
  readonly general: readonly string[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
  /** Further fields of the JSON document. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Writes what can be written, however much cannot; 78 if anything could not be taken over. @throws UsageError for a file in the way. */
export function finishImport(context: CommandContext, imported: Imported, place: ImportPlace, options: CommandOptions): number {
  const { output } = context;
  const { from, file, jobs, general, warnings, more = {} } = imported;
  // What came up when a line was made into a job stands beside what came up when the lines were read.
  const issues = imported.issues.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const dryRun = options["dryRun"] === true;
  const files = jobs.map((job) => ({ path: path.basename(job.file), text: job.text }));
  const written = dryRun
    ? []
    : writeFiles(place.dir, files, {
        force: options["force"] === true,
        mayBeSame: true,
        private: imported.private,
        remedy: "Replace it with --force, or name another folder with --out.",
        elsewhere: "name another folder with --out",
      });
  if (output.json) {
    const named = jobs.map((job) => ({ ...job, written: written.includes(path.basename(job.file)) }));
    output.document("import", { from, file, dryRun, jobs: named, general, issues, warnings, ...more });
    return issues.length === 0 ? 0 : 78;
  }
  for (const job of jobs) {
    const state = written.includes(path.basename(job.file))
      ? output.style("green", "wrote")
      : output.style("dim", dryRun ? "would write" : "as it is");
    tellJob(output, job, { written: state, before: from });
    if (dryRun) output.data(job.text.replaceAll(/^/gm, "  | ").replace(/ {2}\| $/, ""));
  }
  if (general.length > 0) output.data("");
  for (const line of general) output.data(line);
  const exitCode = reportProblems(output, { issues, warnings }, Number.POSITIVE_INFINITY);
  if (jobs.length === 0 && issues.length === 0) output.note(`${file}: there is nothing in it to import.`);
  const left = issues.length === 0 ? "" : `, ${issues.length} could not be taken over`;
  if (jobs.length > 0)
    output.note(
      `${jobs.length} ${jobs.length === 1 ? "job" : "jobs"} from ${file}${left}. Before runner start, remove from there what is a job here now, or it runs twice.`,
    );
  return exitCode;
}
