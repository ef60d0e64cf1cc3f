/** What the engine works with, and what it is asked. */
import type { Gateway, RunBudget } from "../gateway/gateway.ts";
import type { Budget, Job } from "../job/job.ts";
import type { Ledger, Owner, RunStart } from "../ledger/ledger.ts";
import type { QuotaOf } from "../run/history.ts";
import type { Meter } from "../run/cost.ts";
import type { Judge, ProgramEnd, ProgramPlan, Turn, TurnSpec } from "../turn/turn.ts";
import type { Clock } from "./clock.ts";
import type { RunListener } from "./events.ts";
import type { Finding, Inspection } from "./finding.ts";
import type { OwnerState } from "./owner.ts";
import type { Redaction } from "./redacted.ts";

/** What the engine works with; `compose.ts` builds it. */
export interface EngineParts {
  readonly ledger: Ledger;
  /** Opened when it is first asked for: a turn's process boots meanwhile. */
  readonly gateway: () => Promise<Gateway>;
  /** Ways to carry a turn out, by the job's `payload.kind`. */
  readonly turns: ReadonlyMap<string, Turn>;
  /** Whether an answer is what its job wants. */
  readonly judge: Judge;
  /** Carries out a program beside the turn: the gate. */
  readonly runProgram: (plan: ProgramPlan) => Promise<ProgramEnd>;
  /** Whether the run could begin, found out without a token; see `preflight.ts`. */
  readonly inspect: (inspection: Inspection) => Promise<readonly Finding[]>;
  readonly clock: Clock;
  /** 0 ≤ random < 1. */
  readonly random: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly owner: Owner;
  readonly ownerState: (owner: Owner) => OwnerState;
  /** Ends every process that still carries the run's marker; true if none is left. */
  readonly sweep: (runId: string) => Promise<boolean>;
  /** Splits and checks `provider/model`. @throws UsageError for a provider nobody knows. */
  readonly resolveModel: (name: string) => {
    readonly provider: string;
    readonly model: string;
    readonly dialect: TurnSpec["dialect"];
  };
  /** Zone of times in a prompt whose job's schedule names none; asked for only if one is shown. */
  readonly zone: () => string;
  /** Fingerprint of a job's definition. */
  readonly hash: (job: Job) => string;
  readonly defaults: { readonly model: string | undefined; readonly fallbacks: readonly string[] };
  /** What a try has used and cost. */
  readonly meter: Meter;
  /** Counts what a run spends, of whose time so much is used already. Absent: budgets are not kept. */
  readonly openBudget?: (budget: Budget, ranMs: number) => RunBudget;
  /** The quota that a provider's models share; they are left alone together. Default the provider's own id. */
  readonly quotaOf?: QuotaOf;
  /** Takes the keys of the providers out of texts, and these secrets of the job with them. */
  readonly redaction: (secrets: readonly string[]) => Redaction;
  /** From TERM to KILL of each turn's processes. Default 5 s. */
  readonly killGraceMs?: number;
  /** Faults are injected by a simulated provider. */
  readonly simulated: boolean;
  /**
   * Every model request is asked once, on the ladder's first rung: no repair, no second try, no fallback, no second attempt, and nothing
   * of it is remembered. For measuring what healing is worth. The providers behind the gateway must repair nothing. Default false.
   */
  readonly strict?: boolean;
}

export interface RunRequest {
  readonly trigger: RunStart["trigger"];
  readonly slotAt?: number;
  /** Asked first, whatever the job says; the job's own model becomes the first fallback. */
  readonly model?: string;
  /** Overrides the job's `payload.stream`. */
  readonly stream?: boolean;
  /** Values over the job's own `vars`. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Models that are left alone after failures are asked all the same. Default false. */
  readonly force?: boolean;
  /** The run that this one repeats, for its record. It is a run of its own, with a new idempotency key. */
  readonly rerunOf?: string;
  /**
   * A verification: the run is kept under an id of this lane (`verifyJobId`), stands in nobody's way, and is not the job's last run.
   * Two at once need two lanes.
   */
  readonly verifyLane?: string;
  /** The turn is carried out without asking the gate. Default false. */
  readonly skipGate?: boolean;
  /** A skipped run exits 1 instead of 0. Default false. */
  readonly failOnSkip?: boolean;
  /**
   * The run waits without a process, and may be carried on up to this instant, epoch ms. Absent: by hand, its process sleeps between two attempts.
   */
  readonly mayWaitUntil?: number;
  /** Ends the run: its processes are asked to stop, then killed. Its reason is a `Stopped`. */
  readonly signal: AbortSignal;
  readonly listen: RunListener;
}

/** What the scheduler asks of a run that it begins or carries on. */
export interface CarryOnRequest {
  /** Ends the run: its processes are asked to stop, then killed. */
  readonly signal: AbortSignal;
  readonly listen: RunListener;
  /**
   * The latest instant, epoch ms, at which the run may still be carried on: the job's next slot, or `limits.defer` after this one. Asked for once
   * the run has begun: a herd of runs that begins on one instant is not to wait for the calendar of each.
   */
  readonly mayWaitUntil: () => number;
}
