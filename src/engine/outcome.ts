/** How a run ended, for whoever started it. The same facts are in the ledger. */
import type { Fault, Usage } from "../errors.ts";
import type { GateRecord, RunFinish, RunStart, Wait } from "../ledger/ledger.ts";
import type { RunStatus } from "../run/run.ts";
import type { Tally } from "./tally.ts";

/** Instants are epoch ms. */
export interface RunOutcome {
  readonly runId: string;
  readonly jobId: string;
  readonly jobName: string;
  readonly status: RunStatus;
  /** What `runner run` would exit with: see `run/exit-code.ts`. */
  readonly exitCode: number;
  /** Why it ended so, in words. */
  readonly reason: string;
  /** Of a run that did not end well: the class of what it failed of. */
  readonly fault?: Fault;
  /** The turn's answer, or what there was of it; at most the job's `limits.outputBytes`. */
  readonly output?: string;
  /** `provider/model`. */
  readonly modelAsked: string;
  /** Of the last call that was answered. */
  readonly modelUsed?: string;
  /** Faults were injected; the answer is not a real one. */
  readonly simulated: boolean;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly attempts: number;
  readonly calls: number;
  readonly tries: number;
  readonly repairs: number;
  /** Failed tries by fault. */
  readonly faults: Partial<Record<Fault, number>>;
  /** Over all tries, failed ones too. */
  readonly usage: Usage;
  /** Millionths of a US dollar, over all tries whose price is known; absent if none is. */
  readonly costMicroUsd?: number;
  /** For `deferred`: when it may be asked again, epoch ms. */
  readonly deferredUntil?: number;
  /** Tools that failed or were refused, prices that are not known, …, one line each. */
  readonly warnings?: readonly string[];
  /** The answer as JSON, where the job expects a schema. */
  readonly value?: string;
  /** What the job's gate said before the turn. */
  readonly gate?: GateRecord;
  /** For a skipped run: the run that was under way. */
  readonly blockedBy?: string;
  /** For a blocked run: what stands in its way, as in `RunEnd`. */
  readonly obstacle?: string;
}

/** How a run ends, before it is written down: the rest of its record is the tally's. */
export type RunEnd = Omit<RunFinish, "finishedAt" | "usage" | "costMicroUsd" | "gate" | "modelUsed">;

/** A run that waits: nothing of it is alive, and it is carried on when its time has come. */
export interface Parked {
  readonly wait: Wait;
}

/** Why a claim was lost. */
export interface Blocker {
  readonly runId: string;
  /** In words, for the skipped run's record. */
  readonly reason: string;
  /** It is the answer to the very slot that was asked for: the slot has its one record. */
  readonly hasSlot?: true;
}

/** How far a run was carried. */
export type CarriedOn =
  | { readonly kind: "ended"; readonly outcome: RunOutcome }
  | { readonly kind: "waiting"; readonly wait: Wait }
  /** Nothing was begun: another run of the job is open. The overlap policy decides. */
  | { readonly kind: "in_the_way"; readonly blocker: Blocker }
  /** Nothing was begun: somebody else has it, or it has ended. */
  | { readonly kind: "gone" };

/** Most warnings of a run. */
const mostWarnings = 50;

/** What two attempts both say is said once. */
export function keptWarnings(warnings: readonly string[]): readonly string[] {
  return [...new Set(warnings)].slice(0, mostWarnings);
}

/** The end as the ledger keeps it. */
export function toFinish(end: RunEnd, tally: Tally, finishedAt: number): RunFinish {
  const { status, exitCode, reason, fault, output, deferredUntil, value, blockedBy, obstacle } = end;
  const warnings = keptWarnings([...tally.warnings, ...(end.warnings ?? [])]);
  return {
    status,
    finishedAt,
    reason,
    exitCode,
    usage: tally.usage,
    ...(fault === undefined ? {} : { fault }),
    ...(output === undefined ? {} : { output }),
    ...(value === undefined ? {} : { value }),
    ...(deferredUntil === undefined ? {} : { deferredUntil }),
    ...(blockedBy === undefined ? {} : { blockedBy }),
    ...(obstacle === undefined ? {} : { obstacle }),
    ...(tally.costMicroUsd === undefined ? {} : { costMicroUsd: tally.costMicroUsd }),
    ...(warnings.length === 0 ? {} : { warnings }),
    ...(tally.gate === undefined ? {} : { gate: tally.gate }),
    ...(tally.modelUsed === undefined ? {} : { modelUsed: tally.modelUsed }),
  };
}

/** The end as whoever started the run is told. */
export function toOutcome(start: RunStart, end: RunEnd, tally: Tally, finishedAt: number): RunOutcome {
  const { runId, jobId, jobName, modelAsked, simulated, startedAt } = start;
  const { attempts, calls, tries, repairs, faults } = tally;
  const counted = { attempts, calls, tries, repairs, faults };
  return { runId, jobId, jobName, modelAsked, simulated, startedAt, ...counted, ...toFinish(end, tally, finishedAt) };
}
