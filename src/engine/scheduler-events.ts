/** What happens to the scheduler, told while it happens. It writes no text for people; the daemon's log makes lines of these. */
import type { Leader, SlotRange } from "../ledger/ledger.ts";
import type { RunEvent } from "./events.ts";

export type SchedulerEvent =
  /** It leads from now on; `before` is the daemon whose place it took. */
  | { readonly type: "leading"; readonly at: number; readonly jobs: number; readonly before?: Leader }
  /** Another daemon leads; this one waits for its death. */
  | { readonly type: "standing_by"; readonly at: number; readonly leader: Leader }
  /** Runs that the last daemon left behind were closed, and their processes ended. */
  | { readonly type: "rescued"; readonly at: number; readonly runIds: readonly string[] }
  | {
      readonly type: "slot_claimed";
      readonly at: number;
      readonly jobName: string;
      readonly runId: string;
      readonly slotAt: number;
    }
  /** Slots that nobody will answer, with the reason. */
  | { readonly type: "slots_recorded"; readonly at: number; readonly range: SlotRange }
  | {
      readonly type: "run_waits";
      readonly at: number;
      readonly jobName: string;
      readonly runId: string;
      readonly until: number;
      readonly why: string;
    }
  /** One notice for one state: the job is blocked, or no longer. */
  | {
      readonly type: "job_blocked";
      readonly at: number;
      readonly jobName: string;
      readonly runId: string;
      readonly reason: string;
    }
  | { readonly type: "job_unblocked"; readonly at: number; readonly jobName: string }
  /** The wall clock was set, by so much against the monotonic one; or the machine slept. */
  | { readonly type: "clock_jumped"; readonly at: number; readonly byMs: number }
  /** Slots that were recorded as missed or skipped while the clock was ahead count again: their instants are yet to come. */
  | {
      readonly type: "slots_withdrawn";
      readonly at: number;
      /** What the clock had shown. */
      readonly showed: number;
      readonly slots: number;
      readonly jobs: readonly string[];
    }
  /** The ledger cannot be written: nothing is started until it can. Told once. */
  | { readonly type: "held"; readonly at: number; readonly reason: string }
  | { readonly type: "resumed"; readonly at: number; readonly heldMs: number }
  | {
      readonly type: "jobs_replaced";
      readonly at: number;
      readonly added: readonly string[];
      readonly changed: readonly string[];
      readonly removed: readonly string[];
    }
  /** A job whose schedule cannot be computed; the others go on. */
  | { readonly type: "job_unusable"; readonly at: number; readonly jobName: string; readonly reason: string }
  | { readonly type: "draining"; readonly at: number; readonly running: number; readonly graceMs: number }
  | { readonly type: "run"; readonly jobName: string; readonly event: RunEvent };

export type SchedulerListener = (event: SchedulerEvent) => void;
