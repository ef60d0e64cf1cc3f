import { UsageError } from "../../errors.ts";
import type { Job } from "../../job/job.ts";
import type { RunOutcome } from "../../engine/outcome.ts";
import type { RunRow } from "../../ledger/ledger.ts";
import { compareAnswers, printComparison } from "../compare-answers.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { shortId } from "../format.ts";
import { runToItsEnd } from "../one-run.ts";
import { jobOfRun } from "../past-run.ts";
import { findRun, withRecords, type Records } from "../records.ts";
import { replayLines } from "../replay-lines.ts";
import { simulation } from "../simulation.ts";

export const replay: CommandDefinition = {
  name: "replay",
  summary: "Play a run's recorded streams again, as they would be judged today; or ask another model the same",
  examples: [
    ["runner replay 1f2e3d4c", "each try then and now; nothing is sent; exits 1 if one is judged otherwise"],
    ["runner replay last --model anthropic/claude-sonnet-4-6", "the job asked of that model, and the answers compared"],
  ],
  define: (command) =>
    command
      .argument("<run>", "a run's id or its beginning, a job for its newest run, or `last`")
      .option("--model <provider/model>", "ask this model once more, without tools, gate and fallbacks")
      .option("--with-tools", "with --model: the turn may use the job's tools")
      .option("--changed-ok", "with --model: also if the job's definition has changed since")
      .option("--simulate <faults>", "with --model: FAULT:RATE,… or `none`, as for `runner run`")
      .option("--seed <number>", "seed of the simulation (default: a new one)"),
  execute,
};

async function execute(context: CommandContext, [wanted = ""]: readonly string[], options: CommandOptions): Promise<number> {
  if (typeof options["model"] === "string") return askAgain(context, wanted, options["model"], options);
  const needless = ["withTools", "changedOk", "simulate", "seed"].filter((key) => options[key] !== undefined);
  if (needless.length > 0) {
    const flags = needless.map((key) => `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    throw new UsageError(`${flags.join(", ")} means something only together with --model`);
  }
  return withRecords(context, async (records) => {
    const detail = await findRun(records, wanted);
    if (records.ledger === undefined) throw new Error("a run was found without a ledger");
    const { replayRun } = await import("../../compose/replay.ts");
    const tries = await replayRun(records.ledger, detail);
    const { output } = context;
    const same = tries.every((one) => one.same);
    if (output.json) output.document("replay", { runId: detail.run.runId, same, tries });
    else for (const line of replayLines(tries, output.style)) output.data(line);
    if (tries.every(({ now }) => now === undefined))
      output.note('Nothing was recorded of this run; "record": "shape" in the job does it.');
    return same ? 0 : 1;
  });
}

async function askAgain(context: CommandContext, wanted: string, model: string, options: CommandOptions): Promise<number> {
  const find = async (records: Records) => ({ detail: await findRun(records, wanted), project: records.project });
  const { detail, project } = await withRecords(context, find, {});
  const { run } = detail;
  const job = asking(await jobOfRun(project, run, options["changedOk"] === true), model, options["withTools"] === true);
  const outcome = await runToItsEnd(
    context,
    { ...project, defaultFallbacks: [] },
    {
      job,
      simulate: simulation(options),
      quiet: false,
      request: { rerunOf: run.runId, verifyLane: "replay", skipGate: true },
    },
  );
  return tell(context, run, outcome);
}

/** The job as it is asked of the other model: of it alone, and without what it could change. */
function asking(job: Job, model: string, withTools: boolean): Job {
  if (job.payload.kind === "command") {
    throw new UsageError(`${job.name} is a program and asks no model`, { suggestion: `Repeat it: runner rerun ${job.name}` });
  }
  const { tools, ...rest } = job.payload;
  const kept = withTools && tools !== undefined ? { tools } : {};
  // What a turn without tools cannot have done is not expected of it.
  const { files: _files, command: _command, ...ofTheAnswer } = job.expect ?? {};
  return {
    ...job,
    payload: { ...rest, ...kept, model, fallbacks: [] },
    ...(withTools || job.expect === undefined ? {} : { expect: ofTheAnswer }),
  };
}

async function tell({ output }: CommandContext, run: RunRow, outcome: RunOutcome): Promise<number> {
  const then = run.output === undefined ? undefined : { run, output: run.output };
  const now = outcome.output === undefined ? undefined : { run: outcome, output: outcome.output };
  const found = then === undefined || now === undefined ? undefined : await compareAnswers(output, then, now);
  if (output.json) output.document("replay", { runId: run.runId, run: outcome, comparison: found ?? null });
  else if (found !== undefined) printComparison(output, found);
  else if (now !== undefined) {
    output.note(`Run ${shortId(run.runId)} has no answer to compare with; this is the new one.`);
    output.data(now.output);
  }
  return outcome.exitCode;
}
