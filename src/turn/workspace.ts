/** The directories of one attempt, made before its process starts and removed after everything it started is dead. */
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TurnDirectories } from "./environment.ts";

export interface Workspace extends TurnDirectories {
  /** Removes everything. Returns false if something could not be removed; it never throws, for the result matters more. */
  remove(): boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Makes a private directory under the parent's temporary directory. With `workDir` that folder is where the process works; it is not
 * made and not removed.
 * @throws the system's error if there is no room or no right to make it, or `workDir` is no folder.
 */
export function createWorkspace(runId: string, env: Environment, workDir?: string): Workspace {
  if (workDir !== undefined && !statSync(workDir).isDirectory()) throw new Error(`${workDir} (workDir) is no folder`);
  // mkdtemp makes the directory 0700, so what is inside needs no more than not to be wider.
  const root = mkdtempSync(join(baseIn(env), prefixOf(runId)));
  const directories = { work: join(root, "work"), home: join(root, "home"), tmp: join(root, "tmp") };
  for (const directory of Object.values(directories)) mkdirSync(directory, { mode: 0o700 });
  return { ...directories, ...(workDir === undefined ? {} : { work: workDir }), remove: () => removeAll(root) };
}

/** Removes what a runner that was killed could not remove any more. Never throws. */
export function removeLeftoverWorkspaces(runId: string, env: Environment): void {
  for (const path of leftoverWorkspaces(runId, env)) removeAll(path);
}

/** The directories of a run's attempts that are still there: an attempt that was seen to its end has none. */
export function leftoverWorkspaces(runId: string, env: Environment): string[] {
  const base = baseIn(env);
  try {
    // The six characters that mkdtemp adds: no other run's name can be one that is longer by them.
    const names = readdirSync(base).filter(
      (name) => name.startsWith(prefixOf(runId)) && name.length === prefixOf(runId).length + 6,
    );
    return names.map((name) => join(base, name));
  } catch {
    // No such directory: then nothing is left in it.
    return [];
  }
}

function baseIn(env: Environment): string {
  return env["TMPDIR"] === undefined || env["TMPDIR"] === "" ? tmpdir() : env["TMPDIR"];
}

/** Bears the run's id, so that a person, and a later runner, can tell whose it is. */
function prefixOf(runId: string): string {
  return `runner-turn-${runId.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, 64)}-`;
}

function removeAll(root: string): boolean {
  try {
    rmSync(root, { recursive: true, force: true, maxRetries: 2 });
    return true;
  } catch {
    // A turn may leave a directory without write permission, as package managers' caches are; it is ours to open again.
  }
  try {
    openUp(root);
    rmSync(root, { recursive: true, force: true, maxRetries: 2 });
    return true;
  } catch {
    return false;
  }
}

/** Gives the owner every right on each directory; links are not followed, so nothing outside is touched. */
function openUp(directory: string): void {
  if (!lstatSync(directory).isDirectory()) return;
  chmodSync(directory, 0o700);
  for (const name of readdirSync(directory)) openUp(join(directory, name));
}
