import type { CalendarDay, CalendarRow } from "../calendar-days.ts";
import type { Coming } from "../coming.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { duration, instantIn } from "../format.ts";
import { table } from "../output.ts";
import { reportProblems } from "../problems.ts";
import { wholeNumber } from "../whole-number.ts";

export const calendar: CommandDefinition = {
  name: "calendar",
  summary: "Show day by day what will fire, with changes of clocks marked on their day",
  examples: [
    ["runner calendar", "the next 7 days, today included"],
    ["runner calendar --days 30 --job fpl-daily-check", "one job, a month"],
    ["runner calendar --days 365 --json", "a year, for scripts"],
  ],
  define: (command) =>
    command.option("--days <days>", "how many days, 1 to 366", "7").option("--job <job>", "only this job: name or id"),
  execute,
};

async function execute(context: CommandContext, _args: readonly string[], options: CommandOptions): Promise<number> {
  const days = wholeNumber("--days", options["days"], 1, 366);
  const [{ loadProject }, { calendarDays }] = await Promise.all([
    import("../../compose/project.ts"),
    import("../calendar-days.ts"),
  ]);
  const project = await loadProject({ ...context.place, env: context.env }, { cache: "take" });
  const name = typeof options["job"] === "string" ? options["job"] : undefined;
  const jobs = name === undefined ? project.jobs.filter(({ enabled }) => enabled) : [project.jobFor(name)];
  const found = calendarDays(jobs, Date.now(), days, project.zone);
  const { output } = context;
  const atBoot = jobs.filter(({ schedule }) => schedule.kind === "boot").map((job) => job.name);
  if (output.json) output.document("calendar", { zone: project.zone, days: found.map(toDocument), atBoot });
  else print(context, found, project.zone);
  if (atBoot.length > 0 && !output.json) output.note(`At each start of the machine: ${atBoot.join(", ")}`);
  return name === undefined ? reportProblems(output, project) : 0;
}

function toDocument({ date, from, to, changes, rows }: CalendarDay): Record<string, unknown> {
  return {
    date,
    from,
    to,
    changes: changes.map(({ zone, at, beforeMinutes, afterMinutes }) => ({
      zone,
      at,
      utc: new Date(at).toISOString(),
      byMinutes: afterMinutes - beforeMinutes,
    })),
    rows: rows.map(({ job, zone, slots, skipped, first, last, times, blackout }) => ({
      jobId: job.id,
      job: job.name,
      zone,
      slots,
      skipped,
      blackout,
      first: { at: first.at, dueAt: first.dueAt, utc: new Date(first.at).toISOString(), local: instantIn(zone, first.at) },
      last: { at: last.at, dueAt: last.dueAt, utc: new Date(last.at).toISOString(), local: instantIn(zone, last.at) },
      times:
        times === undefined ? null : times.map(({ at, dueAt, blackout: within }) => ({ at, dueAt, blackout: within ?? null })),
    })),
  };
}

function print({ output }: CommandContext, days: readonly CalendarDay[], projectZone: string): void {
  output.note(`Times are in ${projectZone}`);
  for (const { date, from, changes, rows } of days) {
    const nothing = rows.length === 0 ? output.style("dim", "  nothing") : "";
    output.data(`${output.style("bold", `${instantIn(projectZone, from).slice(0, 3)} ${date}`)}${nothing}`);
    for (const change of changes) output.data(output.style("yellow", `  ${changeText(change)}`));
    for (const line of table(linesOf(rows, projectZone))) output.data(`  ${line}`);
  }
}

function changeText({ zone, at, beforeMinutes, afterMinutes }: CalendarDay["changes"][number]): string {
  const by = afterMinutes - beforeMinutes;
  const before = new Date(at + beforeMinutes * 60_000).toISOString().slice(11, 16);
  const after = new Date(at + afterMinutes * 60_000).toISOString().slice(11, 16);
  return `clocks in ${zone} go ${by > 0 ? "forward" : "back"} by ${duration(Math.abs(by) * 60_000)}, from ${before} to ${after}`;
}

/** A line a slot, or one for all of a job where they are many; by their times. */
function linesOf(rows: readonly CalendarRow[], projectZone: string): string[][] {
  return rows
    .flatMap((row) =>
      row.times === undefined ? [manyLine(row, projectZone)] : row.times.map((slot) => slotLine(slot, projectZone)),
    )
    .toSorted((a, b) => a.at - b.at)
    .map(({ cells }) => cells);
}

interface Line {
  readonly at: number;
  readonly cells: string[];
}

function manyLine({ job, slots, skipped, blackout, first, last }: CalendarRow, projectZone: string): Line {
  const notes = skipped === 0 ? "" : `, of which ${skipped} are skipped, in a blackout: ${blackout.join("; ")}`;
  const times = `${timeIn(projectZone, first.dueAt)}-${timeIn(projectZone, last.dueAt)}`;
  return { at: first.dueAt, cells: [times, job.name, `${slots} times${notes}`] };
}

function slotLine({ job, zone, at, dueAt, blackout }: Coming, projectZone: string): Line {
  const there = timeIn(zone, at);
  const notes = [
    ...(dueAt === at ? [] : [`slot of ${timeIn(projectZone, at)}, staggered`]),
    ...(there === timeIn(projectZone, at) ? [] : [`${there} in ${zone}`]),
    ...(blackout === undefined ? [] : [`skipped, in a blackout: ${blackout}`]),
  ];
  return { at: dueAt, cells: [timeIn(projectZone, dueAt), job.name, notes.join("; ")] };
}

function timeIn(zone: string, at: number): string {
  return instantIn(zone, at).slice(15, at % 60_000 === 0 ? 20 : 23);
}
