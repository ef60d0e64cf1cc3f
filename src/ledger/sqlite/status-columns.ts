/** How the state of a run lies in the columns `status` and `phase`. */
import { openStatuses, runStatuses, type RunStatus } from "../../run/run.ts";
import { word, type Row } from "./columns.ts";

/** An open run says in `phase` what it is; see `schema-scheduling.ts`. */
const phases = ["active", "queued", "waiting"] as const;
export type Phase = (typeof phases)[number];

export function statusOf(row: Row): RunStatus {
  const status = word(row, "status", runStatuses);
  const phase = status === "running" ? word(row, "phase", phases) : "active";
  return phase === "active" ? status : phase;
}

/** How a state lies in the columns: `phase` is null where it does not matter. */
export function stateValues(status: RunStatus): { readonly status: RunStatus; readonly phase: Phase | null } {
  const open = openStatuses.find((one) => one === status);
  return open === undefined ? { status, phase: null } : { status: "running", phase: open === "running" ? "active" : open };
}
