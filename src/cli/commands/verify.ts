import type { Way } from "../../compose/verify.ts";
import type { Project } from "../../compose/project.ts";
import { UsageError } from "../../errors.ts";
import { sideEffectsOf } from "../../job/side-effects.ts";
import type { Job } from "../../job/job.ts";
import { exitCodeOf, exitCodes } from "../../run/exit-code.ts";
import { counts, succeeded, verification, type VerifiedRun } from "../../run/verification.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { duration, oneLine, shortId } from "../format.ts";
import { table } from "../output.ts";
import { onStopSignals } from "../signals.ts";
import { simulation } from "../simulation.ts";
import { statusStyle } from "../status.ts";
import { verificationRows } from "../verify-table.ts";
import { wholeNumber } from "../whole-number.ts";

const mostRuns = 10_000;
const mostAtOnce = 64;

export const verify: CommandDefinition = {
  name: "verify",
  summary: "Run one job many times and count: how often it fails, what healed it, what it takes",
  examples: [
    ["runner verify fpl-daily-check --runs 5", "five real runs; their answers are kept in the ledger"],
    ["runner verify fpl-daily-check --runs 20 --strict --simulate stream_order:0.8", "beside what the provider alone would do"],
  ],
  define: (command) =>
    command
      .argument("<job>", "name or id of a job in jobs/")
      .option("--runs <number>", `how many runs, at most ${mostRuns} (default: 5)`)
      .option("--concurrency <number>", `runs at the same time, at most ${mostAtOnce} (default: 1)`)
      .option("--strict", "beside it as many runs without repair, retry and fallback: the provider alone")
      .option("--model <provider/model>", "ask this model first")
      .option("--simulate <faults>", "FAULT:RATE,… or `none`, as for `runner run`")
      .option("--seed <number>", "seed of the simulation (default: a new one)")
      .option("-y, --yes", "also a job that may change something: each run is a whole one"),
  execute,
};

async function execute(context: CommandContext, [jobName = ""]: readonly string[], options: CommandOptions): Promise<number> {
  const { loadProject } = await import("../../compose/project.ts");
  const model = typeof options["model"] === "string" ? options["model"] : undefined;
  const project = await loadProject({ ...context.place, env: context.env, modelGiven: model !== undefined });
  const job = project.jobFor(jobName);
  const runs = wholeNumber("--runs", options["runs"] ?? "5", 1, mostRuns);
  const concurrency = wholeNumber("--concurrency", options["concurrency"] ?? "1", 1, mostAtOnce);
  const ways: readonly Way[] = options["strict"] === true ? ["runner", "alone"] : ["runner"];
  refuseSideEffects(job, options["yes"] === true);
  const simulate = simulation(options);
  const found = await carryOut(context, project, { job, runs, concurrency, ways, model, simulate });
  return tell(context, job, found);
}

function refuseSideEffects(job: Job, yes: boolean): void {
  const effects = sideEffectsOf(job);
  if (effects.length === 0 || yes) return;
  throw new UsageError(`${job.name} may change something outside (${effects.join(", ")}), and each run would do it again`, {
    suggestion: "If that is meant, add --yes.",
  });
}

type Asked = Omit<Parameters<typeof import("../../compose/verify.ts").verifyRuns>[1], "signal" | "onRun">;

interface Found {
  readonly runs: ReadonlyMap<Way, readonly VerifiedRun[]>;
  /** The exit code of the signal that ended it, if one did. */
  readonly stopped: number | undefined;
}

async function carryOut(context: CommandContext, project: Project, asked: Asked): Promise<Found> {
  const { verifyRuns } = await import("../../compose/verify.ts");
  const { output } = context;
  let stopped: number | undefined;
  const signals = onStopSignals((signal) => context.exitNow(exitCodeOf({ status: "cancelled", signal })));
  void signals.stopped.then((signal) => (stopped = exitCodeOf({ status: "cancelled", signal })));
  const total = asked.runs * asked.ways.length;
  let ended = 0;
  try {
    const runs = await verifyRuns(project, {
      ...asked,
      signal: signals.signal,
      onRun: (way, run) => {
        ended += 1;
        const place = `${ended}/${total}`.padStart(String(total).length * 2 + 1);
        const words = `${output.styleNote(statusStyle(run.status), run.status)} in ${duration(run.tookMs)}`;
        const why = succeeded(run) ? "" : `: ${oneLine(run.reason, 120)}`;
        output.note(`  ${place}  ${way.padEnd(6)}  ${shortId(run.runId)}  ${words}${why}`);
      },
    });
    return { runs, stopped };
  } finally {
    signals.release();
  }
}

function tell({ output }: CommandContext, job: Job, { runs, stopped }: Found): number {
  const ways = [...runs].map(([way, all]) => [way, verification(all)] as const);
  const own = runs.get("runner") ?? [];
  const failed = own.filter((run) => counts(run) && !succeeded(run)).length;
  const exitCode = stopped ?? (failed > 0 || own.length === 0 ? exitCodes.failed : exitCodes.ok);
  if (output.json) {
    const named = Object.fromEntries(ways.map(([way, found]) => [way, { ...found, all: runs.get(way) }]));
    output.document("verification", { jobId: job.id, jobName: job.name, ways: named, stopped: stopped !== undefined, exitCode });
    return exitCode;
  }
  for (const line of table(verificationRows(ways, output.style))) output.data(line);
  if (stopped !== undefined) output.note("Stopped: only the runs that had ended are counted.");
  return exitCode;
}
