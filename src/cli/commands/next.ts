import type { Job } from "../../job/job.ts";
import type { CommandContext, CommandDefinition } from "../command.ts";
import { ago, instantIn, instantUtc } from "../format.ts";
import { reportProblems } from "../problems.ts";
import { table } from "../output.ts";
import { wholeNumber } from "../whole-number.ts";

export const next: CommandDefinition = {
  name: "next",
  summary: "Show the next due instants of one job or of all, in the job's zone and in UTC",
  examples: [
    ["runner next", "the next 10 instants over all jobs"],
    ["runner next fpl-daily-check -n 5", "one job"],
  ],
  define: (command) => command.argument("[job]", "name or id of a job").option("-n, --count <count>", "how many instants", "10"),
  execute,
};

interface Due {
  readonly job: Job;
  readonly zone: string;
  readonly at: number;
}

async function execute(
  context: CommandContext,
  [jobName]: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const count = wholeNumber("-n, --count", options["count"], 1, 10_000);
  const [{ loadProject }, { nextSlots }] = await Promise.all([
    import("../../compose/project.ts"),
    import("../../schedule/slot.ts"),
  ]);
  const project = await loadProject({ ...context.place, env: context.env });
  const jobs = jobName === undefined ? project.jobs.filter((job) => job.enabled) : [project.jobFor(jobName)];
  const now = Date.now();
  const dues = jobs.flatMap((job) =>
    nextSlots(job.schedule, new Date(now), count, project.zone).map((slot): Due => ({
      job,
      zone: job.schedule.tz ?? project.zone,
      at: slot.getTime(),
    })),
  );
  const soonest = dues.toSorted((a, b) => a.at - b.at).slice(0, count);
  if (context.output.json) context.output.document("next", { slots: soonest.map(toDocument) });
  else print(context, soonest, now);
  return jobName === undefined ? reportProblems(context.output, project) : 0;
}

function toDocument({ job, zone, at }: Due): Record<string, unknown> {
  return { jobId: job.id, job: job.name, at, utc: new Date(at).toISOString(), zone, local: instantIn(zone, at) };
}

function print({ output }: CommandContext, dues: readonly Due[], now: number): void {
  if (dues.length === 0) {
    output.note("Nothing is due: there is no schedule with an instant ahead.");
    return;
  }
  const head = ["JOB", "LOCAL", "ZONE", "UTC", "IN"].map((cell) => output.style("bold", cell));
  const rows = dues.map(({ job, zone, at }) => [
    job.name,
    instantIn(zone, at),
    zone,
    instantUtc(at),
    ago(at, now).replace(/^in /, ""),
  ]);
  for (const line of table([head, ...rows])) output.data(line);
}
