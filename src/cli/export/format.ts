/** What a format of `runner export` is: one file a format, one line in index.ts. */
import type { Job } from "../../job/job.ts";
import type { CommandOptions } from "../command.ts";
import type { NewFile } from "../write-files.ts";

export interface ExportInput {
  readonly jobs: readonly Job[];
  /** Zone of cron schedules that name none. */
  readonly zone: string;
  /** The project's folder, absolute. */
  readonly projectDir: string;
  /** Where the ledger is, absolute. */
  readonly stateDir: string;
  /** Variables that the keys of the jobs' models are read from. */
  readonly keys: readonly string[];
  /** How runner is started on this machine: Node and the program, absolute. */
  readonly program: readonly string[];
  /** How it finds the project, its configuration and its ledger again: `-C` and the options that were given for this. Absolute. */
  readonly place: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Options of the command line; what a format does not know is refused before. */
  readonly options: CommandOptions;
  readonly now: Date;
}

export interface Exported {
  /** In this order; without `--out` their texts are printed one after the other. */
  readonly files: readonly NewFile[];
  /** Stands between two files that are printed; default nothing. */
  readonly between?: string;
  /** What the format cannot say of a job, or says in another way. */
  readonly notes: readonly ExportNote[];
}

export interface ExportNote {
  /** Name of the job; absent for what concerns all. */
  readonly job?: string;
  readonly message: string;
}

export interface ExportFormat {
  readonly name: string;
  /** What it is for, in a few words of the help. */
  readonly summary: string;
  /** Options of the command (as commander names them) that only some formats have, and this one does. */
  readonly options: readonly string[];
  readonly write: (input: ExportInput) => Exported;
}
