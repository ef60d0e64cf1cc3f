/** One attempt: open the door, let the turn work behind it, close it, write down how it went. */
import { randomUUID } from "node:crypto";
import type { Fault } from "../errors.ts";
import type { Grant } from "../gateway/gateway.ts";
import type { Door, TurnResult } from "../turn/turn.ts";
import { turnSpec } from "./attempt-spec.ts";
import { createObserver, type AttemptObserver } from "./observer.ts";
import { redactedResult } from "./redacted.ts";
import type { RunContext } from "./run-context.ts";

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

export async function runAttempt(context: RunContext, attempt: number, why: string): Promise<AttemptEnd> {
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
    return { url: gateway.url, token: door.token, toolRuns: door.toolRuns };
  };
  const spec = turnSpec(context, attempt, { sessionId, attemptMs: time.attemptMs, gateway: openDoor });
  const carriedOut = await turn.run(spec, { signal: context.signal, env: parts.env }).finally(() => {
    ended.abort(new Error("the attempt has ended"));
    for (const door of opened) door.close();
  });
  const result = withActed(redactedResult(carriedOut.result, context.redaction.known), observer.acted());
  const finishedAt = clock.monotonic();
  const endedAt = clock.now();
  await ledger.finishAttempt({ runId, attempt }, { finishedAt: endedAt, ...attemptWords(result) });
  emit({ type: "attempt_finished", at: endedAt, attempt, result, killed: carriedOut.cleanup.killed });
  const confirmedDead = carriedOut.cleanup.confirmed;
  return { result, startedAt, finishedAt, confirmedDead, retryAfterMs: observer.lastRetryAfterMs() };
}

/** A process that has died in the middle reports no tools, but they have run all the same. */
function withActed(result: TurnResult, acted: number): TurnResult {
  return { ...result, toolRuns: Math.max(result.toolRuns, acted) };
}

interface AttemptTime {
  readonly attemptMs: number;
  /** On the monotonic clock. */
  readonly endsAt: number;
  /** Which limit ends it. */
  readonly limit: string;
}

/** How long the attempt may last: its own limit, or what is left of the run if that is less. */
function timeOf({ job, parts, runDeadline }: RunContext): AttemptTime {
  const now = parts.clock.monotonic();
  const ofRun = runDeadline - now;
  const attemptMs = Math.max(1, Math.floor(Math.min(job.limits.attemptMs, ofRun)));
  return { attemptMs, endsAt: now + attemptMs, limit: ofRun < job.limits.attemptMs ? "limits.run" : "payload.timeoutSeconds" };
}

function grantOf(
  context: RunContext,
  attempt: number,
  { time, observer, ended }: { readonly time: AttemptTime; readonly observer: AttemptObserver; readonly ended: AbortSignal },
): Grant {
  const { job, start, plan, parts, budget, breakers } = context;
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
    signal: AbortSignal.any([context.signal, ended]),
    observer,
  };
}

function attemptWords(result: TurnResult): { status: "succeeded" | "failed"; fault?: Fault; error?: string; toolRuns: number } {
  if (result.status === "answered") return { status: "succeeded", toolRuns: result.toolRuns };
  const stderr = result.stderr === undefined || result.stderr === "" ? "" : `\nstderr: ${result.stderr}`;
  return { status: "failed", fault: result.fault, error: `${result.error}${stderr}`, toolRuns: result.toolRuns };
}
