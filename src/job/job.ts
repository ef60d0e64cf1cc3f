import type { ToolGrants } from "./grants.ts";
import type { CatchUp, Overlap, Schedule } from "./schedule.ts";

export type * from "./grants.ts";
export type * from "./schedule.ts";

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
  /** What becomes of slots that passed while nobody was there to answer them. Default `latest`. */
  readonly catchUp?: CatchUp;
  /** What a slot does while a run of the job is open: see `Overlap`. Default `skip`. */
  readonly overlap?: Overlap;
  /** Jobs of one group share a limit of runs at once (the configuration's `scheduler.groups`). */
  readonly group?: string;
  readonly payload: Payload;
  readonly retry: RetryPolicy;
  readonly limits: JobLimits;
  /** Ends the run cleanly, exit 80, when it is used up. Absent: no budget. */
  readonly budget?: Budget;
  /** What to do when a provider says "later": see `OnRateLimit`. Default `fallback`. */
  readonly onRateLimit?: OnRateLimit;
  /** A cheap command before the turn that may say there is nothing to do. */
  readonly gate?: Gate;
  /** What must hold of the answer for the run to be a success, beside being whole and not empty. */
  readonly expect?: Expectations;
  /** The whole answer that means "nothing to report". Default `NO_REPLY`; `false`: no answer means that. */
  readonly quiet?: string | false;
  /** What is recorded of each stream. Default `shape`. */
  readonly record?: Recording;
  /** Values for `{{vars.x}}` in the message and the system prompt. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Names of variables of runner's environment that `{{env.X}}` may show. Default none. */
  readonly env?: readonly string[];
  /** Folder the turn, its gate and its expectations work in, absolute. Default: a fresh one, removed with the attempt. */
  readonly workDir?: string;
  /** A module that sees the raw events of every stream of the job first, absolute path; see docs/streams.md. */
  readonly eventHandler?: string;
  /** The turn may be repeated although tools have run in a failed attempt. Default false. */
  readonly idempotent: boolean;
  /** Where it was read, for messages. */
  readonly source: { readonly file: string; readonly line: number };
}

type Payload = AgentTurnPayload | CommandPayload;

export interface AgentTurnPayload {
  readonly kind: "agentTurn";
  /** What to do, as a template with its includes put in: `renderTemplate` of template.ts makes the prompt of it. */
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
  /** System prompt of the turn, a template too; default none beside the built-in note that the turn is unattended. */
  readonly system?: string;
  /** Most tokens the model may answer with, per call. Default 8,192. */
  readonly maxTokens: number;
  /** What the turn may do beside answering. Default nothing. */
  readonly tools?: ToolGrants;
  /** Most questions of one attempt to the model; tools are used between them. Default 30. */
  readonly maxTurns?: number;
  /** How much the model is to think, where it can; the provider's default if absent. */
  readonly thinking?: "off" | "low" | "medium" | "high";
}

/** A plain job: a program without a model, with the same claims, retries, limits, expectations and history. */
export interface CommandPayload {
  readonly kind: "command";
  /** Program and arguments; no shell. */
  readonly argv: readonly string[];
  /** Written to its stdin. Default none: stdin is empty. */
  readonly input?: string;
  /** Added to its environment; values may be references `${NAME}` to runner's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends it when it writes nothing for so long. Default no such limit. */
  readonly noOutputMs?: number;
}

/**
 * `fallback` (default): as the ladder of docs/healing.md, the next model when the wait is long. `wait`: the same model is waited for, up
 * to `limits.maxWait`. `defer`: the run ends `deferred` with the time the provider named, and no other model is asked.
 */
export type OnRateLimit = "wait" | "fallback" | "defer";

/** Of a stream: event types, indexes, hashed ids and lengths; or every byte; or nothing. */
export type Recording = "shape" | "full" | "off";

/** `limits.tokens` … in the file. Counted over all attempts, calls and tries of a run, failed ones included. */
export interface Budget {
  /** Input and output together. */
  readonly tokens?: number;
  /** US dollars by the price table; a try whose price is not known counts as nothing, and a note says so. */
  readonly usd?: number;
  /** Model calls. */
  readonly calls?: number;
  /** Questions to the model of the built-in turn, over all attempts. */
  readonly turns?: number;
  /** Wall-clock time from claim to end; unlike `limits.run` it ends cleanly with what there is. */
  readonly ms?: number;
}

/** Exit 0: go on, stdout are the facts. 1 with nothing on stderr: nothing to do. Anything else: the gate failed. */
export interface Gate {
  readonly argv: readonly string[];
  /** Default 30 s. */
  readonly timeoutMs: number;
}

export interface Expectations {
  /** Default true. False: an empty answer is a success. */
  readonly notEmpty?: boolean;
  readonly contains?: readonly string[];
  readonly notContains?: readonly string[];
  /** Regular expressions (ECMAScript, `u` flag), each of which must match somewhere. */
  readonly matches?: readonly string[];
  /** Least characters of the answer without outer blanks. */
  readonly minLength?: number;
  /** JSON Schema (draft 2020-12) that the answer, read as JSON, must satisfy; the value becomes the run's output value. */
  readonly jsonSchema?: Readonly<Record<string, unknown>> | boolean;
  /** Files that must be there afterwards, relative to the work folder. `fresh`: changed since the run began. */
  readonly files?: readonly { readonly path: string; readonly fresh: boolean }[];
  /** A program that must exit 0; it gets the answer on stdin. */
  readonly command?: { readonly argv: readonly string[]; readonly timeoutMs: number };
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
  /**
   * A turn that says itself that it failed, or a command that exits with another code than 0, is started again, under the side-effect
   * rule. Default false: it did what it was asked, and its word is the result. Of a command true: there `idempotent` alone decides.
   */
  readonly declared?: boolean;
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
  /**
   * How long after its slot a scheduled run may still wait to be carried on (a plan's reset, a long Retry-After). Default 24 h; never up to the
   * job's next slot, which answers it anyway.
   */
  readonly deferMs: number;
  /** Bytes of the turn's output that are kept. Default 1 MiB. */
  readonly outputBytes: number;
}
