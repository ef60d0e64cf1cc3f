/**
 * How long a claimed run may wait. A run that waits between attempts, or for a provider, may do so up to its job's next slot, which answers it
 * anyway, and up to `limits.defer` after its own. When nobody was there to carry it on until then, the next slot has the word.
 */
import type { RunRow } from "../../ledger/ledger.ts";
import { pausedInLine } from "./left-over.ts";
import { onTimeMs } from "../../schedule/missed.ts";
import { dismiss } from "./standing.ts";
import { slotOf, type State } from "./state.ts";

/** The latest instant at which the run may be carried on after it has waited: the job's next slot after `from`, or `limits.defer` after its own. */
export function mayWaitUntil({ roster }: State, run: RunRow, from: number): number {
  const entry = roster.get(run.jobId);
  if (entry === undefined) return from;
  const slot = slotOf(run);
  const bound = slot + entry.job.limits.deferMs;
  try {
    return Math.min(bound, roster.slotAfter(entry, Math.max(slot, from)) ?? Infinity);
  } catch {
    // A schedule that cannot be computed has no next slot.
    return bound;
  }
}

/**
 * Ends what nobody was there to begin or to carry on in time: at a start, or after the machine slept. Then the job's next slot has the word.
 * A run that a provider put off is `deferred`, as if the window had been too short from the beginning; what waited for its next attempt has
 * failed; what was only claimed is `missed`.
 */
export async function endWhatIsStale(state: State, now: number): Promise<void> {
  for (const { run } of state.waiting.values()) {
    const { wait } = run;
    if (wait === undefined || state.roster.get(run.jobId) === undefined) continue;
    const end = mayWaitUntil(state, run, wait.since);
    if (now < end) continue;
    const reason = `it could not be carried on before ${inWords(end)}, when the job's next slot came; it waited: ${wait.why}`;
    if (wait.kind === "later") await dismiss(state, run, "deferred", reason, { deferredUntil: wait.until });
    else await dismiss(state, run, "failed", reason);
  }
  for (const { run } of state.line.items) {
    if (run.status !== "queued") continue;
    const paused = pausedInLine(state, run, now);
    if (paused !== undefined) {
      await dismiss(state, run, "skipped", paused);
      continue;
    }
    const reason = whyTooLate(state, run, now);
    if (reason !== undefined) await dismiss(state, run, "missed", reason);
  }
}

/** The job's policy of catching up counts for a slot that was claimed as for one that was not. */
function whyTooLate(state: State, run: RunRow, now: number): string | undefined {
  const job = state.roster.get(run.jobId)?.job;
  const slot = slotOf(run);
  if (job === undefined || run.trigger === "boot" || now - slot <= onTimeMs) return undefined;
  const policy = job.catchUp?.policy ?? "latest";
  if (policy === "all") return undefined;
  if (policy === "skip") return "it was claimed, and nobody was there to begin it in time (catchUp: skip)";
  const end = mayWaitUntil(state, run, slot);
  return now < end
    ? undefined
    : `it was claimed, and nobody was there to begin it before ${inWords(end)}, when the job's next slot came`;
}

function inWords(at: number): string {
  return new Date(at).toISOString();
}
