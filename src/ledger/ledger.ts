/**
 * The ledger's contract: the durable record of runs, attempts, calls and tries. Asynchronous, because Postgres will stand
 * behind it as well; the SQLite backend answers at once. Every `start…` is durable before the step it names begins and every
 * `finish…` before anything that follows it, so that a `kill -9` at any instant leaves a record that says what was under way.
 * All times are epoch milliseconds. Ids are made by the caller, so that a repeated write is the same row.
 */
import type { Fault, Repair, Usage } from "../errors.ts";
import type { RunStatus } from "../run/run.ts";

/** Who runs a run: enough to know later whether that very process still lives. A pid alone proves nothing. */
export interface Owner {
  readonly pid: number;
  /** The process's start time as the system counts it; "" where the system does not tell. */
  readonly startedAt: string;
  readonly bootId: string;
  readonly host: string;
}

export interface RunStart {
  readonly runId: string;
  readonly jobId: string;
  readonly jobName: string;
  /** What started it. */
  readonly trigger: "manual" | "slot";
  /** The due instant it answers, for `slot`. */
  readonly slotAt?: number;
  readonly startedAt: number;
  readonly owner: Owner;
  readonly modelAsked: string;
  /** Faults are injected; the answer is not a real one. */
  readonly simulated: boolean;
  /** Hash of the job's definition, to see later whether it has changed. */
  readonly jobHash: string;
}

export type ClaimResult =
  | { readonly won: true }
  /** Another run of the job is open. The caller decides whether its owner lives, rescues it if not, and claims again. */
  | { readonly won: false; readonly blocker: { readonly runId: string; readonly owner: Owner; readonly startedAt: number } };

export interface RunFinish {
  readonly status: RunStatus;
  readonly finishedAt: number;
  /** Why it ended so, in words. */
  readonly reason: string;
  readonly fault?: Fault;
  readonly exitCode: number;
  readonly output?: string;
  readonly modelUsed?: string;
  readonly usage: Usage;
}

export interface AttemptStart {
  readonly runId: string;
  readonly attempt: number;
  readonly startedAt: number;
  readonly sessionId: string;
  /** Why this attempt was started. */
  readonly why: string;
}
export interface AttemptFinish {
  readonly finishedAt: number;
  readonly status: "succeeded" | "failed";
  readonly fault?: Fault;
  readonly error?: string;
  /** Tools that ran in it; more than none forbids a blind repetition. */
  readonly toolRuns: number;
}

export interface CallStart {
  readonly runId: string;
  readonly attempt: number;
  /** Number of the call within the attempt, from 1. */
  readonly call: number;
  readonly startedAt: number;
  readonly dialect: string;
  readonly modelAsked: string;
  /** Whether the turn asked for a stream. */
  readonly stream: boolean;
}
export interface CallFinish {
  readonly finishedAt: number;
  readonly status: "answered" | "failed";
  readonly fault?: Fault;
  /** HTTP status the turn was given. */
  readonly httpStatus: number;
  readonly modelUsed?: string;
}

export interface TryStart {
  readonly runId: string;
  readonly attempt: number;
  readonly call: number;
  /** Number of the try within the call, from 1. */
  readonly try: number;
  readonly startedAt: number;
  readonly provider: string;
  readonly model: string;
  readonly stream: boolean;
  /** Why this step was taken: the words of `nextStep`. */
  readonly why: string;
  /** How long was waited before it. */
  readonly waitedMs: number;
}
export interface TryFinish {
  readonly finishedAt: number;
  readonly status: "answered" | "failed";
  readonly fault?: Fault;
  /** The finer reason: a stream's, or the provider's code. */
  readonly reason?: string;
  /** The raw error text, with keys taken out. */
  readonly error?: string;
  readonly httpStatus?: number;
  readonly requestId?: string;
  readonly retryAfterMs?: number;
  readonly firstByteMs?: number;
  readonly modelUsed?: string;
  readonly stopReason?: string;
  readonly usage: Usage;
  readonly repairs: readonly Repair[];
}

export type RunRow = RunStart & Partial<RunFinish> & { readonly status: RunStatus };
export type AttemptRow = AttemptStart & Partial<Omit<AttemptFinish, "status">> & { readonly status: "running" | AttemptFinish["status"] };
export type CallRow = CallStart & Partial<Omit<CallFinish, "status">> & { readonly status: "running" | CallFinish["status"] };
export type TryRow = TryStart & Partial<Omit<TryFinish, "status" | "usage" | "repairs">> & {
    readonly status: "running" | TryFinish["status"];
    readonly usage: Usage;
    readonly repairs: readonly Repair[];
  };

/** A run with everything under it, in order. */
export interface RunDetail {
  readonly run: RunRow;
  readonly attempts: readonly AttemptRow[];
  readonly calls: readonly CallRow[];
  readonly tries: readonly TryRow[];
}

export interface HistoryQuery {
  readonly jobId?: string;
  /** Newest first, at most this many. Default 20. */
  readonly limit?: number;
}

/** That streaming broke for a model, so that the next run starts on the rung that works. */
export interface RungMemory {
  readonly provider: string;
  readonly model: string;
  readonly fault: Fault;
  readonly notedAt: number;
  readonly expiresAt: number;
}

export interface Ledger {
  /** Claims the job for this run and records its start, in one atomic step. With `skip`, a lost claim is recorded as a skipped run. */
  claimRun(start: RunStart): Promise<ClaimResult>;
  /** Records a run that never started, such as a skip. */
  recordRun(start: RunStart, finish: RunFinish): Promise<void>;
  /** Closes an open run. A run that is closed already stays as it is; returns whether this call closed it. */
  finishRun(runId: string, finish: RunFinish): Promise<boolean>;
  startAttempt(start: AttemptStart): Promise<void>;
  finishAttempt(key: Pick<AttemptStart, "runId" | "attempt">, finish: AttemptFinish): Promise<void>;
  startCall(start: CallStart): Promise<void>;
  finishCall(key: Pick<CallStart, "runId" | "attempt" | "call">, finish: CallFinish): Promise<void>;
  startTry(start: TryStart): Promise<void>;
  finishTry(key: Pick<TryStart, "runId" | "attempt" | "call" | "try">, finish: TryFinish): Promise<void>;
  /** Runs without an end, for the rescue of those whose owner has died. */
  openRuns(): Promise<readonly RunRow[]>;
  history(query: HistoryQuery): Promise<readonly RunRow[]>;
  /** The last run of each job, by job id. */
  lastRuns(): Promise<ReadonlyMap<string, RunRow>>;
  /** One run by its id or an unambiguous beginning of it (4 characters or more). */
  run(idOrPrefix: string): Promise<RunDetail | { readonly ambiguous: readonly string[] } | undefined>;
  rememberRung(memory: RungMemory): Promise<void>;
  /** Memories that have not expired at `now`. */
  rungMemories(now: number): Promise<readonly RungMemory[]>;
  close(): Promise<void>;
}
