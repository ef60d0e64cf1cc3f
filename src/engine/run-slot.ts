/**
 * A run from claim to end; the first script to read. Every step is written to the ledger before the next one begins, so that
 * `kill -9` at any instant leaves a record that says what was under way.
 */
import { randomUUID } from "node:crypto";
import { LedgerError, type Fault, type Usage } from "../errors.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { Job } from "../job/job.ts";
import type { Ledger, Owner, RunFinish, RunStart } from "../ledger/ledger.ts";
import { exitCodeOf } from "../run/exit-code.ts";
import { brokenStream, buildLadder, type Rung } from "../run/ladder.ts";
import { nextAttempt, type AttemptRecord } from "../run/next-attempt.ts";
import type { RunStatus } from "../run/run.ts";
import type { Turn, TurnSpec } from "../turn/turn.ts";
import type { Clock } from "./clock.ts";
import type { RunListener } from "./events.ts";
import type { OwnerState } from "./owner.ts";
import { runAttempt, type AttemptContext, type AttemptEnd } from "./run-attempt.ts";
import { StoppedBySignal } from "./stopped.ts";
import { newTally, successWords, type Tally } from "./tally.ts";

/** What the engine works with; `compose.ts` builds it. */
export interface EngineParts {
  readonly ledger: Ledger;
  readonly gateway: Gateway;
  readonly turn: Turn;
  readonly clock: Clock;
  /** 0 ≤ random < 1. */
  readonly random: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly owner: Owner;
  readonly ownerState: (owner: Owner) => OwnerState;
  /** Ends every process that still carries the run's marker; true if none is left. */
  readonly sweep: (runId: string) => Promise<boolean>;
  /** Splits and checks `provider/model`. @throws ConfigError for a provider nobody knows. */
  readonly resolveModel: (name: string) => { readonly provider: string; readonly model: string; readonly dialect: TurnSpec["dialect"] };
  /** Fingerprint of a job's definition. */
  readonly hash: (job: Job) => string;
  readonly defaults: { readonly model: string | undefined; readonly fallbacks: readonly string[] };
  /** Faults are injected by a simulated provider. */
  readonly simulated: boolean;
}

export interface RunRequest {
  readonly trigger: RunStart["trigger"];
  readonly slotAt?: number;
  /** Asked first, whatever the job says; the job's own model becomes the first fallback. */
  readonly model?: string;
  /** Overrides the job's `payload.stream`. */
  readonly stream?: boolean;
  /** Ends the run: its processes are asked to stop, then killed. */
  readonly signal: AbortSignal;
  readonly listen: RunListener;
}

export interface RunOutcome {
  readonly runId: string;
  readonly jobId: string;
  readonly jobName: string;
  readonly status: RunStatus;
  readonly exitCode: number;
  /** Why it ended so, in words. */
  readonly reason: string;
  readonly fault?: Fault;
  readonly output?: string;
  readonly modelAsked: string;
  readonly modelUsed?: string;
  readonly simulated: boolean;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly attempts: number;
  readonly calls: number;
  readonly tries: number;
  readonly repairs: number;
  /** Failed tries by fault. */
  readonly faults: Partial<Record<Fault, number>>;
  readonly usage: Usage;
  /** For a skipped run: the run that was under way. */
  readonly blockedBy?: string;
}

export async function runSlot(parts: EngineParts, job: Job, request: RunRequest): Promise<RunOutcome> {
  const plan = await planRun(parts, job, request);
  const start = describeRun(parts, job, request, plan.modelAsked);
  const blocker = await claim(parts, start, request.listen);
  if (blocker !== undefined) return recordSkip(parts, start, blocker, request.listen);
  request.listen({ type: "run_started", at: start.startedAt, run: start, ladder: plan.ladder, notes: plan.notes });
  const tally = newTally();
  const end = await attemptUntilEnd(parts, job, request, { start, plan, tally }).catch((error: unknown) => internalEnd(error, tally));
  return finish(parts, start, end, tally, request.listen);
}

