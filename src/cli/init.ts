/** What `runner init` writes: pure, answers → files. */
import { UsageError } from "../errors.ts";
import { readCron } from "../job/cron.ts";
import { formatDuration, readDuration } from "../job/duration.ts";
import type { NewFile } from "./write-files.ts";

/** What a person, or the flags in their place, has decided. */
export interface InitAnswers {
  /** `provider/model`. */
  readonly model: string;
  /** The variable that holds the key; undefined for a provider without one. */
  readonly variable: string | undefined;
  /** Name of the first job, and of its file. */
  readonly job: string;
  /** As the schedule was written: a cron expression, `@daily`, `30m`, or `manual`. */
  readonly schedule: string;
  /** What the job asks for. */
  readonly message: string;
  /** IANA zone the schedule is written in. */
  readonly timezone: string;
  /** The project has a configuration, which stays as it is; the job then names its model itself. */
  readonly configured: boolean;
}

export const configPath = "runner.config.yaml";

/** A model to begin with of each provider that is known; one that is not here is asked for with `--model`. */
export const firstModels: Readonly<Record<string, string>> = {
  "kimi-coding": "kimi-coding/k2p5",
  moonshot: "moonshot/kimi-k2.5",
  anthropic: "anthropic/claude-sonnet-4-6",
  openai: "openai/gpt-5-mini",
  openrouter: "openrouter/moonshotai/kimi-k2.5",
};

export const firstJob = {
  job: "morning-note",
  schedule: "0 7 * * 1-5",
  message: "Write a morning note: one good question to begin the day with, and one sentence about why it is a good one.",
} as const;

/** Names are typed in a shell and are file names. @returns what is wrong with the name, if anything. */
export function jobNameProblem(name: string): string | undefined {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) && !/^readme$/i.test(name)) return undefined;
  return "a job's name here is letters, digits, dots and dashes, at most 64";
}

/** @returns what is wrong with the schedule, with a remedy, if anything. */
export function scheduleProblem(schedule: string): string | undefined {
  if (schedule === "manual" || "ms" in readEvery(schedule)) return undefined;
  const read = readCron(schedule);
  if (!("problem" in read)) return undefined;
  return `${read.problem}; ${read.suggestion ?? 'write "0 7 * * 1-5", "@daily", "30m" or "manual"'}`;
}

function readEvery(schedule: string): { readonly ms: number } | { readonly problem: string } {
  const read = readDuration(schedule);
  return "ms" in read && read.ms >= 1_000 ? read : { problem: "" };
}

/** @throws UsageError for a name or a schedule that cannot be used. */
export function plannedFiles(answers: InitAnswers): NewFile[] {
  const name = jobNameProblem(answers.job);
  if (name !== undefined) throw new UsageError(`--job ${JSON.stringify(answers.job)}: ${name}`);
  const schedule = scheduleProblem(answers.schedule);
  if (schedule !== undefined) throw new UsageError(`--schedule ${JSON.stringify(answers.schedule)}: ${schedule}`);
  const job = { path: `jobs/${answers.job}.md`, text: jobText(answers) };
  return answers.configured ? [job] : [{ path: configPath, text: configText(answers) }, job];
}

function configText({ model, variable, timezone }: InitAnswers): string {
  const key =
    variable === undefined
      ? ["# This provider needs no key."]
      : [`# The key is read from the environment variable ${variable} and never stands in a file.`];
  return [
    "# Configuration of runner. Everything may be left out: see docs/configuration.md of the package.",
    ...key,
    "",
    "# Model of jobs that name none.",
    `model: ${model}`,
    "",
    "# Models to ask, in this order, when that one cannot answer.",
    "# fallbacks:",
    `#   - ${model.startsWith("anthropic/") ? "openai/gpt-5-mini" : "anthropic/claude-sonnet-4-6"}`,
    "",
    "# Zone of the schedules of jobs that name none.",
    `timezone: ${timezone}`,
    "",
  ].join("\n");
}

function jobText({ model, message, schedule, configured }: InitAnswers): string {
  const lines = ["---", ...scheduleLines(schedule), "payload:", "  kind: agentTurn"];
  if (configured) lines.push(`  model: ${model}`);
  return [...lines, "---", "", message.trim(), ""].join("\n");
}

function scheduleLines(schedule: string): string[] {
  if (schedule === "manual") return ["# No schedule: it is started by hand."];
  const every = readEvery(schedule);
  if ("ms" in every) return [`# Every ${formatDuration(every.ms)}.`, `schedule: { kind: every, everyMs: ${every.ms} }`];
  return [`schedule: { kind: cron, expr: ${JSON.stringify(schedule)} }`];
}
