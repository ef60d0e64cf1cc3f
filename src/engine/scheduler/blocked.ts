/** That a job is blocked is said once, however often its slots find it so, and that it is not any more as well. */
import type { Job } from "../../job/job.ts";
import type { RunOutcome } from "../outcome.ts";
import type { State } from "./state.ts";

/** Endings that say nothing of whether the job could begin. */
const silent: ReadonlySet<string> = new Set(["skipped", "missed", "cancelled", "interrupted"]);

export async function noteBlock({ parts, roster, blocked }: State, { id, name }: Job, outcome: RunOutcome): Promise<void> {
  const { ledger, clock, listen } = parts;
  const { status, reason, runId } = outcome;
  if (status === "blocked") {
    blocked.set(id, true);
    if (!(await ledger.isFirstBlock(runId))) return;
    await ledger.noteEvent({ at: clock.now(), kind: "blocked", jobId: id, text: reason });
    listen({ type: "job_blocked", at: clock.now(), jobName: name, runId, reason });
    return;
  }
  if (silent.has(status) || roster.get(id) === undefined) return;
  if (!(await wasBlocked(ledger, blocked, id))) return;
  blocked.set(id, false);
  await ledger.noteEvent({ at: clock.now(), kind: "unblocked", jobId: id, text: `its run ended ${status}` });
  listen({ type: "job_unblocked", at: clock.now(), jobName: name });
}

/** Known of the jobs that have ended once under this process; of the others the ledger knows. */
async function wasBlocked(ledger: State["parts"]["ledger"], blocked: Map<string, boolean>, id: string): Promise<boolean> {
  const known = blocked.get(id);
  if (known !== undefined) return known;
  const events = await ledger.events({ jobId: id, limit: 20 });
  const last = events.find(({ kind, jobId }) => jobId === id && (kind === "blocked" || kind === "unblocked"));
  blocked.set(id, last?.kind === "blocked");
  return last?.kind === "blocked";
}
