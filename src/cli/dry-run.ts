/** `run --dry-run`: everything a run would do, as far as it can be known without doing it. Sends nothing, writes nothing. */
import type { DryRun, DryRunRequest } from "../compose/dry-run.ts";
import type { Project } from "../compose/project.ts";
import type { TimetableRow } from "../engine/timetable.ts";
import type { LimitRow } from "../engine/dry-run.ts";
import { formatDuration } from "../job/duration.ts";
import type { Job } from "../job/job.ts";
import type { CommandContext } from "./command.ts";
import { duration, instantIn, instantUtc } from "./format.ts";
import { table } from "./output.ts";
import { rungName } from "./trace.ts";

export async function dryRun({ output }: CommandContext, project: Project, asked: DryRunRequest): Promise<number> {
  const { planDryRun } = await import("../compose/dry-run.ts");
  const plan = await planDryRun(project, asked);
  if (output.json) {
    output.document("dry-run", { ...plan });
    return plan.usable ? 0 : 77;
  }
  const section = (title: string, lines: readonly string[]): void =>
    output.data([output.style("bold", title), ...lines.map((line) => `  ${line}`), ""].join("\n"));
  output.note(output.styleNote("yellow", "Dry run: nothing is sent, nothing is written."));
  section("Job", jobLines(asked.job));
  section(`Next slots (${plan.zone}, UTC)`, slotLines(plan));
  section("Ladder", [...plan.ladder.map((rung, index) => `${index + 1}  ${rungName(rung).trimEnd()}`), ...plan.notes]);
  section("Keys", plan.keys.map(keyLine));
  section("Worst case of the run, every try failing at once with an event-order error", timetableLines(plan.failingAtOnce));
  section("Worst case of the run, no provider ever answering", timetableLines(plan.silent));
  section("Limits", table(plan.limits.map((limit) => [limit.name, limitValue(limit), limit.meaning])));
  section(
    "Environment of the turn",
    Object.entries(plan.environment).map(([name, value]) => `${name}=${value}`),
  );
  if (plan.sandbox !== undefined) section("Sandbox of the turn's tools", [plan.sandbox]);
  section("Request of the first try", requestLines(plan));
  return plan.usable ? 0 : 77;
}

function keyLine({ provider, variable, found, sentTo }: DryRun["keys"][number]): string {
  return `${provider}: ${variable === undefined ? "no key needed" : `${variable} is ${found ? "set" : "MISSING"}; sent to ${sentTo}`}`;
}

function timetableLines(rows: readonly TimetableRow[]): string[] {
  return table(rows.map(({ atMs, rung, why }) => [`+${duration(atMs)}`, rung === undefined ? "" : rungName(rung), why]));
}

function limitValue({ value, unit }: LimitRow): string {
  if (unit === "dollars") return `$${value}`;
  return unit === "ms" ? duration(value) : `${value}${unit === "bytes" ? " bytes" : ""}`;
}

function jobLines(job: Job): string[] {
  return [`from ${job.source.file}:${job.source.line}`, ...JSON.stringify(asWritten(job), undefined, 2).split("\n")];
}

/** The resolved job in the words of a job file, so that each line can be copied into one; the limits stand in a table of their own. */
function asWritten({
  id,
  name,
  description,
  enabled,
  schedule,
  payload,
  retry,
  onRateLimit,
  idempotent,
}: Job): Readonly<Record<string, unknown>> {
  return {
    id,
    name,
    description,
    enabled,
    schedule: schedule.kind === "manual" ? undefined : schedule,
    payload,
    retry: {
      maxAttempts: retry.maxAttempts,
      delay: formatDuration(retry.delayMs),
      factor: retry.factor,
      maxDelay: formatDuration(retry.maxDelayMs),
      jitter: retry.jitter,
      declared: retry.declared,
    },
    onRateLimit,
    idempotent,
  };
}

function slotLines({ slots, zone }: DryRun): string[] {
  if (slots.length === 0) return ["none: it has no schedule, or none ahead"];
  return table(slots.map((at) => [instantIn(zone, at), instantUtc(at)]));
}

function requestLines({ request }: DryRun): string[] {
  const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
  return [`${request.method} ${request.url}`, ...headers, "", ...JSON.stringify(request.body, undefined, 2).split("\n")];
}
