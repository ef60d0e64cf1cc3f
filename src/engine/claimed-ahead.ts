/** Slots that were claimed before their time: to whoever looks, they have not come yet. */
import type { RunRow } from "../ledger/ledger.ts";

/** Whether the run is claimed for a slot whose time has not come: nothing stands in line, and nothing is late. */
export function isClaimedAhead({ status, trigger, slotAt, dueAt = slotAt }: RunRow, now: number): boolean {
  return status === "queued" && trigger === "slot" && dueAt !== undefined && dueAt > now;
}
