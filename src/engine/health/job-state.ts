/** The states of a job as `status` knows them: each job is in exactly one. */
import type { Job } from "../../job/job.ts";
import type { EndedRun, Pause, RecentRun } from "../../ledger/ledger.ts";
import type { RunStatus } from "../../run/run.ts";
import type { Streak, SuccessRate } from "./streak.ts";

export type JobState =
  /** An open run whose process is gone: nobody has closed it yet. */
  | { readonly kind: "died"; readonly runId: string; readonly since: number }
  /** Due, and nobody has done it: a slot without a record, or a run that should have been begun or carried on by then. */
  | { readonly kind: "overdue"; readonly what: "slot" | "waiting" | "queued"; readonly dueAt: number; readonly runId?: string }
  | { readonly kind: "running"; readonly runId: string; readonly since: number }
  | { readonly kind: "waiting"; readonly runId: string; readonly until: number; readonly why: string }
  | { readonly kind: "queued"; readonly runId: string; readonly since: number }
  | { readonly kind: "blocked"; readonly runId: string; readonly since: number; readonly times: number; readonly reason: string }
  | {
      readonly kind: "failing";
      readonly runId: string;
      readonly since: number;
      readonly inARow: number;
      /** `inARow` may be more. */
      readonly atLeast: boolean;
      readonly status: RunStatus;
      /** Its schedule has one slot only: it stays visible until it is run again by hand and succeeds. */
      readonly once: boolean;
    }
  /** Its schedule cannot be computed. */
  | { readonly kind: "unusable"; readonly reason: string }
  /** Its newest slots were answered by nobody; the next one will be. */
  | {
      readonly kind: "missed";
      readonly runId: string;
      readonly from: number;
      readonly to: number;
      readonly slots: number;
      readonly reason: string;
    }
  /** A provider named a time, and a later slot answers it. */
  | { readonly kind: "put_off"; readonly runId: string; readonly until: number }
  | { readonly kind: "paused"; readonly pause: Pause }
  /** It has a schedule, and no daemon and no `tick` has ever looked after it. */
  | { readonly kind: "not_armed" }
  /** Its only slot had passed before anybody looked after it. */
  | { readonly kind: "passed"; readonly slotAt: number }
  | { readonly kind: "ok" }
  /** No slot is ahead, and what it did last ended well. */
  | { readonly kind: "finished" }
  /** `waitsFor`, of a job that is due at a start of the machine: that runner runs, or, where it has since, the next start. */
  | { readonly kind: "never_run"; readonly waitsFor?: "runner" | "boot" }
  | { readonly kind: "disabled" };

type JobStateKind = JobState["kind"];

export type Light = "red" | "yellow" | "busy" | "green" | "off";

export interface JobHealth {
  readonly job: Job;
  readonly state: JobState;
  /** The endings before that were bad, whatever the job does now. */
  readonly streak?: Streak;
  /** The newest run that has ended. */
  readonly lastEnd?: EndedRun;
  /** When it is due next; absent if it is paused or disabled, or nothing is ahead. */
  readonly nextAt?: number;
  readonly paused?: Pause;
  readonly rate: SuccessRate;
  /** Newest first. */
  readonly recent: readonly RecentRun[];
}

const lights: Readonly<Record<JobStateKind, Light>> = {
  died: "red",
  overdue: "red",
  blocked: "red",
  failing: "red",
  unusable: "red",
  missed: "yellow",
  put_off: "yellow",
  paused: "yellow",
  not_armed: "yellow",
  passed: "yellow",
  running: "busy",
  waiting: "busy",
  queued: "busy",
  ok: "green",
  finished: "green",
  never_run: "off",
  disabled: "off",
};

/** Red is what a person must look at, also while the job is under way once more. */
export function lightOf(health: JobHealth): Light {
  const light = lights[health.state.kind];
  return light === "busy" && health.streak !== undefined ? "red" : light;
}

export function isTrouble(health: JobHealth): boolean {
  return lightOf(health) === "red";
}
