import type { RunOutcome } from "../../engine/outcome.ts";
import { UsageError } from "../../errors.ts";
import type { CommandContext, CommandDefinition } from "../command.ts";
import { formatIssue } from "../../errors.ts";
import { exitCodeOf } from "../../run/exit-code.ts";
import { onStopSignals } from "../signals.ts";
import { createReporter, quietReporter } from "../reporter.ts";

export const run: CommandDefinition = {
  name: "run",
  summary: "Run one job now: heals broken streams, retries, falls back, and prints the answer",
  examples: [
    ["runner run fpl-daily-check", "the answer on stdout, what was healed on stderr"],
    ["runner run fpl-daily-check --dry-run", "show everything it would do; sends and writes nothing"],
    ["runner run fpl-daily-check --no-stream", "ask without streaming from the first try"],
    ["runner run fpl-daily-check --simulate stream_order:0.8", "no key needed: four of five streams broken, healed"],
    ["0 12 * * *  cd /srv/fpl && runner run fpl-daily-check -q", "a crontab line; silent unless it fails"],
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
      .option("--fail-on-skip", "exit 1 when the run is skipped because the job is running already")
      .option("-q, --quiet", "write no trace unless the run fails"),
  execute,
};

async function execute(
  context: CommandContext,
  [jobName = ""]: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const { loadProject } = await import("../../compose/project.ts");
  const project = await loadProject({ ...context.place, env: context.env });
  for (const warning of project.warnings)
    context.output.note(`${context.output.styleNote("yellow", "warning:")} ${formatIssue(warning)}`);
  const asked = {
    job: project.jobFor(jobName),
    model: typeof options["model"] === "string" ? options["model"] : undefined,
    stream: typeof options["stream"] === "boolean" ? options["stream"] : undefined,
    simulate: simulation(options),
  };
  if (options["dryRun"] === true) {
    const { dryRun } = await import("../dry-run.ts");
    return dryRun(context, project, asked);
  }
  const { openRuntime } = await import("../../compose/runtime.ts");
  const signals = onStopSignals((signal) => context.exitNow(exitCodeOf({ status: "cancelled", signal })));
  const reporter = createReporter(context.output);
  const runtime = await openRuntime(project, asked.simulate === undefined ? {} : { simulate: asked.simulate });
  try {
    const { listen } = options["quiet"] === true ? quietReporter(reporter) : reporter;
    const outcome = await runtime.engine.run(asked.job, {
      trigger: "manual",
      ...(asked.model === undefined ? {} : { model: asked.model }),
      ...(asked.stream === undefined ? {} : { stream: asked.stream }),
      signal: signals.signal,
      listen,
    });
    reporter.close();
    return printOutcome(context, outcome, options);
  } finally {
    reporter.close();
    await runtime.close();
    signals.release();
  }
}

function simulation(options: Readonly<Record<string, unknown>>): { faults: string; seed: number | undefined } | undefined {
  const faults = options["simulate"];
  const seed = options["seed"] === undefined ? undefined : Number(options["seed"]);
  if (seed !== undefined && (!Number.isInteger(seed) || seed < 0))
    throw new UsageError(`--seed takes a whole number, not "${String(options["seed"])}"`);
  if (typeof faults !== "string") {
    if (seed !== undefined) throw new UsageError("--seed means something only together with --simulate");
    return undefined;
  }
  return { faults, seed };
}

function printOutcome({ output }: CommandContext, outcome: RunOutcome, options: Readonly<Record<string, unknown>>): number {
  const exitCode =
    outcome.status === "skipped"
      ? exitCodeOf({ status: "skipped", failOnSkip: options["failOnSkip"] === true })
      : outcome.exitCode;
  if (output.json) output.document("run", { run: { ...outcome, exitCode } });
  else if (outcome.output !== undefined && outcome.output !== "") output.data(outcome.output);
  return exitCode;
}
