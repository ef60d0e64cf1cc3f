/**
 * From winning the lead to the first slot: what the last daemon left behind is closed and taken over, jobs are armed, and what passed meanwhile is
 * put in line for catching up, spread over some seconds.
 */
import { fireBoot } from "./boot.ts";
import { readControl } from "./control.ts";
import { findDead, lookAround } from "./open-runs.ts";
import { Replacement, type JobSet } from "./reload.ts";
import { repeatInterrupted, repeatRescued, rescue } from "./rescue.ts";
import { beside, type State } from "./state.ts";
import { endWhatIsStale } from "./window.ts";
import { withdrawAhead } from "./withdraw.ts";

/** What is left of the dead after so long is closed beside everything else. */
const rescueFirstMs = 1_000;

/**
 * The jobs are in force after it, and the loop finds their slots (`goOn` of fire.ts).
 *
 * @param stays It leads from now on: what is overdue is put aside until all slots are known, and then spread. Else it is answered at once,
 *   because nobody waits for anything else.
 */
export async function takeOver(state: State, jobs: JobSet, stays: boolean): Promise<void> {
  const { parts } = state;
  state.overdue = stays ? [] : undefined;
  await withdrawAhead(state, new Map(jobs.jobs.map((job) => [job.id, job])), parts.clock.now());
  await readControl(state);
  const rescuing = rescue(state, await findDead(state));
  if (!(await isSoonOver(state, rescuing))) beside(state, repeatRescued(state, rescuing));
  await new Replacement(state, jobs).run();
  await lookAround(state);
  await endWhatIsStale(state, parts.clock.now());
  // The run of this boot comes in the place of one that the last boot's end has interrupted: at most one run of a job is queued.
  await fireBoot(state, stays);
  await repeatInterrupted(state);
  // Somebody does the work, although nobody leads.
  if (!stays) await parts.ledger.noteEvent({ at: parts.clock.now(), kind: "ticked", text: parts.projectDir });
}

/** What was known of rows is not ours to know any more: another daemon has led, or will. What runs here runs on. */
export function forgetRows(state: State): void {
  const { roster, line, ahead, waits, waiting, vanished, answered } = state;
  roster.clear();
  line.clear();
  ahead.clear();
  for (const one of waiting.values()) waits.set(one, undefined);
  waiting.clear();
  vanished.clear();
  answered.splice(0);
  state.blocked = undefined;
  state.stale = true;
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
