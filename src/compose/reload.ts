/** Reading a project anew while a daemon works with it: all of it takes effect, or nothing. */
import { setImmediate as yieldOnce } from "node:timers/promises";
import { ConfigError, UsageError, formatIssue, type Issue } from "../errors.ts";
import type { Job } from "../job/job.ts";
import { jobKeeper } from "../job/keeper.ts";
import { jobHash } from "../load/job-hash.ts";
import { loadProject, type Project } from "./project.ts";

/** Names of jobs, in the order of their files. */
export interface JobChanges {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

export type Reread =
  | {
      readonly kind: "good";
      readonly project: Project;
      readonly changes: JobChanges;
      /** What else is another now and in force with it, in words. */
      readonly settings: readonly string[];
      /** What is another now and takes effect only after a restart, in words. */
      readonly afterRestart: readonly string[];
    }
  /** A file that was good, or new, cannot be used: what was in force stays so, as a whole. */
  | { readonly kind: "refused"; readonly problems: readonly string[] };

/**
 * Reads the project of `before` anew. A file that could not be used before may still be broken: it stays out, as it was, and does not keep
 * the others from changing.
 */
export async function reread(before: Project): Promise<Reread> {
  let project: Project;
  try {
    project = await loadProject(before.place, { keep: jobKeeper(before.jobs), cache: "leave" });
  } catch (error) {
    if (error instanceof ConfigError) return { kind: "refused", problems: error.issues.map(formatIssue) };
    if (error instanceof UsageError) return { kind: "refused", problems: [error.message] };
    throw error;
  }
  const known = new Set(before.issues.map(({ file }) => file));
  const fresh = project.issues.filter(({ file }) => !known.has(file));
  if (fresh.length > 0) return { kind: "refused", problems: project.issues.map(formatIssue) };
  return {
    kind: "good",
    project,
    changes: await compareJobs(before.jobs, project.jobs),
    settings: changedSettings(before, project),
    afterRestart: before.stateDir === project.stateDir ? [] : [`the ledger's folder (${project.stateDir})`],
  };
}

/** By id: a job that got another name is the same job, changed. One that says the same as before is still the one of before. */
async function compareJobs(before: readonly Job[], after: readonly Job[]): Promise<JobChanges> {
  const old = new Map(before.map((job) => [job.id, job]));
  const now = new Set(after.map(({ id }) => id));
  const changed: string[] = [];
  for (const [at, job] of after.entries()) {
    if ((at + 1) % atOnce === 0) await yieldOnce();
    const was = old.get(job.id);
    // It may say the same from another line.
    if (was !== undefined && was !== job && jobHash(was) !== jobHash(job)) changed.push(job.name);
  }
  return {
    added: after.filter(({ id }) => !old.has(id)).map(({ name }) => name),
    changed,
    removed: before.filter(({ id }) => !now.has(id)).map(({ name }) => name),
  };
}

/** Jobs that are compared in one piece: of 10,000 jobs that takes a second at worst, in which slots are fired. */
const atOnce = 200;

export function isUnchanged({ added, changed, removed }: JobChanges): boolean {
  return added.length + changed.length + removed.length === 0;
}

/** Settings that count otherwise now, but for those of single jobs. */
function changedSettings(before: Project, after: Project): string[] {
  const [old, now] = [settingValues(before), settingValues(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((path) => path !== "stateDir" && old.get(path) !== now.get(path))
    .map((path) => (now.has(path) ? path : `${path} (no longer set)`));
}

function settingValues(project: Project): Map<string, string> {
  return new Map(project.settings().map(({ path, value }) => [path, JSON.stringify(value) ?? ""]));
}

export function problemsOf(issues: readonly Issue[]): string[] {
  return issues.map(formatIssue);
}
