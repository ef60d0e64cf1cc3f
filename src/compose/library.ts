/** The engine for programs of one's own: a project's jobs, run as `runner run` runs them. Loads nothing before it is asked. */
import type { RunListener } from "../engine/events.ts";
import type { RunOutcome } from "../engine/outcome.ts";
import type { Job } from "../job/job.ts";

/** Where a project is, and who answers its questions. Everything may be left out. */
export interface EngineOptions {
  /** The project's folder, where its configuration and `jobs/` are. Default the current one. */
  readonly dir?: string;
  /** Only this configuration file is read. Default: the user's and the project's, as docs/configuration.md says. */
  readonly configFile?: string;
  /** Folder of the ledger; wins over the configuration. Default a folder of this project below `$XDG_STATE_HOME/runner`. */
  readonly stateDir?: string;
  /** Where keys are looked up. Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Every answer comes from the simulated provider with these faults, `FAULT:RATE,…` or `none`; no key is read. */
  readonly simulate?: { readonly faults: string; readonly seed?: number };
}

/** What is other than usual in one run. */
export interface EngineRunOptions {
  /** `provider/model`, asked first, whatever the job says. Default the job's, else the configuration's. */
  readonly model?: string;
  /** Over the job's own `vars`. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Ends the run as `cancelled`: its processes are asked to stop, then killed. Default: nothing ends it but its own limits. */
  readonly signal?: AbortSignal;
  /** Told what happens while it happens, see `RunListener`. */
  readonly listen?: RunListener;
}

/** A project that is open: its ledger, its gateway, its jobs. */
export interface ProjectEngine {
  /** Every job that can be used, disabled ones too. */
  readonly jobs: readonly Job[];
  /**
   * Runs a job by its name or id, to its end; a run that fails is an outcome and no exception.
   * @throws UsageError for a name nobody has, JobError for a job whose file cannot be used, LedgerError.
   */
  run(nameOrId: string, options?: EngineRunOptions): Promise<RunOutcome>;
  /** Closes the ledger and the gateway; no run may be under way. */
  close(): Promise<void>;
}

/**
 * Opens a project. What is wrong with single job files is told by `run` of those jobs only.
 * @throws ConfigError if the configuration cannot be used, UsageError for faults in `simulate` that there are none of, LedgerError if the ledger
 * cannot be opened.
 */
export async function createEngine(options: EngineOptions = {}): Promise<ProjectEngine> {
  const [{ loadProject }, { openRuntime }] = await Promise.all([import("./project.ts"), import("./runtime.ts")]);
  const { dir = ".", configFile, stateDir, env = process.env, simulate } = options;
  const project = await loadProject({ dir, configFile, stateDir, env });
  const simulation = simulate === undefined ? {} : { simulate: { faults: simulate.faults, seed: simulate.seed } };
  const runtime = await openRuntime(project, simulation);
  return {
    jobs: project.jobs,
    run: async (nameOrId, { model, vars, signal = new AbortController().signal, listen = () => {} } = {}) =>
      runtime.engine.run(project.jobFor(nameOrId), {
        trigger: "manual",
        ...(model === undefined ? {} : { model }),
        ...(vars === undefined ? {} : { vars }),
        signal,
        listen,
      }),
    close: () => runtime.close(),
  };
}
