/** The turn's contract: the agent's work in one attempt, in an isolated process, ending in one result. */
import type { Duplex } from "node:stream";
import type { Fault } from "../errors.ts";
import type { CommandPayload, Expectations, Job, ToolGrants } from "../job/job.ts";

/** Most questions of one attempt to the model, where the job says nothing. */
export const defaultMaxTurns = 30;

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
  /** What the turn may do. Its references `${NAME}` are resolved by `run` out of the hooks' environment. Default nothing. */
  readonly tools?: ToolGrants;
  /** Most questions to the model in this attempt. Default `defaultMaxTurns`. */
  readonly maxTurns?: number;
  readonly thinking?: "off" | "low" | "medium" | "high";
  /** The answer must be JSON of this schema; asked for in the model's own structured mode where it has one. */
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  /** Folder to work in, absolute. Default a fresh one, removed with the attempt. */
  readonly workDir?: string;
  /** The same for every attempt of a run, for services that know a request again by it. Default none. */
  readonly idempotencyKey?: string;
  /** The due instant that the run answers, epoch ms; its process is told as `SLOT`. Default none: it was started by hand. */
  readonly slotAt?: number;
  /** What earlier attempts of this run have done, oldest first; told to the turn. */
  readonly done?: readonly DoneTool[];
  /** For turns of kind `command`: the program. Its references are resolved likewise. */
  readonly command?: CommandPayload;
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

/** A tool run of an earlier attempt, as the ledger has it. */
export interface DoneTool {
  readonly attempt: number;
  readonly name: string;
  /** Its input as JSON, cut. */
  readonly input: string;
  /** `unknown`: it was begun, and its end was not seen. */
  readonly status: "succeeded" | "failed" | "refused" | "unknown";
}

/** Where the gateway is, and the token that opens it for one attempt. */
export interface Door {
  readonly url: string;
  readonly token: string;
  /** How many tool runs the gateway has recorded for the attempt: the truth about a process that died. Stays with the parent. */
  readonly toolRuns?: () => number;
  /** Serves a connection that is there already, as one that came to the address. Stays with the parent. Default: there is only the address. */
  readonly connect?: (connection: Duplex) => void;
}

/** The spec as the turn's process gets it. */
export type OpenSpec = TurnSpec & {
  readonly gateway: Pick<Door, "url" | "token"> & {
    /** The connection to the gateway that the process was born with; good for one question. Default none. */
    readonly descriptor?: number;
  };
  /** Put before the command of each program that a tool starts, so that it cannot look into the turn's other processes. Default nothing. */
  readonly apart?: readonly string[];
  /** The same for the programs of `shell`, where they must not see the turn's MCP servers. Default `apart`. */
  readonly shellApart?: readonly string[];
  /** What MCP servers were granted and nobody else may be told, longest first: the model neither. Default nothing. */
  readonly secrets?: readonly string[];
};

export interface TurnHooks {
  readonly signal: AbortSignal;
  /** Parent environment from which the allow-list picks. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Called once with the result when everything the turn started is dead (or could not be confirmed dead) and its work folder still is
   * there; what it returns is the attempt's result. Default: the result as it is.
   */
  readonly inspect?: (result: TurnResult, workDir: string) => Promise<TurnResult>;
}

