/** The project as its files describe it. Loads no more than `list` needs: neither the gateway nor a provider's adapter. */
import { statSync } from "node:fs";
import path from "node:path";
import { ConfigError, JobError, UsageError, type Issue } from "../errors.ts";
import type { SchedulerSettings } from "../engine/scheduler-parts.ts";
import type { Job } from "../job/job.ts";
import type { KeepJob } from "../job/keeper.ts";
import type { Ledger, LedgerReader } from "../ledger/ledger.ts";
import { loadConfig, type LoadedConfig } from "../load/config.ts";
import { findJob } from "../load/find-job.ts";
import type { ProjectFiles } from "../load/fingerprint.ts";
import { configPlaces } from "../load/folders.ts";
import { loadJobs, type LoadedJobs } from "../load/jobs.ts";
import type { JobCachePlace } from "../load/job-cache.ts";
import { builtInProviders } from "../provider/facts/built-in.ts";
import type { ProviderConfig } from "../provider/provider.ts";
import { jobCachePlace } from "./job-cache-place.ts";
import { keyWarnings, mergeProviders } from "./models.ts";

export interface Place {
  /** The project folder. */
  readonly dir: string;
  readonly configFile: string | undefined;
  readonly stateDir: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** A model is named on the command line, so a job need not name one. */
  readonly modelGiven?: boolean;
}

