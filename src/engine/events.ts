/**
 * What happens in a run, told while it happens. The engine emits these and writes no text; the command line's reporter and,
 * later, the dashboard turn them into something to look at. The same facts are in the ledger when each event is emitted.
 */
import type { ProviderError } from "../errors.ts";
import type { CallObserver, ToolEnd, ToolPlan, TryPlan } from "../gateway/gateway.ts";
import type { RunStart } from "../ledger/ledger.ts";
import type { Rung } from "../run/ladder.ts";
import type { TurnResult } from "../turn/turn.ts";
import type { RunOutcome } from "./outcome.ts";

/** An answer's facts as the gateway reports them; what it says is not among them. */
export type Answer = Pick<
  Parameters<CallObserver["tryAnswered"]>[1],
  "model" | "stopReason" | "usage" | "repairs" | "changes" | "firstByteMs" | "requestId" | "toolCalls"
>;

/** `at` is epoch ms, every field in `…Ms` a duration in ms; attempts, calls and tries count from 1. */
export type RunEvent =
  | {
      readonly type: "run_started";
      readonly at: number;
      readonly run: RunStart;
      readonly ladder: readonly Rung[];
      readonly notes: readonly string[];
    }
  /** It goes on after a wait. `attempts`: those that it has behind it; `waitedMs`: since it was parked. */
  | {
      readonly type: "run_carried_on";
      readonly at: number;
      readonly run: RunStart;
      readonly attempts: number;
      readonly waitedMs: number;
      readonly why: string;
    }
  /** A run whose process had died was closed before this one could start. */
  | { readonly type: "run_rescued"; readonly at: number; readonly runId: string }
  | { readonly type: "attempt_waiting"; readonly at: number; readonly waitMs: number; readonly why: string }
  | { readonly type: "attempt_started"; readonly at: number; readonly attempt: number; readonly why: string }
  | {
      readonly type: "waiting";
      readonly at: number;
      readonly attempt: number;
      readonly call: number;
      readonly rung: Rung;
      readonly waitMs: number;
      readonly why: string;
    }
  | { readonly type: "try_started"; readonly at: number; readonly attempt: number; readonly plan: TryPlan }
  | {
      readonly type: "try_failed";
      readonly at: number;
      readonly attempt: number;
      readonly plan: TryPlan;
      readonly error: ProviderError;
      readonly tookMs: number;
    }
  | {
      readonly type: "try_answered";
      readonly at: number;
      readonly attempt: number;
      readonly plan: TryPlan;
      readonly answer: Answer;
      readonly tookMs: number;
    }
  | { readonly type: "tool_started"; readonly at: number; readonly attempt: number; readonly plan: ToolPlan }
  | {
      readonly type: "tool_finished";
      readonly at: number;
      readonly attempt: number;
      readonly plan: ToolPlan;
      readonly end: ToolEnd;
      readonly tookMs: number;
    }
  /** What was found before anything was asked. `blocked`: the run ends with it; else it is told and the run goes on. */
  | {
      readonly type: "preflight_finished";
      readonly at: number;
      readonly blocked: boolean;
      readonly findings: readonly { readonly what: string; readonly remedy: string }[];
    }
  /** The gate has spoken; the turn follows only on `go`. */
  | {
      readonly type: "gate_finished";
      readonly at: number;
      readonly verdict: "go" | "nothing_to_do" | "failed";
      readonly why: string;
      readonly tookMs: number;
    }
  /** The answer came and an expectation does not hold. */
  | { readonly type: "expectation_failed"; readonly at: number; readonly attempt: number; readonly unmet: readonly string[] }
  | {
      readonly type: "attempt_finished";
      readonly at: number;
      readonly attempt: number;
      readonly result: TurnResult;
      readonly killed: number;
    }
  | { readonly type: "run_finished"; readonly at: number; readonly outcome: RunOutcome };

/** Called in the order of events, in the midst of the run, which waits for it: it returns soon and must not throw. */
export type RunListener = (event: RunEvent) => void;
