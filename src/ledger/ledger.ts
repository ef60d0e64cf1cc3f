/**
 * The ledger's contract: the durable record of runs, attempts, calls and tries. Asynchronous, because Postgres will stand
 * behind it as well; the SQLite backend answers at once. Every `start…` is durable before the step it names begins and every
 * `finish…` before anything that follows it, so that a `kill -9` at any instant leaves a record that says what was under way.
 *
 * All times are epoch milliseconds; times and durations are kept as whole numbers, rounded. Ids are made by the caller, so
 * that a repeated write is the same row. The first ending of anything is the one that stays.
 *
 * Every method rejects with a `LedgerError` (its `reason` says which of the outside troubles it was) or, for what a correct
 * caller never does, with a plain `Error` that begins "broken invariant": an unknown id, an ending that cannot follow, a step
 * started under something that has ended. The last one is the fence against a doubled side effect: a process whose run was
 * rescued by another one cannot start anything more.
 */
import type { Fault, Repair, StreamRecording, Usage } from "../errors.ts";
import type { BreakerState } from "../run/breaker.ts";
import type { RunStatus } from "../run/run.ts";

/** Longest error, reason or `why` that is kept, in UTF-16 units; the rest is cut. */
export const keptText = 4000;

/** Most repairs kept of one try; a last entry `more_repairs` then says how many were left out. */
export const keptRepairs = 200;

/** Most warnings kept of a run, and the longest one, in UTF-16 units; a last line then says how many were left out. */
export const keptWarnings = 50;
export const keptWarningText = 500;

/** Most text kept of one try's recorded stream, in UTF-16 units; what is longer ends with its last whole line. */
export const keptRecording = 1_048_576;

/**
 * How long runs are kept, whichever keeps more: the newest so many of each job, and all that started in so many days. An open run
 * is always kept.
 */
export const keptRuns = 1000;
export const keptMs = 90 * 86_400_000;

/** How much is kept; see `keptRuns`. `runs` is 1 or more. */
export interface Keep {
  readonly runs: number;
  readonly ms: number;
}

/** What a step says for which no end was recorded before its run ended. */
export const endedWithoutRecord = "ended without a record";

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
  readonly status: RunStatus;
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
}

/** What the cheap command before the turn said; the turn follows only on `go`. */
export interface GateRecord {
  readonly verdict: "go" | "nothing_to_do" | "failed";
  /** In words; cut to 4,000 characters. */
  readonly why: string;
  readonly startedAt: number;
  readonly tookMs: number;
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
  /** What went wrong, with keys taken out; cut to 4,000 characters. */
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
  /** Why it was given up, in words; cut to 4,000 characters. */
  readonly reason?: string;
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
  /** The raw error text, with keys taken out; cut to 4,000 characters. */
  readonly error?: string;
  readonly httpStatus?: number;
  readonly requestId?: string;
  readonly retryAfterMs?: number;
  readonly firstByteMs?: number;
  readonly modelUsed?: string;
  readonly stopReason?: string;
  readonly usage: Usage;
  /** The first 200 are kept. */
  readonly repairs: readonly Repair[];
  readonly costMicroUsd?: number;
  /** Kept apart and given by `recordings`; at most 1 MiB of text a try. */
  readonly recording?: StreamRecording;
}

export interface ToolStart {
  readonly runId: string;
  readonly attempt: number;
  /** Number of the tool run within the attempt, from 1. */
  readonly tool: number;
  /** The call that asked for it. */
  readonly call: number;
  readonly startedAt: number;
  readonly name: string;
  /** `shell`, `files`, `http` or `mcp:NAME`. */
  readonly grant: string;
  /** As JSON, keys taken out; cut to 4,000 characters. */
  readonly input: string;
}
export interface ToolFinish {
  readonly finishedAt: number;
  readonly status: "succeeded" | "failed" | "refused";
  readonly error?: string;
  readonly outputBytes: number;
}

/** A run as recorded. `output` and `value` are only in what `run()` and `lastRun()` return: the lists stay small however long the answers are. */
export type RunRow = RunStart & Partial<RunFinish> & { readonly status: RunStatus };
/*
 * Attempts, calls and tries as recorded. One that was under way when its run ended reads `failed` with the words of
 * `endedWithoutRecord` (`error`, or `reason` of a call) and without `finishedAt`, because nobody knows when it stopped. Its
 * facts are absent, not zero: an attempt without `toolRuns` may have run tools.
 */
export type AttemptRow = AttemptStart &
  Partial<Omit<AttemptFinish, "status">> & { readonly status: "running" | AttemptFinish["status"] };
export type CallRow = CallStart & Partial<Omit<CallFinish, "status">> & { readonly status: "running" | CallFinish["status"] };
export type TryRow = TryStart &
  Partial<Omit<TryFinish, "status" | "usage" | "repairs">> & {
    readonly status: "running" | TryFinish["status"];
    readonly usage: Usage;
    readonly repairs: readonly Repair[];
  };

