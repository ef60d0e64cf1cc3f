/** One attempt: open the door, let the turn work behind it, close it, write down how it went. */
import { randomUUID } from "node:crypto";
import type { Fault } from "../errors.ts";
import type { Grant } from "../gateway/gateway.ts";
import { timeBudget } from "../run/call-time.ts";
import type { Door, Judgement, TurnResult } from "../turn/turn.ts";
import { turnSpec } from "./attempt-spec.ts";
import { createInspector } from "./judge-attempt.ts";
import { createObserver, type AttemptObserver } from "./observer.ts";
import type { Prompt } from "./prompt.ts";
import { redactedJudgement, redactedResult } from "./redacted.ts";
import type { RunContext } from "./run-context.ts";

export interface AttemptEnd {
  readonly result: TurnResult;
  /** Of an answer: whether it is what the job wants. */
  readonly judgement: Judgement | undefined;
  /** On the monotonic clock, as `finishedAt`: waits and limits are counted from them. */
  readonly startedAt: number;
  readonly finishedAt: number;
  /** False: a process of the turn may still live, so nothing may follow. */
  readonly confirmedDead: boolean;
  /** The least wait that the provider asked for when the last call was given up. */
  readonly retryAfterMs: number | undefined;
}

export async function runAttempt(context: RunContext, attempt: number, why: string, prompt: Prompt): Promise<AttemptEnd> {
  const { job, start, ledger, emit, parts } = context;
  const { runId } = start;
  const { clock } = parts;
  const turn = parts.turns.get(job.payload.kind);
  if (turn === undefined) throw new Error(`no turn carries out a payload of kind ${job.payload.kind}`);
  const at = clock.now();
  const startedAt = clock.monotonic();
  const sessionId = randomUUID();
  await ledger.startAttempt({ runId, attempt, startedAt: at, sessionId, why });
  emit({ type: "attempt_started", at, attempt, why });
  const time = timeOf(context);
  const ended = new AbortController();
  const observer = createObserver(context, attempt);
  const grant = grantOf(context, attempt, { time, observer, ended: ended.signal });
  const opened: { readonly close: () => void }[] = [];
  const openDoor = async (): Promise<Door> => {
    const gateway = await parts.gateway();
    const door = gateway.open(grant);
    opened.push(door);
    return { url: gateway.url, token: door.token, toolRuns: door.toolRuns, connect: (connection) => gateway.connect(connection) };
  };
  const inspector = createInspector(context, attempt, sessionId);
  const spec = turnSpec(context, attempt, { sessionId, attemptMs: time.attemptMs, gateway: openDoor, texts: prompt(at) });
  const hooks = { signal: context.signal, env: parts.env, inspect: inspector.inspect };
  const carriedOut = await turn.run(spec, hooks).finally(() => {
    ended.abort(new Error("the attempt has ended"));
    for (const door of opened) door.close();
  });
  const { known } = context.redaction;
  const result = spentIfOutOfTime(withActed(redactedResult(carriedOut.result, known), observer.acted()), time);
  const judgement = redactedJudgement(await inspector.verdict(result), known);
  const finishedAt = clock.monotonic();
  const endedAt = clock.now();
  await ledger.finishAttempt({ runId, attempt }, { finishedAt: endedAt, ...attemptWords(result, judgement) });
  if (judgement?.verdict === "unmet") emit({ type: "expectation_failed", at: endedAt, attempt, unmet: judgement.unmet });
  emit({ type: "attempt_finished", at: endedAt, attempt, result, killed: carriedOut.cleanup.killed });
  const confirmedDead = carriedOut.cleanup.confirmed;
  return { result, judgement, startedAt, finishedAt, confirmedDead, retryAfterMs: observer.lastRetryAfterMs() };
}

/** A process that has died in the middle reports no tools, but they have run all the same. */
function withActed(result: TurnResult, acted: number): TurnResult {
  return { ...result, toolRuns: Math.max(result.toolRuns, acted) };
}

interface AttemptTime {
  readonly attemptMs: number;
  /** On the monotonic clock. */
  readonly endsAt: number;
  /** Which limit ends it, as people write it. */
  readonly limit: string;
}

/** A turn that works without asking is not ended by the gateway; it gets so much longer than the budget's time to hand over what it has. */
const handOverMs = 10_000;

/** How long the attempt may last: its own limit, or what is left of the run or of the budget if that is less. */
function timeOf({ job, parts, runDeadline, budget }: RunContext): AttemptTime {
  const now = parts.clock.monotonic();
  const limits = [
    { limit: "payload.timeoutSeconds", ms: job.limits.attemptMs },
    { limit: "limits.run", ms: runDeadline - now },
    { limit: timeBudget, ms: (budget?.leftMs() ?? Infinity) + handOverMs },
  ] as const;
  const { limit, ms } = limits.reduce((least, one) => (one.ms < least.ms ? one : least));
  const attemptMs = Math.max(1, Math.floor(ms));
  return { attemptMs, endsAt: now + attemptMs, limit };
}

/** An attempt that was ended because the budget's time was over did not fail: the run has used up what it was given. */
function spentIfOutOfTime(result: TurnResult, { limit }: AttemptTime): TurnResult {
  if (result.status !== "failed" || result.fault !== "timeout" || limit !== timeBudget) return result;
  return { ...result, fault: "budget", error: `the run's budget is used up: ${timeBudget}` };
}

function grantOf(
  context: RunContext,
  attempt: number,
  { time, observer, ended }: { readonly time: AttemptTime; readonly observer: AttemptObserver; readonly ended: AbortSignal },
): Grant {
  const { job, start, plan, parts, request, budget, breakers } = context;
  const { onRateLimit, eventHandler } = job;
  return {
    runId: start.runId,
    attempt,
    ladder: plan.ladder,
    wholeAnswersOnly: true,
    retry: job.retry,
    limits: job.limits,
    deadline: { leftMs: () => time.endsAt - parts.clock.monotonic(), limit: time.limit },
    record: job.record ?? "shape",
    ...(onRateLimit === undefined ? {} : { onRateLimit }),
    ...(eventHandler === undefined ? {} : { eventHandler }),
    ...(budget === undefined ? {} : { budget }),
    ...(breakers === undefined ? {} : { breakers }),
    force: request.force === true,
    signal: AbortSignal.any([context.signal, ended]),
    observer,
  };
}

interface AttemptWords {
  readonly status: "succeeded" | "failed";
  readonly fault?: Fault;
  readonly error?: string;
  readonly toolRuns: number;
}

function attemptWords(result: TurnResult, judgement: Judgement | undefined): AttemptWords {
  const { toolRuns } = result;
  if (result.status === "failed") {
    const stderr = result.stderr === undefined || result.stderr === "" ? "" : `\nstderr: ${result.stderr}`;
    return { status: "failed", fault: result.fault, error: `${result.error}${stderr}`, toolRuns };
  }
  if (judgement?.verdict === "declared") return { status: "failed", fault: "declared", error: judgement.reason, toolRuns };
  if (judgement?.verdict === "unmet") return { status: "failed", error: judgement.unmet.join("\n"), toolRuns };
  return { status: "succeeded", toolRuns };
}
