/** Writes every step of every call and every tool down before and after it, counts it, and tells whoever listens. */
import type { ProviderError } from "../errors.ts";
import type { CallObserver, ToolEnd, ToolPlan, TryPlan } from "../gateway/gateway.ts";
import type { TryFinish } from "../ledger/ledger.ts";
import type { Rung } from "../run/ladder.ts";
import type { DoneTool } from "../turn/turn.ts";
import type { Answer } from "./events.ts";
import type { RunContext } from "./run-context.ts";
import { addUsage, keptInput } from "./tally.ts";

export interface AttemptObserver extends CallObserver {
  /** The least wait that the provider asked for when the last call was given up. */
  lastRetryAfterMs(): number | undefined;
  /** Tools that were begun and not refused: they have acted, or may have. What a dead process can no longer say. */
  acted(): number;
}

export function createObserver(context: RunContext, attempt: number): AttemptObserver {
  const { start, ledger, parts, tally } = context;
  const { runId } = start;
  const tools = observeTools(context, attempt);
  let lastRetryAfterMs: number | undefined;
  return {
    ...observeTries(context, attempt),
    toolStarted: tools.started,
    toolFinished: tools.finished,
    acted: tools.acted,
    lastRetryAfterMs: () => lastRetryAfterMs,
    async callStarted(call) {
      tally.calls += 1;
      await ledger.startCall({ runId, attempt, startedAt: parts.clock.now(), ...call });
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
      const finish = { finishedAt: parts.clock.now(), status, httpStatus, ...modelUsed, ...fault } as const;
      await ledger.finishCall({ runId, attempt, call }, finish);
    },
  };
}

type TryObserver = Pick<CallObserver, "waiting" | "tryStarted" | "tryAnswered" | "tryFailed">;

function observeTries({ start, ledger, parts, emit, tally }: RunContext, attempt: number): TryObserver {
  const { clock } = parts;
  const startedAt = new Map<string, number>();
  const keyOf = (plan: TryPlan): { runId: string; attempt: number; call: number; try: number } => ({
    runId: start.runId,
    attempt,
    call: plan.call,
    try: plan.try,
  });
  const tookMs = (plan: TryPlan): number => {
    const now = clock.monotonic();
    return Math.round(now - (startedAt.get(`${plan.call}/${plan.try}`) ?? now));
  };
  /** Each try is billed, also one that failed. */
  const count = (rung: Rung, { usage, repairs }: Pick<Answer, "usage" | "repairs">): { costMicroUsd?: number } => {
    tally.repairs += repairs.length;
    tally.usage = addUsage(tally.usage, usage);
    const { costMicroUsd } = parts.meter(rung, usage);
    if (costMicroUsd === undefined) return {};
    tally.costMicroUsd = (tally.costMicroUsd ?? 0) + costMicroUsd;
    return { costMicroUsd };
  };
  return {
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
      const cost = count(plan.rung, answer);
      const recording = answer.recording === undefined ? {} : { recording: answer.recording };
      const facts = { ...answerFacts(answer), ...cost, ...recording };
      await ledger.finishTry(keyOf(plan), { finishedAt: now, status: "answered", ...facts });
      emit({ type: "try_answered", at: now, attempt, plan, answer: told(answer), tookMs: tookMs(plan) });
    },
    async tryFailed(plan, error) {
      const now = clock.now();
      tally.faults[error.fault] = (tally.faults[error.fault] ?? 0) + 1;
      // A repair of a stream that broke all the same has healed nothing.
      const cost = count(plan.rung, { usage: error.usage, repairs: [] });
      await ledger.finishTry(keyOf(plan), { finishedAt: now, status: "failed", ...errorFacts(error), ...cost });
      emit({ type: "try_failed", at: now, attempt, plan, error, tookMs: tookMs(plan) });
    },
  };
}

interface ToolObserver {
  readonly started: (plan: ToolPlan) => Promise<void>;
  readonly finished: (tool: number, end: ToolEnd) => Promise<void>;
  readonly acted: () => number;
}

function observeTools({ start, ledger, parts, emit, tally, redaction }: RunContext, attempt: number): ToolObserver {
  const { runId } = start;
  const { clock } = parts;
  const begun = new Map<number, { readonly plan: ToolPlan; readonly startedAt: number; readonly done: DoneToolInProgress }>();
  let refused = 0;
  return {
    acted: () => begun.size - refused,
    async started(given) {
      const plan = { ...given, input: redaction.keyLike(given.input) };
      const { tool, call, name, grant, input } = plan;
      const now = clock.now();
      await ledger.startTool({ runId, attempt, tool, call, startedAt: now, name, grant, input });
      // Counted after the record only: a tool whose start cannot be recorded is not run.
      const done: DoneToolInProgress = { attempt, name, input: input.slice(0, keptInput), status: "unknown" };
      begun.set(tool, { plan, startedAt: clock.monotonic(), done });
      tally.done.push(done);
      emit({ type: "tool_started", at: now, attempt, plan });
    },
    async finished(tool, end) {
      const known = begun.get(tool);
      if (known === undefined) throw new Error(`broken invariant: tool ${tool} ends and was not begun`);
      if (end.status === "refused" && known.done.status === "unknown") refused += 1;
      known.done.status = end.status;
      const now = clock.now();
      await ledger.finishTool({ runId, attempt, tool }, { finishedAt: now, ...end });
      emit({
        type: "tool_finished",
        at: now,
        attempt,
        plan: known.plan,
        end,
        tookMs: Math.round(clock.monotonic() - known.startedAt),
      });
    },
  };
}

type DoneToolInProgress = { -readonly [key in keyof DoneTool]: DoneTool[key] };

function told(answer: Answer): Answer {
  const { model, stopReason, usage, repairs, changes, firstByteMs, requestId, toolCalls } = answer;
  return { model, stopReason, usage, repairs, changes, firstByteMs, requestId, toolCalls };
}

type TryFacts = Omit<TryFinish, "finishedAt" | "status">;

function answerFacts(answer: Answer): TryFacts {
  const { usage, repairs, stopReason, firstByteMs, requestId, model } = answer;
  return { usage, repairs, stopReason, firstByteMs, modelUsed: model, ...(requestId === undefined ? {} : { requestId }) };
}

function errorFacts(error: ProviderError): TryFacts {
  const { fault, usage, repairs, status, requestId, retryAfterMs, recording } = error;
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
    ...(recording === undefined ? {} : { recording }),
  };
}