/** One that was under way when its run ended reads `failed` with the words of `endedWithoutRecord` and without `finishedAt`. */
export type ToolRow = ToolStart & Partial<Omit<ToolFinish, "status">> & { readonly status: "running" | ToolFinish["status"] };

/** A run with everything under it, in order. */
export interface RunDetail {
  readonly run: RunRow;
  readonly attempts: readonly AttemptRow[];
  readonly calls: readonly CallRow[];
  readonly tries: readonly TryRow[];
  readonly tools: readonly ToolRow[];
}

/** What was recorded of one try's stream. */
export interface RecordingRow extends StreamRecording {
  readonly attempt: number;
  readonly call: number;
  readonly try: number;
  /** It was longer than is kept (`keptRecording`), so its end is missing. */
  readonly cut?: boolean;
}

/**
 * Tries of a time, counted: one row for each provider, model and way of asking. Simulated runs are left out unless asked for, and
 * so is a try without a recorded end, because it says nothing about its provider.
 */
export interface RungCount {
  readonly provider: string;
  readonly model: string;
  readonly stream: boolean;
  readonly tries: number;
  readonly answered: number;
  /** First tries of a call, and how many of them were answered. */
  readonly firstTries: number;
  readonly firstAnswered: number;
  readonly repaired: number;
  /** Failed tries by fault. */
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  readonly usage: Usage;
  /** Of tries whose price is known. */
  readonly costMicroUsd: number;
  /** Tries that were answered or are known to have used tokens, whose price is not known. */
  readonly unpriced: number;
}

/** How a call got its answer: at once, by a repair alone, by another try, with streaming off, from another model; or it got none. */
export const waysToAnswer = ["first", "repair", "again", "stream_off", "fallback", "none"] as const;
export type WayToAnswer = (typeof waysToAnswer)[number];

/** Ended calls of a time, counted by what they asked first and what it took: one row for each provider, model, way of asking and way to the answer. */
export interface HealingCount {
  /** Of the first try. */
  readonly provider: string;
  readonly model: string;
  readonly stream: boolean;
  readonly by: WayToAnswer;
  readonly calls: number;
  /** Runs whose first call of all is among them. */
  readonly runs: number;
  /** Tries beyond the first of each call. */
  readonly extraTries: number;
  /** Time from the start of the first try to the start of the last. */
  readonly lostMs: number;
  /** What the tries that failed are known to have used. */
  readonly lost: Usage;
  /** Of failed tries whose price is known. */
  readonly lostMicroUsd: number;
}

/**
 * Runs of a time, counted: one row for each job, day (UTC, `2026-11-25`) and model (the one used, or else asked for). What was
 * skipped or missed started nothing and is left out.
 */
export interface CostRow {
  readonly jobId: string;
  readonly jobName: string;
  readonly day: string;
  readonly model: string;
  readonly runs: number;
  /** Ended as `failed`, `timed_out`, `interrupted`, `blocked` or `unknown`. */
  readonly failed: number;
  readonly usage: Usage;
  readonly costMicroUsd: number;
  /** Runs that were answered or are known to have used tokens, none of whose tries has a known price. */
  readonly unpriced: number;
}

export interface CountQuery {
  /** Started at or after, epoch ms. */
  readonly since: number;
  readonly jobId?: string;
  /** Simulated runs as well. Default false. */
  readonly simulated?: boolean;
}

