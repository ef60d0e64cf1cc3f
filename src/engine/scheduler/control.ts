/** What other processes asked for through the ledger: pauses, and that runs be ended. */
import { Stopped } from "../stopped.ts";
import { giveBack } from "./claim-ahead.ts";
import { pauseOf, restsByJob } from "./pauses.ts";
import { dismiss } from "./standing.ts";
import type { State } from "./state.ts";

export async function readControl(state: State): Promise<void> {
  const { ledger, clock } = state.parts;
  const now = clock.now();
  state.pauses = await ledger.pauses(now);
  state.rests = restsByJob(await ledger.endedPauses(now));
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
