/**
 * What the ledger does for the scheduler: slots that are claimed and wait, who leads, which jobs are armed, what is paused, and what
 * happened to the scheduler itself. Everything that a command wants of a running daemon goes through here, so that it works with a
 * daemon, without one, and while one takes over from another.
 */
import type { OpenStatus } from "../run/run.ts";
import type { RunRow, Wait } from "./run-record.ts";
import type {
  Armed,
  BeginResult,
  BeginRun,
  CancelRequest,
  EndedPause,
  KeptOfRow,
  Leader,
  OpenLook,
  Pause,
  RecentRuns,
  RowAhead,
  SchedulerEventQuery,
  SchedulerEventRow,
  SlotClaim,
  SlotClaimResult,
  SlotRange,
  StatusCount,
} from "./scheduling-records.ts";

export interface SchedulingLedger {
  /**
   * Claims slots, each by one row on the unique (job, instant), all in one durable transaction; the answers stand in the order of
   * the claims. Any number of processes may race. At most one run of a job is `queued`.
   */
  claimSlots(claims: readonly SlotClaim[]): Promise<readonly SlotClaimResult[]>;
  /**
   * Gives claims of slots back that nobody has begun: as if they had never been made, each of their slots has no record. What has begun or ended
   * meanwhile stays as it is. For what was claimed ahead of its time and is to be decided when it is due after all.
   */
  giveBackClaims(runIds: readonly string[]): Promise<void>;
  /** Begins a queued run or carries a waiting one on: at most one caller wins, and at most one run of a job is open beside a queued one. Durable. */
  beginRun(runId: string, begin: BeginRun): Promise<BeginResult>;
  /** Lets a running run wait, without a process; returns whether it was still ours. Durable. What is open under it is closed, as by `finishRun`. */
  parkRun(runId: string, wait: Wait): Promise<boolean>;
  /**
   * Records slots that nobody answered. Extends the job's last row if that is a range of the same status and reason that ends before `from`.
   * What is recorded already stays as it is: only the rest of a range is recorded, so two processes may record the same gap. To be called
   * before a later slot of the job is claimed: a crash between the two then loses nothing. Durable. Returns of each range whether any of it
   * was new.
   */
  recordSlots(ranges: readonly SlotRange[]): Promise<readonly boolean[]>;
  /**
   * Takes back what was recorded while the clock was ahead: rows of slots that are `missed` or `skipped` and reach beyond `now` (by more than
   * `recordedAheadMs`) go, or are cut to what `keep` leaves of them, a job that is armed from later on is armed from `now` on, and a pause
   * that ended later on has ended at `now`. A slot that had a run keeps it, claimed, open or ended: it is not repeated; but of the slots before it
   * such a run says nothing any more (`settledSlots`). In one durable transaction of at most `withdrawnAtOnce` rows; to be
   * called again while that many come back. Returns the rows as they were.
   */
  withdrawSlots(now: number, keep: (row: RowAhead) => KeptOfRow | undefined): Promise<readonly RowAhead[]>;
  /**
   * To be called when a slot's run has ended `blocked`: if the job's run before it is `blocked` by the same (`obstacle`, or without it `reason`), the
   * two become one row over both slots (`slotFrom`, `slots`) with the newer reason, and the answer is `false`: that the job is blocked was known. So
   * it was if only runs that say nothing of it lie between: `skipped`, `missed`, `cancelled`, `interrupted`. Durable.
   */
  isFirstBlock(runId: string): Promise<boolean>;
  /**
   * Arms jobs: one that is new, or whose schedule is another, from `now` on. With `complete`, jobs that are not among them are forgotten.
   * Returns since when each is armed.
   */
  armJobs(jobs: readonly Armed[], now: number, complete: boolean): Promise<ReadonlyMap<string, number>>;
  /** Reads, changes and writes the leader in one atomic step; `undefined` from `change` removes it. */
  changeLeader(change: (before: Leader | undefined) => Leader | undefined): Promise<Leader | undefined>;
  /** Takes the place of the job's pause before, which is over then. */
  pause(pause: Pause): Promise<void>;
  /** The pause is over. Returns whether it was paused at `now`. */
  unpause(jobId: string, now: number): Promise<boolean>;
  /** Asks the process that has the run to end it. Returns whether the run is open. Ends nothing itself. */
  requestCancel(request: CancelRequest): Promise<boolean>;
  /** Of `booted` and `ticked` only the newest of each text are kept (`keptOfSame`): one that is noted again counts as the newest. */
  noteEvent(event: SchedulerEventRow): Promise<void>;
  /**
   * Whether any process may have written since this was asked last on this connection; the first answer is `true`. Costs some
   * microseconds, so that a daemon may ask each second.
   */
  hasChanged(): Promise<boolean>;
  /** The same of what was not written through this connection, with a memory of its own. */
  hasChangedElsewhere(): Promise<boolean>;
  /**
   * A look at the open runs for whoever knows most of them: of ten thousand it costs milliseconds, where to read each (`openRuns`) takes hundreds.
   * Rows come of those alone of which `wantsRow` says so.
   */
  lookAtOpen(wantsRow: (runId: string, status: OpenStatus) => boolean): Promise<OpenLook>;
}

/** What only reads. */
export interface SchedulingReader {
  /** Every run that has not ended, oldest first. */
  openRuns(): Promise<readonly RunRow[]>;
  /** The newest runs of each job that has any, at most `limit` (1 to 100) of each, by job id. Cheap however many runs there are. */
  recentRuns(limit: number): Promise<ReadonlyMap<string, RecentRuns>>;
  /** The newest instant of each job that has a record, by job id; with `until` the newest of those up to then. */
  lastSlots(until?: number): Promise<ReadonlyMap<string, number>>;
  /**
   * The newest instant of each job, at or before `until`, up to which the scheduler has answered all, by job id. A slot that somebody ran by
   * hand (`runner run --slot`) says nothing of the slots before it. `until` is now: a run of a slot that is yet to come, begun while the clock
   * was ahead, says nothing of them either, nor does it when its instant has come (`withdrawSlots`).
   */
  settledSlots(until: number): Promise<ReadonlyMap<string, number>>;
  /** The run or range that answers this instant of the job. */
  slotRecord(jobId: string, at: number): Promise<RunRow | undefined>;
  /** Since when each job, or each of these, is armed, and with which schedule. */
  armed(jobIds?: readonly string[]): Promise<ReadonlyMap<string, { readonly since: number; readonly scheduleHash: string }>>;
  leader(): Promise<Leader | undefined>;
  /** Those that are in force at `now`, by job id. */
  pauses(now: number): Promise<ReadonlyMap<string, Pause>>;
  /** Those that were over by `now`, of the last `keptPausesMs`, in no order: slots that were due meanwhile are not made up for. */
  endedPauses(now: number): Promise<readonly EndedPause[]>;
  /** Of runs that are open. */
  cancelRequests(): Promise<readonly CancelRequest[]>;
  events(query: SchedulerEventQuery): Promise<readonly SchedulerEventRow[]>;
  /** Ended runs since then, by job and ending, to the day (UTC). Simulated and verified ones are left out. */
  statusCounts(query: { readonly since: number; readonly jobId?: string }): Promise<readonly StatusCount[]>;
}
