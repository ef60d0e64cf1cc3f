/** The records that the ledger keeps for the scheduler, and what is asked and answered about them: scheduling.ts has the operations. */
import type { OpenStatus, RunStatus } from "../run/run.ts";
import type { Owner, RunRow, RunStart } from "./run-record.ts";

/**
 * A slot to be claimed: the run is recorded as `queued`, with no process yet. `startedAt` is when it stands in line, its `queuedAt`: where a
 * slot is claimed ahead of its time, the time at which it is due.
 */
export interface SlotClaim extends Omit<RunStart, "leaseUntil"> {
  readonly trigger: "slot" | "retry" | "boot";
  /** For `boot`: which start of the machine it answers, one run a job and start. Default its owner's boot id. */
  readonly boot?: string;
}

export type SlotClaimResult =
  | { readonly won: true }
  | {
      readonly won: false;
      /**
       * `slot_taken`: the slot has its run already, or lies in a recorded range. `queued_run`: another slot of the job is queued.
       * `retried`: the run is repeated already (`trigger: "retry"`). `booted`: the job has run in this boot.
       */
      readonly because: "slot_taken" | "queued_run" | "retried" | "booted";
      readonly blocker: Pick<RunRow, "runId" | "status">;
    };

/** Who begins a queued run or carries a waiting one on. */
export interface BeginRun {
  readonly owner: Owner;
  readonly leaseUntil: number;
  readonly at: number;
  readonly modelAsked: string;
  readonly jobHash: string;
}

export type BeginResult =
  | { readonly begun: true }
  /** Another run of the job is open; see `ClaimResult`. */
  | {
      readonly begun: false;
      readonly because: "open_run";
      readonly blocker: Pick<RunRow, "runId" | "owner" | "startedAt" | "leaseUntil" | "status">;
    }
  /** It is neither queued nor waiting any more: somebody else has it, or it has ended. */
  | { readonly begun: false; readonly because: "gone"; readonly status: RunStatus | undefined };

/** Consecutive slots of a job that nobody answered for one and the same reason: one row, however many they are. */
export interface SlotRange {
  readonly runId: string;
  readonly jobId: string;
  readonly jobName: string;
  readonly status: "missed" | "skipped";
  /** The first and the last of them. */
  readonly from: number;
  readonly to: number;
  /** How many they are. */
  readonly slots: number;
  readonly reason: string;
  /** For `skipped`: the run that was in the way of them all. Ranges with another one are not joined. */
  readonly blockedBy?: string;
  readonly recordedAt: number;
  readonly owner: Owner;
  readonly jobHash: string;
}

/** So long before its instant a slot may have its record; what lies further ahead of the clock was recorded while that was wrong. */
export const recordedAheadMs = 2_000;

/** Most rows that are withdrawn in one transaction. */
export const withdrawnAtOnce = 200;

/** One row of slots that have no run, and that reaches into what is yet to come. `recordedAt` is what the clock showed then, or when it grew. */
export type RowAhead = Pick<SlotRange, "jobId" | "jobName" | "status" | "from" | "to" | "slots" | "recordedAt">;

/** What is left of such a row: up to which instant, and how many slots. */
export type KeptOfRow = Pick<SlotRange, "to" | "slots">;

/** That a job is looked after, and since when: there is no catching up from before. */
export interface Armed {
  readonly jobId: string;
  readonly jobName: string;
  /** Fingerprint of the schedule alone: another one arms the job anew. */
  readonly scheduleHash: string;
}

/** The daemon that fires the slots. There is one; others stand by. */
export interface Leader {
  readonly owner: Owner;
  readonly startedAt: number;
  /** Written at each heartbeat. */
  readonly seenAt: number;
  readonly leaseUntil: number;
  readonly version: string;
  /** What it says of itself, for `status`. */
  readonly report: LeaderReport;
}

