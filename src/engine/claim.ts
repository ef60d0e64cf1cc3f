/** Winning a job for one run, whoever else wants it; and what is left of a run whose process has died. */
import type { RunStart } from "../ledger/ledger.ts";
import { exitCodeOf } from "../run/exit-code.ts";
import type { RunListener } from "./events.ts";
import { toFinish, toOutcome, type RunEnd, type RunOutcome } from "./outcome.ts";
import type { EngineParts, RunRequest } from "./parts.ts";
import { newTally } from "./tally.ts";

/** Why a claim was lost. */
export interface Blocker {
  readonly runId: string;
  /** In words, for the skipped run's record. */
  readonly reason: string;
}

/** Wins the job, or says which run has it. A run whose process has died is closed first and its processes are ended. */
export async function claim(parts: EngineParts, start: RunStart, listen: RunListener): Promise<Blocker | undefined> {
  for (;;) {
    const claimed = await parts.ledger.claimRun(start);
    if (claimed.won) return undefined;
    const { runId, owner, status } = claimed.blocker;
    const name = `run ${runId.slice(0, 8)}`;
    if (claimed.because === "slot_taken") return { runId, reason: `${name} has this slot already (${status})` };
    const state = parts.ownerState(owner);
    if (state !== "dead")
      return { runId, reason: `${name} of this job is under way${state === "elsewhere" ? ` on ${owner.host}` : ""}` };
    // Only when nothing of the dead run is alive may another begin: its turn may still be at work.
    if (!(await parts.sweep(runId))) return { runId, reason: `${name} has died, and processes of it cannot be ended` };
    const closed = await parts.ledger.finishRun(runId, {
      status: "interrupted",
      finishedAt: parts.clock.now(),
      reason: `its process (pid ${owner.pid}) died without an end`,
      fault: "turn_died",
      exitCode: 1,
      usage: {},
    });
    if (closed) listen({ type: "run_rescued", at: parts.clock.now(), runId });
  }
}

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
