/**
 * The gateway's contract: the loopback HTTP door between a turn's process and the providers. It holds the keys; a turn's
 * process holds only the token of a grant, which dies with the attempt.
 */
import type { Duplex } from "node:stream";
import type { Fault, ProviderError, Usage } from "../errors.ts";
import type { Provider, ProvenAnswer } from "../provider/provider.ts";
import type { OnRateLimit, Recording, RetryPolicy } from "../job/job.ts";
import type { Admission, LeftAlone } from "../run/breaker.ts";
import type { QuotaOf } from "../run/history.ts";
import type { Rung } from "../run/ladder.ts";

interface GatewayLimits {
  readonly firstByteMs: number;
  readonly idleMs: number;
  readonly tryMs: number;
  readonly callMs: number;
  readonly triesPerCall: number;
  readonly callsPerAttempt: number;
  readonly maxWaitMs: number;
}

export interface GatewayOptions {
  /** By the id that rungs name. */
  readonly providers: ReadonlyMap<string, Provider>;
  /** Milliseconds that only ever grow, for limits and waits; no instant is written down here. Default `performance.now`. */
  readonly monotonic?: () => number;
  /** From 0 to 1, for the jitter of waits. Default `Math.random`. */
  readonly random?: () => number;
  /** Rejects with the signal's reason when it is aborted. Default a timer. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly pings?: Partial<PingTimes>;
  /** The quota that a provider's models share (`ProviderConfig.quota`); default the provider's own id. */
  readonly quotaOf?: QuotaOf;
}

/**
 * Pings go only to a turn that asked for a stream. The first one needs a `200`, after which a failure can no longer be told by
 * a status, so it comes late: no client known gives up on a silent connection before 45 s.
 */
export interface PingTimes {
  /** From the request to the `200` and the first ping. Default 20 s. */
  readonly firstMs: number;
  /** From ping to ping. Default 10 s. */
  readonly everyMs: number;
}

/** What one attempt of one run may do through the gateway. */
export interface Grant {
  readonly runId: string;
  readonly attempt: number;
  /** Ways to answer, best first. Never empty. */
  readonly ladder: readonly Rung[];
  readonly retry: RetryPolicy;
  readonly limits: GatewayLimits;
  /**
   * An answer that was cut at `max_tokens` is a fault and goes to the next model, as for the built-in turn, which can do nothing
   * with half an answer. Default false: it is released as it is, because an agent program may ask for the rest.
   */
  readonly wholeAnswersOnly?: boolean;
  /** The end of the attempt, before which every call of it must be answered. Absent: only the call's own limits count. */
  readonly deadline?: AttemptDeadline;
  /** Default `fallback`. */
  readonly onRateLimit?: OnRateLimit;
  /** What is recorded of each stream. Default `off`. */
  readonly record?: Recording;
  /** Absolute path of the job's event handler. */
  readonly eventHandler?: string;
  /** Shared by all attempts of a run. Absent: no budget. */
  readonly budget?: RunBudget;
  /** Absent: no model is ever left alone. */
  readonly breakers?: Breakers;
  /**
   * `run --force`: models that are left alone are asked all the same, in the ladder's order; how it goes still counts. Default false.
   */
  readonly force?: boolean;
  /** Ends every call of the attempt. */
  readonly signal: AbortSignal;
  /** Told of each step before and after it; awaited, so that the record is durable before the step. */
  readonly observer: CallObserver;
}

/**
 * What a run may still spend; `gateway/budget.ts` counts. The gateway refuses calls and tries by it. Whoever starts attempts asks
 * `exhausted("call")` before each of them, and ends what is under way when `leftMs` is over.
 */
export interface RunBudget {
  /**
   * The words of what is used up, such as `limits.tokens: 10,250 of 10,000 used`; undefined while there is some left. The last call that is
   * allowed may be tried as often as any other, so `calls` and `turns` count before a call only.
   */
  exhausted(before: "call" | "try"): string | undefined;
  /** Takes a call, and one question of the turn. */
  countCall(): void;
  /** After each try, failed ones included: each is billed. */
  spend(rung: Rung, usage: Usage): void;
  /** Until the time is used up, in ms, negative once it is; Infinity without such a limit. */
  leftMs(): number;
  /** What the run's record should say about the counting, each line once: prices that are not known. */
  notes(): readonly string[];
}

