/** What the files of a project look like from outside: enough to see that one of them was written, made, removed or put in another's place. */
import { dirname } from "node:path";
import { setImmediate as yieldOnce } from "node:timers/promises";
import type { Issue } from "../errors.ts";
import { findFiles } from "./find-files.ts";
import { stampOf } from "./stamp.ts";

/** What a project is read from. All paths are absolute. */
export interface ProjectFiles {
  readonly jobsDir: string;
  /** Every path at which a configuration is read, there or not. */
  readonly configPlaces: readonly string[];
  /** Files that jobs name: texts that are put in, schemas, event handlers. */
  readonly named: readonly string[];
}

export interface Fingerprint {
  /** Of each file that a load would read, what changes with it. */
  readonly stamps: ReadonlyMap<string, string>;
  /** The folders in which something would have to happen for that to change. */
  readonly folders: readonly string[];
  /** When the newest of it all, files and folders of jobs, was last changed, epoch ms by the file system's clock. */
  readonly changedAt: number;
}

/** Files asked about at once, so that neither the disk nor the thread pool is taken up by 10,000 of them. */
const atOnce = 64;

/** Looks at every file, opening none. */
export async function fingerprint(files: ProjectFiles): Promise<Fingerprint> {
  const issues: Issue[] = [];
  const found = findFiles(files.jobsDir, files.jobsDir, issues);
  const paths = [...new Set([...found.jobs, ...[...found.defaults.values()].flat(), ...files.configPlaces, ...files.named])];
  const stamps = new Map<string, string>();
  let changedAt = 0;
  const look = async (path: string): Promise<string | undefined> => {
    const stamp = await stampOf(path);
    if (typeof stamp !== "object") return stamp;
    changedAt = Math.max(changedAt, stamp.changedAt);
    return stamp.text;
  };
  for (let at = 0; at < paths.length; at += atOnce) {
    const some = await Promise.all(paths.slice(at, at + atOnce).map(async (path) => [path, await look(path)] as const));
    for (const [path, stamp] of some) if (stamp !== undefined) stamps.set(path, stamp);
    await yieldOnce();
  }
  for (const folder of found.folders) await look(folder);
  // That a folder cannot be read, or is not there, is a state of its own.
  for (const { file, message } of issues) stamps.set(`folder ${file}`, message);
  const outside = [...files.configPlaces, ...files.named].map((path) => dirname(path));
  const folders = [...new Set([...found.folders, files.jobsDir, dirname(files.jobsDir), ...outside])];
  return { stamps, folders, changedAt };
}

/** The paths whose stamps differ, sorted. */
export function changedPaths(before: Fingerprint["stamps"], now: Fingerprint["stamps"]): string[] {
  const paths = new Set([...before.keys(), ...now.keys()]);
  return [...paths].filter((path) => before.get(path) !== now.get(path)).toSorted();
}
