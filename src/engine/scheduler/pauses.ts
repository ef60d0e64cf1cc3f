/** Whether a job is paused, and in which words. */
import { everyJob, type Pause } from "../../ledger/ledger.ts";
import type { State } from "./state.ts";

export function pauseOf({ pauses }: State, jobId: string, now: number): Pause | undefined {
  if (pauses.size === 0) return undefined;
  return [pauses.get(everyJob), pauses.get(jobId)].find((pause) => pause !== undefined && (pause.until ?? Infinity) > now);
}

/** The same words for the whole of a pause, so that its slots are one row. */
export function pauseWords({ jobId, by, reason }: Pause): string {
  const what = jobId === everyJob ? "everything is paused" : "the job is paused";
  return `${what} by ${by}${reason === undefined ? "" : `: ${reason}`}`;
}
