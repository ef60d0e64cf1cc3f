import type { AttemptRow, CallRow, RunDetail, RunRow, ToolRow, TryRow } from "../../ledger/ledger.ts";
import type { CommandContext, CommandDefinition } from "../command.ts";
import { latenessOf, rangeWords, triggerWords, waitWords, worthAWordMs } from "../begin-words.ts";
import { duration, instantUtc, oneLine, plainText, shortId } from "../format.ts";
import { dollars, usageWords } from "../money.ts";
import { findRun, withRecords } from "../records.ts";
import { deathWatch, statusWords } from "../status.ts";
import { gateLine, toolLine, tryLine, waitLine, whyLine } from "../trace.ts";

export const show: CommandDefinition = {
  name: "show",
  summary: "Show one run whole: attempts, calls and tries in order, and why each step was taken",
  examples: [
    ["runner show 1f2e3d4c", "the beginning of a run's id is enough"],
    ["runner show last", "the newest run"],
    ["runner show fpl-daily-check", "the newest run of a job"],
    ["runner show 1f2e3d4c --json", "everything that was recorded"],
  ],
  define: (command) => command.argument("<run>", "a run's id or its beginning, a job for its newest run, or `last`"),
  execute,
};

async function execute(context: CommandContext, [wanted = ""]: readonly string[]): Promise<number> {
  await withRecords(context, async (records) => {
    const found = await findRun(records, wanted);
    if (context.output.json) context.output.document("run-detail", { ...found });
    else print(context, found, await deathWatch([found.run], records.ledger));
  });
  return 0;
}

function print({ output }: CommandContext, detail: RunDetail, died: (run: RunRow) => boolean): void {
  const { run, attempts } = detail;
  const style = output.style;
  for (const [name, value] of runFacts(run, statusWords(style, run, died)))
    if (value !== "") output.data(`${style("bold", name.padEnd(9))}  ${value}`);
  for (const warning of run.warnings ?? []) output.data(style("yellow", `${"warning".padEnd(9)}  ${oneLine(warning, 500)}`));
  if (run.gate !== undefined) output.data(`\n${gateLine(run.gate, style)}`);
  for (const attempt of attempts) printAttempt(output, attempt, detail);
  const text = (kept: string): string => (output.terminal ? plainText(kept) : kept);
  if (run.value !== undefined) output.data(`\n${style("bold", "value")}\n${text(run.value)}`);
  if (run.output !== undefined && run.output !== "") output.data(`\n${style("bold", "output")}\n${text(run.output)}`);
}

function runFacts(run: RunRow, status: string): readonly (readonly [string, string])[] {
  const ended =
    run.finishedAt === undefined
      ? "not ended"
      : `${instantUtc(run.finishedAt)}, after ${duration(run.finishedAt - run.startedAt)}`;
  const model =
    run.modelUsed === undefined || run.modelUsed === run.modelAsked
      ? run.modelAsked
      : `${run.modelUsed} (asked for: ${run.modelAsked})`;
  return [
    ["run", run.runId],
    ["job", `${run.jobName} (${run.jobId})`],
    ["status", status + (run.exitCode === undefined ? "" : `, exit ${run.exitCode}`)],
    ["why", oneLine(run.reason ?? "", 4_000)],
    ["until", run.deferredUntil === undefined ? "" : instantUtc(run.deferredUntil)],
    ["slot", slotWords(run)],
    ["started", startedWords(run)],
    ["waits", oneLine(waitWords(run, Date.now()), 500)],
    ["ended", ended],
    ["repeats", run.rerunOf === undefined ? "" : `run ${shortId(run.rerunOf)}`],
    ["model", run.payloadKind === "command" ? "" : model],
    ["command", run.payloadKind === "command" ? "a plain command; no model is asked" : ""],
    ["tokens", run.usage === undefined ? "" : usageWords(run.usage)],
    ["cost", run.costMicroUsd === undefined ? "" : dollars(run.costMicroUsd)],
    ["simulated", run.simulated ? "yes: faults and answer come from the simulated provider" : ""],
  ];
}

function startedWords(run: RunRow): string {
  if (run.status === "queued") return `not yet; in line from ${instantUtc(run.queuedAt ?? run.startedAt)} on`;
  if (run.slotAt !== undefined && (run.status === "missed" || run.status === "skipped")) return "never";
  return `${instantUtc(run.startedAt)}, ${triggerWords(run)}`;
}

/** The slots it answers or stands for, and how late it was. */
function slotWords(run: RunRow): string {
  if (run.slotAt === undefined) return "";
  const lateMs = latenessOf(run) ?? 0;
  const range = rangeWords(run);
  return range === ""
    ? `${instantUtc(run.slotAt)}${lateMs < worthAWordMs ? "" : `, begun ${duration(lateMs)} after it was due`}`
    : range;
}

function printAttempt(output: CommandContext["output"], attempt: AttemptRow, { calls, tries, tools }: RunDetail): void {
  const error = attempt.error === undefined ? "" : `: ${attempt.fault ?? ""} ${oneLine(attempt.error, 160)}`;
  output.data(`\n${output.style("bold", `attempt ${attempt.attempt}`)}  ${attempt.status}${error}`);
  output.data(whyLine(attempt.why, output.style));
  const own = tools.filter((tool) => tool.attempt === attempt.attempt);
  const asked = calls.filter((one) => one.attempt === attempt.attempt);
  for (const call of asked) {
    printCall(output, call, tries);
    for (const tool of own.filter((one) => one.call === call.call)) printTool(output, tool);
  }
  for (const tool of own.filter((one) => !asked.some(({ call }) => call === one.call))) printTool(output, tool);
}

function printCall(output: CommandContext["output"], call: CallRow, tries: readonly TryRow[]): void {
  const took = call.finishedAt === undefined ? "" : `, ${duration(call.finishedAt - call.startedAt)}`;
  output.data(`  call ${call.call}  ${call.dialect}, ${call.stream ? "streamed" : "not streamed"}: ${call.status}${took}`);
  for (const one of tries.filter((row) => row.attempt === call.attempt && row.call === call.call)) printTry(output, one);
}

function printTool(output: CommandContext["output"], row: ToolRow): void {
  const tookMs = row.finishedAt === undefined ? undefined : row.finishedAt - row.startedAt;
  output.data(toolLine({ name: row.name, status: row.status, error: row.error, tookMs }, output.style));
  output.data(whyLine(`${row.grant}: ${row.input}`, output.style));
}

function printTry(output: CommandContext["output"], row: TryRow): void {
  output.data(row.waitedMs > 0 ? waitLine(row.waitedMs, row.why, output.style) : whyLine(row.why, output.style));
  output.data(
    tryLine(
      {
        number: row.try,
        rung: { provider: row.provider, model: row.model, stream: row.stream },
        status: row.status,
        tookMs: row.finishedAt === undefined ? undefined : row.finishedAt - row.startedAt,
        fault: row.fault,
        reason: row.reason,
        error: row.error,
        usage: row.usage,
        costMicroUsd: row.costMicroUsd,
        repairs: row.repairs,
      },
      output.style,
    ),
  );
  for (const repair of row.repairs)
    output.data(whyLine(`repair ${repair.code} at event ${repair.at} (${repair.event}): ${repair.proof}`, output.style));
}
