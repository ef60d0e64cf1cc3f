/** What the steps of one run share: what it was built from, what was decided so far, and what it counts. */
import type { RunBudget, Breakers } from "../gateway/gateway.ts";
import type { Job } from "../job/job.ts";
import type { Ledger, RunStart } from "../ledger/ledger.ts";
import type { FileMarks } from "../turn/turn.ts";
import type { RunListener } from "./events.ts";
import type { EngineParts, RunRequest } from "./parts.ts";
import type { RunPlan } from "./plan.ts";
import type { Past } from "./past.ts";
import type { Redaction, StepLedger } from "./redacted.ts";
import type { Tally } from "./tally.ts";

export interface RunContext {
  readonly parts: Omit<EngineParts, "ledger"> & { readonly ledger: Pick<Ledger, "lastRun" | "history"> };
  /** Everything that is written into it has gone through `redaction`. */
  readonly ledger: StepLedger;
  readonly job: Job;
  readonly start: RunStart;
  readonly plan: RunPlan;
  readonly request: RunRequest;
  /** Ends whatever the run has under way: it was cancelled, its claim is lost, or its time is up. */
  readonly signal: AbortSignal;
  /** The part of `signal` that is the run's own time limit. */
  readonly outOfTime: AbortSignal;
  /** When the run must have ended, on the monotonic clock. */
  readonly runDeadline: number;
  /** When it was begun or carried on, on the monotonic clock, less the time it had run before. */
  readonly runStartedAt: number;
  readonly emit: RunListener;
  readonly redaction: Redaction;
  /** What it has behind it, if it is carried on. */
  readonly past: Past;
  readonly tally: Tally;
  readonly budget: RunBudget | undefined;
  readonly breakers: Breakers | undefined;
  /** What was there of the expected files when the run began. */
  readonly filesBefore: FileMarks;
}
