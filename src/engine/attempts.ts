/** The attempts of a run: one after the other until one ends well or none may follow. */
import { nextAttempt, type AttemptRecord } from "../run/next-attempt.ts";
import type { RunEnd } from "./outcome.ts";
import { runAttempt, type AttemptEnd } from "./run-attempt.ts";
import type { RunContext } from "./run-context.ts";
import { stoppedEnd } from "./stopped-end.ts";
import { successWords } from "./tally.ts";

export async function attemptUntilEnd(context: RunContext): Promise<RunEnd> {
  const { job, parts, tally, runStartedAt, emit, signal } = context;
  const policy = { retry: job.retry, idempotent: job.idempotent, limits: job.limits, runStartedAt };
  const history: AttemptRecord[] = [];
  for (let why = "the first attempt"; ;) {
    const ended = await runAttempt(context, history.length + 1, why);
    tally.attempts += 1;
    tally.warnings.push(...(ended.result.warnings ?? []));
    history.push(toRecord(ended));
    const { result } = ended;
    if (result.status === "answered") return succeeded(context, ended);
    const stopped = stoppedEnd(context);
    if (stopped !== undefined) return stopped;
    const step = nextAttempt(history, policy, parts.clock.monotonic(), parts.random());
    if (step.kind === "end") {
      const { status, exitCode } = step;
      return { status, exitCode, reason: `${result.error}; ${step.why}`, fault: result.fault };
    }
    emit({ type: "attempt_waiting", at: parts.clock.now(), waitMs: step.waitMs, why: step.why });
    // An aborted wait is not an error: what aborted it decides how the run ends.
    await parts.clock.sleep(step.waitMs, signal).catch(() => {});
    const stoppedMeanwhile = stoppedEnd(context);
    if (stoppedMeanwhile !== undefined) return stoppedMeanwhile;
    why = step.why;
  }
}

function succeeded({ tally }: RunContext, { result, confirmedDead }: AttemptEnd): RunEnd {
  const left = confirmedDead ? "" : "; something it started could not be confirmed dead";
  const end: RunEnd = { status: "succeeded", exitCode: 0, reason: `${successWords(tally)}${left}` };
  if (result.status !== "answered") return end;
  const value = result.value === undefined ? {} : { value: JSON.stringify(result.value) };
  return { ...end, output: result.text, ...value };
}

function toRecord({ result, startedAt, finishedAt, confirmedDead, retryAfterMs }: AttemptEnd): AttemptRecord {
  const fault = result.status === "failed" ? { fault: result.fault } : {};
  const asked = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { startedAt, finishedAt, toolRuns: result.toolRuns, confirmedDead, ...fault, ...asked };
}
