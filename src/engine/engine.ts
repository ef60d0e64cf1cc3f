import type { Job } from "../job/job.ts";
import type { RunOutcome } from "./outcome.ts";
import type { EngineParts, RunRequest } from "./parts.ts";
import { runSlot } from "./run-slot.ts";

export interface Engine {
  /** Runs one job now; resolves when everything it started is dead and its end is in the ledger. */
  run(job: Job, request: RunRequest): Promise<RunOutcome>;
}

export function createEngine(parts: EngineParts): Engine {
  return { run: (job, request) => runSlot(parts, job, request) };
}
