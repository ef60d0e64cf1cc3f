/** The job of a run that is over, for whoever carries it out again. */
import type { Project } from "../compose/project.ts";
import { UsageError } from "../errors.ts";
import type { Job } from "../job/job.ts";
import type { RunRow } from "../ledger/ledger.ts";
import { baseJobId } from "../run/run.ts";
import { ago, shortId } from "./format.ts";

/** @throws UsageError for a job that is gone, or that has changed since and `changedOk` does not allow it. */
export async function jobOfRun(project: Project, run: RunRow, changedOk: boolean): Promise<Job> {
  const { runId, jobName, startedAt } = run;
  const id = baseJobId(run.jobId);
  const job = project.jobs.find((one) => one.id === id);
  if (job === undefined) {
    throw new UsageError(`the job of run ${shortId(runId)}, ${jobName} (${id}), is not in the job files any more`, {
      suggestion: "See what there is: runner list",
    });
  }
  const { jobHash } = await import("../load/job-hash.ts");
  if (changedOk || jobHash(job) === run.jobHash) return job;
  const place = `${job.source.file}:${job.source.line}`;
  throw new UsageError(`the job ${job.name} (${place}) has changed since run ${shortId(runId)}, ${ago(startedAt, Date.now())}`, {
    suggestion: "If it is meant to run as it is now, add --changed-ok.",
  });
}
