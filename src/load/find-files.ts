/** Finds the files of a folder of jobs: jobs, and defaults that lie between them. */
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join, normalize, sep } from "node:path";
import type { Issue } from "../errors.ts";
import { displayName } from "./display-name.ts";
import type { DocumentFormat } from "./document.ts";

/** Most job files of one project. */
export const maxJobFiles = 10_000;
const maxDepth = 16;

/** How a job file is read: as a text of a format, or by running it. */
export type JobFormat = DocumentFormat | "program";

const formats: Readonly<Record<string, JobFormat>> = {
  json: "json",
  json5: "json5",
  yaml: "yaml",
  yml: "yaml",
  md: "markdown",
  ts: "program",
  mts: "program",
  cts: "program",
  js: "program",
  mjs: "program",
  cjs: "program",
};

/** Name of the files whose values every job of their folder and below begins with. */
const defaultsName = "_defaults";

export interface FoundFiles {
  /** Job files, sorted by path. */
  readonly jobs: readonly string[];
  /** Files of defaults by their folder. */
  readonly defaults: ReadonlyMap<string, readonly string[]>;
  /** Every folder that was looked into, the first one first. */
  readonly folders: readonly string[];
}

export function formatOf(path: string): JobFormat | undefined {
  const name = path.slice(path.lastIndexOf(sep) + 1);
  const extension = name.slice(name.lastIndexOf(".") + 1);
  const format = Object.hasOwn(formats, extension) ? formats[extension] : undefined;
  if (format === undefined || name.startsWith(".")) return undefined;
  // A folder's README explains the jobs and is not one; neither are the types of a program.
  if (format === "markdown" && /^readme\.md$/i.test(name)) return undefined;
  return format === "program" && /\.d\.[cm]?ts$/.test(name) ? undefined : format;
}

/** `jobs-state.json` and `jobs-quarantine.json` beside `jobs.json`: OpenClaw's own, whatever the store's name is. */
function besideStore(name: string, folder: string): boolean {
  const [, store] = /^(.+)-(?:state|quarantine)\.json$/.exec(name) ?? [];
  return store !== undefined && existsSync(join(folder, `${store}.json`));
}

/** Files below the folder, sorted by path. Hidden entries, those that begin with `_` and node_modules are passed over; links are followed, circles are not. */
export function findFiles(dir: string, base: string, issues: Issue[]): FoundFiles {
  const jobs: string[] = [];
  const defaults = new Map<string, string[]>();
  const folders: string[] = [];
  const seen = new Set<string>();
  // Tidied once: joined and tidied name by name, a thousand files cost as much as opening them.
  const top = normalize(dir);
  const left: { path: string; depth: number }[] = [{ path: top, depth: 0 }];
  const take = (path: string, name: string, folder: string): void => {
    if (name.slice(0, name.lastIndexOf(".")) === defaultsName)
      defaults.set(folder, [...(defaults.get(folder) ?? []), path].toSorted());
    else if (!name.startsWith("_") && !besideStore(name, folder)) jobs.push(path);
  };
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { path, depth } = next;
    try {
      const real = realpathSync(path);
      if (seen.has(real)) continue;
      seen.add(real);
      folders.push(path);
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        const inner = path.endsWith(sep) ? path + entry.name : path + sep + entry.name;
        if (formatOf(inner) !== undefined) take(inner, entry.name, path);
        else if (!/^[._]/.test(entry.name) && entry.name !== "node_modules" && isFolder(inner, entry) && depth < maxDepth)
          left.push({ path: inner, depth: depth + 1 });
      }
    } catch (error) {
      issues.push(noFolder(path, top, base, error));
    }
    if (jobs.length > maxJobFiles) {
      const message = `holds more than ${maxJobFiles} job files; the rest is not read`;
      issues.push({ file: displayName(dir, base), path: "", message });
      break;
    }
  }
  return { jobs: jobs.slice(0, maxJobFiles).toSorted(), defaults, folders };
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