export interface RunPlan {
  readonly modelAsked: string;
  readonly ladder: readonly Rung[];
  readonly dialect: TurnSpec["dialect"];
  /** What the ladder owes to earlier runs, in words. */
  readonly notes: readonly string[];
}

/** Which models on which rungs, best first. Reads the ledger's memory of broken streams; changes nothing. */
export async function planRun(
  parts: Pick<EngineParts, "resolveModel" | "defaults" | "clock" | "simulated"> & { readonly ledger: Pick<Ledger, "rungMemories"> | undefined },
  job: Job,
  request: Pick<RunRequest, "model" | "stream">,
): Promise<RunPlan> {
  const own = [job.payload.model ?? parts.defaults.model, ...(job.payload.fallbacks ?? parts.defaults.fallbacks)];
  const names = [...new Set([request.model, ...own].filter((name) => name !== undefined))];
  const models = names.map(parts.resolveModel);
  const [first] = models;
  const [modelAsked] = names;
  if (first === undefined || modelAsked === undefined) throw new Error("a run needs a model");
  const now = parts.clock.now();
  const memories = parts.simulated ? [] : ((await parts.ledger?.rungMemories(now)) ?? []);
  const { rungs, notes } = buildLadder({ models, stream: request.stream ?? job.payload.stream, memories, now });
  return { modelAsked, ladder: rungs, dialect: first.dialect, notes };
}

function describeRun(parts: EngineParts, job: Job, request: RunRequest, modelAsked: string): RunStart {
  return {
    runId: randomUUID(),
    jobId: job.id,
    jobName: job.name,
    trigger: request.trigger,
    ...(request.slotAt === undefined ? {} : { slotAt: request.slotAt }),
    startedAt: parts.clock.now(),
    owner: parts.owner,
    modelAsked,
    simulated: parts.simulated,
    jobHash: parts.hash(job),
  };
}

/** Wins the job for this run, or returns the run that has it. A run whose process has died is closed first, its processes ended. */
async function claim(parts: EngineParts, start: RunStart, listen: RunListener): Promise<string | undefined> {
  for (;;) {
    const claimed = await parts.ledger.claimRun(start);
    if (claimed.won) return undefined;
    const { runId, owner } = claimed.blocker;
    // A slot that has its run stays won by that run, also when it has ended.
    if (claimed.because === "slot_taken" || parts.ownerState(owner) !== "dead") return runId;
    // Only when nothing of the dead run is alive may another begin: its turn may still be at work.
    if (!(await parts.sweep(runId))) return runId;
    const closed = await parts.ledger.finishRun(runId, {
      status: "interrupted",
      finishedAt: parts.clock.now(),
      reason: `its process (pid ${owner.pid}) died without an end`,
      fault: "turn_died",
      exitCode: 1,
      usage: {},
    });
    if (closed) listen({ type: "run_rescued", at: parts.clock.now(), runId });
  }
}

async function recordSkip(parts: EngineParts, start: RunStart, blockedBy: string, listen: RunListener): Promise<RunOutcome> {
  const end: RunEnd = { status: "skipped", exitCode: 0, reason: `run ${blockedBy.slice(0, 8)} of this job is under way`, attempts: 0 };
  const tally = newTally();
  const finishedAt = parts.clock.now();
  await parts.ledger.recordRun(start, runFinish(end, tally, finishedAt));
  const outcome = { ...toOutcome(start, end, tally, finishedAt), blockedBy };
  listen({ type: "run_finished", at: finishedAt, outcome });
  return outcome;
}

/** How a run ends, before it is written down. */
interface RunEnd {
  readonly status: RunStatus;
  readonly exitCode: number;
  readonly reason: string;
  readonly fault?: Fault;
  readonly output?: string;
  readonly attempts: number;
}

interface RunState {
  readonly start: RunStart;
  readonly plan: RunPlan;
  readonly tally: Tally;
}

