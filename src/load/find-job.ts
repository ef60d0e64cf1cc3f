import { JobError, UsageError } from "../errors.ts";
import { nearest } from "../job/words.ts";
import type { Job } from "../job/job.ts";
import type { LoadedJobs } from "./jobs.ts";

/** Least characters of an id that stand for the whole. */
const leastPrefix = 4;

/**
 * The job that a person named: by id, by name, or by an unambiguous beginning of an id, in that order.
 * @throws UsageError, with the nearest name, if there is none, or more than one id begins so; JobError, with the places, if several
 * jobs have this very name or id: to take the first of them would run what was not meant.
 */
export function findJob({ jobs, clashes }: Pick<LoadedJobs, "jobs" | "clashes">, asked: string): Job {
  const clash = clashes.get(asked);
  if (clash !== undefined) throw new JobError(clash);
  const exact = jobs.find((job) => job.id === asked) ?? jobs.find((job) => job.name === asked);
  if (exact !== undefined) return exact;
  const begun = asked.length >= leastPrefix ? jobs.filter((job) => job.id.startsWith(asked)) : [];
  const [only, another] = begun;
  if (only !== undefined && another === undefined) return only;
  const shown = JSON.stringify(asked.slice(0, 200));
  if (only !== undefined) {
    const some = begun.slice(0, 5).map((job) => `${job.id} (${job.name})`);
    const more = begun.length > 5 ? `, and ${begun.length - 5} more` : "";
    throw new UsageError(`${shown} begins the ids of ${begun.length} jobs`, {
      suggestion: `write more of it: ${some.join(", ")}${more}`,
    });
  }
  throw new UsageError(`there is no job ${shown}`, { suggestion: suggest(jobs, asked) });
}

function suggest(jobs: readonly Job[], asked: string): string {
  const names = jobs.map((job) => job.name);
  const near = nearest(asked, names);
  if (near !== undefined) return `did you mean "${near}"?`;
  if (names.length === 0) return "there are no jobs yet";
  return `there are: ${names.slice(0, 10).join(", ")}${names.length > 10 ? `, and ${names.length - 10} more` : ""}`;
}
