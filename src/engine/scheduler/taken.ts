/** Takes note of what the ledger said to claims and ranges of slots. */
import type { SlotClaim, SlotClaimResult, SlotRange } from "../../ledger/ledger.ts";
import { rangeOf } from "./claims.ts";
import type { Entry } from "./roster.ts";
import { enlist } from "./standing.ts";
import { shortId, type State } from "./state.ts";

export async function record({ parts }: State, ranges: readonly SlotRange[]): Promise<void> {
  if (ranges.length === 0) return;
  const recorded = await parts.ledger.recordSlots(ranges);
  // What has a record already, of a run by hand or of another process, is told by that.
  for (const range of ranges.filter((_, at) => recorded[at] === true))
    parts.listen({ type: "slots_recorded", at: range.recordedAt, range });
}

/** Takes note of how a claim went; a slot that was lost to the job's queued run is given back as a range, to be recorded as skipped. */
export function take(state: State, entry: Entry, claim: SlotClaim, result: SlotClaimResult): SlotRange[] {
  const { runId, jobName, startedAt, slotAt } = claim;
  if (result.won) {
    enlist(state, { ...claim, status: "queued", queuedAt: startedAt });
    state.parts.listen({ type: "slot_claimed", at: startedAt, jobName, runId, slotAt: slotAt ?? startedAt });
    return [];
  }
  const { because, blocker } = result;
  // What this process does not know of, the ledger will show.
  if (because === "slot_taken" && blocker.status === "queued") state.stale = true;
  if (because !== "queued_run" || slotAt === undefined) return [];
  state.stale = true;
  const reason = `${shortId(blocker.runId)} of this job waits to begin`;
  const one = { from: slotAt, to: slotAt, slots: 1, reason, blockedBy: blocker.runId };
  return [rangeOf(state.parts, entry, { status: "skipped", ...one })];
}
