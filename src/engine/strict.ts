/** A job without anything that heals, beside which healing is measured (`verify --strict`). Pure. */
import type { Job } from "../job/job.ts";

export function strictly(job: Job): Job {
  // An event handler may mend a stream, and then it would not be the provider's own that is measured.
  const { eventHandler: _, ...bare } = job;
  return {
    ...bare,
    retry: { ...job.retry, maxAttempts: 1 },
    limits: { ...job.limits, triesPerCall: 1 },
    idempotent: false,
  };
}
