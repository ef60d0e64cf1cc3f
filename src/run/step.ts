/** The next step of a call as a value, and what it is decided by. */
import type { Fault } from "../errors.ts";
import type { JobLimits, OnRateLimit, RetryPolicy } from "../job/job.ts";
import type { QuotaOf, TryRecord } from "./history.ts";
import type { Rung } from "./ladder.ts";

export interface StepPolicy {
  readonly retry: RetryPolicy;
  /** `callMs` is the effective limit; see `callTime`. */
  readonly limits: Pick<JobLimits, "triesPerCall" | "callMs" | "maxWaitMs">;
  /** Which limit `callMs` comes from, as people write it; default `limits.callMs`. */
  readonly callLimit?: string;
  /** From when `callMs` counts; default the start of the first try. */
  readonly callStartedAt?: number;
  /** Default `fallback`. */
  readonly onRateLimit?: OnRateLimit;
  /** Models that are left alone; see breaker.ts. They are passed over until their time has come. */
  readonly open?: readonly OpenModel[];
  /** If every model is left alone, the best is asked all the same: a turn that is under way is not ended for a breaker's sake. */
  readonly insist?: boolean;
  /** Default the provider's own id. */
  readonly quotaOf?: QuotaOf;
}

export type Step =
  | {
      readonly kind: "try";
      readonly rung: Rung;
      readonly waitMs: number;
      /** The most that the try may take once it has begun; a limit of its own may be less. */
      readonly withinMs: number;
      readonly why: string;
      /** It is asked although it is left alone; no breaker is to refuse it. */
      readonly insist?: true;
    }
  | GiveUp;

export interface GiveUp {
  readonly kind: "give_up";
  /** The fault the call ends with; see `verdict`. */
  readonly fault: Fault;
  readonly why: string;
  /** How long the provider asked to wait from now on, or until a breaker lets somebody ask, so that the run can say when. */
  readonly retryAfterMs?: number;
}

/** A model that a breaker left alone when the call came to it. Times are on the clock of the call's history. */
export interface OpenModel {
  readonly provider: string;
  readonly model: string;
  /** When the call found that out. */
  readonly notedAt: number;
  readonly until: number;
  /** What it is left alone for. */
  readonly fault: Fault;
  readonly why: string;
  /** This very run has opened the breaker: its attempts go on as the job's `retry` says, if there is no other model. */
  readonly own?: true;
}

/** What a decision is made of. */
export interface Moment {
  readonly history: readonly TryRecord[];
  /** Without the models that are left alone. */
  readonly ladder: readonly Rung[];
  readonly open: readonly OpenModel[];
  readonly policy: StepPolicy;
  readonly now: number;
  readonly random: number;
  readonly leftMs: number;
}
