import type { AttemptRow, CallRow, RunDetail, RunRow, TryRow } from "../../ledger/ledger.ts";
import { UsageError } from "../../errors.ts";
import type { CommandContext, CommandDefinition } from "../command.ts";
import { duration, instantUtc, oneLine, plainText } from "../format.ts";
import { deathWatch, statusWords } from "../status.ts";
import { tokens, tryLine, waitLine, whyLine } from "../trace.ts";

export const show: CommandDefinition = {
  name: "show",
  summary: "Show one run whole: attempts, calls and tries in order, and why each step was taken",
  examples: [
    ["runner show 1f2e3d4c", "the beginning of a run's id is enough"],
    ["runner show last", "the newest run"],
    ["runner show 1f2e3d4c --json", "everything that was recorded"],
  ],
  define: (command) => command.argument("<run>", "id of a run, its first 4 characters or more, or `last`"),
  execute,
};

async function execute(context: CommandContext, [wanted = ""]: readonly string[]): Promise<number> {
  const { loadProject, openProjectLedger } = await import("../../compose/project.ts");
  const project = await loadProject({ ...context.place, env: context.env });
  const ledger = await openProjectLedger(project, { create: false });
  if (ledger === undefined)
    throw new UsageError(`there is no run "${wanted}": nothing has been run yet`, { suggestion: "See: runner run --help" });
  try {
    const id = wanted === "last" ? ((await ledger.history({ limit: 1 }))[0]?.runId ?? "") : wanted;
    const found = id === "" ? undefined : await ledger.run(id);
    if (found === undefined)
      throw new UsageError(`there is no run "${wanted}"`, {
        suggestion: "Give 4 characters of its id or more; see: runner history",
      });
    if ("ambiguous" in found)
      throw new UsageError(`"${wanted}" begins the ids of several runs: ${found.ambiguous.join(", ")}`, {
        suggestion: "Give more of the id.",
      });
    if (context.output.json) context.output.document("run-detail", { ...found });
    else print(context, found, await deathWatch([found.run]));
  } finally {
    await ledger.close();
  }
  return 0;
}

function print({ output }: CommandContext, { run, attempts, calls, tries }: RunDetail, died: (run: RunRow) => boolean): void {
  const style = output.style;
  const ended =
    run.finishedAt === undefined
      ? "not ended"
      : `${instantUtc(run.finishedAt)}, after ${duration(run.finishedAt - run.startedAt)}`;
  const facts: (readonly [string, string])[] = [
    ["run", run.runId],
    ["job", `${run.jobName} (${run.jobId})`],
    ["status", statusWords(style, run, died) + (run.exitCode === undefined ? "" : `, exit ${run.exitCode}`)],
    ["why", oneLine(run.reason ?? "", 4_000)],
    ["started", `${instantUtc(run.startedAt)}, ${run.trigger === "slot" ? "by its schedule" : "by hand"}`],
    ["ended", ended],
    [
      "model",
      run.modelUsed === undefined || run.modelUsed === run.modelAsked
        ? run.modelAsked
        : `${run.modelUsed} (asked for: ${run.modelAsked})`,
    ],
    ["tokens", run.usage === undefined ? "" : tokens(run.usage)],
    ["simulated", run.simulated ? "yes: faults and answer come from the simulated provider" : ""],
  ];
  for (const [name, value] of facts) if (value !== "") output.data(`${style("bold", name.padEnd(9))}  ${value}`);
  for (const attempt of attempts) printAttempt(output, attempt, calls, tries);
  if (run.output !== undefined && run.output !== "")
    output.data(`\n${style("bold", "output")}\n${output.terminal ? plainText(run.output) : run.output}`);
}

function printAttempt(
  output: CommandContext["output"],
  attempt: AttemptRow,
  calls: readonly CallRow[],
  tries: readonly TryRow[],
): void {
  const error = attempt.error === undefined ? "" : `: ${attempt.fault ?? ""} ${oneLine(attempt.error, 160)}`;
  output.data(`\n${output.style("bold", `attempt ${attempt.attempt}`)}  ${attempt.status}${error}`);
  output.data(whyLine(attempt.why, output.style));
  for (const call of calls.filter((one) => one.attempt === attempt.attempt)) {
    const took = call.finishedAt === undefined ? "" : `, ${duration(call.finishedAt - call.startedAt)}`;
    output.data(`  call ${call.call}  ${call.dialect}, ${call.stream ? "streamed" : "not streamed"}: ${call.status}${took}`);
    for (const one of tries.filter((row) => row.attempt === call.attempt && row.call === call.call)) printTry(output, one);
  }
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
        repairs: row.repairs,
      },
      output.style,
    ),
  );
  for (const repair of row.repairs)
    output.data(whyLine(`repair ${repair.code} at event ${repair.at} (${repair.event}): ${repair.proof}`, output.style));
}
