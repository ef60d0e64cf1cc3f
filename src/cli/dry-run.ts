/** `run --dry-run`: everything a run would do, as far as it can be known without doing it. Sends nothing, writes nothing. */
import type { DryRun, DryRunRequest } from "../compose/dry-run.ts";
import type { Project } from "../compose/project.ts";
import type { CommandContext } from "./command.ts";
import {
  contractLines,
  endingLines,
  findingLines,
  gateLines,
  jobLines,
  keyLine,
  limitLines,
  priceLines,
  promptLines,
  requestLines,
  schedulingLines,
  slotLines,
  timetableLines,
  toolLines,
} from "./dry-run-lines.ts";
import { rungName } from "./trace.ts";

export async function dryRun({ output }: CommandContext, project: Project, asked: DryRunRequest): Promise<number> {
  const { planDryRun } = await import("../compose/dry-run.ts");
  const plan = await planDryRun(project, asked);
  const exitCode = plan.blockedWith ?? 0;
  if (output.json) {
    output.document("dry-run", { ...plan });
    return exitCode;
  }
  output.note(output.styleNote("yellow", "Dry run: nothing is sent, nothing is written."));
  for (const [title, lines] of sectionsOf(plan)) {
    if (lines.length === 0) continue;
    output.data([output.style("bold", title), ...lines.map((line) => (line === "" ? "" : `  ${line}`)), ""].join("\n"));
  }
  return exitCode;
}

/** In the order of the run. A section without a line is left out. */
function sectionsOf(plan: DryRun): readonly (readonly [title: string, lines: readonly string[]])[] {
  const { job, ladder, notes } = plan;
  return [
    ["Job", jobLines(job)],
    [`Next slots (${plan.zone}, UTC)`, slotLines(plan)],
    ["Scheduling", schedulingLines(plan)],
    ["Preflight", findingLines(plan)],
    ["Gate", gateLines(job)],
    ["Ladder", [...ladder.map((rung, index) => `${index + 1}  ${rungName(rung).trimEnd()}`), ...notes]],
    ["Left alone after failures (--force asks them all the same)", plan.leftAlone.map(({ key, why }) => `${key}  ${why}`)],
    ["Keys", plan.keys.map(keyLine)],
    ["Tools", toolLines(plan)],
    ["What counts as done", contractLines(job)],
    ...(ladder.length === 0 ? [] : worstCases(plan)),
    ["Prices", priceLines(plan)],
    ["Limits", limitLines(plan)],
    ["How its processes are ended", endingLines(plan)],
    ["Environment of the turn", Object.entries(plan.environment).map(([name, value]) => `${name}=${value}`)],
    ["Prompt", promptLines(plan)],
    ["Request of the first try", requestLines(plan)],
  ];
}

function worstCases(plan: DryRun): readonly (readonly [string, readonly string[]])[] {
  return [
    ["Worst case of the run, every try failing at once with an event-order error", timetableLines(plan.failingAtOnce)],
    ["Worst case of the run, no provider ever answering", timetableLines(plan.silent)],
  ];
}
