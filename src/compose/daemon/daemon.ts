/** A project → a scheduler that fires its jobs, and follows its files. */
import path from "node:path";
import { systemClock, type Clock } from "../../engine/clock.ts";
import { containerBoot, ownerStateBy, thisOwner } from "../../engine/owner.ts";
import type { Scheduler, SchedulerEnd } from "../../engine/scheduler-parts.ts";
import type { SchedulerListener } from "../../engine/scheduler-events.ts";
import { createScheduler } from "../../engine/scheduler.ts";
import type { Job } from "../../job/job.ts";
import { openLedger } from "../../ledger/index.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { jobHash, scheduleHash } from "../../load/job-hash.ts";
import { endLeftovers } from "../../turn/index.ts";
import type { Project } from "../project.ts";
import { createRedaction, providerSecrets } from "../redaction.ts";
import { problemsOf, reread, type Reread } from "../reload.ts";
import type { Simulate } from "../runtime.ts";
import { openEngines, type Engines } from "./engines.ts";
import { giveBackMemory } from "./memory.ts";

export interface DaemonOptions {
  readonly version: string;
  /**
   * Every answer comes from the simulated provider. A trial has a ledger of its own, the folder `simulated` in the project's state folder: it
   * takes no real slot, leads nobody, and what it learns is not kept. Commands are carried out all the same.
   */
  readonly simulate?: Simulate;
  readonly listen: SchedulerListener;
  /** The scheduler's loop has turned. */
  readonly turned?: () => void;
  /** Default the system's. */
  readonly clock?: Clock;
}

export interface Daemon {
  /** The project that is in force. */
  readonly project: Project;
  /** Where the ledger is. */
  readonly stateDir: string;
  readonly run: (signals: Parameters<Scheduler["run"]>[0]) => Promise<SchedulerEnd>;
  /**
   * Reads the files anew and puts them in force, or says why not. What is asked while one is under way is one more after it.
   */
  readonly reload: () => Promise<Reread>;
  /** Takes the keys of the providers out of a text, and what looks like a key. */
  readonly redact: (text: string) => string;
  readonly ledger: Ledger;
  readonly close: () => Promise<void>;
}

/** From TERM to KILL for what a run left behind whose daemon died. */
const sweepGraceMs = 2_000;

/** Where a daemon's ledger is. */
function daemonStateDir({ stateDir }: Pick<Project, "stateDir">, simulated: boolean): string {
  return simulated ? path.join(stateDir, "simulated") : stateDir;
}

/** @throws LedgerError if the ledger cannot be opened, UsageError for a simulation that cannot be read. */
export async function openDaemon(project: Project, options: DaemonOptions): Promise<Daemon> {
  const stateDir = daemonStateDir(project, options.simulate !== undefined);
  const ledger = await openLedger({ stateDir });
  try {
    const { simulate, clock = systemClock } = options;
    const engines = await openEngines(project, { ledger, clock, ...(simulate === undefined ? {} : { simulate }) });
    const daemon = new ProjectDaemon(project, { ...options, clock, stateDir, ledger, engines });
    await daemon.start();
    return daemon;
  } catch (error) {
    await ledger.close();
    throw error;
  }
}

interface Inside extends DaemonOptions {
  readonly stateDir: string;
  readonly ledger: Ledger;
  readonly engines: Engines;
  readonly clock: Clock;
}

class ProjectDaemon implements Daemon {
  readonly stateDir: string;
  readonly ledger: Ledger;
  readonly #engines: Engines;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  #project: Project;
  #under: Promise<Reread> | undefined;
  #next: Promise<Reread> | undefined;

  constructor(project: Project, { engines, clock, stateDir, ledger, version, simulate, listen, turned }: Inside) {
    this.#project = project;
    this.#engines = engines;
    this.stateDir = stateDir;
    this.ledger = ledger;
    this.#clock = clock;
    this.#scheduler = createScheduler({
      ledger,
      carrier: engines,
      clock,
      random: Math.random,
      owner: thisOwner(),
      containerBoot: containerBoot(),
      ownerState: ownerStateBy((owner) => ledger.ownerLock(owner)),
      sweep: async (runId) => (await endLeftovers({ runId }, sweepGraceMs)).confirmed,
      settings: project.scheduler,
      zone: project.zone,
      projectDir: project.projectDir,
      version,
      hash: jobHash,
      scheduleHash: (job) => scheduleHash(job, this.#project.zone),
      providersOf: (job) => providersOf(job, this.#project),
      modelOf: (job) => modelsOf(job, this.#project)[0] ?? "",
      simulated: simulate !== undefined,
      ...(turned === undefined ? {} : { turned }),
      settled: giveBackMemory,
      listen,
    });
  }

  get project(): Project {
    return this.#project;
  }

  async start(): Promise<void> {
    await this.#putInForce();
  }

  readonly run = (signals: Parameters<Scheduler["run"]>[0]): Promise<SchedulerEnd> => this.#scheduler.run(signals);

  readonly redact = (text: string): string =>
    createRedaction(providerSecrets(this.#project.providers.values(), this.#project.place.env)).keyLike(text);

  readonly reload = (): Promise<Reread> => {
    if (this.#under === undefined) {
      this.#under = this.#reload().finally(() => (this.#under = undefined));
      return this.#under;
    }
    const before = this.#under;
    this.#next ??= (async () => {
      await before.catch(() => {});
      this.#next = undefined;
      return this.reload();
    })();
    return this.#next;
  };

  readonly close = async (): Promise<void> => {
    await this.#engines.close();
    await this.ledger.close();
  };

  async #reload(): Promise<Reread> {
    const read = await reread(this.#project);
    if (read.kind === "refused") {
      this.#scheduler.reportProblems(read.problems.map(this.redact), "refused");
      await this.#noteRefusal(read.problems[0] ?? "");
      return read;
    }
    await this.#engines.use(read.project);
    this.#project = read.project;
    await this.#putInForce();
    await read.project.leaveJobs(this.stateDir);
    return read;
  }

  async #putInForce(): Promise<void> {
    const { jobs, issues, scheduler, zone } = this.#project;
    await this.#scheduler.replaceJobs(jobs, issues.length === 0, { settings: scheduler, zone });
    this.#scheduler.reportProblems(problemsOf(issues).map(this.redact), "in_force");
  }

  /** For `runner reload`, which waits for an answer, and for `explain`; that it was put in force notes the scheduler. */
  async #noteRefusal(text: string): Promise<void> {
    await this.ledger.noteEvent({ at: this.#clock.now(), kind: "reload_refused", text: this.redact(text) }).catch(() => {});
  }
}

/** Models in the order in which the job would ask them. */
function modelsOf({ payload }: Job, { defaultModel, defaultFallbacks }: Project): string[] {
  if (payload.kind === "command") return [];
  return [payload.model ?? defaultModel, ...(payload.fallbacks ?? defaultFallbacks)].filter((model) => model !== undefined);
}

function providersOf(job: Job, project: Project): string[] {
  return [...new Set(modelsOf(job, project).map((model) => model.slice(0, model.indexOf("/"))))];
}
