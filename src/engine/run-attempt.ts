/** One attempt: open the door, let the turn work behind it, close it, write down how it went. */
import { randomUUID } from "node:crypto";
import { ProviderError, type Fault } from "../errors.ts";
import type { CallObserver, Gateway, Grant, TryPlan } from "../gateway/gateway.ts";
import type { Job } from "../job/job.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Rung } from "../run/ladder.ts";
import type { Door, Turn, TurnResult, TurnSpec } from "../turn/turn.ts";
import type { Clock } from "./clock.ts";
import type { Answer, RunListener } from "./events.ts";
import { systemPrompt } from "./prompt.ts";
import { addUsage, type Tally } from "./tally.ts";

export interface AttemptContext {
  readonly job: Job;
  readonly runId: string;
  readonly modelAsked: string;
  readonly ladder: readonly Rung[];
  readonly dialect: TurnSpec["dialect"];
  readonly ledger: Ledger;
  readonly gateway: () => Promise<Gateway>;
  readonly turn: Turn;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly emit: RunListener;
  readonly tally: Tally;
  /** When the run must have ended, on the monotonic clock; an attempt gets what is left of it if that is less than its own limit. */
  readonly runDeadline: number;
}

export interface AttemptEnd {
  readonly result: TurnResult;
  /** On the monotonic clock, as `finishedAt`: waits and limits are counted from them. */
  readonly startedAt: number;
  readonly finishedAt: number;
  /** False: a process of the turn may still live, so nothing may follow. */
  readonly confirmedDead: boolean;
  /** The least wait that the provider asked for when the last call was given up. */
  readonly retryAfterMs: number | undefined;
}

/** From TERM to KILL for what a turn leaves behind. */
const killGraceMs = 5_000;

export async function runAttempt(context: AttemptContext, attempt: number, why: string): Promise<AttemptEnd> {
  const { job, runId, ledger, clock, emit } = context;
  const at = clock.now();
  const startedAt = clock.monotonic();
  const sessionId = randomUUID();
  await ledger.startAttempt({ runId, attempt, startedAt: at, sessionId, why });
  emit({ type: "attempt_started", at, attempt, why });
  const time = timeOf(context);
  const ended = new AbortController();
  const observer = createObserver(context, attempt);
  const opened: { readonly close: () => void }[] = [];
  const grant: Grant = {
    runId,
    attempt,
    ladder: context.ladder,
    wholeAnswersOnly: true,
    retry: job.retry,
    limits: job.limits,
    deadline: { leftMs: () => time.endsAt - clock.monotonic(), limit: time.limit },
    signal: AbortSignal.any([context.signal, ended.signal]),
    observer,
  };
  const openDoor = async (): Promise<Door> => {
    const gateway = await context.gateway();
    const door = gateway.open(grant);
    opened.push(door);
    return { url: gateway.url, token: door.token };
  };
  const spec = turnSpec(context, attempt, sessionId, { attemptMs: time.attemptMs, gateway: openDoor });
  const { result, cleanup } = await context.turn.run(spec, { signal: context.signal, env: context.env }).finally(() => {
    ended.abort(new Error("the attempt has ended"));
    for (const door of opened) door.close();
  });
  const finishedAt = clock.monotonic();
  const endedAt = clock.now();
  await ledger.finishAttempt({ runId, attempt }, { finishedAt: endedAt, ...attemptWords(result) });
  emit({ type: "attempt_finished", at: endedAt, attempt, result, killed: cleanup.killed });
  return { result, startedAt, finishedAt, confirmedDead: cleanup.confirmed, retryAfterMs: observer.lastRetryAfterMs() };
}

/** What the turn asks, as far as the job decides it. */
export function askOf(job: Job, modelAsked: string, dialect: TurnSpec["dialect"]): TurnAsk {
  const { payload } = job;
  if (payload.kind === "command") return { system: "", message: "", model: modelAsked, dialect, stream: false, maxTokens: 1 };
  const system = systemPrompt(payload.system);
  // Between the turn and the gateway the form does not matter for the proof; a plain answer is the simpler one to read whole.
  return { system, message: payload.message, model: modelAsked, dialect, stream: false, maxTokens: payload.maxTokens };
}

type TurnAsk = Pick<TurnSpec, "system" | "message" | "model" | "dialect" | "stream" | "maxTokens">;

interface AttemptTime {
  readonly attemptMs: number;
  /** On the monotonic clock. */
  readonly endsAt: number;
  /** Which limit ends it. */
  readonly limit: string;
}

/** How long the attempt may last: its own limit, or what is left of the run if that is less. */
function timeOf({ job, clock, runDeadline }: AttemptContext): AttemptTime {
  const now = clock.monotonic();
  const ofRun = runDeadline - now;
  const attemptMs = Math.max(1, Math.floor(Math.min(job.limits.attemptMs, ofRun)));
  return { attemptMs, endsAt: now + attemptMs, limit: ofRun < job.limits.attemptMs ? "limits.run" : "payload.timeoutSeconds" };
}

