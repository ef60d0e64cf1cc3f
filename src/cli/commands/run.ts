import type { Project } from "../../compose/project.ts";
import type { Job } from "../../job/job.ts";
import { formatIssue, UsageError, type Issue } from "../../errors.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { exitCodeOf } from "../../run/exit-code.ts";
import { printOutcome, runToItsEnd } from "../one-run.ts";
import { simulation } from "../simulation.ts";

export const run: CommandDefinition = {
  name: "run",
  summary: "Run one job now: heals broken streams, retries, falls back, and prints the answer",
  examples: [
    ["runner run fpl-daily-check", "the answer on stdout, what was healed on stderr"],
    ["runner run fpl-daily-check --dry-run", "show everything it would do; sends and writes nothing"],
    ["runner run fpl-daily-check --no-stream", "ask without streaming from the first try"],
    ["runner run fpl-daily-check --simulate stream_order:0.8", "no key needed: four of five streams broken, healed"],
    [
      "runner run fpl-daily-check --slot 2026-12-24T12:00",
      "answer this due instant, if nobody has: never more than one run a slot",
    ],
    [
      "0 12 * * *  cd /srv/fpl && runner run fpl-daily-check --slot due -q",
      "a crontab line; silent unless it fails, and never a second run of the slot",
    ],
  ],
  define: (command) =>
    command
      .argument("<job>", "name or id of a job in jobs/")
      .option(
        "--dry-run",
        "print the resolved job, its next slots, the ladder, every limit and the exact request; send and write nothing",
      )
      .option("--stream", "stream only, whatever the job says")
      .option("--no-stream", "ask without streaming from the first try, whatever the job says")
      .option("--model <provider/model>", "ask this model first")
      .option(
        "--simulate <faults>",
        "answer from the embedded simulated provider: FAULT:RATE,… or `none` (names: runner mock --faults)",
      )
      .option("--seed <number>", "seed of the simulation (default: a new one each run)")
      .option(
        "--slot <time>",
        "answer this due instant of the job (on the clocks of its zone), unless it has its run already; `due`: the newest that is due now",
      )
      .option("--var <name=value>", "a value for {{vars.name}} over the job's own; may be given more than once", collect)
      .option("--no-gate", "do not ask the job's gate first")
      .option("--force", "ask also models that are left alone after repeated failures")
      .option(
        "--fail-on-skip",
        "exit 1 when the run is skipped because the job is running already, the slot has its run, or none is due",
      )
      .option("-q, --quiet", "write no trace unless the run fails"),
  execute,
};

async function execute(context: CommandContext, [jobName = ""]: readonly string[], options: CommandOptions): Promise<number> {
  const { loadProject } = await import("../../compose/project.ts");
  const modelGiven = typeof options["model"] === "string";
  const project = await loadProject({ ...context.place, env: context.env, modelGiven });
  const asked = {
    job: project.jobFor(jobName),
    model: typeof options["model"] === "string" ? options["model"] : undefined,
    stream: typeof options["stream"] === "boolean" ? options["stream"] : undefined,
    simulate: simulation(options),
    vars: varsOf(options["var"], project.jobFor(jobName)),
  };
  const slot = await slotOf(options["slot"], asked.job, project);
  if ("nothing" in slot) return nothingToDo(context, slot.nothing, options);
  // Cron mails every word, so a quiet run does not repeat what `validate` says.
  if (options["quiet"] !== true) warn(context, project.warningsFor(asked.job));
  if (options["dryRun"] === true) {
    const { dryRun } = await import("../dry-run.ts");
    return dryRun(context, project, { ...asked, slotAt: slot.slotAt });
  }
  const outcome = await runToItsEnd(context, project, {
    job: asked.job,
    simulate: asked.simulate,
    quiet: options["quiet"] === true,
    request: {
      failOnSkip: options["failOnSkip"] === true,
      skipGate: options["gate"] === false,
      force: options["force"] === true,
      vars: asked.vars,
      ...(slot.slotAt === undefined ? {} : { slotAt: slot.slotAt }),
      ...(asked.model === undefined ? {} : { model: asked.model }),
      ...(asked.stream === undefined ? {} : { stream: asked.stream }),
    },
  });
  return printOutcome(context, outcome);
}

/** Loaded only where it is asked for: schedules cost time. */
async function slotOf(
  written: unknown,
  job: Job,
  project: Project,
): Promise<{ readonly slotAt: number | undefined } | { readonly nothing: string }> {
  if (typeof written !== "string") return { slotAt: undefined };
  const now = Date.now();
  if (written === "due") return (await import("../due-slot.ts")).dueSlot(job, project, now);
  const { slotOption } = await import("../slot-option.ts");
  return { slotAt: await slotOption(written, job, { zone: project.zone, now }) };
}

/** As of a slot that has its run already: cron may have come too late, or twice. */
function nothingToDo({ output }: CommandContext, reason: string, options: CommandOptions): number {
  if (output.json) output.document("run", { run: null, reason });
  else if (options["quiet"] !== true) output.note(reason);
  return exitCodeOf({ status: "skipped", failOnSkip: options["failOnSkip"] === true });
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** @throws UsageError for what is no `name=value`, or names nothing that the job declares. */
function varsOf(given: unknown, { name, vars = {} }: Job): Readonly<Record<string, string>> {
  if (!Array.isArray(given)) return {};
  return Object.fromEntries(
    given.map(String).map((text): [string, string] => {
      const at = text.indexOf("=");
      if (at <= 0) throw new UsageError(`--var ${JSON.stringify(text)} is not of the form name=value`);
      const key = text.slice(0, at);
      if (Object.hasOwn(vars, key)) return [key, text.slice(at + 1)];
      const known = Object.keys(vars).join(", ");
      const suggestion = known === "" ? `Declare it in the job: "vars": { "${key}": "…" }` : `Its vars are: ${known}`;
      throw new UsageError(`--var ${key}: the job ${name} has no such variable`, { suggestion });
    }),
  );
}

function warn({ output }: CommandContext, warnings: readonly Issue[]): void {
  for (const warning of warnings) output.note(`${output.styleNote("yellow", "warning:")} ${formatIssue(warning)}`);
}
