/** What `status` looks at, read in one go: few queries, however many jobs and runs there are. */
import { judgeHealth, type HealthFacts, type ProjectHealth } from "../../engine/health/health.ts";
import { nextSlotIn, type NextSlot } from "../../engine/health/next-slot.ts";
import type { Project } from "../../compose/project.ts";
import { isLeaseOver } from "../../engine/lease.ts";
import { formatIssue, type Issue } from "../../errors.ts";
import { containerBoot, ownerState, ownerStateBy, thisOwner } from "../../engine/owner.ts";
import { otherProjectOf } from "../../engine/other-project.ts";
import type { Job } from "../../job/job.ts";
import { recordedAheadMs, type Leader, type LedgerReader, type RunRow } from "../../ledger/ledger.ts";
import { deathWatch } from "../status.ts";

/** Runs shown as sparks. */
const shownRuns = 20;
/** What the success rate is counted over. */
const rateMs = 30 * 86_400_000;
/** How far back the scheduler's own doings are looked at. */
const eventsMs = 30 * 86_400_000;
/** Those that say something of the whole; of single jobs their rows do. */
const toldEvents = ["stopped", "held", "resumed", "reloaded", "reload_refused", "withdrawn"] as const;

export interface Look {
  readonly ledger: LedgerReader | undefined;
  readonly projectDir: string;
  readonly jobs: readonly Job[];
  /** Of the job files as they are now. */
  readonly issues: readonly Issue[];
  /** Only this job is asked for, so that the runs of others are none of it. */
  readonly only: Job | undefined;
  readonly nextSlot: NextSlot;
  readonly toleranceMs: number;
}

/** @throws UsageError or JobError for a job that nobody knows */
export function lookOf(project: Project, jobName: string | undefined, toleranceMs: number): Omit<Look, "ledger"> {
  const only = jobName === undefined ? undefined : project.jobFor(jobName);
  const { projectDir, issues, jobs, zone } = project;
  return { projectDir, jobs: only === undefined ? jobs : [only], issues, only, nextSlot: nextSlotIn(zone), toleranceMs };
}

export async function lookAt(
  { ledger, projectDir, jobs, issues, only, nextSlot, toleranceMs }: Look,
  now: number,
): Promise<ProjectHealth> {
  const nothing = new Map<string, never>();
  const everyOpen: readonly RunRow[] = (await ledger?.openRuns()) ?? [];
  const openRuns = everyOpen.filter(({ jobId }) => only === undefined || jobId === only.id);
  const leader = await ledger?.leader();
  return judgeHealth({
    now,
    jobs,
    problems: only === undefined ? issues.map(formatIssue) : undefined,
    nextSlot,
    toleranceMs,
    leader,
    leaderState: leader === undefined ? "dead" : leaderState(ledger, leader, now),
    otherProject: leader === undefined ? undefined : otherProjectOf(leader, projectDir, thisOwner()),
    openRuns,
    died: await deathWatch(openRuns, ledger),
    booted: await isBooted(ledger, jobs),
    recentRuns: (await ledger?.recentRuns(shownRuns)) ?? nothing,
    ...(await slotsOf(ledger, now)),
    armed: (await ledger?.armed()) ?? nothing,
    pauses: (await ledger?.pauses(now)) ?? nothing,
    statusCounts: (await ledger?.statusCounts({ since: now - rateMs })) ?? [],
    ticks: await ticksOf(ledger, projectDir),
    events: (await ledger?.events({ since: now - eventsMs, kinds: toldEvents, limit: 200 })) ?? [],
  });
}

/** When somebody last did what was due without a daemon, the newest first: two, so that it can be told whether that comes by itself. */
export async function ticksOf(ledger: LedgerReader | undefined, projectDir: string): Promise<readonly number[]> {
  return ((await ledger?.events({ kinds: ["ticked"], text: projectDir, limit: 2 })) ?? []).map(({ at }) => at);
}

/** Asked for only where it is told. */
async function isBooted(ledger: LedgerReader | undefined, jobs: readonly Job[]): Promise<boolean> {
  if (ledger === undefined || !jobs.some(({ schedule }) => schedule.kind === "boot")) return false;
  const boot = containerBoot() ?? thisOwner().bootId;
  return (await ledger.events({ kinds: ["booted"], text: boot, limit: 1 })).length > 0;
}

/** The newest records are mostly past; only where one is not, those are asked for that are. */
async function slotsOf(ledger: LedgerReader | undefined, now: number): Promise<Pick<HealthFacts, "lastSlots" | "slotsAhead">> {
  const newest = (await ledger?.lastSlots()) ?? new Map<string, number>();
  const slotsAhead = new Map([...newest].filter(([, at]) => at > now + recordedAheadMs));
  return { lastSlots: slotsAhead.size === 0 ? newest : ((await ledger?.lastSlots(now + recordedAheadMs)) ?? newest), slotsAhead };
}

/** Of a leader that cannot be seen from here its lock, or its lease, decides; it stays one that cannot be seen. */
export function leaderState(ledger: LedgerReader | undefined, leader: Leader, now: number): "alive" | "dead" | "elsewhere" {
  const state = ownerState(leader.owner);
  if (state !== "elsewhere" || ledger === undefined) return state;
  const told = ownerStateBy((owner) => ledger.ownerLock(owner))(leader.owner);
  return told === "dead" || (told === "elsewhere" && isLeaseOver(leader, now)) ? "dead" : "elsewhere";
}
