/** What the ledger records of a run: its start, its claim, its end, and the row that is read back. */
import type { Fault, Usage } from "../errors.ts";
import type { OpenStatus, RunEnding, RunStatus } from "../run/run.ts";

/** Who runs a run: enough to know later whether that very process still lives. A pid alone proves nothing. */
export interface Owner {
  readonly pid: number;
  /** The process's start time as the system counts it; "" where the system does not tell. */
  readonly startedAt: string;
  readonly bootId: string;
  /** The PID namespace in which `pid` means something (a container has its own); "" where the system has none. */
  readonly pidNamespace: string;
  /** For people: a name is not unique and may change, so nothing is judged by it. */
  readonly host: string;
}

/** What the lock of an owner says; `unknown`: it has none, or that cannot be told from here. */
export type OwnerLock = "held" | "free" | "unknown";

export interface RunStart {
  readonly runId: string;
  readonly jobId: string;
  readonly jobName: string;
  /** What started it. `retry`: a run that was interrupted is repeated by itself. `boot`: the machine was started. */
  readonly trigger: "manual" | "slot" | "retry" | "boot";
  /** The due instant it answers: with the job, its key. At most one run has it. */
  readonly slotAt?: number;
  /** The due instant that its work is for: of a `retry` that of the run it repeats. Default `slotAt`. */
  readonly scheduledFor?: number;
  /** When it was to begin: the instant, staggered. Its lateness is counted from here. Default `slotAt`. */
  readonly dueAt?: number;
  readonly startedAt: number;
  readonly owner: Owner;
  /** Until when the claim holds unless it is renewed, for whoever cannot see the owner's process. Absent in older records. */
  readonly leaseUntil?: number;
  readonly modelAsked: string;
  /** Faults are injected; the answer is not a real one. */
  readonly simulated: boolean;
  /** Hash of the job's definition, to see later whether it has changed. */
  readonly jobHash: string;
  /** Default `agentTurn`. */
  readonly payloadKind?: "agentTurn" | "command";
  /** The run that this one repeats (`rerun`, `replay`). */
  readonly rerunOf?: string;
}

/** Why a run waits, and until when. */
export interface Wait {
  /** Epoch ms. */
  readonly until: number;
  /** In words; cut to 4,000 characters. */
  readonly why: string;
  /** `attempt`: the pause between two attempts. `later`: a provider named a time; the attempts before it are not counted any more. */
  readonly kind: "attempt" | "later";
  readonly since: number;
  /** Milliseconds in which the run has had a process, over all times it was carried on: what `limits.run` and the budget's time count. */
  readonly ranMs: number;
  /** Attempts that do not count any more: those before the last `later` wait. */
  readonly uncounted: number;
  /** Of the run so far, one line each, for its end. At most 50. */
  readonly warnings?: readonly string[];
}

export type ClaimResult =
  | { readonly won: true }
  | {
      readonly won: false;
      /**
       * `open_run`: another run of the job is open. The caller decides whether its owner lives, ends it as `interrupted` if not,
       * and claims again. `slot_taken`: the slot has its run already, open or ended; claiming again cannot win.
       */
      readonly because: "open_run" | "slot_taken";
      readonly blocker: Pick<RunRow, "runId" | "owner" | "startedAt" | "leaseUntil" | "status">;
    };

export interface RunFinish {
  readonly status: RunEnding;
  readonly finishedAt: number;
  /** Why it ended so, in words; cut to 4,000 characters. */
  readonly reason: string;
  readonly fault?: Fault;
  readonly exitCode: number;
  /** The turn's answer, kept whole: the caller applies the job's `limits.outputBytes`. */
  readonly output?: string;
  readonly modelUsed?: string;
  readonly usage: Usage;
  /** Millionths of a US dollar, over all tries whose price is known; absent if none is. */
  readonly costMicroUsd?: number;
  /** For `deferred`: when it may be asked again, epoch ms. */
  readonly deferredUntil?: number;
  /** Tools that failed or were refused, prices that are not known, … At most 50 lines of 500 characters are kept. */
  readonly warnings?: readonly string[];
  /** The answer as JSON, where the job expects a schema; kept as text. */
  readonly value?: string;
  /** What the job's gate said before the turn, if it has one. */
  readonly gate?: GateRecord;
  /** For `skipped`: the run that was in its way. */
  readonly blockedBy?: string;
  /** For `blocked`: what stands in its way, the same as long as it is the same thing; cut to 500 characters. Default: its `reason`. */
  readonly obstacle?: string;
}

/**
 * What a run must still be for `finishRun` to close it, as whoever closes it saw it. `leaseUntil`: its lease is that one, so its owner, who is not
 * to be seen, has not renewed it. `status`: it has nothing under way, so nobody has begun it or carried it on.
 */
export type StillIs = { readonly leaseUntil: number | undefined } | { readonly status: Exclude<OpenStatus, "running"> };

/** What the cheap command before the turn said; the turn follows only on `go`. */
export interface GateRecord {
  readonly verdict: "go" | "nothing_to_do" | "failed";
  /** In words; cut to 4,000 characters. */
  readonly why: string;
  readonly startedAt: number;
  readonly tookMs: number;
}

/** A run as recorded. `output` and `value` are only in what `run()` and `lastRun()` return: the lists stay small however long the answers are. */
export type RunRow = RunStart &
  Partial<Omit<RunFinish, "status">> & {
    readonly status: RunStatus;
    /** The first slot of a row that stands for several, `slotAt` being the last, and how many they are. */
    readonly slotFrom?: number;
    readonly slots?: number;
    /** For `waiting`: why and until when. Kept when it is carried on. */
    readonly wait?: Wait;
    /** When it was claimed, if it was `queued` first; `startedAt` is when it was begun. */
    readonly queuedAt?: number;
  };
