/**
 * How the jobs fare: one state for each, and what is to be said of the whole. Pure: what `status` prints, and what its exit code follows.
 * A slot that was due and has no record is what an operator must see first (openclaw/openclaw#139215: slots passed, and nothing told it).
 */
import type { Job } from "../../job/job.ts";
import type { Leader, Pause, RecentRuns, RunRow, SchedulerEventRow, StatusCount } from "../../ledger/ledger.ts";
import { isClaimedAhead } from "../claimed-ahead.ts";
import { judgeDaemon, type DaemonHealth } from "./daemon-health.ts";
import { jobHealth, type JobFacts } from "./job-health.ts";
import { isTrouble, type JobHealth } from "./job-state.ts";
import type { NextSlot } from "./next-slot.ts";
import { successRate } from "./streak.ts";

/** A slot answered so much later than it was due is on time (the same as in the decision on missed slots). */
export const onTimeMs = 90_000;

export interface HealthFacts {
  readonly now: number;
  readonly nextSlot: NextSlot;
  readonly jobs: readonly Job[];
  /** What is wrong with the job files as they are now, one line each; absent where one job is asked for. */
  readonly problems?: readonly string[] | undefined;
  readonly leader: Leader | undefined;
  /** Whether the leader's process lives; `elsewhere`: it cannot be seen from here, and its lease holds. */
  readonly leaderState: "alive" | "dead" | "elsewhere";
  /** The folder of the leader's project, where that is another one. */
  readonly otherProject?: string | undefined;
  readonly openRuns: readonly RunRow[];
  /** Whether a run that reads `running` has lost its process. */
  readonly died: (run: RunRow) => boolean;
  /** By the job's id. */
  readonly recentRuns: ReadonlyMap<string, RecentRuns>;
  /** A scheduler has run since the machine was started. */
  readonly booted: boolean;
  /** The newest that is not ahead of the clock. */
  readonly lastSlots: ReadonlyMap<string, number>;
  /** The newest of jobs that have records of slots yet to come. */
  readonly slotsAhead: ReadonlyMap<string, number>;
  readonly armed: ReadonlyMap<string, { readonly since: number }>;
  readonly pauses: ReadonlyMap<string, Pause>;
  readonly statusCounts: readonly StatusCount[];
  /** Newest first. */
  readonly events: readonly SchedulerEventRow[];
  /** When `runner tick` did what was due for this project, the newest two, the newest first. */
  readonly ticks: readonly number[];
  /** How long after it was due a slot without a record is called overdue. */
  readonly toleranceMs: number;
}

export interface ProjectHealth {
  readonly daemon: DaemonHealth;
  /** In the order in which they were given. */
  readonly jobs: readonly JobHealth[];
  /** What is wrong with the job files as they are now, if that is looked at. */
  readonly problems?: readonly string[];
  /** Everything is paused. */
  readonly pausedAll?: Pause;
  /** Open runs of jobs that the files do not name, oldest first. */
  readonly strays: readonly RunRow[];
  /** The clock was set back: these jobs have runs, or what a daemon would withdraw, of slots that are yet to come, up to that instant. */
  readonly ahead?: { readonly jobs: number; readonly until: number };
  /** The newest note of the last day that slots were given back because the clock had been ahead, and of how many jobs that is. */
  readonly withdrawn?: SchedulerEventRow & { readonly jobs: number };
  /** Something is overdue, blocked or failing, or the daemon has died or starts nothing. */
  readonly trouble: boolean;
}

/** So long it is told that slots were given back. */
const withdrawnMs = 24 * 3_600_000;

export function judgeHealth(facts: HealthFacts): ProjectHealth {
  const { now } = facts;
  const inForce = (pause: Pause | undefined): Pause | undefined =>
    pause !== undefined && (pause.until ?? Infinity) > now ? pause : undefined;
  const daemon = judgeDaemon(facts);
  const pausedAll = inForce(facts.pauses.get("*"));
  const known = new Set(facts.jobs.map(({ id }) => id));
  // A slot that was claimed ahead of its time is the job's next one, and nothing that waits.
  const { coming = [], open = [] } = Object.groupBy(facts.openRuns, (run) => (isClaimedAhead(run, now) ? "coming" : "open"));
  const slotToCome = new Map(coming.map(({ jobId, slotAt }) => [jobId, slotAt]));
  const lastSlotOf = (jobId: string): number | undefined => {
    const last = facts.lastSlots.get(jobId);
    return last !== undefined && slotToCome.get(jobId) === last ? last - 1 : last;
  };
  const openOf = Map.groupBy(open, ({ jobId }) => jobId);
  const countsOf = Map.groupBy(facts.statusCounts, ({ jobId }) => jobId);
  const attended = daemon.kind === "alive" && daemon.otherProject === undefined;
  const jobs = facts.jobs.map((job) => {
    const paused = inForce(facts.pauses.get(job.id)) ?? pausedAll;
    const own: JobFacts = {
      now,
      nextSlot: facts.nextSlot,
      toleranceMs: facts.toleranceMs,
      attended,
      booted: facts.booted || attended,
      open: openOf.get(job.id) ?? [],
      died: facts.died,
      recent: facts.recentRuns.get(job.id) ?? { runs: [] },
      lastSlot: lastSlotOf(job.id),
      armedSince: facts.armed.get(job.id)?.since,
      paused,
      rate: successRate(countsOf.get(job.id) ?? []),
    };
    return jobHealth(job, own);
  });
  const ahead = jobs.filter(({ job, state }) => facts.slotsAhead.has(job.id) && state.kind !== "disabled");
  const until = Math.max(...ahead.map(({ job }) => facts.slotsAhead.get(job.id) ?? 0));
  const withdrawn = facts.events.find(({ kind, at }) => kind === "withdrawn" && at > now - withdrawnMs);
  const likewise = facts.events.filter(({ kind, at }) => kind === "withdrawn" && at === withdrawn?.at);
  return {
    daemon,
    jobs,
    ...(facts.problems === undefined ? {} : { problems: facts.problems }),
    strays: open.filter(({ jobId, simulated }) => !simulated && !known.has(jobId)),
    ...(pausedAll === undefined ? {} : { pausedAll }),
    ...(ahead.length === 0 ? {} : { ahead: { jobs: ahead.length, until } }),
    ...(withdrawn === undefined ? {} : { withdrawn: { ...withdrawn, jobs: likewise.length } }),
    trouble:
      jobs.some(isTrouble) ||
      daemon.kind === "dead" ||
      (daemon.kind === "alive" && (daemon.held !== undefined || daemon.otherProject !== undefined)),
  };
}
