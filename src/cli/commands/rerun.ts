import { UsageError } from "../../errors.ts";
import type { RunDetail } from "../../ledger/ledger.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { shortId } from "../format.ts";
import { printOutcome, runToItsEnd } from "../one-run.ts";
import { jobOfRun } from "../past-run.ts";
import { findRun, withRecords, type Records } from "../records.ts";
import { simulation } from "../simulation.ts";

export const rerun: CommandDefinition = {
  name: "rerun",
  summary: "Run the job of a past run once more, now, as it was",
  examples: [
    ["runner rerun 1f2e3d4c", "refuses if the job has been changed since"],
    ["runner rerun last --changed-ok", "the newest run's job, as it is now"],
  ],
  define: (command) =>
    command
      .argument("<run>", "a run's id or its beginning, a job for its newest run, or `last`")
      .option("--changed-ok", "also if the job's definition has changed since")
      .option("--simulate <faults>", "FAULT:RATE,… or `none`, as for `runner run`; a simulated run is repeated only so")
      .option("--seed <number>", "seed of the simulation (default: a new one)")
      .option("--force", "ask also models that are left alone after repeated failures")
      .option("-q, --quiet", "write no trace unless the run fails"),
  execute,
};

async function execute(context: CommandContext, [wanted = ""]: readonly string[], options: CommandOptions): Promise<number> {
  const find = async (records: Records) => ({ detail: await findRun(records, wanted), project: records.project });
  const { detail, project } = await withRecords(context, find, {});
  const { run } = detail;
  const job = await jobOfRun(project, run, options["changedOk"] === true);
  const simulate = simulation(options);
  if (run.simulated && simulate === undefined) {
    throw new UsageError(`run ${shortId(run.runId)} was simulated, and this would ask a real model`, {
      suggestion: `Add --simulate, or run it for the first time: runner run ${job.name}`,
    });
  }
  sayWhatWasDone(context, detail);
  const request = { rerunOf: run.runId, force: options["force"] === true };
  return printOutcome(context, await runToItsEnd(context, project, { job, simulate, quiet: options["quiet"] === true, request }));
}

/** A repetition is a person's wish; that something may be done twice is said before it is. */
function sayWhatWasDone({ output }: CommandContext, { run, tools }: RunDetail): void {
  const done = tools.filter(({ status }) => status !== "refused").map(({ name }) => name);
  const what = run.payloadKind === "command" ? ["its program has run"] : counted(done);
  if (what.length === 0 || run.startedAt === run.finishedAt) return;
  output.note(
    `${output.styleNote("yellow", "warning:")} run ${shortId(run.runId)} has acted: ${what.join(", ")}; this may do it again`,
  );
}

/** `shell ×2, http`. */
function counted(names: readonly string[]): string[] {
  return [...Map.groupBy(names, (name) => name)].map(([name, { length }]) => (length === 1 ? name : `${name} ×${length}`));
}
