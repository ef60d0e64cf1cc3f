/** What people may write in a job file, for those who write it as a program. Field by field: docs/jobs.md. */
import type { OnRateLimit, Overlap, Recording } from "./job.ts";

/** `"30s"`, `"2m"`, `"1h30m"`, or 0. */
export type DurationText = `${number}${"ms" | "s" | "m" | "h" | "d"}` | (string & {}) | 0;

/** A list of a program and its arguments, or one text of plain words. Never a shell. */
type CommandLine = readonly string[] | string;

/** A job that asks a model, or one that runs a program. What a payload or a schedule holds may also stand at the top. */
export type JobFile = CommonFields & ScheduleShorthands & (TurnFile | CommandFile | { readonly payload: PayloadFile });

interface CommonFields {
  readonly $schema?: string;
  /** Identity across renames; the history hangs on it. Default the file's path. */
  readonly id?: string;
  /** What people type: `runner run NAME`. Default the file's name. */
  readonly name?: string;
  readonly description?: string;
  /** False: not on schedule; by hand it still runs. Default true. */
  readonly enabled?: boolean;
  /** A cron expression, `@daily`, or an object. Default only by hand. */
  readonly schedule?: string | ScheduleFile;
  /** What becomes of slots that passed while nobody was there. Default `latest`: one run for the newest of them. */
  readonly catchUp?: CatchUpPolicy | CatchUpFile;
  /** What a slot does while a run of the job is open. Default `skip`. */
  readonly overlap?: Overlap;
  /** Jobs of a group share a limit of runs at once: the configuration's `scheduler.groups`. */
  readonly group?: string;
  readonly sessionTarget?: "isolated";
  readonly retry?: RetryFile;
  readonly limits?: LimitsFile;
  readonly onRateLimit?: OnRateLimit;
  /** A cheap command before the turn that may say there is nothing to do. */
  readonly gate?: CommandLine | TimedCommandFile;
  readonly expect?: ExpectFile;
  /** The whole answer that means nothing to report; false: none does. Default `NO_REPLY`. */
  readonly quiet?: string | false;
  readonly record?: Recording;
  /** Values for `{{vars.x}}`. */
  readonly vars?: Readonly<Record<string, string | number | boolean>>;
  /** Variables of runner's environment that `{{env.X}}` may show; of a command at the top of a job, its environment. */
  readonly env?: readonly string[] | Readonly<Record<string, string>>;
  /** Folder the job works in, relative to the project folder. Default a fresh one, removed afterwards. */
  readonly workDir?: string;
  /** A module that sees the raw events of every stream first, relative to the job file. */
  readonly eventHandler?: string;
  /** The turn may be repeated although tools have run in a failed attempt. Default false. */
  readonly idempotent?: boolean;
}

type CatchUpPolicy = "latest" | "skip" | "all";

interface CatchUpFile {
  /** Default `latest`. */
  readonly policy?: CatchUpPolicy;
  /** Older slots are not made up for. Default one interval of the job, at most `24h`; with `all` `24h`. */
  readonly maxAge?: DurationText;
  /** For `all`: the newest so many. Default 100. */
  readonly max?: number;
}

interface ScheduleShorthands extends BoundsFile {
  readonly cron?: string;
  readonly every?: DurationText;
  /** ISO 8601, or a Date. */
  readonly at?: InstantFile;
}

type InstantFile = string | number | Date;

interface BoundsFile {
  /** IANA zone of the schedule's clocks. */
  readonly tz?: string;
  /** A slot is answered up to so much later, each job always by the same share of it. Default none. */
  readonly stagger?: DurationText;
  /** The same in milliseconds. */
  readonly staggerMs?: number;
  /** No slots before it. Without an offset a time of the schedule's zone. */
  readonly startAt?: InstantFile;
  /** No slots from then on; a date alone is its last day. */
  readonly endAt?: InstantFile;
  /** Times in which nothing begins: `22:00-06:00`, `sat,sun`, `mon-fri 12:00-13:00`, `2026-12-24..2026-12-26`. */
  readonly blackout?: string | readonly string[];
}

type ScheduleFile =
  | ((
      | { readonly kind?: "cron"; readonly expr: string }
      | { readonly kind?: "every"; readonly everyMs: number; readonly anchorMs?: number }
      | { readonly kind?: "every"; readonly every: DurationText; readonly anchorMs?: number }
      | { readonly kind?: "at"; readonly at: InstantFile }
      | { readonly kind: "boot" }
    ) &
      BoundsFile)
  | { readonly kind: "manual"; readonly tz?: string };

