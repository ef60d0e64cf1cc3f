/** Ids and names that more than one job of a project has. */
import type { Issue } from "../errors.ts";
import type { Job } from "../job/job.ts";

export interface Loaded {
  readonly job: Job;
  readonly openclaw: boolean;
}

export interface Doubles {
  readonly unique: Job[];
  readonly repeated: Issue[];
  /** Of OpenClaw's stores, where names need not be unique. */
  readonly told: Issue[];
  readonly clashes: Map<string, Issue[]>;
}

/**
 * Ids and names are each unique in a project; the second and later ones are refused, and both places are named. In OpenClaw names are
 * not unique: there the later job goes by its id.
 */
export function withoutDoubles(loaded: readonly Loaded[]): Doubles {
  const repeated: Issue[] = [];
  const told: Issue[] = [];
  const clashes = new Map<string, Issue[]>();
  const clash = (job: Job, key: "id" | "name", value: string, first: Job, into: Issue[]): void => {
    const issue = double(job, key, value, first, into === told ? "; here it goes by its id" : "");
    into.push(issue);
    clashes.set(value, [...(clashes.get(value) ?? []), issue]);
  };
  const ids = new Map<string, Job>();
  const names = new Map<string, Job>();
  const unique: Job[] = [];
  for (const { job, openclaw } of loaded) {
    const sameId = ids.get(job.id);
    const sameName = names.get(job.name);
    if (sameId !== undefined) clash(job, "id", job.id, sameId, repeated);
    const renamed = openclaw && sameId === undefined && sameName !== undefined && !names.has(job.id) && job.id !== job.name;
    if (sameName !== undefined && sameName !== sameId) clash(job, "name", job.name, sameName, renamed ? told : repeated);
    if (!renamed && (sameId !== undefined || sameName !== undefined)) continue;
    const kept = renamed ? { ...job, name: job.id } : job;
    ids.set(kept.id, kept);
    names.set(kept.name, kept);
    unique.push(kept);
  }
  return { unique, repeated, told, clashes };
}

function double(job: Job, key: "id" | "name", value: string, first: Job, more: string): Issue {
  const place = `${first.source.file}:${first.source.line}`;
  return {
    file: job.source.file,
    line: job.source.line,
    path: key,
    message: `the ${key} ${JSON.stringify(value)} is taken by the job at ${place}${more}`,
    suggestion: `give one of them another ${key}`,
  };
}
