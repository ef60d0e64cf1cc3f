/** Whether a job is paused or was, and in which words. */
import { everyJob, type EndedPause, type Pause } from "../../ledger/ledger.ts";
import type { Rest } from "../../schedule/due-question.ts";
import type { State } from "./state.ts";

export function pauseOf({ pauses }: Pick<State, "pauses">, jobId: string, now: number): Pause | undefined {
  if (pauses.size === 0) return undefined;
  return [pauses.get(everyJob), pauses.get(jobId)].find((pause) => pause !== undefined && (pause.until ?? Infinity) > now);
}

/**
 * The pause that a run which stands in line since then has met: the one in force, or one that was in force meanwhile and is over. Whoever led then
 * ended it with the pause; where nobody did, it is ended as soon as somebody comes. Asked of each run in line, each time.
 */
export function pauseMet(
  state: Pick<State, "pauses" | "rests">,
  jobId: string,
  since: number,
  now: number,
): Pick<Pause, "jobId" | "by" | "reason"> | undefined {
  const { pauses, rests } = state;
  if (pauses.size === 0 && rests.size === 0) return undefined;
  return pauseOf(state, jobId, now) ?? pauseOver(state, everyJob, since, now) ?? pauseOver(state, jobId, since, now);
}

/** The newest pause that was over by `now` and was not before `since`. */
function pauseOver(
  { pauses, rests }: Pick<State, "pauses" | "rests">,
  id: string,
  since: number,
  now: number,
): Pick<Pause, "jobId" | "by" | "reason"> | undefined {
  const up = pauses.get(id);
  if (up?.until !== undefined && up.until <= now && up.until > since) return up;
  for (const rest of rests.get(id) ?? []) {
    if (rest.endedAt <= since) return undefined;
    if (rest.endedAt <= now) return rest;
  }
  return undefined;
}

/** Those that are over by job, the last one to end first: so whoever asks for what was meanwhile looks at no older one. */
export function restsByJob(ended: readonly EndedPause[]): ReadonlyMap<string, readonly EndedPause[]> {
  return Map.groupBy(
    ended.toSorted((one, other) => other.endedAt - one.endedAt),
    ({ jobId }) => jobId,
  );
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
