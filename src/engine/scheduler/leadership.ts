/**
 * Who fires the slots: one daemon leads, the others stand by and look each second whether it still lives. That nothing is doubled never
 * hangs on this: claims decide. It only spares everybody else the work.
 */
import type { Leader, LeaderReport, Owner } from "../../ledger/ledger.ts";
import { isLeaseAhead, leaseMs } from "../lease.ts";
import type { SchedulerParts } from "../scheduler-parts.ts";

type Parts = Pick<SchedulerParts, "clock" | "ledger" | "owner" | "ownerState" | "version">;

/** Between two heartbeats of the leader. */
export const heartbeatMs = 10_000;

export type Lead =
  | { readonly leads: true; /** The one whose place was taken, if it did not give it back. */ readonly before?: Leader }
  | { readonly leads: false; readonly leader: Leader };

/** Takes the lead if it is free, and renews it if it is ours. */
export async function takeLead(parts: Parts, startedAt: number, report: LeaderReport): Promise<Lead> {
  await parts.ledger.holdOwner(parts.owner);
  let before: Leader | undefined;
  const now = parts.clock.now();
  const after = await parts.ledger.changeLeader((found) => {
    before = found;
    if (found !== undefined && !isFree(parts, found)) return found;
    const { owner, version } = parts;
    return { owner, startedAt, seenAt: now, leaseUntil: now + leaseMs, version, report };
  });
  if (after !== undefined && !isSameOwner(after.owner, parts.owner)) return { leads: false, leader: after };
  return before === undefined || isSameOwner(before.owner, parts.owner) ? { leads: true } : { leads: true, before };
}

/** The daemon that leads and lives, other than this process. */
export async function livingLeader(parts: Parts): Promise<Leader | undefined> {
  const leader = await parts.ledger.leader();
  if (leader === undefined || isFree(parts, leader)) return undefined;
  // Given while the clock was ahead: whoever lives renews it soon, and the dead must not lead for as long as the clock was wrong.
  const now = parts.clock.now();
  if (isLeaseAhead(leader, now))
    await parts.ledger.changeLeader((found) =>
      found !== undefined && isSameOwner(found.owner, leader.owner) && found.leaseUntil === leader.leaseUntil
        ? { ...found, leaseUntil: now + leaseMs }
        : found,
    );
  return leader;
}

/** Lets the lead go, if it is still ours. */
export async function giveBackLead(parts: Parts): Promise<void> {
  await parts.ledger.changeLeader((found) => (found !== undefined && isSameOwner(found.owner, parts.owner) ? undefined : found));
}

/** Ours; of a process that is dead or, where that cannot be seen, has let its lease run out; or of one that only drains. */
function isFree({ clock, owner, ownerState }: Parts, { owner: leader, leaseUntil, report }: Leader): boolean {
  if (isSameOwner(leader, owner) || report.state === "draining") return true;
  const state = ownerState(leader);
  return state === "dead" || (state === "elsewhere" && leaseUntil < clock.now());
}

export function isSameOwner(one: Owner, other: Owner): boolean {
  return (
    one.pid === other.pid &&
    one.startedAt === other.startedAt &&
    one.bootId === other.bootId &&
    one.pidNamespace === other.pidNamespace &&
    one.host === other.host
  );
}
