/** What other processes asked for through the ledger: pauses, and that runs be ended. */
import type { EndedPause, Pause } from "../../ledger/ledger.ts";
import { Stopped } from "../stopped.ts";
import { giveBack } from "./claim-ahead.ts";
import { pauseOf, restsByJob } from "./pauses.ts";
import { dismiss } from "./standing.ts";
import type { State } from "./state.ts";

export async function readControl(state: State): Promise<void> {
  const { ledger, clock } = state.parts;
  const now = clock.now();
  const pauses = await ledger.pauses(now);
  const ended = await ledger.endedPauses(now);
  state.pauses = pauses;
  state.rests = restsByJob(ended);
  const mark = markOf(pauses, ended);
  // A pause is the end of what stands in line.
  if (mark !== state.pauseMark) state.line.doubt();
  state.pauseMark = mark;
  // A slot to come is skipped when it comes, with all others of the pause.
  await giveBack(state, ({ jobId }) => pauseOf(state, jobId, now) !== undefined);
  const requests = await ledger.cancelRequests();
  state.cancelRequests = new Map(requests.map(({ runId, reason }) => [runId, reason]));
  for (const [runId, reason] of state.cancelRequests) {
    const own = state.running.get(runId);
    if (own !== undefined) {
      own.stop.abort(new Stopped({ kind: "request", words: reason }));
      continue;
    }
    // What has nothing under way is ended here; what another process has, that one ends.
    const claimed = state.line.get(runId) ?? state.ahead.claimed.get(runId);
    const idle = claimed?.run ?? [...state.waiting.values()].find(({ run }) => run.runId === runId)?.run;
    if (idle !== undefined) await dismiss(state, idle, "cancelled", reason);
  }
}

/** Another one where any pause is another, so that nobody compares ten thousand that are over. */
function markOf(pauses: ReadonlyMap<string, Pause>, ended: readonly EndedPause[]): string {
  const newest = ended.reduce((last, { endedAt }) => Math.max(last, endedAt), 0);
  return JSON.stringify([...pauses.values(), ended.length, newest]);
}
