import type { LedgerReader, RunRow } from "../../ledger/ledger.ts";
import { simulatedJobId } from "../../run/run.ts";
import type { CommandContext, CommandDefinition } from "../command.ts";
import { duration, instantUtc, oneLine, shortId } from "../format.ts";
import { deathWatch, statusWords } from "../status.ts";
import { table } from "../output.ts";
import { wholeNumber } from "../whole-number.ts";

export const history: CommandDefinition = {
  name: "history",
  summary: "Show past runs, newest first: how each ended and why",
  examples: [
    ["runner history", "the last 20 runs of all jobs"],
    ["runner history fpl-daily-check -n 50", "one job"],
    ["runner history --json | jq '.runs[].status'", "for scripts"],
  ],
  define: (command) =>
    command.argument("[job]", "name or id of a job").option("-n, --limit <count>", "at most this many runs", "20"),
  execute,
};

async function execute(
  context: CommandContext,
  [jobName]: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const limit = wholeNumber("-n, --limit", options["limit"], 1, 100_000);
  const { loadProject, openProjectLedger } = await import("../../compose/project.ts");
  const project = await loadProject({ ...context.place, env: context.env });
  const known = jobName === undefined ? undefined : project.jobIdFor(jobName);
  const jobId = known ?? jobName;
  const ledger = await openProjectLedger(project, { create: false });
  const runs = ledger === undefined ? [] : await runsOf(ledger, jobId, limit);
  await ledger?.close();
  // The history of a job outlives its file; a name that neither files nor ledger know is a slip.
  if (jobName !== undefined && known === undefined && runs.length === 0) project.jobFor(jobName);
  const died = await deathWatch(runs);
  if (context.output.json)
    context.output.document("history", { runs: runs.map((run) => (died(run) ? { ...run, died: true } : run)) });
  else print(context, runs, died);
  return 0;
}

/** Newest first. Runs of a job that were simulated are kept under an id of their own. */
async function runsOf(ledger: LedgerReader, jobId: string | undefined, limit: number): Promise<readonly RunRow[]> {
  if (jobId === undefined) return ledger.history({ limit });
  const [real, simulated] = await Promise.all([jobId, simulatedJobId(jobId)].map((id) => ledger.history({ jobId: id, limit })));
  return [...(real ?? []), ...(simulated ?? [])].toSorted((a, b) => b.startedAt - a.startedAt).slice(0, limit);
}

function print({ output }: CommandContext, runs: readonly RunRow[], died: (run: RunRow) => boolean): void {
  if (runs.length === 0) {
    output.note("No runs yet. Start one: runner run JOB");
    return;
  }
  const head = ["RUN", "STARTED", "JOB", "STATUS", "TOOK", "MODEL", "WHY"].map((cell) => output.style("bold", cell));
  const rows = runs.map((run) => [
    shortId(run.runId),
    instantUtc(run.startedAt),
    run.jobName,
    statusWords(output.style, run, died),
    run.finishedAt === undefined ? "" : duration(run.finishedAt - run.startedAt),
    run.modelUsed ?? run.modelAsked,
    oneLine(run.reason ?? "", 80),
  ]);
  for (const line of table([head, ...rows])) output.data(line);
}
