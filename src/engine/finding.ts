/** What preflight looks at, and what it may find. */
import type { Job } from "../job/job.ts";
import type { Rung } from "../run/ladder.ts";

export interface Inspection {
  readonly job: Job;
  readonly ladder: readonly Rung[];
  readonly runId: string;
  readonly signal: AbortSignal;
}

/** Something that stands in the way. */
export interface Finding {
  /** What is wrong, in words, without a secret. */
  readonly what: string;
  /** What to do about it. */
  readonly remedy: string;
  /** 77: a key, an account or a permission; 78: what the job or the configuration names is not there. */
  readonly exitCode: 77 | 78;
  /** What it is about, such as `program npx`: the same as long as it is the same thing, whatever the words of `what`. */
  readonly subject: string;
  /** Only the models of this provider are concerned. Absent: nothing of the run can go on. */
  readonly provider?: string;
}
