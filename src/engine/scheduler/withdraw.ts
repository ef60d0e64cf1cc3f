/**
 * A clock that was ahead and is right again: what was recorded of slots that are yet to come, because they seemed to be past, is taken back. Else
 * a clock that was wrong by a year would keep every job silent for a year (citusdata/pg_cron#105). What had a run is not repeated.
 *
 * It takes somebody who sees that records lie ahead of the clock. Where the clock is set back, the daemon dies before its next look, and the next one
 * comes when the newest record is past once more, nobody has: no row is wrong at either time, and a daemon that knew nothing could leave no
 * mark. Slots before that record that came meanwhile are then taken for those that were answered, or were owed by nobody, when it was made.
 */
import type { Job } from "../../job/job.ts";
import { withdrawnAtOnce, type KeptOfRow, type RowAhead } from "../../ledger/ledger.ts";
import { countSlots, newestSlots } from "../../schedule/slot.ts";
import type { State } from "./state.ts";

/** Jobs of which each has a note of its own; of more there is one note for all. */
const mostNotes = 100;

/** At a start, and when the clock was set: costs one look into the index for each job where nothing lies ahead. */
export async function withdrawAhead(state: State, jobs: ReadonlyMap<string, Job>, now: number): Promise<void> {
  const { ledger, listen } = state.parts;
  const withdrawn: RowAhead[] = [];
  let kept = 0;
  const keep = (row: RowAhead): KeptOfRow => {
    const left = leftOf(row, jobs.get(row.jobId), now, state.roster.zone);
    kept += left.slots;
    return left;
  };
  for (;;) {
    const rows = await ledger.withdrawSlots(now, keep);
    withdrawn.push(...rows);
    if (rows.length < withdrawnAtOnce) break;
  }
  if (withdrawn.length === 0) return;
  const showed = Math.max(...withdrawn.map(({ recordedAt }) => recordedAt));
  const names = [...new Set(withdrawn.map(({ jobName }) => jobName))];
  const slots = withdrawn.reduce((sum, row) => sum + row.slots, 0) - kept;
  listen({ type: "slots_withdrawn", at: now, showed, slots, jobs: names });
  const back = `the clock was set back from ${inWords(showed)} to ${inWords(now)}`;
  const byJob = Map.groupBy(withdrawn, ({ jobId }) => jobId);
  if (byJob.size > mostNotes) {
    await ledger.noteEvent({
      at: now,
      kind: "withdrawn",
      text: `what was recorded of slots after it, of ${byJob.size} jobs: ${back}`,
    });
    return;
  }
  for (const [jobId, rows] of byJob) {
    const [from, to] = [Math.min(...rows.map((row) => row.from)), Math.max(...rows.map((row) => row.to))];
    const text = `what was recorded as missed or skipped between ${inWords(Math.max(from, now))} and ${inWords(to)}: ${back}`;
    await ledger.noteEvent({ at: now, kind: "withdrawn", jobId, text });
  }
}

/** The slots of a row that are past. Where the schedule is not known any more, it ends at `now`, and how many they are is a guess. */
function leftOf(row: RowAhead, job: Job | undefined, now: number, zone: string): KeptOfRow {
  const share = (now - row.from) / (row.to - row.from);
  const guess = { to: now, slots: Math.max(1, Math.round(row.slots * share)) };
  if (job === undefined) return guess;
  try {
    const [to] = newestSlots(job.schedule, row.from - 1, now, 1, zone);
    return to === undefined ? guess : { to, slots: countSlots(job.schedule, row.from - 1, to, zone).slots };
  } catch {
    return guess;
  }
}

function inWords(at: number): string {
  return new Date(at).toISOString();
}
