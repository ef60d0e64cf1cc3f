import type { Job } from "../job/job.ts";
import type { RunRow, Wait } from "../ledger/ledger.ts";
import type { Blocker } from "./claim.ts";
import type { RunListener } from "./events.ts";
import type { RunOutcome } from "./outcome.ts";
import type { EngineParts, RunRequest } from "./parts.ts";
import { runSlot } from "./run-slot.ts";

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

export interface CarryOnRequest {
  /** Ends the run: its processes are asked to stop, then killed. */
  readonly signal: AbortSignal;
  readonly listen: RunListener;
  /** The latest instant, epoch ms, at which the run may still be carried on: the job's next slot, or `limits.defer` after this one. */
  readonly mayWaitUntil: number;
}

export type CarriedOn =
  | { readonly kind: "ended"; readonly outcome: RunOutcome }
  | { readonly kind: "waiting"; readonly wait: Wait }
  /** Nothing was begun: another run of the job is open. The overlap policy decides. */
  | { readonly kind: "in_the_way"; readonly blocker: Blocker }
  /** Nothing was begun: somebody else has it, or it has ended. */
  | { readonly kind: "gone" };

export function createEngine(parts: EngineParts): Engine {
  return { run: (job, request) => runSlot(parts, job, request) };
}
