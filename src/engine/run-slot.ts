/**
 * A run from claim to end; the first script to read. Every step is written to the ledger before the next one begins, so that
 * `kill -9` at any instant leaves a record that says what was under way.
 */
import { randomUUID } from "node:crypto";
import { LedgerError } from "../errors.ts";
import type { Job } from "../job/job.ts";
import type { RunStart } from "../ledger/ledger.ts";
import { exitCodeOf } from "../run/exit-code.ts";
import { simulatedJobId } from "../run/run.ts";
import { brokenStream } from "../run/ladder.ts";
import { nextAttempt, type AttemptRecord } from "../run/next-attempt.ts";
import { claim, recordSkip } from "./claim.ts";
import type { RunListener } from "./events.ts";
import { toFinish, toOutcome, type RunEnd, type RunOutcome } from "./outcome.ts";
import { leaseMs, underLease } from "./lease.ts";
import type { EngineParts, RunRequest } from "./parts.ts";
import { planRun, type RunPlan } from "./plan.ts";
import { runAttempt, type AttemptContext, type AttemptEnd } from "./run-attempt.ts";
import { StoppedBySignal } from "./stopped.ts";
import { newTally, successWords, type Tally } from "./tally.ts";

export async function runSlot(parts: EngineParts, job: Job, request: RunRequest): Promise<RunOutcome> {
  const plan = await planRun(parts, job, request);
  const start = describeRun(parts, job, request, plan.modelAsked);
  const blocker = await claim(parts, start, request.listen);
  if (blocker !== undefined) return recordSkip(parts, start, blocker, request);
  request.listen({ type: "run_started", at: start.startedAt, run: start, ladder: plan.ladder, notes: plan.notes });
  const tally = newTally();
  const end = await underLease(parts, start.runId, (lost) => {
    // Without its lease the run has been closed already, and `finish` says so.
    const held = { ...request, signal: AbortSignal.any([request.signal, lost]) };
    return attemptUntilEnd(parts, job, held, { start, plan, tally }).catch((error: unknown) => internalEnd(error));
  });
  return finish(parts, start, end, tally, request.listen);
}

function describeRun(parts: EngineParts, job: Job, request: RunRequest, modelAsked: string): RunStart {
  const startedAt = parts.clock.now();
  return {
    runId: randomUUID(),
    jobId: parts.simulated ? simulatedJobId(job.id) : job.id,
    jobName: job.name,
    trigger: request.trigger,
    ...(request.slotAt === undefined ? {} : { slotAt: request.slotAt }),
    startedAt,
    owner: parts.owner,
    leaseUntil: startedAt + leaseMs,
    modelAsked,
    simulated: parts.simulated,
    jobHash: parts.hash(job),
  };
}

interface RunState {
  readonly start: RunStart;
  readonly plan: RunPlan;
  readonly tally: Tally;
}

async function attemptUntilEnd(
  parts: EngineParts,
  job: Job,
  request: RunRequest,
  { start, plan, tally }: RunState,
): Promise<RunEnd> {
  const deadline = AbortSignal.timeout(Math.min(job.limits.runMs, longestTimerMs));
  const signal = AbortSignal.any([request.signal, deadline]);
  const runStartedAt = parts.clock.monotonic();
  const runDeadline = runStartedAt + job.limits.runMs;
  const emit = withMemory(parts, request.listen);
  const context: AttemptContext = { ...parts, ...plan, job, runId: start.runId, signal, emit, tally, runDeadline };
  const policy = { retry: job.retry, idempotent: job.idempotent, limits: job.limits, runStartedAt };
  const history: AttemptRecord[] = [];
  for (let why = "the first attempt"; ;) {
    const ended = await runAttempt(context, history.length + 1, why);
    tally.attempts += 1;
    history.push(toRecord(ended));
    const { result } = ended;
    if (result.status === "answered") {
      const left = ended.confirmedDead ? "" : "; something it started could not be confirmed dead";
      return { status: "succeeded", exitCode: 0, reason: `${successWords(tally)}${left}`, output: result.text };
    }
    if (request.signal.aborted) return cancelled(request.signal.reason);
    if (deadline.aborted) return outOfTime(job);
    const step = nextAttempt(history, policy, parts.clock.monotonic(), parts.random());
    if (step.kind === "end") {
      const { status, exitCode } = step;
      return { status, exitCode, reason: `${result.error}; ${step.why}`, fault: result.fault };
    }
    request.listen({ type: "attempt_waiting", at: parts.clock.now(), waitMs: step.waitMs, why: step.why });
    // An aborted wait is not an error: what aborted it decides how the run ends.
    await parts.clock.sleep(step.waitMs, signal).catch(() => {});
    if (request.signal.aborted) return cancelled(request.signal.reason);
    if (deadline.aborted) return outOfTime(job);
    why = step.why;
  }
}

