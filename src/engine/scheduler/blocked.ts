/** That a job is blocked is said once, however often its slots find it so, and that it is not any more as well. */
import type { Job } from "../../job/job.ts";
import { keptEvents } from "../../ledger/ledger.ts";
import type { RunOutcome } from "../outcome.ts";
import type { State } from "./state.ts";

/** Endings that say nothing of whether the job could begin. */
const silent: ReadonlySet<string> = new Set(["skipped", "missed", "cancelled", "interrupted"]);

export async function noteBlock(state: State, { id, name }: Job, { status, reason, runId }: RunOutcome): Promise<void> {
  const { ledger, clock, listen } = state.parts;
  if (status === "blocked") {
    const known = await blockedJobs(state);
    // One that was recorded, and whose process died or whose ledger failed before it was told, is told now.
    if (!(await ledger.isFirstBlock(runId)) && known.has(id)) return;
    await ledger.noteEvent({ at: clock.now(), kind: "blocked", jobId: id, text: reason });
    known.add(id);
    listen({ type: "job_blocked", at: clock.now(), jobName: name, runId, reason });
    return;
  }
  if (silent.has(status) || state.roster.get(id) === undefined) return;
  const known = await blockedJobs(state);
  if (!known.has(id)) return;
  await ledger.noteEvent({ at: clock.now(), kind: "unblocked", jobId: id, text: `its run ended ${status}` });
  known.delete(id);
  listen({ type: "job_unblocked", at: clock.now(), jobName: name });
}

/** As the ledger knows them; read once, for a herd of runs that ends is not to look through its events one by one. */
function blockedJobs(state: State): Promise<Set<string>> {
  state.blocked ??= readBlocked(state).catch((error: unknown) => {
    state.blocked = undefined;
    throw error;
  });
  return state.blocked;
}

async function readBlocked({ parts }: State): Promise<Set<string>> {
  const events = await parts.ledger.events({ kinds: ["blocked", "unblocked"], limit: keptEvents });
  // Newest first, so the older ones are overwritten by what came after them.
  const newest = new Map(events.toReversed().map(({ jobId = "", kind }) => [jobId, kind]));
  return new Set([...newest].filter(([, kind]) => kind === "blocked").map(([jobId]) => jobId));
}
