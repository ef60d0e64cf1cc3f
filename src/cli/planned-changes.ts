/** Shows what a plan would write and remove, as a diff, asks a person at a terminal, and carries it out. */
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import { applyChanges, isChange, runSteps, type StepDone } from "../compose/service/apply.ts";
import { toText } from "../compose/service/crontab.ts";
import { shellWord } from "../load/shell-word.ts";
import type { Change, Plan, Step } from "../compose/service/service.ts";
import type { CommandContext } from "./command.ts";

export interface CarryOptions {
  readonly dryRun: boolean;
  readonly now: boolean;
  /** Ask nothing. */
  readonly yes: boolean;
  readonly question: string;
}

export interface Carried {
  readonly written: boolean;
  readonly steps: readonly StepDone[];
  /** The person said no. */
  readonly declined: boolean;
}

/** Shows the plan on stdout unless a document was asked for. Nothing is written with `dryRun`, or when the person says no. */
export async function carryPlan(context: CommandContext, plan: Plan, options: CarryOptions): Promise<Carried> {
  const { output, env } = context;
  const changes = plan.changes.filter(isChange);
  if (!output.json) for (const change of changes) for (const line of diffOf(change)) output.data(painted(context, line));
  const nothing = { written: false, steps: [], declined: false };
  if (options.dryRun) return nothing;
  if (changes.length > 0 && !options.yes && mayAsk(context) && !(await confirmed(options.question)))
    return { ...nothing, declined: true };
  const before = options.now ? runSteps(plan.before, env) : [];
  applyChanges(plan.changes, plan.folders, env);
  const after = options.now ? runSteps(plan.after, env) : [];
  return { written: changes.length > 0, steps: [...before, ...after], declined: false };
}

function mayAsk({ output, env }: CommandContext): boolean {
  return !output.json && env["CI"] === undefined && process.stdin.isTTY && output.terminal;
}

async function confirmed(question: string): Promise<boolean> {
  const { createInterface } = await import("node:readline/promises");
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // An end of the input, Ctrl-C included, is no.
    const left = new Promise<string>((resolve) => void asking.once("close", () => resolve("")));
    return /^\s*y(es)?\s*$/i.test(await Promise.race([asking.question(`${question} [y/N] `), left]));
  } finally {
    asking.close();
  }
}

/** A crontab may hold keys and other people's lines: of it, only what changes is shown. Files of ours are shown whole. */
function diffOf({ target, kind, before, after }: Change): string[] {
  const text = (content: string | undefined): string =>
    kind === "crontab" ? toText(content ?? "") : content === undefined ? "" : kind === "link" ? `${content}\n` : content;
  const [from, to] = [before === undefined ? "/dev/null" : target, after === undefined ? "/dev/null" : target];
  const patch = createTwoFilesPatch(from, to, text(before), text(after), undefined, undefined, {
    context: kind === "crontab" ? 0 : 3,
    headerOptions: FILE_HEADERS_ONLY,
  });
  return patch.trimEnd().split("\n").map(withoutKeys);
}

/** Somebody may have written a key into a unit by hand; it is not repeated on a terminal. */
function withoutKeys(line: string): string {
  return /^[-+ ].*?\b\w*(?:KEY|TOKEN|SECRET|PASSW)\w*["']?\s*=\s*\S/i.test(line) && !/^[-+ ]# /.test(line)
    ? line.replace(/(\b\w*(?:KEY|TOKEN|SECRET|PASSW)\w*["']?\s*=\s*).*$/i, "$1… (not shown)")
    : line;
}

function painted({ output }: CommandContext, line: string): string {
  if (line.startsWith("+++") || line.startsWith("---")) return output.style("bold", line);
  if (line.startsWith("+")) return output.style("green", line);
  if (line.startsWith("-")) return output.style("red", line);
  return line.startsWith("@@") ? output.style("cyan", line) : line;
}

/** Commands as a person types them. */
export function stepLine({ argv }: Pick<Step, "argv">): string {
  return argv.map(shellWord).join(" ");
}

/** What is left to do, on stdout: commands that were not run. */
export function tellSteps({ output }: CommandContext, steps: readonly Step[], title: string): void {
  if (steps.length === 0) return;
  output.data(`\n${title}\n`);
  const width = Math.min(60, Math.max(...steps.map((step) => stepLine(step).length)));
  for (const step of steps) output.data(`  ${stepLine(step).padEnd(width)}  ${output.style("dim", `# ${step.meaning}`)}`);
}

/** Tells what `--now` ran. */
export function tellDone({ output }: CommandContext, done: readonly StepDone[]): void {
  for (const step of done) {
    const mark = step.ok ? output.styleNote("green", "ran") : output.styleNote("red", "failed");
    output.note(`${mark}  ${stepLine(step)}${step.ok || step.said === "" ? "" : `: ${step.said}`}`);
  }
}

/** For `--json`: what would be, or was, done to each file. Of a crontab only the project's block. */
export function changeDocument(change: Change, block: (crontab: string) => string | undefined): Record<string, unknown> {
  const { target, kind, before, after } = change;
  const action = !isChange(change) ? "none" : before === undefined ? "create" : after === undefined ? "remove" : "change";
  const text = kind === "crontab" ? block(after ?? "") : after;
  return { target, kind, action, text: text === undefined ? null : kind === "crontab" ? toText(text) : text };
}
