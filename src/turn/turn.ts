/** The turn's contract: the agent's work in one attempt, in an isolated process, ending in one result. */
import type { Fault } from "../errors.ts";

export interface TurnSpec {
  readonly runId: string;
  readonly jobName: string;
  readonly attempt: number;
  /** Fresh for every attempt: nothing of an earlier conversation can be in it. */
  readonly sessionId: string;
  readonly system: string;
  readonly message: string;
  /** Model to name in requests, `provider/model`. The gateway's ladder decides what is really asked. */
  readonly model: string;
  readonly dialect: "anthropic-messages" | "openai-completions";
  /** Whether the turn asks the gateway for a stream. */
  readonly stream: boolean;
  readonly maxTokens: number;
  /** The gateway's door for this attempt. A function is asked once the process has been started, so that the door opens while it boots. */
  readonly gateway: Door | (() => Promise<Door>);
  readonly limits: {
    /** The whole attempt. */
    readonly attemptMs: number;
    /** From TERM to KILL. Default 5 s. */
    readonly killGraceMs: number;
    /** Bytes of output kept. */
    readonly outputBytes: number;
  };
}

/** Where the gateway is, and the token that opens it for one attempt. */
export interface Door {
  readonly url: string;
  readonly token: string;
}

/** The spec as the turn's process gets it. */
export type OpenSpec = TurnSpec & { readonly gateway: Door };

export interface TurnHooks {
  readonly signal: AbortSignal;
  /** Parent environment from which the allow-list picks. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type TurnResult =
  /** The model ended its turn with an acceptable stop reason. Whether that is a success, `expect` decides. */
  | {
      readonly status: "answered";
      readonly text: string;
      readonly stopReason: string;
      readonly model: string;
      readonly toolRuns: number;
    }
  | {
      readonly status: "failed";
      readonly fault: Fault;
      /** One line for people. */
      readonly error: string;
      /** HTTP status of the gateway's last answer, if the model was the reason. */
      readonly httpStatus?: number;
      readonly toolRuns: number;
      /** What the process wrote to stderr, its last 4,000 characters, keys taken out. */
      readonly stderr?: string;
    };

/** What clearing up found and did, for the record. */
export interface Cleanup {
  /** Processes that had to be ended after the turn's own process was gone. */
  readonly killed: number;
  /** False only if something could not be confirmed dead; then nothing may follow. */
  readonly confirmed: boolean;
}

export interface Turn {
  readonly kind: string;
  /** Never throws for what the process does; resolves only after everything it started is confirmed dead. */
  run(spec: TurnSpec, hooks: TurnHooks): Promise<{ readonly result: TurnResult; readonly cleanup: Cleanup }>;
  /** The body of its first request to the gateway, for `run --dry-run`. */
  request(
    spec: Pick<TurnSpec, "dialect" | "model" | "maxTokens" | "system" | "message" | "stream">,
  ): Readonly<Record<string, unknown>>;
  /** The environment the process would get, for `run --dry-run`. */
  environment(spec: Pick<TurnSpec, "runId" | "attempt">, env: TurnHooks["env"]): Readonly<Record<string, string>>;
}
