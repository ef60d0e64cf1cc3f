/** The rows that the scheduler writes for slots: claims of those that are to run, and ranges of those that are not. */
import { randomUUID } from "node:crypto";
import type { SlotClaim, SlotRange } from "../../ledger/ledger.ts";
import type { SchedulerParts } from "../scheduler-parts.ts";
import type { Entry } from "./roster.ts";

/** Slots that get no run, in the words of whoever decided that. */
export type Unanswered = Pick<SlotRange, "status" | "from" | "to" | "slots" | "reason" | "blockedBy">;

export function claimOf(parts: SchedulerParts, entry: Entry, slot: number): SlotClaim {
  const { job, hash, staggerMs } = entry;
  return {
    runId: randomUUID(),
    jobId: job.id,
    jobName: job.name,
    trigger: "slot",
    slotAt: slot,
    ...(staggerMs === 0 ? {} : { dueAt: slot + staggerMs }),
    ...claimant(parts, entry),
    jobHash: hash,
  };
}

/** The claim of a slot that is not due yet: it stands in line from its time on, whenever it was written. */
export function claimAheadOf(parts: SchedulerParts, entry: Entry, slot: number): SlotClaim {
  return { ...claimOf(parts, entry, slot), startedAt: slot + entry.staggerMs };
}

/** `@reboot`: once in a boot. */
export function bootClaimOf(parts: SchedulerParts, entry: Entry, boot: string): SlotClaim {
  const { job, hash } = entry;
  const trigger = "boot";
  return { runId: randomUUID(), jobId: job.id, jobName: job.name, trigger, boot, ...claimant(parts, entry), jobHash: hash };
}

function claimant(
  { clock, owner, modelOf, simulated }: SchedulerParts,
  { job }: Entry,
): Pick<SlotClaim, "startedAt" | "owner" | "modelAsked" | "simulated" | "payloadKind"> {
  return { startedAt: clock.now(), owner, modelAsked: modelOf(job), simulated, payloadKind: job.payload.kind };
}

export function rangeOf({ clock, owner }: SchedulerParts, { job, hash }: Entry, unanswered: Unanswered): SlotRange {
  const recordedAt = clock.now();
  return { runId: randomUUID(), jobId: job.id, jobName: job.name, ...unanswered, recordedAt, owner, jobHash: hash };
}
