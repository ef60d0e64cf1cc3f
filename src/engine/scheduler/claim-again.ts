/**
 * Claims that were there and are not any more: somebody took this process for dead, or for one whose slots were yet to come, and gave them back. Their
 * slots have come and are answered as far as their jobs know, so nobody would come back to them: they are claimed again.
 */
import { LedgerError } from "../../errors.ts";
import type { RunRow, SlotClaim } from "../../ledger/ledger.ts";
import { claimOf } from "./claims.ts";
import type { Entry } from "./roster.ts";
import type { State } from "./state.ts";
import { record, take } from "./taken.ts";
import { tellUnusable } from "./unusable.ts";

/** Rows of one transaction. */
const rowsAtOnce = 500;

interface Again {
  readonly entry: Entry;
  readonly claim: SlotClaim;
}

/** Whatever the run is by now: what has a record is found taken. @throws LedgerError: what is left is claimed at the next look */
export async function claimAgain(state: State): Promise<void> {
  while (state.vanished.size > 0) {
    const some = [...state.vanished.values()].slice(0, rowsAtOnce);
    const claims = some.flatMap((run) => againOf(state, run));
    try {
      await claimTogether(state, claims);
    } catch (error) {
      if (error instanceof LedgerError) throw error;
      // What the ledger refuses of one job must not stop the others.
      for (const one of claims) await claimAlone(state, one);
    }
    for (const { runId } of some) state.vanished.delete(runId);
  }
}

/** A job that was removed owes no slots. */
function againOf({ roster, parts }: State, { jobId, slotAt, trigger }: RunRow): Again[] {
  const entry = roster.get(jobId);
  return entry === undefined || slotAt === undefined || trigger !== "slot"
    ? []
    : [{ entry, claim: claimOf(parts, entry, slotAt) }];
}

async function claimTogether(state: State, claims: readonly Again[]): Promise<void> {
  if (claims.length === 0) return;
  const results = await state.parts.ledger.claimSlots(claims.map(({ claim }) => claim));
  const lost = claims.flatMap(({ entry, claim }, at) => {
    const result = results[at];
    return result === undefined ? [] : take(state, entry, claim, result);
  });
  await record(state, lost);
}

async function claimAlone(state: State, one: Again): Promise<void> {
  try {
    await claimTogether(state, [one]);
  } catch (error) {
    if (error instanceof LedgerError) throw error;
    tellUnusable(state, one.entry, error);
  }
}
