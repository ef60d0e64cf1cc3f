/** `run --dry-run`: everything a run would do, as far as it can be known without doing it. Sends nothing, writes nothing. */
import type { DryRun, Project } from "../compose.ts";
import type { Job } from "../job/job.ts";
import type { CommandContext } from "./command.ts";
import { duration, instantIn, instantUtc } from "./format.ts";
import { table } from "./output.ts";
import { rungName } from "./trace.ts";

export interface Asked {
  readonly job: Job;
  readonly model: string | undefined;
  readonly stream: boolean | undefined;
  readonly simulate: { readonly faults: string; readonly seed: number | undefined } | undefined;
}

export async function dryRun({ output }: CommandContext, project: Project, asked: Asked): Promise<number> {
  const { planDryRun } = await import("../compose.ts");
  const plan = await planDryRun(project, asked);
  if (output.json) {
    output.document("dry-run", { ...plan });
    return plan.usable ? 0 : 77;
  }
  const section = (title: string, lines: readonly string[]): void => output.data([output.style("bold", title), ...lines.map((line) => `  ${line}`), ""].join("\n"));
  output.note(output.styleNote("yellow", "Dry run: nothing is sent, nothing is written."));
  section("Job", jobLines(asked.job));
  section(`Next slots (${plan.zone}, UTC)`, slotLines(plan));
  section("Ladder", [...plan.ladder.map((rung, index) => `${index + 1}  ${rungName(rung).trimEnd()}`), ...plan.notes]);
  section("Keys", plan.keys.map(({ provider, source, found }) => `${provider}: ${source}${source === "no key needed" ? "" : found ? ", found" : ", MISSING"}`));
  section("If every try fails at once with stream_order", plan.timetable.map(({ atMs, what }) => `+${duration(atMs).padEnd(10)} ${what}`));
  section("Time limits and other limits", table(plan.limits.map(({ name, value, meaning }) => [name, value, meaning])));
  section("Environment of the turn", Object.entries(plan.environment).map(([name, value]) => `${name}=${value}`));
  section("Request of the first try", requestLines(plan));
  return plan.usable ? 0 : 77;
}

function jobLines(job: Job): string[] {
  const { hash, source, ...rest } = job;
  return [`from ${source.file}:${source.line} (${hash.slice(0, 12)})`, ...JSON.stringify(rest, undefined, 2).split("\n")];
}

function slotLines({ slots, zone }: DryRun): string[] {
  if (slots.length === 0) return ["none: it has no schedule, or none ahead"];
  return table(slots.map((at) => [instantIn(zone, at), instantUtc(at)]));
}

function requestLines({ request }: DryRun): string[] {
  const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
  return [`${request.method} ${request.url}`, ...headers, "", ...JSON.stringify(request.body, undefined, 2).split("\n")];
}
