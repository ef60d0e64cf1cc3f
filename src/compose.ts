/**
 * Configuration → everything built, closed in reverse. The only file that knows every list.
 * Each part is loaded when it is needed: `list` must not pay for the gateway, `validate` not for the ledger.
 */
import os from "node:os";
import path from "node:path";
import { ConfigError, JobError, UsageError, type Issue } from "./errors.ts";
import type { Engine } from "./engine/engine.ts";
import type { Job } from "./job/job.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { ProviderConfig } from "./provider/provider.ts";
import type { SimulationSpec } from "./provider/script.ts";
import { nearest } from "./job/nearest.ts";
import { loadConfig } from "./load/config.ts";
import { findJob, loadJobs } from "./load/jobs.ts";

export interface Place {
  /** The project folder. */
  readonly dir: string;
  readonly configFile: string | undefined;
  readonly stateDir: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** What the project's files say, with everything that is wrong with them. */
export interface Project {
  readonly place: Place;
  readonly jobs: readonly Job[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
  readonly configFiles: readonly string[];
  readonly stateDir: string;
  /** Zone of schedules that name none. */
  readonly zone: string;
  readonly defaultModel: string | undefined;
  readonly defaultFallbacks: readonly string[];
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  /** @throws UsageError for a name nobody has, JobError if the file that may hold it is broken. */
  jobFor(idOrName: string): Job;
  /** The id of a job by name, or the text itself: history of a job outlives its file. */
  jobIdFor(idOrName: string): string;
}
