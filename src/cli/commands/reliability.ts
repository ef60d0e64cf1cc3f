import { simulatedJobId } from "../../run/run.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { lookBack } from "../days.ts";
import { duration, oneLine } from "../format.ts";
import type { ModelReport, Suggestion } from "../judgement.ts";
import { count, dollars, several } from "../money.ts";
import { table, type Output } from "../output.ts";
import { jobIdOf, withRecords } from "../records.ts";

export const reliability: CommandDefinition = {
  name: "reliability",
  summary: "Show how well each model answers at the first try, what healed the rest, what that cost, and what to change",
  examples: [
    ["runner reliability", "every model of the last 30 days"],
    ["runner reliability fpl-daily-check --days 7", "what one job met in a week"],
    ["runner reliability --json", "for scripts"],
  ],
  define: (command) =>
    command
      .argument("[job]", "name or id of a job")
      .option("--days <count>", "look back so many days", "30")
      .option("--simulated", "count simulated runs as well, which say nothing about a real provider"),
  execute,
};

async function execute(context: CommandContext, [jobName]: readonly string[], options: CommandOptions): Promise<number> {
  const { days, since } = lookBack(options, Date.now());
  const simulated = options["simulated"] === true;
  return withRecords(context, async (records) => {
    const jobId = jobName === undefined ? undefined : await jobIdOf(records, jobName);
    const queries = jobsOf(jobId, simulated).map((id) => ({ since, simulated, ...(id === undefined ? {} : { jobId: id }) }));
    const { ledger } = records;
    const all =
      ledger === undefined
        ? []
        : await Promise.all(
            queries.map(async (query) => ({ counts: await ledger.rungCounts(query), healings: await ledger.healings(query) })),
          );
    const { judge } = await import("../judgement.ts");
    const { models, suggestions } = judge(
      all.flatMap(({ counts }) => counts),
      all.flatMap(({ healings }) => healings),
    );
    if (context.output.json) context.output.document("reliability", { days, jobId, simulated, models, suggestions });
    else if (models.length === 0)
      context.output.note(
        `No model was asked in the last ${several(days, "day")}${simulated ? "" : " (simulated runs count with --simulated)"}.`,
      );
    else await print(context.output, models, suggestions, days);
    return 0;
  });
}

/** A job's simulated runs are kept under an id of their own. */
function jobsOf(jobId: string | undefined, simulated: boolean): readonly (string | undefined)[] {
  if (jobId === undefined) return [undefined];
  return simulated ? [jobId, simulatedJobId(jobId)] : [jobId];
}

async function print(
  output: Output,
  models: readonly ModelReport[],
  suggestions: readonly Suggestion[],
  days: number,
): Promise<void> {
  const { nameOf, rateWords } = await import("../judgement.ts");
  output.note(`The last ${several(days, "day")}; a rate with its 95 % interval.`);
  const head = ["MODEL", "RUNS", "FIRST TRY ANSWERED", "HEALED BY", "LOST", "PRICE OF HEALING"];
  const rows = models.map((report) => [
    oneLine(nameOf(report), 60),
    count(report.runs),
    report.firstTry.trials === 0 ? "(as a fallback only)" : rateWords(report.firstTry),
    healedWords(report),
    report.answeredBy.none === 0 ? "0" : count(report.answeredBy.none),
    priceWords(report),
  ]);
  for (const line of table([head.map((cell) => output.style("bold", cell)), ...rows])) output.data(line);
  for (const report of models) {
    output.data("");
    output.data(output.style("bold", oneLine(nameOf(report), 100)));
    for (const [name, rate] of [
      ["streamed", report.streamed],
      ["stream off", report.unstreamed],
    ] as const)
      if (rate.trials > 0) output.data(`  ${name.padEnd(10)}  ${rateWords(rate)} of all tries answered`);
    const faults = report.faults.map(([fault, tries]) => `${count(tries)} × ${fault}`).join(", ");
    if (faults !== "") output.data(`  failed      ${faults}`);
  }
  if (suggestions.length > 0) output.data(`\n${output.style("bold", "Suggested")}`);
  for (const { model, change, why } of suggestions) {
    output.data(`  ${oneLine(model, 100)}: ${why}`);
    for (const [key, value] of Object.entries(change))
      output.data(`    ${output.style("cyan", `${key}: ${JSON.stringify(value)}`)}`);
  }
}

const ways = { repair: "repair", again: "again", stream_off: "stream off", fallback: "fallback" } as const;

function healedWords({ answeredBy }: ModelReport): string {
  const told = (["repair", "again", "stream_off", "fallback"] as const).filter((way) => answeredBy[way] > 0);
  return told.map((way) => `${ways[way]} ${count(answeredBy[way])}`).join(", ");
}

function priceWords({ healing }: ModelReport): string {
  if (healing.extraTries === 0) return "";
  const tokens = healing.lostTokens === 0 ? "" : `, ${several(healing.lostTokens, "token")}`;
  const money = healing.lostMicroUsd === 0 ? "" : `, ${dollars(healing.lostMicroUsd)}`;
  return `${several(healing.extraTries, "try", "tries")}, ${duration(healing.lostMs)}${tokens}${money}`;
}
