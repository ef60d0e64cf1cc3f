/** What the steps of a run share, built when its claim is won: its limits count from here on. */
import type { Breakers } from "../gateway/gateway.ts";
import type { Job } from "../job/job.ts";
import { brokenStream } from "../run/ladder.ts";
import type { FileMarks } from "../turn/turn.ts";
import { ledgerBreakers } from "./breakers.ts";
import type { RunListener } from "./events.ts";
import type { EngineParts, RunRequest } from "./parts.ts";
import type { Past } from "./past.ts";
import { patience, patientSteps } from "./patience.ts";
import { redactedLedger } from "./redacted.ts";
import type { RunContext } from "./run-context.ts";

export type RunState = Pick<RunContext, "job" | "start" | "plan" | "past" | "tally" | "redaction">;

export async function openContext(parts: EngineParts, request: RunRequest, state: RunState): Promise<RunContext> {
  const { job, redaction, past, start } = state;
  const leftMs = Math.max(0, job.limits.runMs - past.ranMs);
  const outOfTime = AbortSignal.timeout(Math.min(leftMs, longestTimerMs));
  const runStartedAt = parts.clock.monotonic() - past.ranMs;
  return {
    ...state,
    parts,
    ledger: redactedLedger(patientSteps(parts.ledger, patience(parts.clock, request)), redaction),
    request,
    signal: AbortSignal.any([request.signal, outOfTime]),
    outOfTime,
    runStartedAt,
    runDeadline: runStartedAt + job.limits.runMs,
    emit: withMemory(parts, request.listen),
    budget: budgetOf(parts, job, past),
    breakers: breakersOf(parts, job),
    filesBefore: since(past, start.startedAt, await parts.judge.mark(job.expect, job.workDir)),
  };
}

/** The longest delay of a Node timer, 24.8 days; the run's own deadline is checked by the clock beside it. */
const longestTimerMs = 2 ** 31 - 1;

/** The budget is the run's, however often it was carried on. */
function budgetOf({ openBudget }: EngineParts, job: Job, { ranMs, spent }: Past): RunContext["budget"] {
  const budget = job.budget === undefined ? undefined : openBudget?.(job.budget, ranMs);
  for (let call = 0; call < spent.calls; call++) budget?.countCall();
  for (const { rung, usage } of spent.tries) budget?.spend(rung, usage);
  return budget;
}

/** Of a run that is carried on, what was written since it began is its own: it was not there before. */
function since({ wait }: Past, startedAt: number, marks: FileMarks): FileMarks {
  if (wait === undefined) return marks;
  return new Map([...marks].map(([file, mark]) => [file, mark !== undefined && mark.changedAt >= startedAt ? undefined : mark]));
}

/** What the simulated provider does says nothing about the real one, and a strict run heeds nothing that earlier runs have learned. */
function breakersOf({ simulated, strict, ledger, clock, random, quotaOf }: EngineParts, job: Job): Breakers | undefined {
  if (simulated || strict === true) return undefined;
  const quota = quotaOf === undefined ? {} : { quotaOf };
  return ledgerBreakers(ledger, { now: () => clock.now(), random, tryMs: job.limits.tryMs, ...quota });
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
