/** What becomes of a slot whose job has a run open: `skip`, `queue` or `replace`. */
import type { Job } from "../../job/job.ts";
import type { Blocker } from "../outcome.ts";
import { Stopped } from "../stopped.ts";
import type { InLine } from "./line.ts";
import { dismiss, inLine } from "./standing.ts";
import { slotOf, type State } from "./state.ts";

export function overlapOf(job: Job | undefined): "skip" | "queue" | "replace" {
  return job?.overlap ?? "skip";
}

/** A claimed run was to begin and another run of its job is open. It is in no line at this moment. */
export async function giveWay(state: State, item: InLine, blocker: Blocker): Promise<void> {
  const { run, dueAt, isCatchUp } = item;
  const job = state.roster.get(run.jobId)?.job;
  // One that has waited for its time counts as open itself; whatever is in its way, it goes on when that has ended.
  if (run.status === "queued" && overlapOf(job) === "skip") {
    return dismiss(state, run, "skipped", blocker.reason, { blockedBy: blocker.runId });
  }
  state.line.add({ ...inLine(state, run, dueAt), isCatchUp, blockedBy: blocker.runId });
  // Whether the one in the way lives, and when it has ended, is in the ledger.
  state.stale = true;
  if (run.status === "queued" && overlapOf(job) === "replace") await stopOpen(state, blocker.runId, slotOf(run));
}

/** Ends the open run in whose place a newer slot comes: at once if it only waits, else by asking its process. */
export async function stopOpen(state: State, runId: string, slotAt: number): Promise<void> {
  const { parts, running, waiting } = state;
  const replaced = new Stopped({ kind: "replaced", slotAt });
  const own = running.get(runId);
  if (own !== undefined) return own.stop.abort(replaced);
  const idle = [...waiting.values()].find(({ run }) => run.runId === runId);
  if (idle !== undefined) return dismiss(state, idle.run, "cancelled", replaced.message);
  const at = parts.clock.now();
  if (await parts.ledger.requestCancel({ runId, at, reason: replaced.message })) return;
  state.line.unblock(runId);
}
