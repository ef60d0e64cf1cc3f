/** One run from the command line: carried out with its trace, stopped by Ctrl-C, its answer printed. */
import type { Project } from "../compose/project.ts";
import type { Simulate } from "../compose/runtime.ts";
import type { RunOutcome } from "../engine/outcome.ts";
import type { RunRequest } from "../engine/parts.ts";
import type { Job } from "../job/job.ts";
import { exitCodeOf, exitCodes } from "../run/exit-code.ts";
import type { CommandContext } from "./command.ts";
import { plainText, shortId } from "./format.ts";
import { OutputError } from "./output.ts";
import { createReporter, quietReporter } from "./reporter.ts";
import { onStopSignals } from "./signals.ts";

interface OneRun {
  readonly job: Job;
  readonly simulate: Simulate | undefined;
  /** No trace unless the run fails. */
  readonly quiet: boolean;
  readonly request: Omit<RunRequest, "trigger" | "signal" | "listen">;
}

/**
 * Signals end this process as any other from when the run has ended: then there is nothing to stop with care, and what is closed and printed
 * afterwards may block.
 */
export async function runToItsEnd(
  context: CommandContext,
  project: Project,
  { job, simulate, quiet, request }: OneRun,
): Promise<RunOutcome> {
  const { openRuntime } = await import("../compose/runtime.ts");
  const signals = onStopSignals((signal) => context.exitNow(exitCodeOf({ status: "cancelled", signal })));
  const reporter = createReporter(context.output);
  const { listen } = quiet ? quietReporter(reporter) : reporter;
  const runtime = await openRuntime(project, simulate === undefined ? {} : { simulate });
  try {
    const trigger = request.slotAt === undefined ? "manual" : "slot";
    return await runtime.engine.run(job, { ...request, trigger, signal: signals.signal, listen });
  } finally {
    signals.release();
    reporter.close();
    await runtime.close();
  }
}

/** Prints what came of it, and returns the exit code. */
export function printOutcome({ output }: CommandContext, outcome: RunOutcome): number {
  try {
    if (output.json) output.document("run", { run: outcome });
    else if (isResult(outcome)) printOutput(output, outcome.output);
    else sayWhatIsKept(output, outcome);
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
    output.note(
      `${output.styleNote("red", "error:")} ${error.message}; the answer is in the ledger: runner show ${shortId(outcome.runId)}`,
    );
    // Not 75: the turn has succeeded, and a wrapper that tries again later would carry it out twice.
    return exitCodes.failed;
  }
  return outcome.exitCode;
}

/** What a budget ended early is printed as far as it came; any other answer that is not a success must not pass for one in a pipe. */
function isResult({ status, fault }: RunOutcome): boolean {
  return status === "succeeded" || fault === "budget";
}

function printOutput(output: CommandContext["output"], text = ""): void {
  // A program's output ends its last line itself.
  const lines = text.replace(/\n$/, "");
  if (lines !== "") output.data(output.terminal ? plainText(lines) : lines);
}

function sayWhatIsKept(output: CommandContext["output"], { output: text = "", runId }: RunOutcome): void {
  if (text !== "") output.note(`the answer that was not accepted is kept: runner show ${shortId(runId)}`);
}
