/** The clock was set, or the machine slept: everything that was computed from the time of before is looked at again. */
import { setImmediate as yieldOnce } from "node:timers/promises";
import { recordedAheadMs } from "../../ledger/ledger.ts";
import type { ClockLook } from "./clock-watch.ts";
import { readControl } from "./control.ts";
import type { Entry } from "./roster.ts";
import type { State } from "./state.ts";
import { tellUnusable } from "./unusable.ts";
import { spreadOverdue } from "./overdue.ts";
import { endWhatIsStale } from "./window.ts";
import { withdrawAhead } from "./withdraw.ts";

export async function onJump(state: State, { kind, now, byMs }: Exclude<ClockLook, { kind: "steady" }>): Promise<void> {
  const { parts, roster, line, waits, waiting } = state;
  line.doubt();
  const text =
    kind === "slept" ? `for ${seconds(byMs)}` : `the clock was set ${byMs > 0 ? "forward" : "back"} by ${seconds(byMs)}`;
  await parts.ledger.noteEvent({ at: now, kind: kind === "slept" ? "slept" : "clock_jumped", text });
  parts.listen({ type: "clock_jumped", at: now, byMs });
  await withdrawAhead(state, new Map(Array.from(roster.entries(), ({ job }) => [job.id, job])), now);
  await readControl(state);
  await placeAgain(state, now);
  // What waits for so long is not to wait for longer because the clock was set back.
  if (byMs < 0) for (const one of waiting.values()) if (one.at !== undefined) waits.set(one, one.at + byMs);
  await endWhatIsStale(state, now);
  spreadOverdue(state);
  state.stale = true;
}

/**
 * A job goes on from its newest record that is not ahead of the clock. A slot that has a run never has another, wherever the clock stands: that
 * is found when it is claimed. One that has none still has its turn.
 */
async function placeAgain(state: State, now: number): Promise<void> {
  const { roster, parts } = state;
  const ahead: Entry[] = [];
  for (const entry of roster.entries())
    if (entry.since > now || (entry.last !== undefined && entry.last > now + recordedAheadMs)) ahead.push(entry);
    else if (!entry.behind) roster.rest(entry);
  if (ahead.length === 0) return;
  const settled = await parts.ledger.settledSlots(now + recordedAheadMs);
  for (const [at, entry] of ahead.entries()) {
    if (roster.get(entry.job.id) !== entry) continue;
    entry.since = Math.min(entry.since, now);
    entry.last = settled.get(entry.job.id);
    try {
      roster.place(entry, now);
      if (entry.behind) roster.timeline.set(entry, undefined);
    } catch (error) {
      tellUnusable(state, entry, error);
    }
    if (at % 128 === 127) await yieldOnce();
  }
}

function seconds(ms: number): string {
  return `${Math.round(Math.abs(ms) / 1000)} s`;
}
