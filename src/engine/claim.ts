/** Winning a job for one run, whoever else wants it; and what is left of a run whose process has died. */
import type { ClaimResult, RunStart } from "../ledger/ledger.ts";
import { exitCodeOf } from "../run/exit-code.ts";
import type { RunListener } from "./events.ts";
import { describeLease, isLeaseOver } from "./lease.ts";
import { toFinish, toOutcome, type RunEnd, type RunOutcome } from "./outcome.ts";
import type { EngineParts, RunRequest } from "./parts.ts";
import { newTally } from "./tally.ts";

/** Why a claim was lost. */
export interface Blocker {
  readonly runId: string;
  /** In words, for the skipped run's record. */
  readonly reason: string;
}

/**
 * Wins the job, or says which run has it. A run whose process has died is closed first and its processes are ended; of one whose
 * process cannot be seen from here (another container, another machine, before a reboot) the lease decides.
 */
export async function claim(
  parts: Pick<EngineParts, "ledger" | "clock" | "ownerState" | "sweep">,
  start: RunStart,
  listen: RunListener,
): Promise<Blocker | undefined> {
  for (;;) {
    const claimed = await parts.ledger.claimRun(start);
    if (claimed.won) return undefined;
    const { runId, owner, status, leaseUntil } = claimed.blocker;
    const name = `run ${runId.slice(0, 8)}`;
    if (claimed.because === "slot_taken") return { runId, reason: `${name} has this slot already (${status})` };
    const state = parts.ownerState(owner);
    if (state === "alive") return { runId, reason: `${name} of this job is under way` };
    if (state === "elsewhere" && !isLeaseOver(claimed.blocker, parts.clock.now()))
      return {
        runId,
        reason: `${name} of this job is under way on ${owner.host} (${describeLease(claimed.blocker, parts.clock.now())})`,
      };
    // Only when nothing of the dead run is alive may another begin: its turn may still be at work.
    if (!(await parts.sweep(runId)))
      return { runId, reason: `${name} has died, and that nothing of it lives cannot be confirmed (docs/isolation.md)` };
    const end = { status: "interrupted", finishedAt: parts.clock.now(), fault: "turn_died", exitCode: 1, usage: {} } as const;
    const closed = await parts.ledger.finishRun(
      runId,
      { ...end, reason: diedHow(claimed.blocker, state) },
      // Whoever cannot be seen may have renewed its lease since it was looked at.
      state === "elsewhere" ? { leaseUntil } : undefined,
    );
    if (closed) listen({ type: "run_rescued", at: parts.clock.now(), runId });
  }
}

function diedHow({ owner }: Lost["blocker"], state: "dead" | "elsewhere"): string {
  return state === "dead"
    ? `its process (pid ${owner.pid}) died without an end`
    : `its process (pid ${owner.pid} on ${owner.host}) let its lease run out without an end`;
}

type Lost = Extract<ClaimResult, { won: false }>;

/** A run that did not start is recorded all the same, with the run that was in its way. */
export async function recordSkip(
  parts: EngineParts,
  start: RunStart,
  blocker: Blocker,
  request: Pick<RunRequest, "listen" | "failOnSkip">,
): Promise<RunOutcome> {
  const exitCode = exitCodeOf({ status: "skipped", failOnSkip: request.failOnSkip ?? false });
  const end: RunEnd = { status: "skipped", exitCode, reason: blocker.reason };
  const tally = newTally();
  const finishedAt = parts.clock.now();
  await parts.ledger.recordRun(start, toFinish(end, tally, finishedAt));
  const outcome = { ...toOutcome(start, end, tally, finishedAt), blockedBy: blocker.runId };
  request.listen({ type: "run_finished", at: finishedAt, outcome });
  return outcome;
}