export interface HistoryQuery {
  readonly jobId?: string;
  /** Only these endings. */
  readonly statuses?: readonly RunStatus[];
  /** Only runs recorded before the one of this id; none if it is not kept any more, because then those before it are not either. */
  readonly before?: string;
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
  /**
   * Claims the job for this run and records its start, in one atomic step: of any number of processes exactly one wins. At
   * most one run of a job is open, and with `slotAt` at most one run, whatever its ending, answers the slot. A repetition of a
   * won claim (same id, same owner, still open) wins again. A lost claim records nothing; `recordRun` records the skip.
   */
  claimRun(start: RunStart): Promise<ClaimResult>;
  /**
   * Records a run that never started, such as a skip. Its status is one that `transition("due", …)` can give. A run or a slot
   * that is recorded already stays as it is.
   */
  recordRun(start: RunStart, finish: RunFinish): Promise<void>;
  /**
   * Closes an open run and, under it, everything that has no end yet (see `endedWithoutRecord`). A run that is closed already
   * stays as it is; returns whether this call closed it. With `onlyIf` it is closed only while its lease is still that one: the
   * run of somebody who is not to be seen, and who has renewed it since the caller looked, stays open. Now and then, in its wake,
   * what is older than is kept is removed (see `prune`).
   */
  finishRun(runId: string, finish: RunFinish, onlyIf?: { readonly leaseUntil: number | undefined }): Promise<boolean>;
  /**
   * The heartbeat of an open run: its claim holds until then. Returns whether the run is still ours; false: another process has
   * closed it, and its owner must end what it started. Outlives the death of the process, and need not outlive a power cut: that
   * ends the owner as well.
   */
  renewLease(runId: string, until: number): Promise<boolean>;
  /**
   * Removes runs with everything under them that `keep` does not keep: older than the newest `runs` of their job and started more
   * than `ms` before `now`. Open runs stay. At most 500 runs of a job at once, the oldest first; returns how many. Breakers and
   * memories that nobody has changed for `keptMs` go as well.
   */
  prune(now: number, keep?: Keep): Promise<number>;
  /** How many runs `prune` would remove if it were called until nothing is left to remove. */
  prunable(now: number, keep?: Keep): Promise<number>;
  /** Each `start…` needs what it starts under to be open; each `finish…` of something finished already changes nothing. */
  startAttempt(start: AttemptStart): Promise<void>;
  finishAttempt(key: Pick<AttemptStart, "runId" | "attempt">, finish: AttemptFinish): Promise<void>;
  startCall(start: CallStart): Promise<void>;
  finishCall(key: Pick<CallStart, "runId" | "attempt" | "call">, finish: CallFinish): Promise<void>;
  startTry(start: TryStart): Promise<void>;
  finishTry(key: Pick<TryStart, "runId" | "attempt" | "call" | "try">, finish: TryFinish): Promise<void>;
  /**
   * Durable before it resolves; needs its attempt to be open.
   * @throws "broken invariant" for a number that was started already: no tool runs twice. Unlike the other starts it is no repetition
   * of the same fact, because what follows it has a side effect.
   */
  startTool(start: ToolStart): Promise<void>;
  finishTool(key: Pick<ToolStart, "runId" | "attempt" | "tool">, finish: ToolFinish): Promise<void>;
  /** Reads, changes and writes one breaker in one atomic step; `undefined` from `change` removes it. Returns what `change` returned. */
  changeBreaker(
    key: string,
    change: (before: BreakerState | undefined) => BreakerState | undefined,
  ): Promise<BreakerState | undefined>;
  /** Every breaker that is kept, by key. */
  breakers(): Promise<ReadonlyMap<string, BreakerState>>;
  /** The streams recorded of a run, in order. */
  recordings(runId: string): Promise<readonly RecordingRow[]>;
  /** The last recorded run of a job with one of these endings, with its output; before the run of that id, if one is given. */
  lastRun(jobId: string, statuses: readonly RunStatus[], before?: string): Promise<RunRow | undefined>;
  rungCounts(query: CountQuery): Promise<readonly RungCount[]>;
  healings(query: CountQuery): Promise<readonly HealingCount[]>;
  costs(query: CountQuery): Promise<readonly CostRow[]>;
  /** Newest first, in the order of recording: a clock that was set back cannot hide a newer run behind an older one. */
  history(query: HistoryQuery): Promise<readonly RunRow[]>;
  /** The last recorded run of each job, by job id. Cheap however many runs there are. */
  lastRuns(): Promise<ReadonlyMap<string, RunRow>>;
  /** One run by its id or an unambiguous beginning of it (4 characters or more). Of the ids of an ambiguous one, the first 20. */
  run(idOrPrefix: string): Promise<RunDetail | { readonly ambiguous: readonly string[] } | undefined>;
  /** One memory a provider and model; the later `notedAt` stays. */
  rememberRung(memory: RungMemory): Promise<void>;
  /** Memories that have not expired at `now`. */
  rungMemories(now: number): Promise<readonly RungMemory[]>;
  /** Ends the connection; a second call does nothing. Everything that was answered is durable already. */
  close(): Promise<void>;
}

/** What commands that only read need: it changes nothing, not even the folder it reads in. */
export type LedgerReader = Pick<
  Ledger,
  | "history"
  | "lastRuns"
  | "lastRun"
  | "run"
  | "recordings"
  | "rungMemories"
  | "breakers"
  | "rungCounts"
  | "healings"
  | "costs"
  | "prunable"
  | "close"
>;

export interface OpenLedgerOptions {
  /** Folder of all state; made with mode 0700 if it is missing. */
  readonly stateDir: string;
  /** How long to wait for other processes' writes before `locked`. Default 5,000 ms. */
  readonly busyTimeoutMs?: number;
}

/** One backend of the ledger, one folder. */
export interface LedgerBackend {
  /** @throws LedgerError */
  open(options: Required<OpenLedgerOptions>): Promise<Ledger>;
  /**
   * Opens what is there without changing anything: no file is made, no mode set, nothing migrated. `undefined` if nothing is there.
   * @throws LedgerError, also `older_schema` where an older one cannot be read as it stands
   */
  openToRead(options: Required<OpenLedgerOptions>): Promise<LedgerReader | undefined>;
}
