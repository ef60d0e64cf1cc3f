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
import type { Fault } from "../errors.ts";
import type { BreakerState } from "../run/breaker.ts";
import type { RunStatus } from "../run/run.ts";
import type { CostRow, CountQuery, HealingCount, RungCount } from "./counts.ts";
import type { Keep } from "./kept.ts";
import type { ClaimResult, Owner, OwnerLock, RunFinish, RunRow, RunStart, StillIs } from "./run-record.ts";
import type { SlotClaim } from "./scheduling-records.ts";
import type { SchedulingLedger, SchedulingReader } from "./scheduling.ts";
import type {
  AttemptFinish,
  AttemptStart,
  CallFinish,
  CallStart,
  RecordingRow,
  RunDetail,
  ToolFinish,
  ToolStart,
  TryFinish,
  TryStart,
} from "./step-records.ts";

export * from "./counts.ts";
export * from "./kept.ts";
export * from "./run-record.ts";
export * from "./scheduling-records.ts";
export * from "./scheduling.ts";
export * from "./step-records.ts";

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

export interface Ledger extends SchedulingLedger, SchedulingReader {
  /**
   * Claims the job for this run and records its start, in one atomic step: of any number of processes exactly one wins. At
   * most one run of a job is running or waiting (one that is queued is in nobody's way), and with `slotAt` at most one run or range,
   * whatever its ending, answers the slot. A repetition of a won claim (same id, same owner, still open) wins again. A lost claim records nothing; `recordRun` records the skip.
   */
  claimRun(start: RunStart): Promise<ClaimResult>;
  /**
   * Records a run that never started, such as a skip. Its status is an ending that `transition("due", …)` can give. A run, a slot
   * or a boot that is recorded already, the slot alone or in a range, stays as it is.
   */
  recordRun(start: RunStart & Pick<SlotClaim, "boot">, finish: RunFinish): Promise<void>;
  /**
   * Closes an open run and, under it, everything that has no end yet (see `endedWithoutRecord`). A run that is closed already
   * stays as it is; returns whether this call closed it. With `onlyIf` it is closed only while it is still that: the run of somebody
   * who is not to be seen and has renewed its lease since the caller looked stays open, and so does one that waited and was begun
   * since. Now and then, in its wake, what is older than is kept is removed (see `prune`).
   */
  finishRun(runId: string, finish: RunFinish, onlyIf?: StillIs): Promise<boolean>;
  /**
   * Says, until the connection is closed or this process dies, to whoever cannot see the owner that it lives; see `ownerLock`. To be called
   * before the owner is recorded anywhere; a second call does nothing. Where that is not possible, nothing happens: leases decide.
   */
  holdOwner(owner: Owner): Promise<void>;
  /** Whether the process of an owner has said that it lives, and has not died since. Answers at once, also when the connection is closed. */
  ownerLock(owner: Owner): OwnerLock;
  /**
   * The heartbeat of an open run: its claim holds until then. Returns whether the run is still ours; false: another process has
   * closed it, and its owner must end what it started. Outlives the death of the process, and need not outlive a power cut: that
   * ends the owner as well.
   */
  renewLease(runId: string, until: number): Promise<boolean>;
  /**
   * Removes runs with everything under them that `keep` does not keep: older than the newest `runs` of their job and started more
   * than `ms` before `now`. Open runs stay, and so does the run of the job's newest slot and of its newest boot. At most 500 runs of a
   * job at once, the oldest first; returns how many. In many short transactions, so that nobody waits long for it. Breakers and
   * memories that nobody has changed for `keptMs` go as well, and the numbers of endings of more than `keptDays` ago.
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
  /** The same in few words, for whoever shows a thousand jobs at once. */
  lastStates(): Promise<ReadonlyMap<string, LastState>>;
  /** One run by its id or an unambiguous beginning of it (4 characters or more). Of the ids of an ambiguous one, the first 20. */
  run(idOrPrefix: string): Promise<RunDetail | { readonly ambiguous: readonly string[] } | undefined>;
  /** One memory a provider and model; the later `notedAt` stays. */
  rememberRung(memory: RungMemory): Promise<void>;
  /** Memories that have not expired at `now`. */
  rungMemories(now: number): Promise<readonly RungMemory[]>;
  /** Ends the connection; a second call does nothing. Everything that was answered is durable already. */
  close(): Promise<void>;
}

/** How the last recorded run of a job stands. */
export interface LastState extends Pick<RunRow, "status" | "startedAt" | "simulated"> {
  /** The whole of one that is `running`: whether it has lost its process is to be found out. */
  readonly run?: RunRow;
}

/** What commands that only read need: it changes nothing, not even the folder it reads in. */
export type LedgerReader = SchedulingReader &
  Pick<
    Ledger,
    | "history"
    | "lastRuns"
    | "lastStates"
    | "lastRun"
    | "run"
    | "recordings"
    | "rungMemories"
    | "breakers"
    | "rungCounts"
    | "healings"
    | "costs"
    | "prunable"
    | "ownerLock"
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
