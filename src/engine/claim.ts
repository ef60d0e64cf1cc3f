/** Winning a job for one run, whoever else wants it; and what is left of a run whose process has died. */
import type { BeginRun, ClaimResult, Ledger, RunStart } from "../ledger/ledger.ts";
import { exitCodeOf } from "../run/exit-code.ts";
import type { RunListener } from "./events.ts";
import { describeLease, isLeaseAhead, isLeaseOver, leaseMs } from "./lease.ts";
import { toFinish, toOutcome, type Blocker, type RunEnd, type RunOutcome } from "./outcome.ts";
import type { EngineParts, RunRequest } from "./parts.ts";
import { newTally } from "./tally.ts";

type ClaimParts = Pick<EngineParts, "clock" | "ownerState" | "sweep">;

/**
 * Wins the job, or says which run has it. A run whose process has died is closed first and its processes are ended; of one whose
 * process cannot be seen from here (another container, another machine, before a reboot) its lock in the ledger or the lease decides.
 */
export async function claim(
  parts: ClaimParts & { readonly ledger: Pick<Ledger, "claimRun" | "finishRun" | "giveBackClaims" | "holdOwner" | "renewLease"> },
  start: RunStart,
  listen: RunListener,
): Promise<Blocker | undefined> {
  await parts.ledger.holdOwner(start.owner);
  for (;;) {
    const claimed = await parts.ledger.claimRun(start);
    if (claimed.won) return undefined;
    const { runId, status, owner } = claimed.blocker;
    // A daemon claimed it ahead of its time, or had no place for it, and died: whoever is here now answers it.
    if (claimed.because === "slot_taken" && status === "queued" && parts.ownerState(owner) === "dead") {
      await parts.ledger.giveBackClaims([runId]);
      continue;
    }
    if (claimed.because === "slot_taken")
      return { runId, reason: `${nameOf(runId)} has this slot already (${status})`, hasSlot: true };
    const blocker = await blockerOrRescue(parts, claimed.blocker, listen);
    if (blocker !== undefined) return blocker;
  }
}

/** Begins a run that is queued, or takes one that waits; likewise. `gone`: it is neither any more. */
export async function begin(
  parts: ClaimParts & { readonly ledger: Pick<Ledger, "beginRun" | "finishRun" | "holdOwner" | "renewLease"> },
  runId: string,
  how: BeginRun,
  listen: RunListener,
): Promise<"begun" | "gone" | Blocker> {
  await parts.ledger.holdOwner(how.owner);
  for (;;) {
    const result = await parts.ledger.beginRun(runId, how);
    if (result.begun) return "begun";
    if (result.because === "gone") return "gone";
    const blocker = await blockerOrRescue(parts, result.blocker, listen);
    if (blocker !== undefined) return blocker;
  }
}

/** The open run that is in the way; `undefined` once it is closed, because its process has died. */
async function blockerOrRescue(
  parts: ClaimParts & { readonly ledger: Pick<Ledger, "finishRun" | "renewLease"> },
  open: Lost["blocker"],
  listen: RunListener,
): Promise<Blocker | undefined> {
  const { runId, owner, leaseUntil } = open;
  const name = nameOf(runId);
  // It has no process that could have died.
  if (open.status === "waiting")
    return { runId, reason: `${name} of this job waits for its next attempt (runner show ${runId.slice(0, 8)})` };
  const state = parts.ownerState(owner);
  if (state === "alive") return { runId, reason: `${name} of this job is under way` };
  if (state === "elsewhere" && isLeaseAhead(open, parts.clock.now()))
    await parts.ledger.renewLease(runId, parts.clock.now() + leaseMs);
  if (state === "elsewhere" && !isLeaseOver(open, parts.clock.now()))
    return {
      runId,
      reason: `${name} of this job is under way on ${owner.host} (${describeLease(open, parts.clock.now())})`,
    };
  // Only when nothing of the dead run is alive may another begin: its turn may still be at work.
  if (!(await parts.sweep(runId)))
    return { runId, reason: `${name} has died, and that nothing of it lives cannot be confirmed (docs/isolation.md)` };
  const end = { status: "interrupted", finishedAt: parts.clock.now(), fault: "turn_died", exitCode: 1, usage: {} } as const;
  const closed = await parts.ledger.finishRun(
    runId,
    { ...end, reason: diedHow(open, state) },
    // Whoever cannot be seen may have renewed its lease since it was looked at.
    state === "elsewhere" ? { leaseUntil } : undefined,
  );
  if (closed) listen({ type: "run_rescued", at: parts.clock.now(), runId });
  return undefined;
}

const nameOf = (runId: string): string => `run ${runId.slice(0, 8)}`;

function diedHow({ owner }: Lost["blocker"], state: "dead" | "elsewhere"): string {
  return state === "dead"
    ? `its process (pid ${owner.pid}) died without an end`
    : `its process (pid ${owner.pid} on ${owner.host}) let its lease run out without an end`;
}

type Lost = Extract<ClaimResult, { won: false }>;

/**
 * A run by hand that did not start is recorded all the same, with the run that was in its way. Its slot is not: that stays free. Where the slot has
 * its run, that is the record: a line of a crontab that comes second beside a daemon would else be the job's last end each time.
 */
export async function recordSkip(
  parts: EngineParts,
  start: RunStart,
  blocker: Blocker,
  request: Pick<RunRequest, "listen" | "failOnSkip">,
): Promise<RunOutcome> {
  const exitCode = exitCodeOf({ status: "skipped", failOnSkip: request.failOnSkip ?? false });
  const end: RunEnd = { status: "skipped", exitCode, reason: blocker.reason, blockedBy: blocker.runId };
  const tally = newTally();
  const finishedAt = parts.clock.now();
  const { slotAt: _free, ...record } = start;
  if (blocker.hasSlot !== true) await parts.ledger.recordRun(record, toFinish(end, tally, finishedAt));
  const outcome = toOutcome(start, end, tally, finishedAt);
  request.listen({ type: "run_finished", at: finishedAt, outcome });
  return outcome;
}