/** The longest delay of a Node timer, 24.8 days; the run's own deadline is checked by the clock beside it. */
const longestTimerMs = 2 ** 31 - 1;

function toRecord({ result, startedAt, finishedAt, confirmedDead, retryAfterMs }: AttemptEnd): AttemptRecord {
  const fault = result.status === "failed" ? { fault: result.fault } : {};
  const asked = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { startedAt, finishedAt, toolRuns: result.toolRuns, confirmedDead, ...fault, ...asked };
}

function cancelled(reason: unknown): RunEnd {
  const signal = reason instanceof StoppedBySignal ? reason.signal : undefined;
  const words = reason instanceof Error ? reason.message : "cancelled";
  return {
    status: "cancelled",
    exitCode: exitCodeOf({ status: "cancelled", signal }),
    reason: words,
    fault: "aborted",
  };
}

function outOfTime(job: Job): RunEnd {
  const reason = `the run's time limit of ${job.limits.runMs / 1000} s passed (limits.run)`;
  return { status: "timed_out", exitCode: exitCodeOf({ status: "timed_out" }), reason, fault: "timeout" };
}

/**
 * A broken invariant ends the run as `internal`. A ledger that cannot be written is not one: nothing more could be recorded,
 * so the error goes up as it is and the run stays open in the record until the next one finds its process dead.
 */
function internalEnd(error: unknown): RunEnd {
  if (error instanceof LedgerError) throw error;
  const message = error instanceof Error ? error.message : String(error);
  return {
    status: "failed",
    exitCode: 1,
    reason: `internal: ${message}`,
    fault: "internal",
  };
}

/**
 * Notes a stream that broke, as the policy of its fault says, so that the next run starts on the rung that works. What the
 * simulated provider did says nothing about the real one, so it is not remembered.
 */
function withMemory(parts: EngineParts, listen: RunListener): RunListener {
  if (parts.simulated) return listen;
  return (event) => {
    const memory = event.type === "try_failed" ? brokenStream(event.plan.rung, event.error.fault, event.at) : undefined;
    // The memory only makes the next run faster, so a ledger that refuses it here is not this run's failure.
    if (memory !== undefined) parts.ledger.rememberRung(memory).catch(() => {});
    listen(event);
  };
}

async function finish(parts: EngineParts, start: RunStart, end: RunEnd, tally: Tally, listen: RunListener): Promise<RunOutcome> {
  const finishedAt = parts.clock.now();
  const closed = await parts.ledger.finishRun(start.runId, toFinish(end, tally, finishedAt));
  const outcome = toOutcome(start, closed ? end : takenForDead(), tally, finishedAt);
  listen({ type: "run_finished", at: finishedAt, outcome });
  return outcome;
}

/** The first ending stays. Another process has closed this run, and what the ledger says is what is told. */
function takenForDead(): RunEnd {
  return {
    status: "interrupted",
    exitCode: 1,
    reason: "another process took this run for dead and closed it",
    fault: "turn_died",
  };
}
