/**
 * What a daemon made of the job files, left in the state folder for commands that only look: of a file that is still the very same, `list` takes
 * the jobs as they were made in place of reading and checking a thousand of them again. A file is the same by its stamp, as for git's index; what
 * was changed just before it was read is not left (see `isSettled`). What runs jobs never asks here.
 */
import { readFileSync, statSync } from "node:fs";
import { readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { isRecord } from "../job/shape.ts";
import { formatOf, type FoundFiles } from "./find-files.ts";
import type { Found } from "./several.ts";
import { isSettled, stampNow } from "./stamp.ts";

export interface JobCachePlace {
  /** The folder that is looked into, absolute. */
  readonly folder: string;
  /** All else that decides what is made of a file: program, folders, configuration. What another context left is not used. */
  readonly context: string;
  /** Whether what was left is used, or is left anew. */
  readonly use: "take" | "leave";
  /** What was changed just now is told by this clock, epoch ms. Default: the machine's. */
  readonly now?: () => number;
}

const cacheLimits = {
  /** A project with fewer is read in no time. */
  leastJobs: 100,
  /** Some 10,000 jobs. A project with more is read from its files, as a daemon with 100,000 jobs has no memory for this. */
  cacheBytes: 10 * 1_048_576,
};

const fileName = "job-cache.json";
/** Of the layout below. */
const format = 1;

/** Stamp, whether it is a store of OpenClaw's, jobs, warnings. */
type Entry = readonly [stamp: string, openclaw: boolean, jobs: Found["jobs"], warnings: Found["warnings"]];

interface Layout {
  readonly format: number;
  readonly context: string;
  readonly files: Readonly<Record<string, Entry>>;
}

export interface JobCache {
  /** What was left of a file that is the same still; undefined for any other. */
  readonly take: (file: string) => Found | undefined;
  /** Says which file is read next. What is given back keeps what comes of it; undefined for a file of which nothing is to be left. */
  readonly before: (file: string) => ((found: Found) => void) | undefined;
  /** Puts what was kept in place of what lay in this folder, which is not made for it. Where nothing can be written, commands read the files. */
  readonly leave: (folder: string) => Promise<void>;
}

/** Undefined where defaults are made by a program, whose answer no file shows, or have been changed just now. */
export function openJobCache(place: JobCachePlace, { defaults }: Pick<FoundFiles, "defaults">): JobCache | undefined {
  const { now = Date.now } = place;
  const stamps: string[] = [];
  for (const path of [...defaults.values()].flat()) {
    const stamp = formatOf(path) === "program" ? undefined : stampNow(path);
    if (typeof stamp !== "object" || !isSettled(stamp, now())) return undefined;
    stamps.push(path, stamp.text);
  }
  const context = JSON.stringify([place.context, ...stamps]);
  return place.use === "take"
    ? { take: takeFrom(join(place.folder, fileName), context), before: () => undefined, leave: async () => {} }
    : { take: () => undefined, ...gather(context, now) };
}

function takeFrom(path: string, context: string): JobCache["take"] {
  const files = filesOf(path, context);
  if (files === undefined) return () => undefined;
  return (file) => {
    const entry = Object.hasOwn(files, file) ? files[file] : undefined;
    const stamp = isEntry(entry) ? stampNow(file) : undefined;
    if (!isEntry(entry) || typeof stamp !== "object" || stamp.text !== entry[0]) return undefined;
    const [, openclaw, jobs, warnings] = entry;
    return { jobs, issues: [], warnings, openclaw };
  };
}

function filesOf(path: string, context: string): Layout["files"] | undefined {
  try {
    const facts = statSync(path);
    // Of a pipe or a device that lies there no end would come.
    if (!facts.isFile() || facts.size > cacheLimits.cacheBytes) return undefined;
    const layout = layoutOf(readFileSync(path, "utf8"));
    return layout.format === format && layout.context === context && isRecord(layout.files) ? layout.files : undefined;
  } catch {
    // There is none, or a part of one: all of it can be read anew.
    return undefined;
  }
}

/** Whether it was left whole, which no broken disk and no other program's hand has promised. */
function isEntry(entry: Entry | undefined): entry is Entry {
  if (!Array.isArray(entry) || entry.length !== 4) return false;
  const [, , jobs, warnings] = entry;
  return [jobs, warnings].every((list) => Array.isArray(list) && list.every(isRecord));
}

/** Only this program writes there, and the folder is its user's alone. */
function layoutOf(json: string): Layout {
  return JSON.parse(json);
}

function gather(context: string, now: () => number): Pick<JobCache, "before" | "leave"> {
  let entries: string[] = [];
  let [jobs, bytes] = [0, 0];
  let isLeft = false;
  const keep = (file: string, stamp: string, found: Found): void => {
    if (found.issues.length > 0 || bytes > cacheLimits.cacheBytes) return;
    const entry: Entry = [stamp, found.openclaw, found.jobs, found.warnings];
    const json = JSON.stringify(entry);
    // JSON has no infinite numbers, which a job's schema may hold: a job that would come back as another one is not left.
    if (!isDeepStrictEqual(JSON.parse(json), entry)) return;
    entries.push(`${JSON.stringify(file)}:${json}`);
    jobs += found.jobs.length;
    bytes += json.length;
    if (bytes > cacheLimits.cacheBytes) entries = [];
  };
  return {
    before: (file) => {
      const stamp = bytes > cacheLimits.cacheBytes || formatOf(file) === "program" ? undefined : stampNow(file);
      if (typeof stamp !== "object" || !isSettled(stamp, now())) return undefined;
      return (found) => keep(file, stamp.text, found);
    },
    leave: async (folder) => {
      if (isLeft) return;
      isLeft = true;
      const kept = jobs < cacheLimits.leastJobs ? [] : entries;
      entries = [];
      const path = join(folder, fileName);
      if (kept.length > 0)
        await replace(path, `${JSON.stringify({ format, context, files: {} }).slice(0, -2)}${kept.join(",")}}}`);
      else await rm(path, { force: true }).catch(() => {});
    },
  };
}

/** Whoever writes takes seconds at most; an older one has died over it. */
const writtenForMs = 60_000;

async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/^job-cache\.json\.\d+$/.test(name)) continue;
    const part = join(folder, name);
    const { mtimeMs } = await stat(part);
    if (Math.abs(Date.now() - mtimeMs) > writtenForMs) await rm(part, { force: true });
  }
}

async function replace(path: string, text: string): Promise<void> {
  const made = `${path}.${process.pid}`;
  await sweep(dirname(path)).catch(() => {});
  try {
    await writeFile(made, text, { mode: 0o600, flag: "wx" });
    await rename(made, path);
  } catch {
    await rm(made, { force: true }).catch(() => {});
  }
}