function turnSpec(
  context: AttemptContext,
  attempt: number,
  sessionId: string,
  { attemptMs, gateway }: { readonly attemptMs: number; readonly gateway: () => Promise<Door> },
): TurnSpec {
  const { job } = context;
  return {
    ...askOf(job, context.modelAsked, context.dialect),
    runId: context.runId,
    jobName: job.name,
    attempt,
    sessionId,
    gateway,
    limits: { attemptMs, killGraceMs, outputBytes: job.limits.outputBytes },
  };
}

function attemptWords(result: TurnResult): { status: "succeeded" | "failed"; fault?: Fault; error?: string; toolRuns: number } {
  if (result.status === "answered") return { status: "succeeded", toolRuns: result.toolRuns };
  const stderr = result.stderr === undefined || result.stderr === "" ? "" : `\nstderr: ${result.stderr}`;
  return { status: "failed", fault: result.fault, error: `${result.error}${stderr}`, toolRuns: result.toolRuns };
}

/** Writes every step of every call down before and after it, counts it, and tells whoever listens. */
function createObserver(context: AttemptContext, attempt: number): CallObserver & { lastRetryAfterMs(): number | undefined } {
  const { runId, ledger, clock, emit, tally } = context;
  const startedAt = new Map<string, number>();
  const keyOf = (plan: TryPlan): { runId: string; attempt: number; call: number; try: number } => ({
    runId,
    attempt,
    call: plan.call,
    try: plan.try,
  });
  const tookMs = (plan: TryPlan): number => {
    const now = clock.monotonic();
    return Math.round(now - (startedAt.get(`${plan.call}/${plan.try}`) ?? now));
  };
  let lastRetryAfterMs: number | undefined;
  return {
    lastRetryAfterMs: () => lastRetryAfterMs,
    async callStarted(call) {
      tally.calls += 1;
      await ledger.startCall({ runId, attempt, startedAt: clock.now(), ...call });
    },
    waiting: (plan) => emit({ type: "waiting", at: clock.now(), attempt, ...plan }),
    async tryStarted(plan) {
      const now = clock.now();
      startedAt.set(`${plan.call}/${plan.try}`, clock.monotonic());
      tally.tries += 1;
      const { rung, waitedMs, why } = plan;
      await ledger.startTry({ ...keyOf(plan), startedAt: now, ...rung, why, waitedMs });
      emit({ type: "try_started", at: now, attempt, plan });
    },
    async tryAnswered(plan, answer) {
      const now = clock.now();
      tally.repairs += answer.repairs.length;
      tally.usage = addUsage(tally.usage, answer.usage);
      await ledger.finishTry(keyOf(plan), { finishedAt: now, status: "answered", ...answerFacts(answer) });
      emit({ type: "try_answered", at: now, attempt, plan, answer, tookMs: tookMs(plan) });
    },
    async tryFailed(plan, error) {
      const now = clock.now();
      tally.faults[error.fault] = (tally.faults[error.fault] ?? 0) + 1;
      tally.usage = addUsage(tally.usage, error.usage);
      await ledger.finishTry(keyOf(plan), { finishedAt: now, status: "failed", ...errorFacts(error) });
      emit({ type: "try_failed", at: now, attempt, plan, error, tookMs: tookMs(plan) });
    },
    async callFinished({ call, httpStatus, answer, rung, failure }) {
      lastRetryAfterMs = failure?.retryAfterMs;
      if (answer !== undefined && rung !== undefined) {
        tally.answeredBy = rung;
        tally.modelUsed = `${rung.provider}/${rung.model}`;
      }
      const modelUsed = rung === undefined ? {} : { modelUsed: `${rung.provider}/${rung.model}` };
      const fault = failure === undefined ? {} : { fault: failure.fault, reason: failure.why };
      const status = answer === undefined ? "failed" : "answered";
      await ledger.finishCall({ runId, attempt, call }, { finishedAt: clock.now(), status, httpStatus, ...modelUsed, ...fault });
    },
  };
}

function answerFacts(answer: Answer): Omit<Parameters<Ledger["finishTry"]>[1], "finishedAt" | "status"> {
  const { usage, repairs, stopReason, firstByteMs, requestId, model } = answer;
  return { usage, repairs, stopReason, firstByteMs, modelUsed: model, ...(requestId === undefined ? {} : { requestId }) };
}

function errorFacts(error: ProviderError): Omit<Parameters<Ledger["finishTry"]>[1], "finishedAt" | "status"> {
  const { fault, usage, repairs, status, requestId, retryAfterMs } = error;
  const reason = error.reason ?? error.code;
  return {
    fault,
    usage,
    repairs,
    error: error.raw === undefined ? error.message : `${error.message}\n${error.raw}`,
    ...(reason === undefined ? {} : { reason }),
    ...(status === undefined ? {} : { httpStatus: status }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}
