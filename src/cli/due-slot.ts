/** `--slot due`: the slot that cron, or another scheduler of one's own, has just started this command for. */
import { openProjectLedger, type Project } from "../compose/project.ts";
import { pauseOf, pauseWords, restsOf } from "../engine/scheduler/pauses.ts";
import { UsageError } from "../errors.ts";
import type { Job } from "../job/job.ts";
import type { DueQuestion } from "../schedule/due-question.ts";
import { dueSlots, onTimeMs } from "../schedule/missed.ts";
import { newestSlots, nextSlot } from "../schedule/slot.ts";
import { instantIn } from "./format.ts";

/** How far back is looked for late slots where `catchUp` names no `maxAge`, which then is at most this. */
const longestAgeMs = 24 * 3_600_000;
/** How far back the newest slot is looked for, to be named: every yearly one is found. */
const lookBackMs = 366 * 86_400_000;

/** A slot to be claimed, or why there is nothing to do, in words. */
export type DueSlot = { readonly slotAt: number } | { readonly nothing: string };

/**
 * @throws UsageError for a job that has no slots
 */
export async function dueSlot(job: Job, project: Project, now: number): Promise<DueSlot> {
  const { name, schedule, enabled } = job;
  if (schedule.kind === "manual" || schedule.kind === "boot")
    throw new UsageError(`--slot due: ${name} has no slots`, { suggestion: "Run it without --slot." });
  if (!enabled) return { nothing: `${name} is disabled, so none of its slots is due` };
  const { zone } = project;
  return slotDueAt(job, { zone, now, ...(await pausesOf(job, project, { since: now - longestLateMs(job), now })) });
}

/**
 * The newest slot up to now that the scheduler would answer now: on time, or late within the job's `catchUp`, and in no blackout or pause.
 * Whoever started this chose the instant, so a stagger moves no slot; but a start that is late by no more than that is on time, because a
 * timer of systemd's spreads its starts so (`RandomizedDelaySec=`). Whether the slot has its run already, its claim decides. Pure.
 */
export function slotDueAt(job: Job, { zone, now, ...pausing }: Pick<DueQuestion, "zone" | "now" | "paused" | "rests">): DueSlot {
  const { staggerMs = 0, ...schedule } = job.schedule;
  const [onTime] = newestSlots(schedule, now - staggerMs - onTimeMs - 1, now, 1, zone);
  const asked = onTime ?? now;
  const since = asked - longestLateMs(job);
  const { run, ranges } = dueSlots({ job: { ...job, schedule }, since, now: asked, zone, ...pausing });
  const newest = run.at(-1);
  if (newest !== undefined) return { slotAt: newest.at };
  const own = schedule.tz ?? zone;
  const [passed] = newestSlots(schedule, now - lookBackMs, now, 1, zone);
  const next = nextSlot(schedule, now, zone);
  const reason = ranges.at(-1)?.reason ?? "it is too late for that";
  return {
    nothing: [
      `no slot of ${job.name} is due`,
      ...(passed === undefined ? [] : [`the newest was ${instantIn(own, passed)}: ${reason}`]),
      ...(next === undefined ? [] : [`the next is ${instantIn(own, next)}`]),
    ].join("; "),
  };
}

function longestLateMs({ catchUp, schedule }: Job): number {
  const stagger = schedule.kind === "manual" ? 0 : (schedule.staggerMs ?? 0);
  return Math.max(catchUp?.maxAgeMs ?? longestAgeMs, stagger + onTimeMs) + 1;
}

/** The pause of the job that is in force, in words, and those that are over. */
async function pausesOf(
  { id }: Job,
  project: Project,
  { since, now }: { readonly since: number; readonly now: number },
): Promise<Pick<DueQuestion, "paused" | "rests">> {
  const ledger = await openProjectLedger(project, { create: false });
  if (ledger === undefined) return {};
  const pauses = await ledger.pauses(now);
  const rests = Map.groupBy(await ledger.endedPauses(now), ({ jobId }) => jobId);
  await ledger.close();
  const pause = pauseOf({ pauses }, id, now);
  return { paused: pause === undefined ? undefined : pauseWords(pause), rests: restsOf({ pauses, rests }, id, since, now) };
}
