/** The clock was set, or the machine slept: everything that was computed from the time of before is looked at again. */
import type { ClockLook } from "./clock-watch.ts";
import type { Entry } from "./roster.ts";
import { tellUnusable } from "./fire.ts";
import type { State } from "./state.ts";
import { spreadOverdue } from "./take-over.ts";
import { endWhatIsStale } from "./window.ts";

export async function onJump(state: State, { kind, now, byMs }: Exclude<ClockLook, { kind: "steady" }>): Promise<void> {
  const { parts, roster, waits, waiting } = state;
  const text =
    kind === "slept" ? `for ${seconds(byMs)}` : `the clock was set ${byMs > 0 ? "forward" : "back"} by ${seconds(byMs)}`;
  await parts.ledger.noteEvent({ at: now, kind: kind === "slept" ? "slept" : "clock_jumped", text });
  parts.listen({ type: "clock_jumped", at: now, byMs });
  for (const entry of roster.entries()) if (!entry.behind) placeAgain(state, entry, now);
  // What waits for so long is not to wait for longer because the clock was set back.
  if (byMs < 0) for (const one of waiting.values()) if (one.at !== undefined) waits.set(one, one.at + byMs);
  await endWhatIsStale(state, now);
  spreadOverdue(state);
  state.stale = true;
}

/** A slot that has a record never runs again, wherever the clock stands; one that has none still does. */
function placeAgain(state: State, entry: Entry, now: number): void {
  if (entry.since <= now) return state.roster.rest(entry);
  try {
    state.roster.place(entry, now);
  } catch (error) {
    tellUnusable(state, entry, error);
  }
}

function seconds(ms: number): string {
  return `${Math.round(Math.abs(ms) / 1000)} s`;
}
