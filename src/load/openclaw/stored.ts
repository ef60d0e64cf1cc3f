/** What is read of a store of OpenClaw's, whatever generation it is of. */
import type { Issue } from "../../errors.ts";

export type Stored = Readonly<Record<string, unknown>>;

/** One run of a job, as the store has it. */
export interface Receipt {
  /** `running`, `ok`, `error`, `skipped`, `interrupted` or `superseded`; whatever stands there. */
  readonly status: string;
  readonly startedAtMs: number;
  readonly error?: string;
}

export interface StoredJob {
  /** As it is stored; what is wrong with it is found by whoever makes a job of it. */
  readonly value: unknown;
  /** What OpenClaw recorded of it: its own `state`, or that of the file beside the store. */
  readonly state: Stored;
  /** Its single runs, the newest first, where the store keeps them. */
  readonly receipts?: readonly Receipt[];
  /** `jobs[2]`, or `cron_jobs, row 3`. */
  readonly origin: string;
  readonly line?: number;
}

export interface OpenClawStore {
  /** For messages. */
  readonly file: string;
  readonly jobs: readonly StoredJob[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
  /** The folder that OpenClaw's configuration lies in. */
  readonly stateDir: string;
}