export interface LeaderReport {
  readonly projectDir: string;
  readonly zone: string;
  readonly jobs: number;
  /** Runs it has under way, and claimed slots that wait for a place. */
  readonly running: number;
  readonly queued: number;
  /** Most runs at once, of all jobs; absent in what an older version wrote. */
  readonly maxRuns?: number;
  /** When it fires next, epoch ms; absent if nothing is ahead. */
  readonly nextAt?: number;
  /** `running`; `draining`: it was asked to stop; `held`: it starts nothing, because the ledger cannot be written. */
  readonly state: "running" | "draining" | "held";
  /** Problems of the files when it read them last. At most 20. */
  readonly problems: readonly string[];
  /** They kept the files from being put in force: what was before is, as a whole. Absent: only the jobs of the files with problems are left out. */
  readonly refused?: true;
}

/** `jobId` of a pause of everything. */
export const everyJob = "*";

export interface Pause {
  readonly jobId: string;
  readonly at: number;
  /** Who: the user's name, as the system tells it. */
  readonly by: string;
  readonly reason?: string;
  /** It ends by itself then, epoch ms. */
  readonly until?: number;
}

/** A pause that is over: taken back, replaced by another, or ended by itself. */
export interface EndedPause extends Omit<Pause, "until"> {
  readonly endedAt: number;
}

export interface CancelRequest {
  readonly runId: string;
  readonly at: number;
  /** In words, for the run's record: `cancelled by maria`. */
  readonly reason: string;
}

export const schedulerEventKinds = [
  "started",
  "stopped",
  "took_over",
  "stood_down",
  "ticked",
  "reloaded",
  "reload_refused",
  "files_refused",
  "files_mended",
  "clock_jumped",
  "withdrawn",
  "slept",
  "held",
  "resumed",
  "paused",
  "unpaused",
  "rescued",
  "reset",
  "blocked",
  "unblocked",
  "armed",
  "booted",
] as const;
type SchedulerEventKind = (typeof schedulerEventKinds)[number];

/** Something that happened to the scheduler, or was done to it: what `explain --at` looks at beside the runs. */
export interface SchedulerEventRow {
  readonly at: number;
  readonly kind: SchedulerEventKind;
  /** Absent: it concerns everything. */
  readonly jobId?: string;
  /** One line; cut to 500 characters. */
  readonly text: string;
}

export interface SchedulerEventQuery {
  readonly since?: number;
  /** At or before. */
  readonly until?: number;
  /** Of this job and of everything. */
  readonly jobId?: string;
  /** Default every kind. */
  readonly kinds?: readonly SchedulerEventKind[];
  /** Only of this very text. */
  readonly text?: string;
  /** Newest first, at most this many. Default 100. */
  readonly limit?: number;
}

/** The open runs of one instant. */
export interface OpenLook {
  /** How each of them is, by its id. */
  readonly states: ReadonlyMap<string, OpenStatus>;
  /** Those of which the row was wanted, oldest first. */
  readonly rows: readonly RunRow[];
}

/** Ended runs of a job by how they ended, kept by day so that a year of a minutely job costs nothing to count. */
export interface StatusCount {
  readonly jobId: string;
  readonly status: RunStatus;
  readonly runs: number;
}

/** The newest run of a job that has ended, as a look at all jobs needs it. */
export type EndedRun = Pick<
  RunRow,
  "runId" | "status" | "startedAt" | "finishedAt" | "slotAt" | "slotFrom" | "slots" | "deferredUntil" | "reason"
>;

/** One of the newest runs of a job, of a great many. */
export interface RecentRun {
  readonly status: RunStatus;
  /**
   * Of what ended `failed`, `timed_out`, `interrupted`, `unknown` or `blocked` after the last run that `succeeded` or was `quiet`: of each
   * that was blocked, which may stand for several slots, and of the others of the first and the last that stand together. Of nothing else:
   * to look at each run costs time.
   */
  readonly told?: {
    readonly runId: string;
    /** When it began, or the first of the slots that it stands for. */
    readonly since: number;
    readonly slots: number;
  };
}

export interface RecentRuns {
  /** Newest first. */
  readonly runs: readonly RecentRun[];
  readonly lastEnd?: EndedRun;
}
