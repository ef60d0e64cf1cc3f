/** The job that a person named, also one whose file is gone or cannot be read: what is kept of it may still have to be dealt with. */
import type { Job } from "../../job/job.ts";
import type { LedgerReader } from "../../ledger/ledger.ts";
import type { Project } from "../../compose/project.ts";

export interface KnownJob {
  readonly id: string;
  readonly name: string;
  /** Absent if the job files do not have it as they are. */
  readonly job?: Job;
}

/** @throws UsageError or JobError for a name that neither the files nor the records know */
export async function knownJob(
  project: Project,
  ledger: Pick<LedgerReader, "lastRuns" | "armed"> | undefined,
  wanted: string,
): Promise<KnownJob> {
  const own = project.jobs.find(({ id, name }) => id === wanted || name === wanted);
  if (own !== undefined) return { id: own.id, name: own.name, job: own };
  const last = [...((await ledger?.lastRuns()) ?? new Map()).values()];
  const kept = last.find(({ jobId, jobName }) => jobId === wanted || jobName === wanted);
  if (kept !== undefined) {
    // Its file may have given it another name since.
    const job = project.jobs.find(({ id }) => id === kept.jobId);
    return { id: kept.jobId, name: kept.jobName, ...(job === undefined ? {} : { job }) };
  }
  if ((await ledger?.armed())?.has(wanted) === true) return { id: wanted, name: wanted };
  const job = project.jobFor(wanted);
  return { id: job.id, name: job.name, job };
}