/** The breakers of models, addresses and quotas, across runs; the engine keeps them in the ledger. */
export interface Breakers {
  /** Before a call's first try on a model. A probe that was let through must be answered, failed or released. */
  admit(rung: Rung): Promise<Admission>;
  answered(rung: Rung): Promise<void>;
  /** Resolves to how the model is left alone from now on, if it is. */
  failed(rung: Rung, error: Pick<ProviderError, "fault" | "retryAfterMs">): Promise<LeftAlone | undefined>;
  /** A probe that found nothing out: it was cancelled, or cut by a limit shorter than the try's own. */
  released(rung: Rung): Promise<void>;
}

/** A tool run that is about to begin. */
export interface ToolPlan {
  /** Number of the tool run within the attempt, from 1, in the order of the model's calls. */
  readonly tool: number;
  /** Number of the call that asked for it. */
  readonly call: number;
  /** As the model names it. */
  readonly name: string;
  /** The grant it belongs to: `shell`, `files`, `http` or `mcp:NAME`. */
  readonly grant: string;
  /** Its input as JSON; cut to 4,000 characters by the ledger. */
  readonly input: string;
}

export interface ToolEnd {
  /** `refused`: the grant does not allow it; nothing was done. */
  readonly status: "succeeded" | "failed" | "refused";
  readonly error?: string;
  readonly outputBytes: number;
}

interface AttemptDeadline {
  /** Milliseconds from now on; negative once it has passed. */
  readonly leftMs: () => number;
  /** The limit that sets it, as people write it: `payload.timeoutSeconds` or `limits.run`. */
  readonly limit: string;
}

export interface TryPlan {
  readonly call: number;
  readonly try: number;
  readonly rung: Rung;
  readonly waitedMs: number;
  readonly why: string;
}

export interface CallObserver {
  /**
   * Before a tool runs, durable before it does: a tool whose start cannot be recorded is not run. Rejects for a number that was started
   * already, so that nothing runs twice.
   */
  toolStarted?(plan: ToolPlan): Promise<void>;
  toolFinished?(tool: number, end: ToolEnd): Promise<void>;
  callStarted(call: { call: number; dialect: string; modelAsked: string; stream: boolean }): Promise<void>;
  /** Before waiting, so that a person sees what is being waited for. Not a durable step. */
  waiting(plan: { call: number; rung: Rung; waitMs: number; why: string }): void;
  tryStarted(plan: TryPlan): Promise<void>;
  tryAnswered(plan: TryPlan, answer: ProvenAnswer): Promise<void>;
  tryFailed(plan: TryPlan, error: ProviderError): Promise<void>;
  callFinished(call: {
    call: number;
    /** HTTP status the turn is given. */
    httpStatus: number;
    answer?: ProvenAnswer;
    /** The rung that answered. */
    rung?: Rung;
    /** Why it was given up, if it was. */
    failure?: {
      fault: Fault;
      why: string;
      last: ProviderError | undefined;
      /** How long a provider asked to wait, from now on. */
      retryAfterMs?: number;
    };
  }): Promise<void>;
}

export interface Gateway {
  /** `http://127.0.0.1:<port>`; the turn's base URL for both dialects. */
  readonly url: string;
  /** Opens the door for one attempt; the token is 256 random bits and is known to nobody else. */
  open(grant: Grant): {
    readonly token: string;
    readonly close: () => void;
    /** Tools that the attempt has begun so far and that were not refused, as it was recorded; also after the turn's process is dead. */
    readonly toolRuns: () => number;
  };
  /** Serves a connection that is there already, as one that came to `url`. */
  connect(connection: Duplex): void;
  /** Ends every call and closes the socket. */
  close(): Promise<void>;
}
