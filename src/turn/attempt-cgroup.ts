/** The control group of an attempt, where the machine gives us one, and those that a dead runner left. */
import { closeSync, existsSync, mkdtempSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { Cgroup, foldersIn, type CommandLine } from "./cgroup.ts";
import { cgroupFor } from "./cgroup-search.ts";
import type { Marker } from "./process-table.ts";
import { findProgram } from "./tools/programs.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Makes the group of a process that is about to be started; undefined where there can be none. Never rejects. */
export async function openCgroup(
  marker: Marker,
  { file }: CommandLine,
  cwd: string,
  env: Environment,
  own: Environment,
): Promise<Cgroup | undefined> {
  const place = await cgroupFor(own);
  if (place.kind === "none" || !canBeStarted(findProgram(file, { path: env["PATH"], work: cwd }))) return undefined;
  try {
    return new Cgroup(mkdtempSync(join(place.folder, `${prefixOf(marker.runId)}${marker.attempt ?? 0}-`)));
  } catch {
    // No more groups are allowed here, for one; the other signs of a tree are there all the same.
    return undefined;
  }
}

/**
 * A process enters its group by a shell that then becomes the program. What the system itself would not start is to fail as it would without a
 * group: the shell would speak of itself, or take a file without a first line for one of its own scripts.
 */
function canBeStarted(program: string | undefined): boolean {
  if (program === undefined) return false;
  const head = Buffer.alloc(256);
  try {
    const descriptor = openSync(program, "r");
    try {
      readSync(descriptor, head);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // A program that may be run and not read.
    return true;
  }
  if (head.subarray(0, 4).equals(elf)) return true;
  const [, interpreter] = /^#![ \t]*(\S+)/.exec(head.toString("latin1")) ?? [];
  return interpreter !== undefined && existsSync(interpreter);
}

/** How a program of the machine's own begins. */
const elf = Buffer.from("\x7fELF", "latin1");

/** The groups of a run, or of one attempt of it, whose runner has died, as far as they can be seen from here. Never rejects. */
export async function leftoverCgroups({ runId, attempt, tool }: Marker, own: Environment): Promise<readonly Cgroup[]> {
  const place = await cgroupFor(own);
  // A tool has no group of its own.
  if (place.kind === "none" || tool !== undefined) return [];
  const prefix = prefixOf(runId);
  return foldersIn(place.folder)
    .filter((name) => name.startsWith(prefix) && ofAttempt(name.slice(prefix.length), attempt))
    .map((name) => new Cgroup(join(place.folder, name)));
}

/** The six characters are mkdtemp's. */
function ofAttempt(rest: string, attempt: number | undefined): boolean {
  const of = /^(\d+)-.{6}$/.exec(rest)?.[1];
  return of !== undefined && (attempt === undefined || Number(of) === attempt);
}

function prefixOf(runId: string): string {
  return `runner-${runId.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, 64)}-`;
}