type PayloadFile = TurnFile | CommandFile;

interface TurnFile {
  readonly kind?: "agentTurn";
  /** What the turn is to do: the prompt, a template. */
  readonly message: string;
  /** `provider/model`. Default the configuration's. */
  readonly model?: string;
  readonly fallbacks?: readonly string[];
  readonly stream?: boolean | "auto";
  readonly system?: string;
  readonly maxTokens?: number;
  readonly maxTurns?: number;
  readonly thinking?: "off" | "low" | "medium" | "high";
  readonly tools?: ToolsFile;
  readonly timeoutSeconds?: number;
}

interface CommandFile {
  readonly kind?: "command";
  /** Program and arguments; no shell. */
  readonly argv?: CommandLine;
  /** As `argv`; one text is a line for `sh -lc`. */
  readonly command?: CommandLine;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>> | readonly string[];
  readonly input?: string;
  readonly timeoutSeconds?: number;
  readonly noOutputTimeoutSeconds?: number;
  readonly outputMaxBytes?: number;
}

/** What the turn may do beside answering. Default nothing. */
interface ToolsFile {
  readonly mcp?: Readonly<Record<string, McpProgramFile | McpAddressFile>>;
  /** Programs that may be run. */
  readonly shell?:
    | readonly string[]
    | { readonly allow?: readonly string[]; readonly shellStrings?: boolean; readonly timeout?: DurationText };
  readonly files?: "ro" | "rw" | { readonly access: "ro" | "rw" };
  /** Hosts that may be asked. */
  readonly http?:
    | readonly string[]
    | {
        readonly allow: readonly string[];
        readonly methods?: readonly string[];
        readonly privateAddresses?: boolean;
        readonly timeout?: DurationText;
      };
}

interface McpProgramFile {
  readonly command: CommandLine;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly tools?: readonly string[];
  readonly timeout?: DurationText;
}

interface McpAddressFile {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly tools?: readonly string[];
  readonly timeout?: DurationText;
}

interface TimedCommandFile {
  readonly command: CommandLine;
  readonly timeout?: DurationText;
}

/** What must hold of the answer for the run to be a success. */
interface ExpectFile {
  readonly notEmpty?: boolean;
  readonly contains?: string | readonly string[];
  readonly notContains?: string | readonly string[];
  /** Regular expressions as texts, with the `u` flag. */
  readonly matches?: string | readonly string[];
  readonly minLength?: number;
  /** A JSON Schema, or the path of a file with one. */
  readonly jsonSchema?: Readonly<Record<string, unknown>> | boolean | string;
  readonly file?: FileExpectation | readonly FileExpectation[];
  readonly files?: FileExpectation | readonly FileExpectation[];
  readonly command?: CommandLine | TimedCommandFile;
}

type FileExpectation = string | { readonly path: string; readonly fresh?: boolean };

interface RetryFile {
  readonly maxAttempts?: number;
  readonly delay?: DurationText;
  readonly factor?: number;
  readonly maxDelay?: DurationText;
  readonly jitter?: number;
  readonly declared?: boolean;
}

interface LimitsFile {
  readonly firstByte?: DurationText;
  readonly idle?: DurationText;
  readonly try?: DurationText;
  readonly call?: DurationText;
  readonly run?: DurationText;
  readonly maxWait?: DurationText;
  /** Default `24h`. */
  readonly defer?: DurationText;
  readonly triesPerCall?: number;
  readonly callsPerAttempt?: number;
  readonly outputBytes?: number;
  /** Budget of a run: tokens, input and output together. */
  readonly tokens?: number;
  /** Budget of a run: US dollars. */
  readonly usd?: number;
  /** Budget of a run: model calls. */
  readonly calls?: number;
  /** Budget of a run: questions of the turn to the model. */
  readonly turns?: number;
  /** Budget of a run: seconds. */
  readonly seconds?: number;
}

/** Gives the job, or the jobs, back as they are: for the types alone. `export default defineJob({ message: "Say good morning." })`. */
export function defineJob(job: JobFile): JobFile;
export function defineJob(jobs: readonly JobFile[]): readonly JobFile[];
export function defineJob(job: JobFile | readonly JobFile[]): JobFile | readonly JobFile[] {
  return job;
}
