import type { Job } from "../job/job.ts";
import { runSlot, type EngineParts, type RunOutcome, type RunRequest } from "./run-slot.ts";

export interface Engine {
  /** Runs one job now; resolves when everything it started is dead and its end is in the ledger. */
  run(job: Job, request: RunRequest): Promise<RunOutcome>;
}

export function createEngine(parts: EngineParts): Engine {
  return { run: (job, request) => runSlot(parts, job, request) };
}
