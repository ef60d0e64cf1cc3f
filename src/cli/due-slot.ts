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
 * The newest slot up to now that the scheduler would answer now: on time, or late within the job's `catchUp`, and in no blackout or pause. A stagger
 * is left out: whoever started this chose the instant. Whether the slot has its run already, its claim decides.
 * @throws UsageError for a job that has no slots
 */
export async function dueSlot(job: Job, project: Project, now: number): Promise<DueSlot> {
  const { zone } = project;
  const { name, schedule: written, catchUp, enabled } = job;
  if (written.kind === "manual" || written.kind === "boot")
    throw new UsageError(`--slot due: ${name} has no slots`, { suggestion: "Run it without --slot." });
  if (!enabled) return { nothing: `${name} is disabled, so none of its slots is due` };
  const { staggerMs: _left, ...schedule } = written;
  const since = now - Math.max(catchUp?.maxAgeMs ?? longestAgeMs, onTimeMs) - 1;
  const pausing = await pausesOf(job, project, { since, now });
  const { run, ranges } = dueSlots({ job: { ...job, schedule }, since, now, zone, ...pausing });
  const newest = run.at(-1);
  if (newest !== undefined) return { slotAt: newest.at };
  const own = schedule.tz ?? zone;
  const [passed] = newestSlots(schedule, now - lookBackMs, now, 1, zone);
  const next = nextSlot(schedule, now, zone);
  const reason = ranges.at(-1)?.reason ?? "it is too late for that";
  return {
    nothing: [
      `no slot of ${name} is due`,
      ...(passed === undefined ? [] : [`the newest was ${instantIn(own, passed)}: ${reason}`]),
      ...(next === undefined ? [] : [`the next is ${instantIn(own, next)}`]),
    ].join("; "),
  };
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
