/** Jobs that are overdue all at once would collide with each other and with what is on time (systemd/systemd#43464): they are spread. */
import { onTimeMs } from "../../schedule/missed.ts";
import type { Entry } from "./roster.ts";
import type { State } from "./state.ts";

/** The longest time over which the jobs that are overdue are spread, and how much of it each of them adds. */
const spreadMostMs = 10_000;
const spreadEachMs = 50;

export function isOverdue({ at }: Entry, now: number): boolean {
  return at !== undefined && at < now - onTimeMs;
}

export function spreadOverdue(state: State): void {
  const now = state.parts.clock.now();
  const overdue = [...state.roster.entries()].filter((entry) => isOverdue(entry, now));
  if (overdue.length > 1) spread(state, overdue, now);
}

/** Those that were put aside while the jobs were armed. */
export function spreadSetAside(state: State): void {
  const { roster, overdue = [] } = state;
  state.overdue = undefined;
  const now = state.parts.clock.now();
  const still = overdue.filter((entry) => roster.get(entry.job.id) === entry && entry.at === undefined);
  if (still.length > 1) spread(state, still, now);
  else for (const entry of still) roster.rest(entry);
}

function spread({ parts, roster }: State, overdue: readonly Entry[], now: number): void {
  const spreadMs = Math.min(spreadMostMs, overdue.length * spreadEachMs);
  for (const entry of overdue) roster.timeline.set(entry, now + Math.floor(parts.random() * spreadMs));
}
