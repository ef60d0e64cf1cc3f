import type { Coming, Company } from "../coming.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { ago, duration, instantIn, instantUtc } from "../format.ts";
import { reportProblems } from "../problems.ts";
import { table } from "../output.ts";
import { wholeNumber } from "../whole-number.ts";

export const next: CommandDefinition = {
  name: "next",
  summary: "Show the next due instants of one job or of all, in the job's zone and in UTC, and which of them coincide",
  examples: [
    ["runner next", "the next 10 instants over all jobs"],
    ["runner next fpl-daily-check -n 5", "one job"],
  ],
  define: (command) => command.argument("[job]", "name or id of a job").option("-n, --count <count>", "how many instants", "10"),
  execute,
};

async function execute(context: CommandContext, [jobName]: readonly string[], options: CommandOptions): Promise<number> {
  const count = wholeNumber("-n, --count", options["count"], 1, 10_000);
  const [{ loadProject }, { comingSlots, companyOf }] = await Promise.all([
    import("../../compose/project.ts"),
    import("../coming.ts"),
  ]);
  const project = await loadProject({ ...context.place, env: context.env }, { cache: "take" });
  const jobs = jobName === undefined ? project.jobs.filter((job) => job.enabled) : [project.jobFor(jobName)];
  const now = Date.now();
  const soonest = comingSlots(jobs, now, count, project.zone);
  const company = companyOf(soonest);
  const atBoot = jobs.filter(({ schedule }) => schedule.kind === "boot").map(({ name }) => name);
  const slots = soonest.map((slot) => toDocument(slot, company.get(slot)));
  if (context.output.json) context.output.document("next", { slots, atBoot });
  else print(context, soonest, company, now);
  if (atBoot.length > 0 && !context.output.json) context.output.note(`At each start of the machine: ${atBoot.join(", ")}`);
  return jobName === undefined ? reportProblems(context.output, project) : 0;
}

function toDocument({ job, zone, at, dueAt, blackout }: Coming, company: Company | undefined): Record<string, unknown> {
  return {
    jobId: job.id,
    job: job.name,
    at,
    utc: new Date(at).toISOString(),
    zone,
    local: instantIn(zone, at),
    dueAt,
    blackout: blackout ?? null,
    sameSecond: company?.sameSecond ?? [],
    sameMinute: company?.sameMinute ?? [],
  };
}

function print({ output }: CommandContext, slots: readonly Coming[], company: ReadonlyMap<Coming, Company>, now: number): void {
  if (slots.length === 0) {
    output.note("Nothing is due: there is no schedule with an instant ahead.");
    return;
  }
  const head = ["JOB", "LOCAL", "ZONE", "UTC", "IN", "NOTE"].map((cell) => output.style("bold", cell));
  const rows = slots.map((slot) => [
    slot.job.name,
    instantIn(slot.zone, slot.at),
    slot.zone,
    instantUtc(slot.at),
    ago(slot.at, now).replace(/^in /, ""),
    output.style(slot.blackout === undefined ? "dim" : "yellow", noteOf(slot, company.get(slot))),
  ]);
  const bare = slots.every((slot) => noteOf(slot, company.get(slot)) === "");
  for (const line of table([head, ...rows].map((row) => (bare ? row.slice(0, -1) : row)))) output.data(line);
  const crowded = slots.filter((slot) => (company.get(slot)?.sameSecond.length ?? 0) > 0);
  if (crowded.length > 0)
    output.note(
      `${crowded.length} of these begin in the same second as another; "stagger": "5m" in a job or a _defaults file spreads them.`,
    );
}

/** What is special of a slot: its stagger, the blackout it falls in, what comes with it. */
function noteOf({ at, dueAt, blackout }: Coming, company: Company | undefined): string {
  return [
    ...(blackout === undefined ? [] : [`skipped, in a blackout: ${blackout}`]),
    ...(dueAt === at ? [] : [`begins ${duration(dueAt - at)} later (stagger)`]),
    ...someOf("same second as", company?.sameSecond),
    ...someOf("same minute as", company?.sameMinute),
  ].join("; ");
}

function someOf(words: string, names: readonly string[] = []): string[] {
  if (names.length === 0) return [];
  return [`${words} ${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`];
}
