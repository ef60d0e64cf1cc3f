/** Makes a job of what a file holds, or says everything that is wrong with it. Pure: positions come by `locate`. */
import type { Issue } from "../errors.ts";
import { byPlace, check, formatPath, isRecord, maxProblems, type Locate, type Path, type Problem } from "./check.ts";
import { readCron } from "./cron.ts";
import type { AgentTurnPayload, Job, JobLimits, RetryPolicy, Schedule } from "./job.ts";
import { unknownProvider } from "./leaves.ts";
import { notActedOn } from "./not-acted-on.ts";
import { readSchedule } from "./read-schedule.ts";
import { jobShape, longestMs, type JobInput } from "./schema.ts";
import { findSecrets, looksSecret } from "./secret.ts";

export interface JobSource {
  readonly file: string;
  /** Id and name for a job that says none; derived from the file's path. Absent where a file holds several jobs. */
  readonly id?: string;
  readonly name?: string;
  /** Ids of the known providers; given, a model of any other is a problem. */
  readonly providers?: readonly string[];
  /** Model of jobs that name none; `null` if there is none, and then to name none is a problem. Absent: not known. */
  readonly defaultModel?: string | null;
  /** Where in the document the job stands; empty when it is the whole document. */
  readonly prefix?: Path;
}

export type ParsedJob =
  | { readonly job: Job; readonly warnings: readonly Issue[] }
  | { readonly issues: readonly Issue[]; readonly warnings: readonly Issue[] };

/**
 * Reads one job. Never throws, whatever the value is; all problems are reported at once, at most 50.
 * A text that looks like a key is a problem wherever it stands, and is not repeated.
 */
export function parseJob(value: unknown, locate: Locate, source: JobSource): ParsedJob {
  const prefix = source.prefix ?? [];
  const toIssue = (problem: Problem): Issue => {
    const path = [...prefix, ...problem.path];
    const { line, column } = locate(path, problem.of);
    const said = problem.suggestion === undefined ? {} : { suggestion: problem.suggestion };
    return { file: source.file, line, column, path: formatPath(path), message: problem.message, ...said };
  };
  const problems = secretProblems(value);
  const shaped = check(jobShape, value);
  const schedule = isRecord(value) ? readSchedule(value["schedule"]) : undefined;
  if ("problems" in shaped) problems.push(...shaped.problems);
  if (schedule !== undefined && "problems" in schedule) problems.push(...schedule.problems);
  if ("value" in shaped)
    problems.push(
      ...contradictions(shaped.value),
      ...nameless(shaped.value, source),
      ...strangers(shaped.value, source.providers),
      ...modelless(shaped.value, source.defaultModel),
    );
  const warnings = warningsOf(value).map(toIssue);
  if (problems.length > 0 || !("value" in shaped) || schedule === undefined || !("schedule" in schedule)) {
    const told = withoutRepeats(withoutFollowers(problems)).slice(0, maxProblems);
    return { issues: told.map(toIssue).toSorted(byPlace), warnings };
  }
  return { job: toJob(shaped.value, schedule.schedule, source, locate(prefix, "value").line), warnings };
}

function toJob(input: JobInput, schedule: Schedule, source: JobSource, line: number): Job {
  const id = input.id ?? source.id ?? input.name ?? "";
  return {
    id,
    name: input.name ?? source.name ?? id,
    ...(input.description === undefined ? {} : { description: input.description }),
    enabled: input.enabled ?? true,
    schedule,
    payload: toPayload(input.payload),
    retry: toRetry(input.retry ?? {}),
    limits: toLimits(input),
    idempotent: input.idempotent ?? false,
    source: { file: source.file, line },
  };
}

function toPayload(input: JobInput["payload"]): AgentTurnPayload {
  return {
    kind: "agentTurn",
    message: input.message,
    ...(input.model === undefined ? {} : { model: input.model }),
    ...(input.fallbacks === undefined ? {} : { fallbacks: input.fallbacks }),
    stream: input.stream ?? "auto",
    ...(input.system === undefined ? {} : { system: input.system }),
    maxTokens: input.maxTokens ?? 8_192,
  };
}

function toRetry(input: NonNullable<JobInput["retry"]>): RetryPolicy {
  const delayMs = input.delay ?? 5_000;
  return {
    maxAttempts: input.maxAttempts ?? 3,
    delayMs,
    factor: input.factor ?? 2,
    // A first wait that was set longer than the default ceiling lifts the ceiling.
    maxDelayMs: input.maxDelay ?? Math.max(60_000, delayMs),
    jitter: input.jitter ?? 0.25,
    set: (["delay", "factor", "maxDelay"] as const).filter((key) => input[key] !== undefined),
  };
}

