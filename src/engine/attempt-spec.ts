/** What a turn is told: the part that the job decides, and the part that the attempt does. */
import type { Job } from "../job/job.ts";
import type { Door, TurnSpec } from "../turn/turn.ts";
import type { PromptTexts } from "./prompt.ts";
import type { RunContext } from "./run-context.ts";

/** From TERM to KILL for what a turn leaves behind, where nobody says otherwise. */
const defaultKillGraceMs = 5_000;

type TurnAsk = Pick<TurnSpec, "system" | "message" | "model" | "dialect" | "stream" | "maxTokens">;

/** What the turn asks, as far as the job decides it. */
export function askOf(job: Job, modelAsked: string, dialect: TurnSpec["dialect"], texts: PromptTexts): TurnAsk {
  const maxTokens = job.payload.kind === "command" ? 1 : job.payload.maxTokens;
  // Between the turn and the gateway the form does not matter for the proof; a plain answer is the simpler one to read whole.
  return { ...texts, model: modelAsked, dialect, stream: false, maxTokens };
}

type Answering = Pick<RunContext["start"], "jobId" | "runId" | "slotAt" | "scheduledFor">;

/** The same for every attempt of a run, and for whatever answers the same slot: services know a repeated request again by it. */
function idempotencyKey({ jobId, runId, slotAt: own, scheduledFor: slotAt = own }: Answering): string {
  return slotAt === undefined ? `run:${runId}` : `slot:${jobId}:${new Date(slotAt).toISOString()}`;
}

/** What every program of a run is told of it: the turn, its gate and its expectation. */
export function identityOf(start: Answering): Pick<TurnSpec, "idempotencyKey" | "slotAt"> {
  const slotAt = start.scheduledFor ?? start.slotAt;
  return { idempotencyKey: idempotencyKey(start), ...(slotAt === undefined ? {} : { slotAt }) };
}

interface AttemptFacts {
  readonly sessionId: string;
  readonly attemptMs: number;
  readonly gateway: () => Promise<Door>;
  readonly texts: PromptTexts;
}

export function turnSpec(context: RunContext, attempt: number, { sessionId, attemptMs, gateway, texts }: AttemptFacts): TurnSpec {
  const { job, plan, start, tally, parts } = context;
  const killGraceMs = parts.killGraceMs ?? defaultKillGraceMs;
  const done = tally.done.filter((tool) => tool.attempt < attempt);
  return {
    ...askOf(job, plan.modelAsked, plan.dialect, texts),
    ...grants(job),
    runId: start.runId,
    jobName: job.name,
    attempt,
    sessionId,
    ...identityOf(start),
    ...(done.length === 0 ? {} : { done }),
    gateway,
    limits: { attemptMs, killGraceMs, outputBytes: job.limits.outputBytes },
  };
}

/** What the job grants the turn, and how it is to answer. */
export function grants({ payload, expect, workDir }: Job): Partial<TurnSpec> {
  const where = workDir === undefined ? {} : { workDir };
  if (payload.kind === "command") return { ...where, command: payload };
  const { tools, maxTurns, thinking } = payload;
  const schema = expect?.jsonSchema;
  return {
    ...where,
    ...(tools === undefined ? {} : { tools }),
    ...(maxTurns === undefined ? {} : { maxTurns }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(typeof schema === "object" ? { outputSchema: schema } : {}),
  };
}
