/** What is odd about when jobs run, without being wrong: for `validate`. It computes slots, so it is asked by that command alone. */
import path from "node:path";
import type { Issue } from "../errors.ts";
import { formatDuration } from "../job/duration.ts";
import type { Job } from "../job/job.ts";
import { nearest } from "../job/words.ts";
import { blackoutAt } from "../schedule/blackout.ts";
import { jumpedOver } from "../schedule/jumped-over.ts";
import { nextSlots } from "../schedule/slot.ts";
import type { Project } from "./project.ts";

const year = 366 * 86_400_000;
/** `limits.run` of a job that says none. */
const defaultRunMs = 3_600_000;
/** Slots that are looked at for the shortest interval. */
const lookedAt = 16;

type Surroundings = Pick<Project, "jobs" | "zone" | "scheduler" | "place">;

export function scheduleWarnings(project: Surroundings, now: number): Issue[] {
  const often: Often[] = [];
  const jumped: Jump[] = [];
  const warnings = project.jobs.flatMap((job) => [
    ...meaningless(job),
    ...slotWarnings(job, project, now, { often, jumped }),
    ...groupWarnings(job, project),
    ...ownFiles(job, project),
  ]);
  return [...warnings, ...oftenWarning(often), ...jumpWarnings(jumped)];
}

const issue = ({ source }: Job, key: string, message: string, suggestion: string): Issue => ({
  ...source,
  path: key,
  message,
  suggestion,
});

/** What can have no effect, because there are no slots that could be missed or meet. */
function meaningless(job: Job): Issue[] {
  const { kind } = job.schedule;
  if (kind !== "manual" && kind !== "boot") return [];
  const found: Issue[] = [];
  const why = kind === "manual" ? "it has no schedule" : "a start of the machine is not made up for";
  if (job.catchUp !== undefined) found.push(issue(job, "catchUp", `of ${job.name} means nothing: ${why}`, "take it out"));
  if (kind === "manual" && job.overlap !== undefined)
    found.push(issue(job, "overlap", `of ${job.name} means nothing: ${why}`, "take it out"));
  return found;
}

/** Jobs of which one line says the same of all. */
interface Alike {
  readonly often: Often[];
  readonly jumped: Jump[];
}

/** A job whose slots come more often than its limit lets a run take, which nobody chose. */
interface Often {
  readonly job: Job;
  /** The shortest time between two slots, ms. */
  readonly interval: number;
}

/** A time that the clocks of a zone jump over, with the slot that stands for it, epoch ms. */
interface Jump {
  readonly job: Job;
  readonly zone: string;
  readonly at: number;
}

function slotWarnings(job: Job, { zone: projectZone }: Surroundings, now: number, { often, jumped }: Alike): Issue[] {
  const { schedule } = job;
  if (schedule.kind === "manual" || schedule.kind === "boot") return [];
  const zone = schedule.tz ?? projectZone;
  const slots = nextSlots(schedule, new Date(now), lookedAt, projectZone).map(Number);
  const [first] = slots;
  if (first === undefined)
    return [issue(job, "schedule", `of ${job.name} has no slot ahead any more`, "take the job out, or give it another time")];
  const found: Issue[] = [];
  const interval = Math.min(...slots.slice(1).map((at, index) => at - (slots[index] ?? at)));
  const every = Number.isFinite(interval) ? formatDuration(interval) : "";
  if ((schedule.staggerMs ?? 0) > interval)
    found.push(
      issue(
        job,
        "schedule.staggerMs",
        `${formatDuration(schedule.staggerMs ?? 0)} of ${job.name} is longer than the time between two slots (${every})`,
        "a slot may then begin after the next one's instant; make it shorter",
      ),
    );
  // Whoever wrote "overlap", as an import does, knows what becomes of such slots.
  if (job.limits.runMs > interval && job.overlap === undefined) {
    if (job.limits.runMs === defaultRunMs) often.push({ job, interval });
    else {
      const message = `${formatDuration(job.limits.runMs)} of ${job.name} is longer than the time between two slots (${every}): those that come meanwhile are skipped`;
      found.push(issue(job, "limits.run", message, `shorten it, or write "overlap": "queue", or "skip" if that is meant`));
    }
  }
  const blackouts = schedule.blackout ?? [];
  if (blackouts.length > 0 && slots.every((at) => blackoutAt(blackouts, zone, at) !== undefined))
    found.push(
      issue(
        job,
        "schedule.blackout",
        `holds the next ${slots.length === 1 ? "slot" : `${slots.length} slots`} of ${job.name}, which are skipped`,
        "see which: runner next",
      ),
    );
  jumped.push(
    ...jumpedOver(schedule, now, now + year, projectZone)
      .slice(0, 1)
      .map((at) => ({ job, zone, at })),
  );
  return found;
}

