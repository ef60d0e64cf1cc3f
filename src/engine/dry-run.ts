/** What a run would do, as a value: nothing is sent, nothing is written, no key is read. */
import type { AgentTurnPayload, CommandPayload, Job, JobLimits } from "../job/job.ts";
import type { Rung } from "../run/ladder.ts";
import { answerReserveMs, nextModelMs } from "../run/call-time.ts";
import { longSleepMs } from "../run/pause.ts";
import { nextSlots } from "../schedule/slot.ts";
import { defaultMaxTurns } from "../turn/turn.ts";
import { schedulingOf, type SchedulingPlan } from "./scheduling-plan.ts";
import { worstCase, type Failing, type TimetableRow } from "./timetable.ts";

export interface LimitRow {
  readonly name: string;
  /** Milliseconds, or a count. */
  readonly value: number;
  readonly unit: "ms" | "count" | "bytes" | "dollars";
  readonly meaning: string;
}

export interface DryRunPlan {
  readonly zone: string;
  /** Epoch ms. */
  readonly slots: readonly number[];
  readonly scheduling: SchedulingPlan;
  /** The run if every try fails at once with an event-order error. */
  readonly failingAtOnce: readonly TimetableRow[];
  /** The run if no provider ever answers. */
  readonly silent: readonly TimetableRow[];
  readonly limits: readonly LimitRow[];
}

/** @param groups Runs at once of each group that has a limit. */
export function planDryRun(
  job: Job,
  ladder: readonly Rung[],
  now: number,
  zone: string,
  groups: ReadonlyMap<string, number> = new Map(),
): DryRunPlan {
  const ownZone = job.schedule.tz ?? zone;
  return {
    zone: ownZone,
    slots: nextSlots(job.schedule, new Date(now), 5, zone).map((slot) => slot.getTime()),
    scheduling: schedulingOf(job, groups),
    failingAtOnce: worstCase(job, ladder, () => ({ fault: "stream_order", tookMs: 0 })),
    silent: worstCase(job, ladder, silence(job)),
    limits: limitRows(job),
  };
}

/** A provider that says nothing: a streamed try ends with the limit on its first byte, any other with the try's. */
function silence({ limits }: Job): Failing {
  return ({ stream }, withinMs) =>
    stream && limits.firstByteMs < withinMs
      ? { fault: "stream_stall", tookMs: limits.firstByteMs }
      : { fault: "timeout", tookMs: withinMs };
}

const ms = (name: string, value: number, meaning: string): LimitRow => ({ name, value, unit: "ms", meaning });
const count = (name: string, value: number, meaning: string): LimitRow => ({ name, value, unit: "count", meaning });

/** Those that can end something of this job: a plain job asks no model. */
function limitRows(job: Job): LimitRow[] {
  const { limits, retry, payload } = job;
  return [
    ...(payload.kind === "command" ? silenceRows(payload) : callRows(limits)),
    ms("payload.timeoutSeconds", limits.attemptMs, "one attempt"),
    ms("limits.run", limits.runMs, "the whole run"),
    ms(
      "limits.maxWait",
      limits.maxWaitMs,
      payload.kind === "command" ? "the longest wait between attempts" : "the longest wait a provider may impose",
    ),
    ms(
      "limits.defer",
      limits.deferMs,
      "under the daemon: how long after its slot a run may still be carried on, at most to the next slot",
    ),
    ...(payload.kind === "command" ? [] : turnRows(limits, payload)),
    { name: "limits.outputBytes", value: limits.outputBytes, unit: "bytes", meaning: "output that is kept" },
    count("retry.maxAttempts", retry.maxAttempts, "starts of the turn's process in one run"),
    ...budgetRows(job),
  ];
}

function silenceRows({ noOutputMs }: CommandPayload): LimitRow[] {
  return noOutputMs === undefined ? [] : [ms("payload.noOutputTimeoutSeconds", noOutputMs, "silence of the program")];
}

function callRows(limits: JobLimits): LimitRow[] {
  return [
    ms("limits.firstByte", limits.firstByteMs, "streamed: from sending to the first byte"),
    ms("limits.idle", limits.idleMs, "streamed: silence between two chunks"),
    ms("limits.try", limits.tryMs, "one request upstream, streamed or not"),
    ms("limits.call", limits.callMs, "one model request of the turn, with all its tries and waits"),
  ];
}

function turnRows(limits: JobLimits, { tools, maxTurns = defaultMaxTurns }: AgentTurnPayload): LimitRow[] {
  return [
    ms("fixed: longSleep", longSleepMs, "the longest wait while another rung would have to wait less"),
    ms("fixed: nextModel", nextModelMs, "kept for a model that was not asked yet; of less than twice that, half"),
    ms("fixed: answerReserve", answerReserveMs, "kept of an attempt for handing its answer over; of short ones a tenth"),
    count("limits.triesPerCall", limits.triesPerCall, "tries for one call over the whole ladder"),
    count("limits.callsPerAttempt", limits.callsPerAttempt, "model calls of one attempt"),
    ...(tools === undefined
      ? []
      : [count("payload.maxTurns", maxTurns, "questions of one attempt; tools are used between them")]),
  ];
}

/** Only what the job sets: without it there is no such limit. */
function budgetRows({ budget = {} }: Job): LimitRow[] {
  const rows: [string, number | undefined, LimitRow["unit"], string][] = [
    ["limits.tokens", budget.tokens, "count", "tokens of all tries of the run, failed ones included"],
    ["limits.usd", budget.usd, "dollars", "cost of all tries of the run whose price is known"],
    ["limits.calls", budget.calls, "count", "model calls of the run"],
    ["limits.turns", budget.turns, "count", "questions of the turn over all attempts"],
    ["limits.seconds", budget.ms, "ms", "the run's budget of time, at whose end it ends with what there is"],
  ];
  return rows.flatMap(([name, value, unit, meaning]) => (value === undefined ? [] : [{ name, value, unit, meaning }]));
}
