import { UsageError } from "../../errors.ts";
import type { HistoryQuery, LedgerReader, RunRow } from "../../ledger/ledger.ts";
import { runStatuses, type RunStatus } from "../../run/run.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { latenessOf, rangeWords, waitWords, worthAWordMs } from "../begin-words.ts";
import { duration, instantUtc, oneLine, shortId, withInstants } from "../format.ts";
import { deathWatch, statusWords } from "../status.ts";
import { dollars } from "../money.ts";
import { table } from "../output.ts";
import { jobIdOf, runsOfJob, withRecords } from "../records.ts";
import { sinceOf } from "../since.ts";
import { wholeNumber } from "../whole-number.ts";

export const history: CommandDefinition = {
  name: "history",
  summary: "Show past runs, newest first: how each ended and why",
  examples: [
    ["runner history", "the last 20 runs of all jobs"],
    ["runner history fpl-daily-check -n 50", "one job"],
    ["runner history --status failed,timed_out --since 7d", "what went wrong in the last week"],
    ["runner history --json | jq '.runs[].status'", "for scripts"],
  ],
  define: (command) =>
    command
      .argument("[job]", "name or id of a job")
      .option("-n, --limit <count>", "at most this many runs (default 20; with --since 1,000)")
      .option("--status <endings>", `only these, parted by commas: ${runStatuses.join(", ")}`)
      .option("--since <when>", "only runs started since then: 30m, 12h, 7d, or a date such as 2026-11-01"),
  execute,
};

async function execute(context: CommandContext, [jobName]: readonly string[], options: CommandOptions): Promise<number> {
  const usual = options["since"] === undefined ? "20" : "1000";
  const limit = wholeNumber("-n, --limit", options["limit"] ?? usual, 1, 100_000);
  const statuses = statusesOf(options["status"]);
  const since = options["since"] === undefined ? 0 : sinceOf(options["since"], Date.now());
  await withRecords(context, async (records) => {
    const jobId = jobName === undefined ? undefined : await jobIdOf(records, jobName);
    const query: HistoryQuery = { limit, ...(statuses === undefined ? {} : { statuses }) };
    const runs = records.ledger === undefined ? [] : await runsOf(records.ledger, jobId, query);
    const shown = runs.filter((run) => run.startedAt >= since);
    const died = await deathWatch(shown, records.ledger);
    if (context.output.json)
      context.output.document("history", { runs: shown.map((run) => (died(run) ? { ...run, died: true } : run)) });
    else print(context, shown, died, statuses !== undefined || since > 0);
  });
  return 0;
}

function runsOf(ledger: LedgerReader, jobId: string | undefined, query: HistoryQuery): Promise<readonly RunRow[]> {
  return jobId === undefined ? ledger.history(query) : runsOfJob(ledger, jobId, query);
}

function statusesOf(written: unknown): readonly RunStatus[] | undefined {
  if (typeof written !== "string") return undefined;
  return written.split(",").map((word) => {
    const status = runStatuses.find((one) => one === word.trim());
    if (status === undefined)
      throw new UsageError(`--status knows no "${word.trim()}"`, { suggestion: `There are: ${runStatuses.join(", ")}` });
    return status;
  });
}

function print({ output }: CommandContext, runs: readonly RunRow[], died: (run: RunRow) => boolean, narrowed: boolean): void {
  if (runs.length === 0) {
    output.note(narrowed ? "No such runs. All of them: runner history" : "No runs yet. Start one: runner run JOB");
    return;
  }
  const now = Date.now();
  const late = runs.some((run) => (latenessOf(run) ?? 0) >= worthAWordMs);
  const head = ["RUN", "STARTED", "JOB", "STATUS", ...(late ? ["LATE"] : []), "TOOK", "COST", "MODEL", "WHY"];
  const rows = runs.map((run) => [
    shortId(run.runId),
    instantUtc(timeOf(run)),
    run.jobName,
    statusWords(output.style, run, died),
    ...(late ? [latenessWords(run)] : []),
    run.finishedAt === undefined || !hasRun(run) ? "" : duration(run.finishedAt - run.startedAt),
    run.costMicroUsd === undefined ? "" : dollars(run.costMicroUsd),
    run.payloadKind === "command" ? "(command)" : (run.modelUsed ?? run.modelAsked),
    oneLine(whyWords(run, now), 100),
  ]);
  for (const line of table([head.map((cell) => output.style("bold", cell)), ...rows])) output.data(line);
}

function hasRun({ status }: RunRow): boolean {
  return status !== "missed" && status !== "skipped";
}

/** Of a slot that nobody answered the slot is of interest, not when that was written down. */
function timeOf(run: RunRow): number {
  return hasRun(run) ? run.startedAt : (run.slotFrom ?? run.slotAt ?? run.startedAt);
}

function latenessWords(run: RunRow): string {
  const lateMs = latenessOf(run) ?? 0;
  return lateMs < worthAWordMs ? "" : duration(lateMs);
}

function whyWords(run: RunRow, now: number): string {
  return [rangeWords(run), waitWords(run, now), withInstants(run.reason ?? "", instantUtc)]
    .filter((part) => part !== "")
    .join(": ");
}