/** One line for all jobs of one night. */
function jumpWarnings(jumped: readonly Jump[]): Issue[] {
  return [...Map.groupBy(jumped, ({ zone, at }) => `${zone} ${at}`).values()].flatMap((together) => {
    const [first] = together;
    if (first === undefined) return [];
    const { job, zone, at } = first;
    const day = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" }).format(at);
    const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeStyle: "short" }).format(at);
    const [times, are, slots] = together.length === 1 ? ["a time", "is", "its slot is"] : ["times", "are", "their slots are"];
    const names = namesOf(together.map((one) => one.job));
    const message = `${times} of ${names} ${are} jumped over by the clocks of ${zone} on ${day}: ${slots} at ${clock} that day`;
    const suggestion = "choose a time outside of 00:00 to 03:59, or a zone without changes, if that matters";
    return [issue(job, "schedule.expr", message, suggestion)];
  });
}

function namesOf(jobs: readonly Job[]): string {
  const shown = jobs.slice(0, 5).map(({ name }) => name);
  return `${shown.join(", ")}${jobs.length > 5 ? ` and ${jobs.length - 5} more` : ""}`;
}

/** One line for all of them: each job has the default limit, and nobody chose it. */
function oftenWarning(often: readonly Often[]): Issue[] {
  const [first] = often;
  if (first === undefined) return [];
  const shortest = Math.min(...often.map(({ interval }) => interval));
  const message = `${formatDuration(defaultRunMs)}, the default, is longer than the time between two slots of ${namesOf(often.map(({ job }) => job))}: slots that come while a run is open are skipped`;
  return [
    issue(
      first.job,
      "limits.run",
      message,
      `write "limits": { "run": "${formatDuration(shortest)}" } with what a run may take, or "overlap": "queue", or "skip" if that is meant`,
    ),
  ];
}

function groupWarnings(job: Job, { scheduler: { groups } }: Surroundings): Issue[] {
  if (job.group === undefined || groups.has(job.group)) return [];
  const near = nearest(job.group, [...groups.keys()]);
  const suggestion =
    near === undefined
      ? `write "scheduler": { "groups": { "${job.group}": 2 } } in the configuration`
      : `did you mean "${near}"?`;
  return [
    issue(
      job,
      "group",
      `${JSON.stringify(job.group)} of ${job.name} has no limit: the configuration does not name it`,
      suggestion,
    ),
  ];
}

/** A turn that may write to job files decides what is run later, and with which grants. */
function ownFiles(job: Job, { jobs, place }: Surroundings): Issue[] {
  const { payload, workDir } = job;
  if (workDir === undefined || payload.kind === "command" || payload.tools?.files?.access !== "rw") return [];
  const held = jobs.find(({ source }) => !path.relative(workDir, path.resolve(place.dir, source.file)).startsWith(".."));
  if (held === undefined) return [];
  const message = `of ${job.name} holds job files (${held.source.file}), and its turn may write files there: what it writes is run`;
  return [issue(job, "workDir", message, `choose a folder beside them, or grant "files": "ro"`)];
}
