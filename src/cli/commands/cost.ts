import { UsageError, type Usage } from "../../errors.ts";
import type { CostRow } from "../../ledger/ledger.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { lookBack } from "../days.ts";
import { count, dollars, several, tokensOf } from "../money.ts";
import { table, type Output } from "../output.ts";
import { jobIdOf, withRecords } from "../records.ts";

const groupings = ["job", "day", "model"] as const;
type Grouping = (typeof groupings)[number];

export const cost: CommandDefinition = {
  name: "cost",
  summary: "Show what runs used: tokens and money, by job, day or model",
  examples: [
    ["runner cost", "every job, the last 30 days"],
    ["runner cost fpl-daily-check --by day --days 7", "one job, day by day"],
    ["runner cost --by model --json", "for scripts"],
  ],
  define: (command) =>
    command
      .argument("[job]", "name or id of a job")
      .option("--days <count>", "look back so many days", "30")
      .option("--by <what>", `one line for each ${groupings.join(", ")} (days are of UTC)`, "job"),
  execute,
};

/** Several rows of the ledger in one. */
interface Group {
  readonly name: string;
  readonly runs: number;
  readonly failed: number;
  readonly usage: Usage;
  readonly costMicroUsd: number;
  /** Runs whose price nobody knows; what they cost is in no sum. */
  readonly unpriced: number;
}

async function execute(context: CommandContext, [jobName]: readonly string[], options: CommandOptions): Promise<number> {
  const { days, since } = lookBack(options, Date.now());
  const by = groupings.find((one) => one === options["by"]);
  if (by === undefined) throw new UsageError(`--by takes ${groupings.join(", ")}, not "${String(options["by"])}"`);
  return withRecords(context, async (records) => {
    const jobId = jobName === undefined ? undefined : await jobIdOf(records, jobName);
    const rows = (await records.ledger?.costs({ since, ...(jobId === undefined ? {} : { jobId }) })) ?? [];
    const groups = grouped(rows, by);
    const total = rows.reduce((group, row) => plus(group, row), nothing("total"));
    if (context.output.json) context.output.document("cost", { days, by, jobId, rows: groups, total });
    else if (groups.length === 0)
      context.output.note(`No runs in the last ${several(days, "day")} (simulated ones cost nothing and are not counted).`);
    else print(context.output, groups, total, by);
    return 0;
  });
}

function nothing(name: string): Group {
  return { name, runs: 0, failed: 0, usage: {}, costMicroUsd: 0, unpriced: 0 };
}

/** The dearest first; days in their order. */
function grouped(rows: readonly CostRow[], by: Grouping): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const name = by === "job" ? row.jobName : row[by];
    const key = by === "job" ? row.jobId : name;
    groups.set(key, plus(groups.get(key) ?? nothing(name), row));
  }
  const all = [...groups.values()];
  if (by === "day") return all.toSorted((a, b) => a.name.localeCompare(b.name, "en"));
  return all.toSorted((a, b) => b.costMicroUsd - a.costMicroUsd || tokensOf(b.usage) - tokensOf(a.usage));
}

function plus(group: Group, row: CostRow): Group {
  const keys = ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens"] as const;
  const usage = Object.fromEntries(
    keys
      .filter((key) => group.usage[key] !== undefined || row.usage[key] !== undefined)
      .map((key) => [key, (group.usage[key] ?? 0) + (row.usage[key] ?? 0)]),
  );
  return {
    name: group.name,
    runs: group.runs + row.runs,
    failed: group.failed + row.failed,
    usage,
    costMicroUsd: group.costMicroUsd + row.costMicroUsd,
    unpriced: group.unpriced + row.unpriced,
  };
}

function print(output: Output, groups: readonly Group[], total: Group, by: Grouping): void {
  const head = [by.toUpperCase(), "RUNS", "FAILED", "TOKENS IN", "OUT", "CACHED", "COST"].map((cell) =>
    output.style("bold", cell),
  );
  const rows = [...groups, ...(groups.length > 1 ? [total] : [])].map((group) => cells(group));
  for (const line of table([head, ...rows])) output.data(line);
  if (total.unpriced > 0)
    output.note(
      `The price of ${several(total.unpriced, "run")} is not known, and is in no sum: ` +
        "tell runner what its model costs (docs/providers.md), and later runs are counted.",
    );
}

function told(tokens: number | undefined): string {
  return tokens === undefined ? "" : count(tokens);
}

function cells({ name, runs, failed, usage, costMicroUsd, unpriced }: Group): string[] {
  const price = costMicroUsd === 0 && unpriced > 0 ? "not known" : `${dollars(costMicroUsd)}${unpriced > 0 ? " and more" : ""}`;
  return [
    name === "" ? "(no model)" : name,
    count(runs),
    count(failed),
    told(usage.inputTokens),
    told(usage.outputTokens),
    told(usage.cacheReadTokens),
    price,
  ];
}
