/** What people may write in a configuration, for those who write it as a program. */
import type { DurationText } from "../job/define.ts";

/** A configuration. Everything may be left out. */
export interface ConfigFile {
  /** Model of jobs that name none, as `provider/model`. */
  readonly model?: string;
  /** Models to fall back to, in order, for jobs that name none. */
  readonly fallbacks?: readonly string[];
  /** IANA zone of cron schedules that name none. Default: the machine's. */
  readonly timezone?: string;
  /** Folder of the job files, relative to the configuration file. Default `jobs`. */
  readonly jobsDir?: string;
  /** Folder of the ledger, relative to the configuration file. Default `$XDG_STATE_HOME/runner/PROJECT`. */
  readonly stateDir?: string;
  /** How much the daemon may do at once. */
  readonly scheduler?: SchedulerFile;
  /** Providers by id: new ones, or changes to the built-in ones. */
  readonly providers?: Readonly<Record<string, ProviderFile>>;
}

interface SchedulerFile {
  /** Runs at once, over all jobs. Default 8. */
  readonly maxRuns?: number;
  /** Runs at once of the jobs of a group, by its name. A group that is not named has no limit of its own. */
  readonly groups?: Readonly<Record<string, number>>;
  /** Runs begun in one second. Default 10. */
  readonly startsPerSecond?: number;
  readonly catchUpsPerSecond?: number;
  /** From the first signal until what is still under way is ended. Default `20s`. */
  readonly shutdownGrace?: DurationText;
  /** From TERM to KILL of each process tree. Default `5s`. */
  readonly killGrace?: DurationText;
}

interface ProviderFile {
  /** Address without the endpoint: `https://api.example.com/v1`. */
  readonly baseUrl?: string;
  readonly dialect?: "anthropic-messages" | "openai-completions";
  /** `${NAME}` of the environment variable that holds the key. A key itself is refused. */
  readonly apiKey?: string;
  /** How the key is sent. Default: `x-api-key` for anthropic-messages, `bearer` for openai-completions. */
  readonly auth?: "x-api-key" | "bearer";
  /** Further headers; values may hold `${NAME}`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly sseQuirks?: {
    /** False: every irregularity of a stream is a fault, however harmless. Default true. */
    readonly tolerateOutOfOrderEvents?: boolean;
  };
  /** What is known of its models, by id; `*` at the end of a name stands for any rest. */
  readonly models?: Readonly<Record<string, ModelFile>>;
  /** Runs at once of the jobs that may ask it, under the daemon. Default no such limit. */
  readonly maxRuns?: number;
  /** Providers that name the same quota share a breaker. Default the provider's own id. */
  readonly quota?: string;
  /** How JSON of a schema is asked for. Default: the built-in one's; of a new provider, by the prompt alone. */
  readonly structuredOutput?: "output_config" | "response_format" | "json_object";
  /** Model names that people write, and the ids the provider knows. */
  readonly modelNames?: Readonly<Record<string, string>>;
  /** The name this provider wants for `max_tokens` (openai-completions only). */
  readonly maxTokensField?: "max_tokens" | "max_completion_tokens";
  /** A module that sees the raw events of every stream first, relative to the configuration file. */
  readonly eventHandler?: string;
}

/** Facts of a model; what is left out is not assumed. */
interface ModelFile {
  /** US dollars for a million tokens. */
  readonly price?: {
    readonly input: number;
    readonly output: number;
    readonly cacheRead?: number;
    readonly cacheWrite?: number;
  };
  /** Most tokens of question and answer together. */
  readonly contextTokens?: number;
  /** Most tokens of one answer. */
  readonly maxOutputTokens?: number;
  /** Pictures can be sent to it. */
  readonly images?: boolean;
}

/** Gives the configuration back as it is: for the types alone. `export default defineConfig({ model: "kimi-coding/k2p5" })`. */
export function defineConfig(config: ConfigFile): ConfigFile {
  return config;
}