/** What the project's files say, with everything that is wrong with the jobs. */
export interface Project {
  readonly place: Place;
  readonly jobs: readonly Job[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
  /** Configuration files that were read, the one that wins first. */
  readonly configFiles: readonly string[];
  /** Every value of the configuration that counts, with its place. */
  readonly settings: LoadedConfig["settings"];
  /** Files of defaults that are used, and how many jobs begin with each. */
  readonly defaults: ReadonlyMap<string, number>;
  readonly stateDir: string;
  /** The project's folder, absolute. */
  readonly projectDir: string;
  /** Folder of the job files, absolute. */
  readonly jobsDir: string;
  /** What all of this was read from, for whoever watches it. */
  readonly files: ProjectFiles;
  /** Zone of schedules that name none: the configuration's, else the machine's. */
  readonly zone: string;
  readonly defaultModel: string | undefined;
  readonly defaultFallbacks: readonly string[];
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  /** How much the daemon may do at once. */
  readonly scheduler: SchedulerSettings;
  /** @throws UsageError for a name nobody has; JobError if a broken file may hold it. */
  jobFor(idOrName: string): Job;
  /** What is odd about this job, or about the configuration every job shares. */
  warningsFor(job: Job): readonly Issue[];
  /** Leaves what was read in a state folder, for commands that only look there; nothing where it was not read for that, or was left before. */
  readonly leaveJobs: (stateDir: string) => Promise<void>;
  /** The id of a job by name; undefined for one the files do not know, whose history may all the same be there. */
  jobIdFor(idOrName: string): string | undefined;
}

export interface LoadOptions {
  /** For a project that is held for long: what becomes of each job. */
  readonly keep?: KeepJob;
  /** `take`: for commands that only look, job files that nobody has touched since a daemon read them are not read again. `leave`: for that daemon. */
  readonly cache?: JobCachePlace["use"];
}

/**
 * Reads the configuration and every job file.
 * @throws UsageError when there is no such folder, ConfigError when the configuration cannot be used, with the problems of the job files beside its own.
 */
export async function loadProject(place: Place, { keep, cache }: LoadOptions = {}): Promise<Project> {
  const cwd = path.resolve(place.dir);
  // A folder that is not there has folders above it, whose project would be taken for the one that was meant.
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UsageError(`${JSON.stringify(place.dir)} is no folder, so no project is in it`, {
      suggestion: "Name the project's folder: -C FOLDER.",
    });
  const { config, files, warnings, settings } = await loadConfig({
    cwd,
    env: place.env,
    builtIns: builtInProviders.map(({ id }) => id),
    file: place.configFile,
    stateDir: place.stateDir,
  }).catch(async (error: unknown) => {
    if (!(error instanceof ConfigError)) throw error;
    const { issues } = await loadJobs({ dir: path.join(cwd, "jobs"), base: cwd });
    throw new ConfigError([...error.issues, ...issues.filter(({ path: key, line }) => key !== "" || line !== undefined)], {
      cause: error,
    });
  });
  const providers = mergeProviders(config);
  const defaultModel = place.modelGiven === true && config.model === undefined ? undefined : (config.model ?? null);
  const readWith = { cwd, providers: [...providers.keys()], defaultModel };
  const kept = cache === undefined ? undefined : jobCachePlace(config, readWith, cache);
  const loaded = await loadJobs({
    dir: config.jobsDir,
    base: cwd,
    projectDir: config.projectDir,
    env: place.env,
    providers: readWith.providers,
    zone: () => config.timezone,
    ...(kept === undefined ? {} : { cache: kept }),
    ...(keep === undefined ? {} : { keep }),
    ...(defaultModel === undefined ? {} : { defaultModel }),
  });
  const { issues } = loaded;
  const handlers = [...providers.values()].flatMap(({ eventHandler }) => eventHandler ?? []);
  const shared = [...warnings, ...keyWarnings(config, files[0] ?? "configuration")];
  return {
    place,
    jobs: loaded.jobs,
    issues,
    warnings: [...shared, ...loaded.warnings],
    configFiles: files,
    settings,
    defaults: loaded.defaults,
    stateDir: config.stateDir,
    projectDir: config.projectDir,
    jobsDir: config.jobsDir,
    files: {
      jobsDir: config.jobsDir,
      configPlaces: [
        ...new Set([...files, ...(place.configFile === undefined ? configPlaces(config.projectDir, place.env) : [])]),
      ],
      named: [...new Set([...loaded.named, ...handlers])],
    },
    // Asked for only where it is shown: the first use of zoned dates costs more than the rest of `list`.
    get zone() {
      return config.timezone;
    },
    defaultModel: config.model,
    defaultFallbacks: config.fallbacks ?? [],
    providers,
    scheduler: config.scheduler,
    warningsFor: ({ source }) => [...shared, ...loaded.warnings.filter(({ file }) => file === source.file)],
    jobFor: (idOrName) => jobFor(loaded, idOrName),
    leaveJobs: loaded.leave,
    jobIdFor: (idOrName) => loaded.jobs.find((job) => job.id === idOrName || job.name === idOrName)?.id,
  };
}

function jobFor(loaded: LoadedJobs, idOrName: string): Job {
  const { issues } = loaded;
  try {
    return findJob(loaded, idOrName);
  } catch (error) {
    if (!(error instanceof UsageError) || issues.length === 0) throw error;
    // The name may be that of a job whose file cannot be used; then the file's problems are the answer.
    const own = issues.filter(({ file }) => path.parse(file).name === idOrName);
    if (own.length > 0) throw new JobError(own, { cause: error });
    const { message, suggestion } = error;
    const missing = {
      file: "jobs",
      path: "",
      message: `${message} that can be used`,
      ...(suggestion === undefined ? {} : { suggestion }),
    };
    throw new JobError([missing, ...issues], { cause: error });
  }
}

/** The project's ledger for commands that only read: nothing is made or changed; `undefined` where there is none yet. */
export async function openProjectLedger(
  project: Pick<Project, "stateDir">,
  options: { create: false },
): Promise<LedgerReader | undefined> {
  const { openLedger } = await import("../ledger/index.ts");
  return openLedger({ stateDir: project.stateDir, create: options.create });
}

/** The project's ledger for a command that changes it; made if there is none. */
export async function openProjectLedgerToWrite({ stateDir }: Pick<Project, "stateDir">): Promise<Ledger> {
  const { openLedger } = await import("../ledger/index.ts");
  return openLedger({ stateDir });
}
