/** The one state that a job is in. Pure: the order of the questions is the order of what weighs most. */
import { readInstant } from "../../job/instant.ts";
import type { Job } from "../../job/job.ts";
import type { Pause, RecentRuns, RunRow } from "../../ledger/ledger.ts";
import type { JobHealth, JobState } from "./job-state.ts";
import type { NextSlot } from "./next-slot.ts";
import { streakOf, type Streak, type SuccessRate } from "./streak.ts";

export interface JobFacts {
  readonly now: number;
  readonly nextSlot: NextSlot;
  readonly toleranceMs: number;
  /** A daemon is there. */
  readonly attended: boolean;
  /** What is due at a start of the machine was answered for this one. */
  readonly booted: boolean;
  readonly open: readonly RunRow[];
  readonly died: (run: RunRow) => boolean;
  readonly recent: RecentRuns;
  readonly lastSlot: number | undefined;
  readonly armedSince: number | undefined;
  readonly paused: Pause | undefined;
  readonly rate: SuccessRate;
}

/** What the calendar says of a job. */
interface Calendar {
  /** The first slot that has no record, at or before now. */
  readonly unanswered?: number;
  readonly nextAt?: number;
  readonly problem?: string;
}

export function jobHealth(job: Job, facts: JobFacts): JobHealth {
  const streak = streakOf(facts.recent.runs);
  const calendar = calendarOf(job, facts);
  const { runs, lastEnd } = facts.recent;
  const due = job.enabled && facts.paused === undefined ? calendar.nextAt : undefined;
  return {
    job,
    state: stateOf(job, facts, calendar, streak),
    rate: facts.rate,
    recent: runs,
    ...(streak === undefined ? {} : { streak }),
    ...(lastEnd === undefined ? {} : { lastEnd }),
    ...(due === undefined ? {} : { nextAt: due }),
    ...(facts.paused === undefined ? {} : { paused: facts.paused }),
  };
}

function stateOf(job: Job, facts: JobFacts, calendar: Calendar, streak: Streak | undefined): JobState {
  return (
    underWay(facts) ??
    (job.enabled ? undefined : { kind: "disabled" }) ??
    (facts.paused === undefined ? undefined : { kind: "paused", pause: facts.paused }) ??
    pending(facts) ??
    fromCalendar(job, facts, calendar) ??
    (streak === undefined ? undefined : fromStreak(job, facts, streak)) ??
    fromLast(facts) ??
    quietState(job, facts, calendar)
  );
}

/** A run that a process has, or had. */
function underWay({ open, died }: JobFacts): JobState | undefined {
  const run = open.find(({ status }) => status === "running");
  if (run === undefined) return undefined;
  return { kind: died(run) ? "died" : "running", runId: run.runId, since: run.startedAt };
}

/** A run that no process has: it is to be begun or carried on. */
function pending({ open, now, toleranceMs, attended }: JobFacts): JobState | undefined {
  const waiting = open.find(({ status }) => status === "waiting");
  if (waiting?.wait !== undefined) {
    const { runId } = waiting;
    const { until, why } = waiting.wait;
    if (until + toleranceMs < now) return { kind: "overdue", what: "waiting", dueAt: until, runId };
    return { kind: "waiting", runId, until, why };
  }
  const queued = open.find(({ status }) => status === "queued");
  if (queued === undefined) return undefined;
  const { runId, startedAt, queuedAt: since = startedAt } = queued;
  // With a daemon it waits for its turn, for however long; without one it waits for somebody to come.
  if (!attended && since + toleranceMs < now) return { kind: "overdue", what: "queued", dueAt: since, runId };
  return { kind: "queued", runId, since };
}

function calendarOf(job: Job, { now, nextSlot, lastSlot, armedSince }: JobFacts): Calendar {
  // What lies between the newest record and now has no record: the position is not kept anywhere else.
  const first = nextSlot(job, Math.max(armedSince ?? now, lastSlot ?? 0));
  if (typeof first === "object") return first;
  if (first === undefined || first > now) return first === undefined ? {} : { nextAt: first };
  const next = nextSlot(job, now);
  return { unanswered: first, ...(typeof next === "number" ? { nextAt: next } : {}) };
}

function fromCalendar(job: Job, { now, toleranceMs }: JobFacts, { problem, unanswered }: Calendar): JobState | undefined {
  if (problem !== undefined) return { kind: "unusable", reason: problem };
  // The stagger is a share of `staggerMs`: whoever waits for the whole of it never complains too soon.
  const late = toleranceMs + (job.schedule.staggerMs ?? 0);
  if (unanswered !== undefined && unanswered + late < now) return { kind: "overdue", what: "slot", dueAt: unanswered };
  return undefined;
}

function fromStreak(job: Job, { recent }: JobFacts, { judgement, runId, status, since, inARow, atLeast }: Streak): JobState {
  const reason = recent.lastEnd?.runId === runId ? (recent.lastEnd.reason ?? "") : "";
  if (judgement === "blocked") return { kind: "blocked", runId, since, times: inARow, reason };
  return { kind: "failing", runId, since, inARow, atLeast, status, once: job.schedule.kind === "at" };
}

/** The newest ending, where it says what nobody must wonder about. */
function fromLast({ recent: { lastEnd }, now }: JobFacts): JobState | undefined {
  if (lastEnd === undefined) return undefined;
  const { runId, slotAt = lastEnd.startedAt, slotFrom = slotAt, slots = 1, status, deferredUntil = 0, reason = "" } = lastEnd;
  if (status === "missed") return { kind: "missed", runId, from: slotFrom, to: slotAt, slots, reason };
  if (status === "deferred" && deferredUntil > now) return { kind: "put_off", runId, until: deferredUntil };
  return undefined;
}

function quietState(job: Job, { recent, armedSince, lastSlot, booted }: JobFacts, { nextAt }: Calendar): JobState {
  const { kind } = job.schedule;
  const byClock = kind !== "manual" && kind !== "boot";
  if (byClock && armedSince === undefined && nextAt !== undefined) return { kind: "not_armed" };
  if (recent.runs.length > 0) return { kind: byClock && nextAt === undefined ? "finished" : "ok" };
  if (job.schedule.kind === "at" && nextAt === undefined && lastSlot === undefined)
    return { kind: "passed", slotAt: readInstant(job.schedule.at) ?? 0 };
  return { kind: "never_run", ...(kind === "boot" ? { waitsFor: booted ? ("boot" as const) : ("runner" as const) } : {}) };
}
