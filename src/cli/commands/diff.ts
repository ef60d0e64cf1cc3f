import { UsageError } from "../../errors.ts";
import type { LedgerReader, RunRow } from "../../ledger/ledger.ts";
import type { CommandContext, CommandDefinition } from "../command.ts";
import { compareAnswers, printComparison } from "../compare-answers.ts";
import { shortId } from "../format.ts";
import type { Output } from "../output.ts";
import { findRun, withRecords, type Records } from "../records.ts";

export const diff: CommandDefinition = {
  name: "diff",
  summary: "Compare a run's answer with the one before it; exits 0 if they are the same and 1 if not, as diff(1) does",
  examples: [
    ["runner diff fpl-daily-check", "a job's newest answer against the one before"],
    ["runner diff 1f2e3d4c", "this run's answer against the one before it"],
    ["runner diff 1f2e3d4c 9a8b7c6d", "from the first run's answer to the second's"],
  ],
  define: (command) =>
    command
      .argument("<run>", "a run's id or its beginning, a job for its newest answer, or `last`")
      .argument("[other]", "the run to compare it with: from the first to this one"),
  execute,
};

interface Kept {
  readonly run: RunRow;
  readonly output: string;
}

async function execute(context: CommandContext, [wanted = "", other]: readonly string[]): Promise<number> {
  return withRecords(context, async (records) => {
    const first = await answerOf(records, wanted);
    const [older, newer] =
      other === undefined ? [await answerBefore(records, first.run), first] : [first, await answerOf(records, other)];
    return tell(context.output, older, newer);
  });
}

/** The answer of the run that was named. A job's name stands for its newest run with an answer. */
async function answerOf(records: Records, wanted: string): Promise<Kept> {
  const { run } = await findRun(records, wanted);
  if (run.output !== undefined) return { run, output: run.output };
  const byJob = run.jobId === records.project.jobIdFor(wanted) || run.jobId === wanted || run.jobName === wanted;
  const newest = records.ledger === undefined || !byJob ? undefined : await lastAnswer(records.ledger, run.jobId, run.runId);
  if (newest !== undefined) return newest;
  throw new UsageError(
    `run ${shortId(run.runId)} of ${run.jobName} has no answer to compare: it ${run.status === "running" ? "is running" : `ended as ${run.status}`}`,
    {
      suggestion: "See which runs have one: runner history --status succeeded",
    },
  );
}

async function answerBefore({ ledger }: Records, run: RunRow): Promise<Kept> {
  const before = ledger === undefined ? undefined : await lastAnswer(ledger, run.jobId, run.runId);
  if (before !== undefined) return before;
  throw new UsageError(`there is no earlier answer of ${run.jobName} to compare run ${shortId(run.runId)} with`, {
    suggestion: "Name two runs: runner diff RUN RUN",
  });
}

async function lastAnswer(ledger: LedgerReader, jobId: string, before: string): Promise<Kept | undefined> {
  const run = await ledger.lastRun(jobId, ["succeeded"], before);
  if (run === undefined) return undefined;
  return run.output === undefined ? lastAnswer(ledger, jobId, run.runId) : { run, output: run.output };
}

async function tell(output: Output, older: Kept, newer: Kept): Promise<number> {
  const found = await compareAnswers(output, older, newer);
  if (output.json) output.document("diff", { ...found, from: facts(older), to: facts(newer) });
  else printComparison(output, found);
  return found.same ? 0 : 1;
}

function facts({ run }: Kept): Readonly<Record<string, unknown>> {
  const { runId, jobId, jobName, startedAt, modelUsed } = run;
  return { runId, jobId, jobName, startedAt, modelUsed };
}
