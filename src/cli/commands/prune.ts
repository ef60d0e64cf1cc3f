import { keptMs, keptRuns, type Keep } from "../../ledger/ledger.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { several } from "../money.ts";
import { wholeNumber } from "../whole-number.ts";

const dayMs = 86_400_000;

export const prune: CommandDefinition = {
  name: "prune",
  summary: "Remove old runs from the ledger, with everything under them; open runs always stay",
  examples: [
    ["runner prune --dry-run", "how many would go; nothing is changed"],
    ["runner prune", "what goes by itself as well: beyond the newest 1,000 of each job and older than 90 days"],
    ["runner prune --keep-days 30", "keep 30 days, and the newest run of each job"],
    ["runner prune --keep-runs 100 --keep-days 7", "keep whichever is more"],
  ],
  define: (command) =>
    command
      .option("--keep-runs <count>", "keep the newest so many runs of each job")
      .option("--keep-days <days>", "keep every run that started in so many days")
      .option("--dry-run", "say how many would go, and change nothing"),
  execute,
};

async function execute(context: CommandContext, _args: readonly string[], options: CommandOptions): Promise<number> {
  const keep = keepOf(options);
  const dryRun = options["dryRun"] === true;
  const { loadProject, openProjectLedger, openProjectLedgerToWrite } = await import("../../compose/project.ts");
  const project = await loadProject({ ...context.place, env: context.env });
  const now = Date.now();
  const reader = await openProjectLedger(project, { create: false });
  const found = (await reader?.prunable(now, keep)) ?? 0;
  await reader?.close();
  let removed = 0;
  if (found > 0 && !dryRun) {
    const ledger = await openProjectLedgerToWrite(project);
    // Each call removes a batch, so that runs that are under way never wait long for the ledger.
    for (let batch = -1; batch !== 0; removed += batch) batch = await ledger.prune(now, keep);
    await ledger.close();
  }
  const { output } = context;
  if (output.json) output.document("prune", { dryRun, found, removed, keepRuns: keep.runs, keepMs: keep.ms });
  else if (found === 0) output.note("Nothing to remove.");
  else if (dryRun)
    output.note(`${several(found, "run")} would be removed, with everything under ${found === 1 ? "it" : "them"}.`);
  else output.note(`${several(removed, "run")} removed. The file keeps its size; its room is used again.`);
  return 0;
}

/** What is named is what counts: without a word on days, age keeps nothing; without a word on runs, the newest of each job is kept. */
function keepOf(options: CommandOptions): Keep {
  const runs = options["keepRuns"] === undefined ? undefined : wholeNumber("--keep-runs", options["keepRuns"], 1, 1_000_000);
  const days = options["keepDays"] === undefined ? undefined : wholeNumber("--keep-days", options["keepDays"], 0, 100_000);
  if (runs === undefined && days === undefined) return { runs: keptRuns, ms: keptMs };
  return { runs: runs ?? 1, ms: (days ?? 0) * dayMs };
}
