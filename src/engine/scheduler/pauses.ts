/** Whether a job is paused or was, and in which words. */
import { everyJob, type EndedPause, type Pause } from "../../ledger/ledger.ts";
import type { Rest } from "../../schedule/due-question.ts";
import type { State } from "./state.ts";

export function pauseOf({ pauses }: Pick<State, "pauses">, jobId: string, now: number): Pause | undefined {
  if (pauses.size === 0) return undefined;
  return [pauses.get(everyJob), pauses.get(jobId)].find((pause) => pause !== undefined && (pause.until ?? Infinity) > now);
}

/** The pauses of a job that are over by `now` and were not before `since`. One that ends later ended while the clock was ahead. */
export function restsOf({ pauses, rests }: Pick<State, "pauses" | "rests">, jobId: string, since: number, now: number): Rest[] {
  if (pauses.size === 0 && rests.size === 0) return [];
  const ids = [everyJob, jobId];
  // One whose time is up since the ledger was read is over as well.
  const up = ids.flatMap((id) => pauses.get(id) ?? []).filter(({ until = Infinity }) => until <= now);
  return [
    ...ids
      .flatMap((id) => rests.get(id) ?? [])
      .filter(({ endedAt }) => endedAt > since && endedAt <= now)
      .map(restOf),
    ...up.map((pause) => restOf({ ...pause, endedAt: pause.until ?? now })),
  ];
}

export function restOf(pause: EndedPause): Rest {
  return { from: pause.at, until: pause.endedAt, why: pauseWords(pause) };
}

/** The same words for the whole of a pause, so that its slots are one row. */
export function pauseWords({ jobId, by, reason }: Pick<Pause, "jobId" | "by" | "reason">): string {
  const what = jobId === everyJob ? "everything is paused" : "the job is paused";
  return `${what} by ${by}${reason === undefined ? "" : `: ${reason}`}`;
}
