/**
 * No secret that runner knows leaves a run: everything that goes to the ledger or to a listener passes here. A turn never gets a
 * key, but an MCP server may print what it was given, and a provider may echo a header.
 */
import { ProviderError, type StreamRecording } from "../errors.ts";
import type { Ledger, TryFinish } from "../ledger/ledger.ts";
import type { Judgement, TurnResult } from "../turn/turn.ts";
import type { RunEvent, RunListener } from "./events.ts";
import type { RunEnd } from "./outcome.ts";

export interface Redaction {
  /** Without the values that are known to be secret: for answers and recordings, whose other words must stay. */
  readonly known: (text: string) => string;
  /** Without whatever is shaped like a key, too: for what a model hands to a tool. */
  readonly keyLike: (text: string) => string;
}

/** The ledger's steps of a run, with every foreign text redacted. */
export type StepLedger = Pick<
  Ledger,
  | "startAttempt"
  | "finishAttempt"
  | "startCall"
  | "finishCall"
  | "startTry"
  | "finishTry"
  | "startTool"
  | "finishTool"
  | "rememberRung"
>;

export function redactedLedger(ledger: StepLedger, { known }: Redaction): StepLedger {
  return {
    startAttempt: (start) => ledger.startAttempt({ ...start, why: known(start.why) }),
    finishAttempt: (key, finish) => ledger.finishAttempt(key, { ...finish, ...withError(finish, known) }),
    startCall: (start) => ledger.startCall({ ...start, modelAsked: known(start.modelAsked) }),
    finishCall: (key, finish) => ledger.finishCall(key, { ...finish, ...withReason(finish, known) }),
    startTry: (start) => ledger.startTry({ ...start, why: known(start.why) }),
    finishTry: (key, finish) =>
      ledger.finishTry(key, {
        ...finish,
        ...withError(finish, known),
        ...withReason(finish, known),
        ...withNames(finish, known),
        ...recorded(finish.recording, known),
      }),
    startTool: (start) => ledger.startTool({ ...start, name: known(start.name), input: known(start.input) }),
    finishTool: (key, finish) => ledger.finishTool(key, { ...finish, ...withError(finish, known) }),
    rememberRung: (memory) => ledger.rememberRung(memory),
  };
}

type Known = Redaction["known"];

function withError({ error }: { readonly error?: string }, known: Known): { error?: string } {
  return error === undefined ? {} : { error: known(error) };
}

function withReason({ reason }: { readonly reason?: string }, known: Known): { reason?: string } {
  return reason === undefined ? {} : { reason: known(reason) };
}

/** What a provider calls the answer and whoever gave it. */
function withNames({ modelUsed, requestId, stopReason }: TryNames, known: Known): TryNames {
  return {
    ...(modelUsed === undefined ? {} : { modelUsed: known(modelUsed) }),
    ...(requestId === undefined ? {} : { requestId: known(requestId) }),
    ...(stopReason === undefined ? {} : { stopReason: known(stopReason) }),
  };
}

type TryNames = Pick<TryFinish, "modelUsed" | "requestId" | "stopReason">;

function recorded(recording: StreamRecording | undefined, known: Known): { recording?: StreamRecording } {
  return recording === undefined ? {} : { recording: { ...recording, text: known(recording.text) } };
}

/** Tells the listener everything but secrets. */
export function redactedListener(listen: RunListener, redaction: Redaction): RunListener {
  return (event) => listen(redactedEvent(event, redaction.known));
}

function redactedEvent(event: RunEvent, known: Known): RunEvent {
  switch (event.type) {
    case "try_failed":
      return { ...event, error: redactedError(event.error, known) };
    case "tool_started":
      return { ...event, plan: { ...event.plan, name: known(event.plan.name), input: known(event.plan.input) } };
    case "tool_finished": {
      const { plan, end } = event;
      return {
        ...event,
        plan: { ...plan, name: known(plan.name), input: known(plan.input) },
        end: { ...end, ...withError(end, known) },
      };
    }
    case "preflight_finished": {
      const findings = event.findings.map(({ what, remedy }) => ({ what: known(what), remedy: known(remedy) }));
      return { ...event, findings };
    }
    case "gate_finished":
      return { ...event, why: known(event.why) };
    case "expectation_failed":
      return { ...event, unmet: event.unmet.map(known) };
    case "attempt_finished":
      return { ...event, result: redactedResult(event.result, known) };
    // Made of numbers and of our own words, or redacted where the run's end was.
    case "run_started":
    case "run_carried_on":
    case "run_rescued":
    case "attempt_waiting":
    case "attempt_started":
    case "waiting":
    case "try_started":
    case "try_answered":
    case "run_finished":
      return event;
  }
}

function redactedError(error: ProviderError, known: Known): ProviderError {
  const message = known(error.message);
  const raw = error.raw === undefined ? undefined : known(error.raw);
  if (message === error.message && raw === error.raw) return error;
  const { fault, status, code, retryAfterMs, shouldRetry, requestId, usage, repairs, reason } = error;
  return new ProviderError(message, { fault, status, code, retryAfterMs, shouldRetry, requestId, usage, repairs, reason, raw });
}

export function redactedResult(result: TurnResult, known: Known): TurnResult {
  const warnings = result.warnings === undefined ? {} : { warnings: result.warnings.map(known) };
  if (result.status === "answered") return { ...result, ...warnings, text: known(result.text) };
  const { partial, unmet, stderr } = result;
  return {
    ...result,
    ...warnings,
    error: known(result.error),
    ...(partial === undefined ? {} : { partial: known(partial) }),
    ...(unmet === undefined ? {} : { unmet: unmet.map(known) }),
    ...(stderr === undefined ? {} : { stderr: known(stderr) }),
  };
}

export function redactedJudgement(judgement: Judgement | undefined, known: Known): Judgement | undefined {
  if (judgement === undefined) return undefined;
  const warnings = judgement.warnings.map(known);
  if (judgement.verdict === "unmet") return { ...judgement, warnings, unmet: judgement.unmet.map(known) };
  if (judgement.verdict === "declared") return { ...judgement, warnings, reason: known(judgement.reason) };
  return { ...judgement, warnings };
}

export function redactedEnd(end: RunEnd, { known }: Redaction): RunEnd {
  const { reason, output, value, warnings, obstacle } = end;
  return {
    ...end,
    reason: known(reason),
    ...(output === undefined ? {} : { output: known(output) }),
    ...(value === undefined ? {} : { value: known(value) }),
    ...(warnings === undefined ? {} : { warnings: warnings.map(known) }),
    ...(obstacle === undefined ? {} : { obstacle: known(obstacle) }),
  };
}
