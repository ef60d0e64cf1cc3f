/** The attempts of a run: one after the other until one ends well or none may follow. */
import type { Fault } from "../errors.ts";
import { unmetNote } from "../job/sentinel.ts";
import { exitCodes } from "../run/exit-code.ts";
import {
  nextAttempt,
  outOfBudget,
  type AttemptEnding,
  type AttemptPolicy,
  type AttemptRecord,
  type AttemptStep,
} from "../run/next-attempt.ts";
import type { Parked, RunEnd } from "./outcome.ts";
import type { Prompt } from "./prompt.ts";
import { runAttempt, type AttemptEnd } from "./run-attempt.ts";
import type { RunContext } from "./run-context.ts";
import { stoppedEnd } from "./stopped-end.ts";
import { waitOf, waitsWithoutProcess, waitWindow } from "./waiting.ts";
import { successWords } from "./tally.ts";

export async function attemptUntilEnd(context: RunContext, prompt: Prompt): Promise<RunEnd | Parked> {
  const { parts, past, tally, emit, signal } = context;
  const history = [...past.history];
  let why = past.wait?.why ?? "the first attempt";
  let { unmet } = past;
  for (;;) {
    const ended = await runAttempt(context, tally.attempts + 1, why, withReasons(prompt, unmet));
    tally.attempts += 1;
    tally.warnings.push(...(ended.result.warnings ?? []), ...(ended.judgement?.warnings ?? []));
    history.push(toRecord(ended));
    const well = endedWell(context, ended);
    if (well !== undefined) return well;
    const stopped = stoppedEnd(context);
    if (stopped !== undefined) return stopped;
    const step = stepAfter(context, history, ended);
    if (step.kind === "end") return endedBadly(context, ended, step);
    const spent = spentEnd(context, ended);
    if (spent !== undefined) return spent;
    if (waitsWithoutProcess(context, step)) return { wait: waitOf(context, step) };
    unmet = ended.judgement?.verdict === "unmet" ? ended.judgement.unmet : [];
    emit({ type: "attempt_waiting", at: parts.clock.now(), waitMs: step.waitMs, why: step.why });
    // An aborted wait is not an error: what aborted it decides how the run ends.
    await parts.clock.sleep(step.waitMs, signal).catch(() => {});
    const stoppedMeanwhile = stoppedEnd(context);
    if (stoppedMeanwhile !== undefined) return stoppedMeanwhile;
    const spentMeanwhile = spentEnd(context, ended);
    if (spentMeanwhile !== undefined) return spentMeanwhile;
    why = step.why;
  }
}

/** Without any budget left another attempt could not ask. */
function spentEnd(context: RunContext, ended: AttemptEnd): RunEnd | undefined {
  const spent = context.budget?.exhausted("call");
  return spent === undefined ? undefined : endedBadly(context, ended, outOfBudget(`the run's budget is used up: ${spent}`));
}

/** A model whose answer was not accepted is told why when it is asked once more. */
function withReasons(prompt: Prompt, unmet: readonly string[]): Prompt {
  if (unmet.length === 0) return prompt;
  return (at) => {
    const { system, message } = prompt(at);
    return { system, message: `${message}\n\n${unmetNote(unmet)}` };
  };
}

function toRecord({ result, judgement, startedAt, finishedAt, confirmedDead, retryAfterMs }: AttemptEnd): AttemptRecord {
  const { toolRuns } = result;
  const asked = retryAfterMs === undefined ? {} : { retryAfterMs };
  const times = { startedAt, finishedAt, toolRuns, confirmedDead, ...asked };
  if (result.status === "failed") return { ...times, fault: result.fault, missing: result.missing };
  if (judgement?.verdict === "declared") return { ...times, fault: "declared" };
  return judgement?.verdict === "unmet" ? { ...times, expectationFailed: true } : times;
}

/** The end of a run whose turn answered, and whose answer is what the job wants. */
function endedWell({ tally }: RunContext, { result, judgement, confirmedDead }: AttemptEnd): RunEnd | undefined {
  if (result.status !== "answered") return undefined;
  if (judgement?.verdict === "unmet" || judgement?.verdict === "declared") return undefined;
  const left = confirmedDead ? "" : "; something it started could not be confirmed dead";
  const words = `${successWords(tally)}${left}`;
  if (judgement?.verdict === "quiet") return { status: "quiet", exitCode: 0, reason: `nothing to report; ${words}` };
  const value = judgement?.value ?? result.value;
  return {
    status: "succeeded",
    exitCode: 0,
    reason: words,
    output: result.text,
    ...(value === undefined ? {} : { value: JSON.stringify(value) }),
  };
}

function stepAfter(context: RunContext, history: readonly AttemptRecord[], ended: AttemptEnd): AttemptStep {
  const { parts } = context;
  // What could not even be judged does not become right by asking the model again.
  if (ended.judgement?.verdict === "unmet" && !ended.judgement.retryable)
    return { kind: "end", status: "failed", exitCode: exitCodes.expectation, why: "asking again would not change it" };
  return nextAttempt(history, policyOf(context), parts.clock.monotonic(), parts.random());
}

function policyOf(context: RunContext): AttemptPolicy {
  const { job, runStartedAt, budget, past } = context;
  const { retry, idempotent, limits, onRateLimit = "fallback" } = job;
  const window = waitWindow(context);
  return {
    retry,
    idempotent,
    isCommand: job.payload.kind === "command",
    limits,
    runStartedAt,
    onRateLimit,
    uncounted: past.uncounted,
    ...(window === undefined ? {} : { window }),
    ...(budget === undefined ? {} : { budgetLeftMs: budget.leftMs() }),
  };
}

/** What there is of an answer is kept: a person may use it, whatever is wrong with it. */
function endedBadly({ parts, plan }: RunContext, { result, judgement }: AttemptEnd, step: AttemptEnding): RunEnd {
  const { status, exitCode, why, deferredForMs } = step;
  const end = { status, exitCode, ...(deferredForMs === undefined ? {} : { deferredUntil: parts.clock.now() + deferredForMs }) };
  const faultOr = (fault: Fault | undefined): { fault?: Fault } => {
    const first = step.fault ?? fault;
    return first === undefined ? {} : { fault: first };
  };
  if (result.status === "failed") {
    // As of what the preflight finds: the machine's or the job's matter, and no fault of a turn that was not begun.
    const subject = result.fault === "not_ready" ? result.unready : plan.modelAsked;
    const obstacle = status === "blocked" ? { obstacle: `${result.fault} ${subject ?? ""}`.trimEnd() } : {};
    if (result.fault === "not_ready") return { ...end, ...obstacle, reason: `${result.error}; ${why}` };
    const partial = result.partial === undefined || result.partial === "" ? {} : { output: result.partial };
    return { ...end, ...obstacle, reason: `${result.error}; ${why}`, ...faultOr(result.fault), ...partial };
  }
  const output = result.text === "" ? {} : { output: result.text };
  if (judgement?.verdict === "declared")
    return { ...end, reason: `the turn says that it failed: ${judgement.reason}; ${why}`, ...faultOr("declared"), ...output };
  const unmet = judgement?.verdict === "unmet" ? judgement.unmet.join("; ") : "";
  return { ...end, reason: `the answer is not what the job expects: ${unmet}; ${why}`, ...faultOr(undefined), ...output };
}