async function attemptUntilEnd(parts: EngineParts, job: Job, request: RunRequest, { start, plan, tally }: RunState): Promise<RunEnd> {
  const deadline = AbortSignal.timeout(job.limits.runMs);
  const signal = AbortSignal.any([request.signal, deadline]);
  const context: AttemptContext = {
    ...parts,
    job,
    runId: start.runId,
    modelAsked: plan.modelAsked,
    ladder: plan.ladder,
    dialect: plan.dialect,
    signal,
    emit: withMemory(parts, request.listen),
    tally,
    runDeadline: start.startedAt + job.limits.runMs,
  };
  const history: AttemptRecord[] = [];
  const policy = { retry: job.retry, idempotent: job.idempotent, limits: job.limits, runStartedAt: start.startedAt };
  for (let why = "the first attempt"; ; ) {
    const ended = await runAttempt(context, history.length + 1, why);
    history.push(toRecord(ended));
    const attempts = history.length;
    if (request.signal.aborted) return cancelled(request.signal.reason, attempts);
    if (ended.result.status === "answered") {
      return { status: "succeeded", exitCode: 0, reason: successWords(tally), output: ended.result.text, attempts };
    }
    const { fault, error } = ended.result;
    const step = nextAttempt(history, policy, parts.clock.now(), parts.random());
    if (step.kind === "end") return { status: step.status, exitCode: step.exitCode, reason: `${fault}: ${error} (${step.why})`, fault, attempts };
    request.listen({ type: "attempt_waiting", at: parts.clock.now(), waitMs: step.waitMs, why: step.why });
    const waited = await parts.clock.sleep(step.waitMs, signal).then(
      () => true,
      () => false,
    );
    if (!waited && request.signal.aborted) return cancelled(request.signal.reason, attempts);
    if (!waited) return { status: "timed_out", exitCode: 124, reason: "the run's time limit passed while waiting for the next attempt", fault: "timeout", attempts };
    why = step.why;
  }
}

function toRecord({ result, startedAt, finishedAt, confirmedDead, retryAfterMs }: AttemptEnd): AttemptRecord {
  const fault = result.status === "failed" ? { fault: result.fault } : {};
  return { startedAt, finishedAt, toolRuns: result.toolRuns, confirmedDead, ...fault, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function cancelled(reason: unknown, attempts: number): RunEnd {
  const signal = reason instanceof StoppedBySignal ? reason.signal : undefined;
  const words = reason instanceof Error ? reason.message : "cancelled";
  return { status: "cancelled", exitCode: exitCodeOf({ status: "cancelled", signal }), reason: words, fault: "aborted", attempts };
}

/**
 * A broken invariant ends the run as `internal`. A ledger that cannot be written is not one: nothing more could be recorded,
 * so the error goes up as it is and the run stays open in the record until the next one finds its process dead.
 */
function internalEnd(error: unknown, tally: Tally): RunEnd {
  if (error instanceof LedgerError) throw error;
  const message = error instanceof Error ? error.message : String(error);
  return { status: "failed", exitCode: 1, reason: `internal: ${message}`, fault: "internal", attempts: tally.calls === 0 ? 0 : 1 };
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
  await parts.ledger.finishRun(start.runId, runFinish(end, tally, finishedAt));
  const outcome = toOutcome(start, end, tally, finishedAt);
  listen({ type: "run_finished", at: finishedAt, outcome });
  return outcome;
}

function runFinish(end: RunEnd, tally: Tally, finishedAt: number): RunFinish {
  const { status, exitCode, reason, fault, output } = end;
  return {
    status,
    finishedAt,
    reason,
    exitCode,
    usage: tally.usage,
    ...(fault === undefined ? {} : { fault }),
    ...(output === undefined ? {} : { output }),
    ...(tally.modelUsed === undefined ? {} : { modelUsed: tally.modelUsed }),
  };
}

function toOutcome(start: RunStart, end: RunEnd, tally: Tally, finishedAt: number): RunOutcome {
  const { runId, jobId, jobName, modelAsked, simulated, startedAt } = start;
  const { calls, tries, repairs, faults } = tally;
  return { runId, jobId, jobName, modelAsked, simulated, startedAt, attempts: end.attempts, calls, tries, repairs, faults, ...runFinish(end, tally, finishedAt) };
}
