/** What the parts of one import have in common: the entry, what they may ask, and what they found out. */
import type { CrontabEntry } from "./crontab.ts";

export interface CronUser {
  readonly name: string;
  /** Its home folder; unknown for a user that this machine does not have. */
  readonly home: string | undefined;
}

/** What an import may ask of the machine and of the project. */
export interface Surroundings {
  /** Who imports, and whose crontab a user's is. */
  readonly me: CronUser;
  readonly userOf: (name: string) => CronUser;
  /** The machine's zone, in which cron works. */
  readonly zone: string;
  /** The text of a script that can be read; undefined otherwise. */
  readonly script: (path: string) => string | undefined;
  /** The payload of a job in OpenClaw's store, as stored. */
  readonly openClawPayload: (idOrName: string) => Readonly<Record<string, unknown>> | undefined;
  /** Why a turn cannot ask this model, or none, in this project; undefined if it can. */
  readonly modelProblem: (model: string | undefined) => string | undefined;
  /** Names that jobs have already; those that are given are added. */
  readonly taken: Set<string>;
}

/** One job in the making. */
export interface Draft {
  readonly entry: CrontabEntry;
  readonly around: Surroundings;
  readonly user: CronUser;
  readonly notes: string[];
  readonly variables: Set<string>;
  readonly hidden: string[];
  readonly home: string | undefined;
}
