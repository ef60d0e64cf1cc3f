/** What `pause` and `resume` are about: one job, or everything. */
import type { Project } from "../../compose/project.ts";
import { UsageError } from "../../errors.ts";
import { everyJob, type LedgerReader } from "../../ledger/ledger.ts";
import { oneLine } from "../format.ts";
import { shellWord } from "../../load/shell-word.ts";
import { knownJob } from "./known-job.ts";

export interface Target {
  /** `everyJob` for everything. */
  readonly jobId: string;
  /** In a sentence. */
  readonly words: string;
  /** As an argument of `pause` and `resume`. */
  readonly argument: string;
  /** Zone of its times. */
  readonly zone: string;
  /** It is not in the job files as they are. */
  readonly gone: boolean;
}

/** @throws UsageError if neither or both are given, or nobody knows the job */
export async function targetOf(
  project: Project,
  ledger: Pick<LedgerReader, "lastRuns" | "armed"> | undefined,
  jobName: string | undefined,
  all: boolean,
): Promise<Target> {
  if (all && jobName !== undefined) throw new UsageError("give a job or --all, not both");
  if (all) return { jobId: everyJob, words: "everything", argument: "--all", zone: project.zone, gone: false };
  if (jobName === undefined) throw new UsageError("which job? or everything?", { suggestion: "Name a job, or give --all." });
  const { id, name, job } = await knownJob(project, ledger, jobName);
  const words = oneLine(name, 100);
  return { jobId: id, words, argument: shellWord(name), zone: job?.schedule.tz ?? project.zone, gone: job === undefined };
}
