/**
 * A job: what to ask, when, of which model, and what counts as done. This is the normalised value; `parse.ts` makes it from
 * what a file holds. Durations are milliseconds here and carry `Ms` in their name; files may say `30s` or a number of seconds
 * where the field's name says seconds.
 */
export interface Job {
  /** Stable identity across renames; run history hangs on it. Given in the file, else derived from the file's path. */
  readonly id: string;
  /** Unique within the project folder; what people type. */
  readonly name: string;
  readonly description?: string;
  /** Default true. A disabled job is still run by hand. */
  readonly enabled: boolean;
  readonly schedule: Schedule;
  readonly payload: AgentTurnPayload;
  readonly retry: RetryPolicy;
  readonly limits: JobLimits;
  /** The turn may be repeated although tools have run in a failed attempt. Default false. */
  readonly idempotent: boolean;
  /** Where it was read, for messages. */
  readonly source: { readonly file: string; readonly line: number };
}

export type Schedule =
  /** `expr` as croner 11 reads it; `tz` an IANA zone, default the configuration's, else the machine's. */
  | { readonly kind: "cron"; readonly expr: string; readonly tz?: string }
  /** Every `everyMs` from `anchorMs` (epoch ms; default 0) on. */
  | { readonly kind: "every"; readonly everyMs: number; readonly anchorMs?: number }
  /** Once, at an ISO instant; without a zone it means UTC, as in OpenClaw. */
  | { readonly kind: "at"; readonly at: string }
  /** Only by hand. */
  | { readonly kind: "manual" };

export interface AgentTurnPayload {
  readonly kind: "agentTurn";
  readonly message: string;
  /** `provider/model`; absent means the configuration's `model`. */
  readonly model?: string;
  /** Models to fall back to, in order, each `provider/model`. Absent means the configuration's list; empty means none. */
  readonly fallbacks?: readonly string[];
  /**
   * `true`: streamed only. `false`: streaming is off on the wire from the first try. `"auto"` (default): streamed, and
   * switched off for a model whose stream broke.
   */
  readonly stream: boolean | "auto";
  /** System prompt of the turn; default none beside the built-in note that the turn is unattended. */
  readonly system?: string;
  /** Most tokens the model may answer with, per call. Default 8,192. */
  readonly maxTokens: number;
}

/** Waits between tries of a call and between attempts of a run. Defaults: the origin's shell loop (openclaw/openclaw#44482). */
export interface RetryPolicy {
  /** Most starts of the turn's process in one run. Default 3. */
  readonly maxAttempts: number;
  /** First wait, default 5,000 ms. */
  readonly delayMs: number;
  /** Growth from wait to wait, default 2. */
  readonly factor: number;
  /** Longest wait of ours, default 60,000 ms. A wait that a provider asks for is a minimum and may be longer. */
  readonly maxDelayMs: number;
  /** Share of each wait that is random, 0 to 1, added on top so that a minimum stays one. Default 0.25. */
  readonly jitter: number;
  /**
   * Which of the waits the job itself sets. They win over the waits that suit a fault (docs/healing.md); one that is not set
   * counts between attempts only.
   */
  readonly set: readonly ("delay" | "factor" | "maxDelay")[];
}

/** Every limit of a run. Each is printed by `run --dry-run`. */
export interface JobLimits {
  /** Streamed: from sending to the first byte of the body. Default 120 s. */
  readonly firstByteMs: number;
  /** Streamed: silence between two chunks. Default 120 s. */
  readonly idleMs: number;
  /** One request upstream, streamed or not. Default 600 s. */
  readonly tryMs: number;
  /** One model request of the turn, over all its tries and waits. Default 1,200 s. */
  readonly callMs: number;
  /** One attempt; `payload.timeoutSeconds` in the file. Default 1,800 s. */
  readonly attemptMs: number;
  /** The whole run, with all attempts and waits. Default 3,600 s. */
  readonly runMs: number;
  /** Most tries for one call over the whole ladder. Default 12. */
  readonly triesPerCall: number;
  /** Most model calls of one attempt. Default 50. */
  readonly callsPerAttempt: number;
  /** The longest wait a provider may impose (Retry-After) within a run. Default 600 s; longer goes to the next model. */
  readonly maxWaitMs: number;
  /** Bytes of the turn's output that are kept. Default 1 MiB. */
  readonly outputBytes: number;
}