export type TurnResult =
  /** The model ended its turn with an acceptable stop reason. Whether that is a success, `expect` decides. */
  | {
      readonly status: "answered";
      readonly text: string;
      readonly stopReason: string;
      readonly model: string;
      readonly toolRuns: number;
      /** Tools that were refused or failed, and other oddities, one line each, at most 20. */
      readonly warnings?: readonly string[];
      /** The answer as JSON, where a schema asked for it. */
      readonly value?: unknown;
    }
  | {
      readonly status: "failed";
      readonly fault: Fault;
      /** One line for people. */
      readonly error: string;
      /** HTTP status of the gateway's last answer, if the model was the reason. */
      readonly httpStatus?: number;
      readonly toolRuns: number;
      readonly warnings?: readonly string[];
      /** With `not_ready`: a program is not there or may not be run, so waiting does not help. */
      readonly missing?: true;
      /** With `not_ready`: what was not ready, such as `mcp.mail`; the same whatever the error says. */
      readonly unready?: string;
      /** What there is of an answer: of a run that its budget ended, or one that an expectation refused. */
      readonly partial?: string;
      /** Expectations that do not hold, one line each; the model answered otherwise well. */
      readonly unmet?: readonly string[];
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

/** What of a spec its first request depends on. */
export type RequestSpec = Pick<
  TurnSpec,
  "dialect" | "model" | "maxTokens" | "system" | "message" | "stream" | "tools" | "thinking" | "outputSchema" | "done"
>;

export interface Turn {
  readonly kind: string;
  /** Never throws for what the process does; resolves only after everything it started is confirmed dead. */
  run(spec: TurnSpec, hooks: TurnHooks): Promise<{ readonly result: TurnResult; readonly cleanup: Cleanup }>;
  /** The body of its first request to the gateway, for `run --dry-run`. Tools of MCP servers are known once these run, so not here. */
  request(spec: RequestSpec): Readonly<Record<string, unknown>>;
  /** The environment the process would get, for `run --dry-run`. */
  environment(
    spec: Pick<TurnSpec, "runId" | "attempt" | "idempotencyKey">,
    env: TurnHooks["env"],
  ): Readonly<Record<string, string>>;
}

export type AnsweredResult = Extract<TurnResult, { status: "answered" }>;

/** What was there of a run's expected files when it began, by absolute path; undefined: nothing. */
export type FileMarks = ReadonlyMap<string, FileMark | undefined>;

export interface FileMark {
  /** Device, inode, size and times: whatever is written, copied or renamed to the path has another. */
  readonly identity: string;
  /** Epoch ms. */
  readonly changedAt: number;
}

/** Whether an answer is what its job wants; `expect.ts` is the one. */
export interface Judge {
  /**
   * What is there of the expected files; to be asked once, when the run begins. Without `workDir` every attempt gets an empty folder, so
   * nothing can be there before. Never throws.
   */
  mark(expect: Expectations | undefined, workDir: string | undefined): Promise<FileMarks>;
  /** Never throws for what the answer, a file or a program is. */
  judge(result: AnsweredResult, job: Pick<Job, "expect" | "quiet" | "payload">, context: JudgeContext): Promise<Judgement>;
  /** Why a schema cannot be used at all, such as a `$ref` to nowhere; undefined if it can. For preflight and `validate`. */
  schemaProblem(schema: NonNullable<Expectations["jsonSchema"]>): Promise<string | undefined>;
}

/** What an answer is judged with. */
export interface JudgeContext {
  /** The folder the turn worked in; it is still there, and everything that the turn started is dead. */
  readonly workDir: string;
  /** What was there of the expected files when the run began: see `Judge`. */
  readonly filesBefore: FileMarks;
  /** Whose process a checking program is. */
  readonly runId: string;
  readonly attempt: number;
  readonly sessionId: string;
  /** As of the turn; see `TurnSpec`. */
  readonly idempotencyKey?: string;
  readonly slotAt?: number;
  /** Parent environment from which the allow-list picks. */
  readonly env: TurnHooks["env"];
  readonly signal: AbortSignal;
}

/** Warnings are one line each. */
export type Judgement =
  /** Everything that the job expects holds. `value`: the answer as JSON, where a schema asked for it. */
  | { readonly verdict: "met"; readonly value?: unknown; readonly warnings: readonly string[] }
  /** There is nothing to report: the job's quiet word, and nothing else. */
  | { readonly verdict: "quiet"; readonly warnings: readonly string[] }
  | {
      readonly verdict: "unmet";
      /** What does not hold, one line each. */
      readonly unmet: readonly string[];
      /** Asked once more with these lines, the model may do better. False: an expectation itself could not be judged. */
      readonly retryable: boolean;
      readonly warnings: readonly string[];
    }
  /** The turn says itself that the task failed. */
  | { readonly verdict: "declared"; readonly reason: string; readonly warnings: readonly string[] };

/** A program beside the turn, such as a gate; `program.ts` carries it out in the turn's isolation. */
export interface ProgramPlan {
  /** Program and arguments; no shell. */
  readonly argv: readonly string[];
  /** Of the job it belongs to: whether its turn may write what this program runs (`apartFromRunner`). */
  readonly payload: Job["payload"];
  readonly runId: string;
  /** As of the turn; see `TurnSpec`. */
  readonly idempotencyKey?: string;
  readonly slotAt?: number;
  /** Absolute. Default a fresh folder, removed afterwards. */
  readonly workDir: string | undefined;
  readonly timeoutMs: number;
  /** Bytes of its stdout that are kept, its last ones. */
  readonly stdoutBytes: number;
  /** Parent environment from which the allow-list picks. */
  readonly env: TurnHooks["env"];
  readonly signal: AbortSignal;
}

export type ProgramEnd = {
  readonly stdout: string;
  /** Its last 16 KiB. */
  readonly stderr: string;
  /** False only if something that it started could not be confirmed dead; then nothing may follow. */
  readonly confirmedDead: boolean;
} & (
  | { readonly cause: "exit"; readonly code: number }
  /** `why` follows the program's name: `took longer than 30 s and was ended`. */
  | { readonly cause: "timeout" | "cancelled" | "not_started" | "killed"; readonly why: string }
);
