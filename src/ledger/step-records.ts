/** What the ledger records under a run: attempts, calls, tries, tools and streams, and the rows that are read back. */
import type { Fault, Repair, StreamRecording, Usage } from "../errors.ts";
import type { RunRow } from "./run-record.ts";

export interface AttemptStart {
  readonly runId: string;
  readonly attempt: number;
  readonly startedAt: number;
  readonly sessionId: string;
  /** Why this attempt was started. */
  readonly why: string;
}
export interface AttemptFinish {
  readonly finishedAt: number;
  readonly status: "succeeded" | "failed";
  readonly fault?: Fault;
  /** What went wrong, with keys taken out; cut to 4,000 characters. */
  readonly error?: string;
  /** Tools that ran in it; more than none forbids a blind repetition. */
  readonly toolRuns: number;
}

export interface CallStart {
  readonly runId: string;
  readonly attempt: number;
  /** Number of the call within the attempt, from 1. */
  readonly call: number;
  readonly startedAt: number;
  readonly dialect: string;
  readonly modelAsked: string;
  /** Whether the turn asked for a stream. */
  readonly stream: boolean;
}
export interface CallFinish {
  readonly finishedAt: number;
  readonly status: "answered" | "failed";
  readonly fault?: Fault;
  /** HTTP status the turn was given. */
  readonly httpStatus: number;
  readonly modelUsed?: string;
  /** Why it was given up, in words; cut to 4,000 characters. */
  readonly reason?: string;
}

export interface TryStart {
  readonly runId: string;
  readonly attempt: number;
  readonly call: number;
  /** Number of the try within the call, from 1. */
  readonly try: number;
  readonly startedAt: number;
  readonly provider: string;
  readonly model: string;
  readonly stream: boolean;
  /** Why this step was taken: the words of `nextStep`. */
  readonly why: string;
  /** How long was waited before it. */
  readonly waitedMs: number;
}
export interface TryFinish {
  readonly finishedAt: number;
  readonly status: "answered" | "failed";
  readonly fault?: Fault;
  /** The finer reason: a stream's, or the provider's code. */
  readonly reason?: string;
  /** The raw error text, with keys taken out; cut to 4,000 characters. */
  readonly error?: string;
  readonly httpStatus?: number;
  readonly requestId?: string;
  readonly retryAfterMs?: number;
  readonly firstByteMs?: number;
  readonly modelUsed?: string;
  readonly stopReason?: string;
  readonly usage: Usage;
  /** The first 200 are kept. */
  readonly repairs: readonly Repair[];
  readonly costMicroUsd?: number;
  /** Kept apart and given by `recordings`; at most 1 MiB of text a try. */
  readonly recording?: StreamRecording;
}

export interface ToolStart {
  readonly runId: string;
  readonly attempt: number;
  /** Number of the tool run within the attempt, from 1. */
  readonly tool: number;
  /** The call that asked for it. */
  readonly call: number;
  readonly startedAt: number;
  readonly name: string;
  /** `shell`, `files`, `http` or `mcp:NAME`. */
  readonly grant: string;
  /** As JSON, keys taken out; cut to 4,000 characters. */
  readonly input: string;
}
export interface ToolFinish {
  readonly finishedAt: number;
  readonly status: "succeeded" | "failed" | "refused";
  readonly error?: string;
  readonly outputBytes: number;
}

/*
 * Attempts, calls and tries as recorded. One that was under way when its run ended reads `failed` with the words of
 * `endedWithoutRecord` (`error`, or `reason` of a call) and without `finishedAt`, because nobody knows when it stopped. Its
 * facts are absent, not zero: an attempt without `toolRuns` may have run tools.
 */
export type AttemptRow = AttemptStart &
  Partial<Omit<AttemptFinish, "status">> & { readonly status: "running" | AttemptFinish["status"] };
export type CallRow = CallStart & Partial<Omit<CallFinish, "status">> & { readonly status: "running" | CallFinish["status"] };
export type TryRow = TryStart &
  Partial<Omit<TryFinish, "status" | "usage" | "repairs">> & {
    readonly status: "running" | TryFinish["status"];
    readonly usage: Usage;
    readonly repairs: readonly Repair[];
  };

/** One that was under way when its run ended reads `failed` with the words of `endedWithoutRecord` and without `finishedAt`. */
export type ToolRow = ToolStart & Partial<Omit<ToolFinish, "status">> & { readonly status: "running" | ToolFinish["status"] };

/** A run with everything under it, in order. */
export interface RunDetail {
  readonly run: RunRow;
  readonly attempts: readonly AttemptRow[];
  readonly calls: readonly CallRow[];
  readonly tries: readonly TryRow[];
  readonly tools: readonly ToolRow[];
}

/** What was recorded of one try's stream. */
export interface RecordingRow extends StreamRecording {
  readonly attempt: number;
  readonly call: number;
  readonly try: number;
  /** It was longer than is kept (`keptRecording`), so its end is missing. */
  readonly cut?: boolean;
}