/** A default that is shorter than what was set next to it follows it; what was set is never changed. */
function toLimits(input: JobInput): JobLimits {
  const set = input.limits ?? {};
  const seconds = input.payload.timeoutSeconds;
  const unlimited = seconds === 0;
  const runMs = set.run ?? (unlimited ? longestMs : Math.max(3_600_000, Math.ceil((seconds ?? 0) * 1_000)));
  return {
    firstByteMs: set.firstByte ?? 120_000,
    idleMs: set.idle ?? 120_000,
    tryMs: set.try ?? 600_000,
    callMs: set.call ?? Math.max(1_200_000, set.try ?? 0),
    attemptMs: unlimited ? runMs : seconds === undefined ? Math.max(1_800_000, set.call ?? 0) : Math.ceil(seconds * 1_000),
    runMs,
    triesPerCall: set.triesPerCall ?? 12,
    callsPerAttempt: set.callsPerAttempt ?? 50,
    maxWaitMs: set.maxWait ?? 600_000,
    outputBytes: set.outputBytes ?? 1_048_576,
  };
}

/** Values that are each good and cannot all be meant. */
function contradictions(input: JobInput): Problem[] {
  const problems: Problem[] = [];
  const { delay, maxDelay } = input.retry ?? {};
  if (delay !== undefined && maxDelay !== undefined && maxDelay < delay) {
    problems.push({
      path: ["retry", "maxDelay"],
      of: "value",
      message: `is shorter than "delay", the first wait`,
      suggestion: `make it at least as long as "delay"`,
    });
  }
  const set = input.limits ?? {};
  const order = [
    ["firstByte", "try"],
    ["idle", "try"],
    ["try", "call"],
    ["call", "run"],
    ["try", "run"],
  ] as const;
  for (const [inner, outer] of order) {
    const [small, large] = [set[inner], set[outer]];
    if (small === undefined || large === undefined || small <= large) continue;
    problems.push({
      path: ["limits", inner],
      of: "value",
      message: `is longer than "${outer}", which holds it`,
      suggestion: `shorten "${inner}" or lengthen "${outer}"`,
    });
  }
  return problems;
}

function nameless(input: JobInput, source: JobSource): Problem[] {
  if (input.id !== undefined || input.name !== undefined || source.id !== undefined) return [];
  return [
    {
      path: ["name"],
      of: "value",
      message: "is missing: in a file of several jobs each needs a name or an id",
      suggestion: `write "name": "daily-check"`,
    },
  ];
}

/** A job that no model would answer. */
function modelless({ payload }: JobInput, defaultModel: string | null | undefined): Problem[] {
  if (payload.model !== undefined || defaultModel !== null) return [];
  return [
    {
      path: ["payload", "model"],
      of: "value",
      message: "is missing, and the configuration names no model either",
      suggestion: `write "model": "provider/model" here, or "model" in the configuration for all jobs`,
    },
  ];
}

/** Models of providers that nobody knows. */
function strangers({ payload }: JobInput, known: readonly string[] | undefined): Problem[] {
  if (known === undefined) return [];
  const asked: { path: Path; model: string }[] = (payload.fallbacks ?? []).map((model, at) => ({
    path: ["payload", "fallbacks", at],
    model,
  }));
  if (payload.model !== undefined) asked.unshift({ path: ["payload", "model"], model: payload.model });
  return asked.flatMap(({ path, model }) => {
    const problem = unknownProvider(model, known);
    return problem === undefined ? [] : [{ path, of: "value" as const, ...problem }];
  });
}

function secretProblems(value: unknown): Problem[] {
  const suggestion =
    'take it out and revoke it; keys are named in the configuration, as "${NAME}", and read from the environment';
  const message = "looks like a key, and a job file is no place for one (not shown)";
  const found = findSecrets(value).slice(0, maxProblems);
  return found.map((path) => ({ path, of: looksSecret(String(path.at(-1) ?? "")) ? "key" : "value", message, suggestion }));
}

/** A text that was found to be a key needs no second complaint about its form. */
function withoutRepeats(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ path }) => {
    const key = JSON.stringify(path);
    return seen.has(key) ? false : seen.add(key) !== undefined;
  });
}

/** Of a payload of another kind, its other keys are no news. */
function withoutFollowers(problems: readonly Problem[]): readonly Problem[] {
  const other = problems.some(({ path, message }) => formatPath(path) === "payload.kind" && message.includes("not carried out"));
  return other ? problems.filter(({ path }) => path[0] !== "payload" || path[1] === "kind") : problems;
}

function warningsOf(value: unknown): Problem[] {
  if (!isRecord(value)) return [];
  const warnings = notActedOn(value);
  const schedule = value["schedule"];
  const expr = isRecord(schedule) && schedule["kind"] === "cron" ? schedule["expr"] : undefined;
  const read = typeof expr === "string" && /\*[/,]/.test(expr) ? readCron(expr) : undefined;
  if (read !== undefined && "doubt" in read && read.doubt !== undefined) {
    warnings.push({
      path: ["schedule", "expr"],
      of: "value",
      message: read.doubt,
      suggestion: `for both, write "+" before the day of week`,
    });
  }
  const payload = value["payload"];
  if (isRecord(payload) && payload["timeoutSeconds"] === 0) {
    warnings.push({
      path: ["payload", "timeoutSeconds"],
      of: "value",
      message: "0 means no limit in OpenClaw; here the limit of the run applies",
    });
  }
  return warnings;
}
