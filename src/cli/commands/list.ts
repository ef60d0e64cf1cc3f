import path from "node:path";
import type { LastState, Pause } from "../../ledger/ledger.ts";
import type { Job } from "../../job/job.ts";
import type { Project } from "../../compose/project.ts";
import { describeSchedule } from "../../schedule/describe.ts";
import type { CommandContext, CommandDefinition } from "../command.ts";
import { ago } from "../format.ts";
import { reportProblems } from "../problems.ts";
import { deathWatch, statusWords } from "../status.ts";
import { table } from "../output.ts";

export const list: CommandDefinition = {
  name: "list",
  summary: "List the jobs of the project: schedule, model or program, how the last run ended",
  examples: [
    ["runner list", "all jobs"],
    ["runner list --json", "for scripts"],
  ],
  bare: true,
  define: () => {},
  execute,
};

async function execute(context: CommandContext): Promise<number> {
  const { loadProject, openProjectLedger } = await import("../../compose/project.ts");
  const project = await loadProject({ ...context.place, env: context.env }, { cache: "take" });
  const ledger = await openProjectLedger(project, { create: false });
  // A document has the whole of each run; a line shows how it stands.
  const lastRuns = context.output.json ? await ledger?.lastRuns() : undefined;
  const lastStates = context.output.json ? undefined : await ledger?.lastStates();
  const pauses = await ledger?.pauses(Date.now());
  const pauseOf = (job: Job): Pause | undefined => pauses?.get(job.id) ?? pauses?.get("*");
  await ledger?.close();
  if (context.output.json) {
    const jobs = project.jobs.map((job) => ({
      ...job,
      model: job.payload.kind === "command" ? null : (job.payload.model ?? project.defaultModel ?? null),
      lastRun: lastRuns?.get(job.id) ?? null,
      paused: pauseOf(job) ?? null,
    }));
    context.output.document("list", { timezone: project.zone, jobs, issues: project.issues, warnings: project.warnings });
  } else {
    const watch = await deathWatch(
      [...(lastStates?.values() ?? [])].flatMap(({ run }) => run ?? []),
      ledger,
    );
    const died = ({ run }: LastState): boolean => run !== undefined && watch(run);
    print(context, project, {
      lastRunOf: (job) => lastRun(context.output, lastStates?.get(job.id), died),
      isPaused: (job) => pauseOf(job) !== undefined,
    });
  }
  return reportProblems(context.output, project);
}

interface Known {
  readonly lastRunOf: (job: Job) => string;
  readonly isPaused: (job: Job) => boolean;
}

function print({ output }: CommandContext, project: Project, { lastRunOf, isPaused }: Known): void {
  const { jobs, defaultModel } = project;
  if (jobs.length === 0) {
    output.note("No jobs here. A job is a file in jobs/; make a first one: runner init");
    return;
  }
  const head = ["NAME", "SCHEDULE", "ZONE", "MODEL OR PROGRAM", "LAST RUN"].map((cell) => output.style("bold", cell));
  const rows = jobs.map((job) => [
    job.enabled
      ? isPaused(job)
        ? `${job.name} ${output.style("yellow", "(paused)")}`
        : job.name
      : `${job.name} ${output.style("dim", "(disabled)")}`,
    job.schedule.kind === "cron" ? job.schedule.expr : describeSchedule(job.schedule),
    job.schedule.kind === "cron" ? (job.schedule.tz ?? project.zone) : "",
    job.payload.kind === "command"
      ? output.style("dim", `$ ${programOf(job.payload.argv)}`)
      : (job.payload.model ?? defaultModel ?? output.style("yellow", "none")),
    lastRunOf(job),
  ]);
  output.data(table([head, ...rows]).join("\n"));
}

/** What people would call the command: of a line for the shell its first word. */
function programOf([program = "", option = "", line = ""]: readonly string[]): string {
  const shell = path.basename(program) === "sh" && /^-l?c$/.test(option);
  return path.basename(shell ? (line.trim().split(/\s/)[0] ?? "") : program);
}

function lastRun(output: CommandContext["output"], state: LastState | undefined, died: (state: LastState) => boolean): string {
  if (state === undefined) return output.style("dim", "never");
  return `${statusWords(output.style, state, died)} ${ago(state.startedAt, Date.now())}`;
}
