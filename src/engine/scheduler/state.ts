/** What the parts of the scheduler share: who is due, who waits, who is under way, and what else it was told. */
import type { Job } from "../../job/job.ts";
import type { EndedPause, Pause, RunFinish, RunRow } from "../../ledger/ledger.ts";
import { exitCodeOf } from "../../run/exit-code.ts";
import type { RunEnding } from "../../run/run.ts";
import type { SchedulerParts, SchedulerSettings } from "../scheduler-parts.ts";
import { Ahead } from "./ahead.ts";
import { Alarm } from "./alarm.ts";
import { Hold } from "./hold.ts";
import { Line } from "./line.ts";
import { Places, type Place } from "./places.ts";
import { Roster, type Entry } from "./roster.ts";
import { RunMap } from "./run-map.ts";
import { StartRate } from "./start-rate.ts";
import { Timeline, type Timed } from "./timeline.ts";

/** A run that this process carries on. */
export interface Running {
  readonly run: RunRow;
  /** As it was when the run was begun: a reload does not change it. */
  readonly job: Job;
  readonly stop: AbortController;
}

/** A run that waits for its time. */
interface Waiting extends Timed {
  readonly run: RunRow;
}

export interface State {
  readonly parts: SchedulerParts;
  readonly alarm: Alarm;
  readonly hold: Hold;
  readonly roster: Roster;
  readonly line: Line;
  readonly ahead: Ahead;
  /** Runs that wait for their time, by job: at most one of a job is open. */
  readonly waiting: Map<string, Waiting>;
  readonly waits: Timeline<Waiting>;
  /** Claims whose slots have come and that are not in the ledger any more, by run id: the slots are to be claimed again. */
  readonly vanished: Map<string, RunRow>;
  /** By run id. */
  readonly running: RunMap<Running>;
  /** Runs under way that other processes have, as the ledger showed them last, by run id. */
  readonly others: RunMap<RunRow>;
  /** Jobs of which a dead run is being closed; nothing of them is begun meanwhile. */
  readonly rescuing: Set<string>;
  readonly places: Places;
  rate: StartRate;
  settings: SchedulerSettings;
  /** Work beside the loop; waited for at the end. */
  readonly beside: Set<Promise<void>>;
  /** Jobs that were blocked when their last run ended, by id; absent until that is asked for. */
  blocked: Promise<Set<string>> | undefined;
  pauses: ReadonlyMap<string, Pause>;
  /** Pauses that are over, by job id, the last one to end first. */
  rests: ReadonlyMap<string, readonly EndedPause[]>;
  /** What tells these pauses from those of before. */
  pauseMark: string;
  /** In words, by run id. */
  cancelRequests: ReadonlyMap<string, string>;
  /** Jobs whose due slots were answered, or that were armed, and whose next slots are to be computed. */
  readonly answered: { readonly entry: Entry; readonly askAgainAt?: number }[];
  /** Overdue jobs that were put aside, while this process arms the jobs of its lead. */
  overdue: Entry[] | undefined;
  /** Whether every job file could be read: only then is a run whose job is not there one of a job that was removed. */
  complete: boolean;
  /** The ledger's open runs are to be looked at anew. */
  stale: boolean;
  /** The last look has found runs of dead processes, which may not be closed yet. */
  hasDead: boolean;
  /** It was asked to stop: nothing more is claimed or begun. */
  draining: boolean;
  failed: number;
  cut: number;
}

export function newState(parts: SchedulerParts): State {
  return {
    parts,
    alarm: new Alarm(parts.clock),
    hold: new Hold(parts),
    roster: new Roster(parts.zone),
    line: new Line(),
    ahead: new Ahead(),
    waiting: new Map(),
    waits: new Timeline(),
    vanished: new Map(),
    running: new RunMap(({ run }) => run.jobId),
    others: new RunMap(({ jobId }) => jobId),
    rescuing: new Set(),
    places: new Places(parts.settings),
    rate: new StartRate(parts.settings, parts.clock.monotonic()),
    blocked: undefined,
    settings: parts.settings,
    beside: new Set(),
    pauses: new Map(),
    rests: new Map(),
    pauseMark: "",
    cancelRequests: new Map(),
    answered: [],
    overdue: undefined,
    complete: true,
    stale: true,
    hasDead: false,
    draining: false,
    failed: 0,
    cut: 0,
  };
}

/** Lets work go on beside the loop; whatever it throws holds the scheduler. */
export function beside({ beside: all, hold }: Pick<State, "beside" | "hold">, work: Promise<void>): void {
  const kept = work.catch((error: unknown) => hold.trouble(error)).finally(() => all.delete(kept));
  all.add(kept);
}

/** The job's run that is open, if this process knows of one: it has it, waits for its time, or has seen it in the ledger. */
export function openOf(
  state: State,
  jobId: string,
): { readonly runId: string; readonly what: "running" | "waiting" } | undefined {
  const running = state.running.ofJob(jobId) ?? state.others.ofJob(jobId);
  if (running !== undefined) return { runId: running, what: "running" };
  const waiting = state.waiting.get(jobId);
  return waiting === undefined ? undefined : { runId: waiting.run.runId, what: "waiting" };
}

/** What a run of the job takes up; a job that is not known takes up nothing but its place. */
export function placeOf({ parts, roster }: State, jobId: string): Place {
  const job = roster.get(jobId)?.job;
  return { jobId, group: job?.group, providers: job === undefined ? [] : parts.providersOf(job) };
}

/** The end of a run that has nothing under way. */
export function endOf(
  status: RunEnding,
  reason: string,
  finishedAt: number,
  more: Pick<RunFinish, "blockedBy" | "deferredUntil"> = {},
): RunFinish {
  return { status, finishedAt, reason, exitCode: exitCodeOf({ status }), usage: {}, ...more };
}

/** The instant that a run's work is for. */
export function slotOf({ scheduledFor, slotAt, dueAt, startedAt }: RunRow): number {
  return scheduledFor ?? slotAt ?? dueAt ?? startedAt;
}

/** Since when, or from when on, a claimed run stands in line. */
export function standsSince({ dueAt, slotAt, queuedAt, startedAt }: RunRow): number {
  return dueAt ?? slotAt ?? queuedAt ?? startedAt;
}

export function shortId(runId: string): string {
  return `run ${runId.slice(0, 8)}`;
}
