/**
 * A run from claim to end; the first script to read. Every step is written to the ledger before the next one begins, so that
 * `kill -9` at any instant leaves a record that says what was under way.
 */
import { randomUUID } from "node:crypto";
import { LedgerError } from "../errors.ts";
import type { Breakers } from "../gateway/gateway.ts";
import type { Job } from "../job/job.ts";
import type { RunStart } from "../ledger/ledger.ts";
import { simulatedJobId, verifyJobId } from "../run/run.ts";
import { brokenStream } from "../run/ladder.ts";
import { attemptUntilEnd } from "./attempts.ts";
import { ledgerBreakers } from "./breakers.ts";
import { claim, recordSkip } from "./claim.ts";
import type { RunListener } from "./events.ts";
import { askGate } from "./gate.ts";
import { toFinish, toOutcome, type RunEnd, type RunOutcome } from "./outcome.ts";
import { leaseMs, underLease } from "./lease.ts";
import type { EngineParts, RunRequest } from "./parts.ts";
import { planRun, type RunPlan } from "./plan.ts";
import { preflight } from "./preflight.ts";
import { preparePrompt } from "./prompt.ts";
import { redactedEnd, redactedLedger, redactedListener, type Redaction } from "./redacted.ts";
import { referencesOf } from "./references.ts";
import type { RunContext } from "./run-context.ts";
import { strictly } from "./strict.ts";
import { newTally, type Tally } from "./tally.ts";

export async function runSlot(parts: EngineParts, asWritten: Job, request: RunRequest): Promise<RunOutcome> {
  const job = parts.strict === true ? strictly(asWritten) : asWritten;
  const plan = await planRun(parts, job, request);
  const start = describeRun(parts, asWritten, request, plan.modelAsked);
  const blocker = await claim(parts, start, request.listen);
  if (blocker !== undefined) return recordSkip(parts, start, blocker, request);
  const redaction = parts.redaction(referencesOf(job).flatMap(({ variable }) => parts.env[variable] ?? []));
  const listen = redactedListener(request.listen, redaction);
  listen({ type: "run_started", at: start.startedAt, run: start, ladder: plan.ladder, notes: plan.notes });
  const tally = newTally();
  const state: RunState = { job, start, plan, tally, redaction };
  const end = await underLease(parts, start.runId, async (lost) => {
    // Without its lease the run has been closed already, and `finish` says so.
    const held = { ...request, listen, signal: AbortSignal.any([request.signal, lost]) };
    return openContext(parts, held, state).then(carryOut).catch(internalEnd);
  });
  return finish(parts, state, redactedEnd(end, redaction), listen);
}

/** What stands between the claim and the end, one step after the other; each may be the last. */
async function carryOut(context: RunContext): Promise<RunEnd> {
  const blocked = await preflight(context);
  if (blocked !== undefined) return blocked;
  const gate = await askGate(context);
  if ("end" in gate) return gate.end;
  const end = await attemptUntilEnd(context, await preparePrompt(context, gate.facts));
  return { ...end, warnings: [...(end.warnings ?? []), ...(context.budget?.notes() ?? [])] };
}

function describeRun(parts: EngineParts, job: Job, request: RunRequest, modelAsked: string): RunStart {
  const startedAt = parts.clock.now();
  const { slotAt, rerunOf, verifyLane } = request;
  const jobId = verifyLane === undefined ? job.id : verifyJobId(job.id, verifyLane);
  return {
    runId: randomUUID(),
    jobId: parts.simulated ? simulatedJobId(jobId) : jobId,
    jobName: job.name,
    trigger: request.trigger,
    ...(slotAt === undefined ? {} : { slotAt }),
    ...(rerunOf === undefined ? {} : { rerunOf }),
    startedAt,
    owner: parts.owner,
    leaseUntil: startedAt + leaseMs,
    modelAsked,
    simulated: parts.simulated,
    jobHash: parts.hash(job),
    payloadKind: job.payload.kind,
  };
}

interface RunState {
  readonly job: Job;
  readonly start: RunStart;
  readonly plan: RunPlan;
  readonly tally: Tally;
  readonly redaction: Redaction;
}

/** What the steps of the run share. The run's own time limit counts from here on: the claim is won, and nothing else was begun. */
async function openContext(parts: EngineParts, request: RunRequest, state: RunState): Promise<RunContext> {
  const { job, redaction } = state;
  const outOfTime = AbortSignal.timeout(Math.min(job.limits.runMs, longestTimerMs));
  const runStartedAt = parts.clock.monotonic();
  return {
    ...state,
    parts,
    ledger: redactedLedger(parts.ledger, redaction),
    request,
    signal: AbortSignal.any([request.signal, outOfTime]),
    outOfTime,
    runStartedAt,
    runDeadline: runStartedAt + job.limits.runMs,
    emit: withMemory(parts, request.listen),
    budget: job.budget === undefined ? undefined : parts.openBudget?.(job.budget),
    breakers: breakersOf(parts, job),
    filesBefore: await parts.judge.mark(job.expect, job.workDir),
  };
}

/** What the simulated provider does says nothing about the real one, and a strict run heeds nothing that earlier runs have learned. */
function breakersOf({ simulated, strict, ledger, clock, random, quotaOf }: EngineParts, job: Job): Breakers | undefined {
  if (simulated || strict === true) return undefined;
  const quota = quotaOf === undefined ? {} : { quotaOf };
  return ledgerBreakers(ledger, { now: () => clock.now(), random, tryMs: job.limits.tryMs, ...quota });
}

/** The longest delay of a Node timer, 24.8 days; the run's own deadline is checked by the clock beside it. */
const longestTimerMs = 2 ** 31 - 1;

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
  if (parts.simulated || parts.strict === true) return listen;
  return (event) => {
    const memory = event.type === "try_failed" ? brokenStream(event.plan.rung, event.error.fault, event.at) : undefined;
    // The memory only makes the next run faster, so a ledger that refuses it here is not this run's failure.
    if (memory !== undefined) parts.ledger.rememberRung(memory).catch(() => {});
    listen(event);
  };
}

async function finish(
  { clock, ledger }: EngineParts,
  { start, tally }: RunState,
  end: RunEnd,
  listen: RunListener,
): Promise<RunOutcome> {
  const finishedAt = clock.now();
  const closed = await ledger.finishRun(start.runId, toFinish(end, tally, finishedAt));
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
