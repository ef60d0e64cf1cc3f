/** Makes a job of its checked input: every default is filled in here, and nowhere else. */
import type { AgentTurnPayload, Budget, CommandPayload, Expectations, Job, JobLimits, RetryPolicy, Schedule } from "./job.ts";
import type { JobInput } from "./job-shape.ts";
import { longestMs } from "./limits-shape.ts";

/** What was found out about a job beside its own text. */
export interface JobFacts {
  readonly schedule: Schedule;
  readonly source: Job["source"];
  /** Id and name for a job that says none. */
  readonly id: string | undefined;
  readonly name: string | undefined;
  /** What the files it names hold, and where they are. */
  readonly files: ResolvedFiles;
}

export interface ResolvedFiles {
  readonly message?: string;
  readonly system?: string;
  readonly jsonSchema?: Readonly<Record<string, unknown>> | boolean;
  readonly workDir?: string;
  readonly eventHandler?: string;
}

export function toJob(input: JobInput, facts: JobFacts): Job {
  const { schedule, source, files } = facts;
  const id = input.id ?? facts.id ?? input.name ?? "";
  const budget = toBudget(input.limits ?? {});
  return {
    id,
    name: input.name ?? facts.name ?? id,
    ...(input.description === undefined ? {} : { description: input.description }),
    enabled: input.enabled ?? true,
    schedule,
    ...(input.catchUp === undefined ? {} : { catchUp: input.catchUp }),
    ...(input.overlap === undefined ? {} : { overlap: input.overlap }),
    ...(input.group === undefined ? {} : { group: input.group }),
    payload: input.payload.kind === "command" ? toCommand(input.payload) : toTurn(input.payload, files),
    retry: toRetry(input.retry ?? {}, input.payload.kind === "command"),
    limits: toLimits(input),
    ...(budget === undefined ? {} : { budget }),
    ...toContract(input, files),
    ...(files.workDir === undefined ? {} : { workDir: files.workDir }),
    ...(files.eventHandler === undefined ? {} : { eventHandler: files.eventHandler }),
    idempotent: input.idempotent ?? false,
    source,
  };
}

type TurnInput = Extract<JobInput["payload"], { kind: "agentTurn" }>;
type CommandInput = Extract<JobInput["payload"], { kind: "command" }>;

function toTurn(input: TurnInput, files: ResolvedFiles): AgentTurnPayload {
  const system = files.system ?? input.system;
  return {
    kind: "agentTurn",
    message: files.message ?? input.message,
    ...(input.model === undefined ? {} : { model: input.model }),
    ...(input.fallbacks === undefined ? {} : { fallbacks: input.fallbacks }),
    stream: input.stream ?? "auto",
    ...(system === undefined ? {} : { system }),
    maxTokens: input.maxTokens ?? 8_192,
    ...(input.tools === undefined || Object.keys(input.tools).length === 0 ? {} : { tools: input.tools }),
    ...(input.maxTurns === undefined ? {} : { maxTurns: input.maxTurns }),
    ...(input.thinking === undefined ? {} : { thinking: input.thinking }),
  };
}

function toCommand(input: CommandInput): CommandPayload {
  const noOutput = input.noOutputTimeoutSeconds;
  return {
    kind: "command",
    argv: input.argv ?? input.command ?? [],
    ...(input.input === undefined ? {} : { input: input.input }),
    ...(input.env === undefined ? {} : { env: input.env }),
    ...(noOutput === undefined ? {} : { noOutputMs: Math.ceil(noOutput * 1_000) }),
  };
}

/** What is asked before the turn and of its answer. */
function toContract(
  input: JobInput,
  files: ResolvedFiles,
): Pick<Job, "onRateLimit" | "gate" | "expect" | "quiet" | "record" | "vars" | "env"> {
  const expect = toExpectations(input.expect, files);
  return {
    ...(input.onRateLimit === undefined ? {} : { onRateLimit: input.onRateLimit }),
    ...(input.gate === undefined ? {} : { gate: input.gate }),
    ...(expect === undefined ? {} : { expect }),
    ...(input.quiet === undefined ? {} : { quiet: input.quiet }),
    ...(input.record === undefined ? {} : { record: input.record }),
    ...(input.vars === undefined ? {} : { vars: input.vars }),
    ...(input.env === undefined ? {} : { env: input.env }),
  };
}

function toExpectations(input: JobInput["expect"], files: ResolvedFiles): Expectations | undefined {
  if (input === undefined) return undefined;
  const { jsonSchema: written, ...rest } = input;
  const jsonSchema = typeof written === "string" ? files.jsonSchema : written;
  return { ...rest, ...(jsonSchema === undefined ? {} : { jsonSchema }) };
}

function toBudget({ tokens, usd, calls, turns, seconds }: NonNullable<JobInput["limits"]>): Budget | undefined {
  const budget: Budget = {
    ...(tokens === undefined ? {} : { tokens }),
    ...(usd === undefined ? {} : { usd }),
    ...(calls === undefined ? {} : { calls }),
    ...(turns === undefined ? {} : { turns }),
    ...(seconds === undefined ? {} : { ms: Math.ceil(seconds * 1_000) }),
  };
  return Object.keys(budget).length === 0 ? undefined : budget;
}

/** Jobs that say nothing of their own share one object: 100,000 of them are to fit into memory. */
const usual = {
  turn: Object.freeze(madeRetry({}, false)),
  command: Object.freeze(madeRetry({}, true)),
  limits: Object.freeze(madeLimits({}, undefined, undefined)),
};

function toRetry(input: NonNullable<JobInput["retry"]>, isCommand: boolean): RetryPolicy {
  if (Object.keys(input).length > 0) return madeRetry(input, isCommand);
  return isCommand ? usual.command : usual.turn;
}

function toLimits(input: JobInput): JobLimits {
  const { limits = {}, payload } = input;
  const bytes = payload.kind === "command" ? payload.outputMaxBytes : undefined;
  const isUsual = Object.keys(limits).length === 0 && payload.timeoutSeconds === undefined && bytes === undefined;
  return isUsual ? usual.limits : madeLimits(limits, payload.timeoutSeconds, bytes);
}

function madeRetry(input: NonNullable<JobInput["retry"]>, isCommand: boolean): RetryPolicy {
  const delayMs = input.delay ?? 5_000;
  return {
    maxAttempts: input.maxAttempts ?? 3,
    delayMs,
    factor: input.factor ?? 2,
    // A first wait that was set longer than the default ceiling lifts the ceiling.
    maxDelayMs: input.maxDelay ?? Math.max(60_000, delayMs),
    jitter: input.jitter ?? 0.25,
    set: (["delay", "factor", "maxDelay"] as const).filter((key) => input[key] !== undefined),
    // A program's exit code is how it says "not this time"; whether it may be repeated at all, `idempotent` says.
    ...((input.declared ?? isCommand) ? { declared: true } : {}),
  };
}

/** A default that is shorter than what was set next to it follows it; what was set is never changed. */
function madeLimits(set: NonNullable<JobInput["limits"]>, seconds: number | undefined, kept: number | undefined): JobLimits {
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
    deferMs: set.defer ?? 86_400_000,
    outputBytes: kept ?? set.outputBytes ?? 1_048_576,
  };
}
