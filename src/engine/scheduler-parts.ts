/** What the scheduler works with, and how much it may do at once. */
import type { Job } from "../job/job.ts";
import type { Ledger, Owner, SchedulingLedger, SchedulingReader } from "../ledger/ledger.ts";
import type { Clock } from "./clock.ts";
import type { RunCarrier } from "./engine.ts";
import type { OwnerState } from "./owner.ts";
import type { SchedulerListener } from "./scheduler-events.ts";

/** Limits of the daemon; the configuration's `scheduler`. */
export interface SchedulerSettings {
  /** Runs at once, over all jobs. Default 8. */
  readonly maxRuns: number;
  /** Runs at once of the jobs of a group, by its name. A group that is not named has no limit of its own. */
  readonly groups: ReadonlyMap<string, number>;
  /** Runs at once of the jobs that may ask a provider, by its id (`providers.ID.maxRuns`). */
  readonly providers: ReadonlyMap<string, number>;
  /** Runs begun in one second. Default 10. */
  readonly startsPerSecond: number;
  /** How many of them may be for slots that are caught up with. Default 5: half of `startsPerSecond`. */
  readonly catchUpsPerSecond: number;
  /** From the first signal to the end of what is still under way. Default 20 s: with `killGrace` it is less than the 30 s of Kubernetes. */
  readonly shutdownGraceMs: number;
  /** From TERM to KILL of each process tree. Default 5 s. */
  readonly killGraceMs: number;
}

export interface SchedulerParts {
  readonly ledger: Ledger & SchedulingLedger & SchedulingReader;
  readonly carrier: RunCarrier;
  readonly clock: Clock;
  /** 0 ≤ random < 1. */
  readonly random: () => number;
  readonly owner: Owner;
  /** Where this process is in a container: its start, as the machine's is `owner.bootId`. Absent elsewhere. */
  readonly containerBoot?: string | undefined;
  readonly ownerState: (owner: Owner) => OwnerState;
  /** Ends every process that still carries the run's marker; true if none is left. */
  readonly sweep: (runId: string) => Promise<boolean>;
  readonly settings: SchedulerSettings;
  /** Zone of schedules that name none. */
  readonly zone: string;
  readonly projectDir: string;
  readonly version: string;
  /** Fingerprint of a job's definition. */
  readonly hash: (job: Job) => string;
  /** Fingerprint of when it is due. */
  readonly scheduleHash: (job: Job) => string;
  /** Ids of the providers that the job may ask; empty for a command. */
  readonly providersOf: (job: Job) => readonly string[];
  /** The model it asks first, for the record of a claimed slot. */
  readonly modelOf: (job: Job) => string;
  /** Faults are injected: for the record of each claimed slot. The ledger is then one of its own, so that no real slot is touched. */
  readonly simulated: boolean;
  /** Called each time the loop has turned, at least every 10 s: what a watchdog hangs on. */
  readonly turned?: () => void;
  /**
   * Called when a set of jobs has come into force and all their next slots are known, with the number of jobs: at a time when nothing is due for
   * two seconds, or, where there is no such time, a minute later. For whoever tidies up after it.
   */
  readonly settled?: (jobs: number) => void;
  readonly listen: SchedulerListener;
}

/** The scheduler of one process. */
export interface Scheduler {
  /**
   * Puts another set of jobs in force: running runs keep their definition, unchanged jobs what waits for them, and a changed schedule has no
   * catch-up for its old slots. `complete`: there was no file that could not be read, so a job that is missing was removed. `rules`: other
   * limits, or another zone, from now on; a schedule whose zone is another by that is a changed one (`scheduleHash` says so).
   */
  replaceJobs(jobs: readonly Job[], complete: boolean, rules?: Pick<SchedulerParts, "settings" | "zone">): Promise<void>;
  /** What the job files are told to be wrong with, for `status`. */
  reportProblems(problems: readonly string[], files: "refused" | "in_force"): void;
  /**
   * Leads or stands by until `stop` is aborted, then drains for `shutdownGraceMs` and ends what is left; `now` ends everything at once.
   * Resolves when nothing of it is alive. `once`: fires what is due, carries it as far as it goes, and comes back, without leading.
   * @throws ConfigError if the daemon that leads fires the jobs of another project, LedgerError if the ledger was removed and is not back in a
   * minute; with `once` also for whatever else hinders it
   */
  run(signals: { readonly stop: AbortSignal; readonly now: AbortSignal; readonly once?: boolean }): Promise<SchedulerEnd>;
}

export interface SchedulerEnd {
  /** Runs that were ended because the daemon was. */
  readonly cut: number;
  /** Runs that ended badly while it ran. */
  readonly failed: number;
}
