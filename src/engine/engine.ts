import type { Job } from "../job/job.ts";
import type { RunRow } from "../ledger/ledger.ts";
import type { CarriedOn, RunOutcome } from "./outcome.ts";
import type { CarryOnRequest, EngineParts, RunRequest } from "./parts.ts";
import { carryOn, runSlot } from "./run-slot.ts";

export interface Engine {
  /** Runs one job now; resolves when everything it started is dead and its end is in the ledger. */
  run(job: Job, request: RunRequest): Promise<RunOutcome>;
}

/** What carries claimed runs on: the scheduler's view of the engine. */
export interface RunCarrier {
  /**
   * Begins a run that is `queued`, or carries one on that is `waiting`, as far as it goes without waiting: to its end, or to the next time
   * it has to wait, which is then in the ledger. Resolves when everything it started is dead.
   */
  carryOn(job: Job, run: RunRow, request: CarryOnRequest): Promise<CarriedOn>;
}

export type { CarriedOn } from "./outcome.ts";
export type { CarryOnRequest } from "./parts.ts";

export function createEngine(parts: EngineParts): Engine & RunCarrier {
  return {
    run: (job, request) => runSlot(parts, job, request),
    carryOn: (job, run, request) => carryOn(parts, job, run, request),
  };
}
