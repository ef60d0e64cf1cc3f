/**
 * From winning the lead to the first slot: what the last daemon left behind is closed and taken over, jobs are armed, and what passed meanwhile is
 * put in line for catching up, spread over some seconds.
 */
import { fireBoot } from "./fire.ts";
import { readControl } from "./control.ts";
import { findDead, lookAround } from "./open-runs.ts";
import { putInForce, type JobSet } from "./reload.ts";
import { repeatInterrupted, repeatRescued, rescue } from "./rescue.ts";
import { beside, type State } from "./state.ts";
import { onTimeMs } from "../../schedule/missed.ts";
import { endWhatIsStale } from "./window.ts";
import { withdrawAhead } from "./withdraw.ts";

/** What is left of the dead after so long is closed beside everything else. */
const rescueFirstMs = 1_000;

/** The longest time over which the jobs that are overdue are spread, and how much of it each of them adds. */
const spreadMostMs = 10_000;
const spreadEachMs = 50;

/** @param spread false: at once, because nobody waits for anything else. */
export async function takeOver(state: State, jobs: JobSet, spread: boolean): Promise<void> {
  const { parts } = state;
  await readControl(state);
  const rescuing = rescue(state, await findDead(state));
  if (!(await isSoonOver(state, rescuing))) beside(state, repeatRescued(state, rescuing));
  await withdrawAhead(state, new Map(jobs.jobs.map((job) => [job.id, job])), parts.clock.now());
  await putInForce(state, jobs);
  await lookAround(state);
  await endWhatIsStale(state, parts.clock.now());
  await repeatInterrupted(state);
  await fireBoot(state);
  if (spread) spreadOverdue(state);
}

/** Waits for the rescue, but not for a process that is slow to die; returns whether it is over. */
async function isSoonOver({ parts }: State, rescuing: Promise<unknown>): Promise<boolean> {
  const enough = new AbortController();
  const settled = rescuing.finally(() => enough.abort(new Error("rescued"))).then(() => true);
  const late = parts.clock.sleep(rescueFirstMs, enough.signal).then(
    () => false,
    () => settled,
  );
  return Promise.race([settled, late]);
}

/** Jobs that are overdue all at once would collide with each other and with what is on time (systemd/systemd#43464). */
export function spreadOverdue({ parts, roster }: State): void {
  const now = parts.clock.now();
  const overdue = [...roster.entries()].filter(({ at }) => at !== undefined && at < now - onTimeMs);
  if (overdue.length < 2) return;
  const spreadMs = Math.min(spreadMostMs, overdue.length * spreadEachMs);
  for (const entry of overdue) roster.timeline.set(entry, now + Math.floor(parts.random() * spreadMs));
}
