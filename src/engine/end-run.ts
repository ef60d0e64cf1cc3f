/**
 * Ending an open run from outside, whoever has it: what no process has is closed at once, what a dead one left is swept and closed, and of a
 * living one it is asked, through the ledger, so that it works with and without a daemon.
 */
import type { Ledger, Owner, RunRow } from "../ledger/ledger.ts";
import { exitCodeOf } from "../run/exit-code.ts";
import { isEnding } from "../run/run.ts";
import { isLeaseOver } from "./lease.ts";
import type { OwnerState } from "./owner.ts";

export interface EndRunParts {
  readonly ledger: Pick<Ledger, "requestCancel" | "finishRun" | "run">;
  readonly ownerState: (owner: Owner) => OwnerState;
  /** Ends every process that still carries the run's marker; true if none is left. */
  readonly sweep: (runId: string) => Promise<boolean>;
  readonly now: () => number;
}

export type EndedRun =
  /** It had ended before. */
  | { readonly how: "over"; readonly run: RunRow }
  /** No process had it: it is closed. `before`: what it was. */
  | { readonly how: "closed"; readonly before: "queued" | "waiting" }
  /** Its process had died: what was left of it is ended, and it is closed. */
  | { readonly how: "swept" }
  /** Its process was asked to end it. */
  | { readonly how: "asked" }
  /** Its process has died, and that nothing of it lives cannot be confirmed: it stays open. */
  | { readonly how: "unconfirmed" };

const end = { status: "cancelled", exitCode: exitCodeOf({ status: "cancelled" }), usage: {} } as const;

/**
 * A step towards the end of the run, as far as it goes without waiting. To be called again for one that was asked.
 * It ends `cancelled`, also where its process had died: somebody wanted it to end, so it is not repeated as an `interrupted` one may be.
 * @param words in words, for the run's record: `cancelled by maria`.
 */
export async function endRun(parts: EndRunParts, run: RunRow, words: string): Promise<EndedRun> {
  const { ledger, now } = parts;
  if (isEnding(run.status)) return { how: "over", run };
  if (run.status === "running") return endRunning(parts, run, words);
  const before = run.status === "queued" ? "queued" : "waiting";
  // Whoever begins it at this moment has it, and then it is that one's to end.
  const closed = await ledger.finishRun(run.runId, { ...end, finishedAt: now(), reason: words }, { status: before });
  if (closed) return { how: "closed", before };
  const found = await ledger.run(run.runId);
  if (found === undefined || "ambiguous" in found) throw new Error(`broken invariant: run ${run.runId} vanished`);
  return found.run.status === "running" ? endRunning(parts, found.run, words) : { how: "over", run: found.run };
}

async function endRunning({ ledger, ownerState, sweep, now }: EndRunParts, run: RunRow, words: string): Promise<EndedRun> {
  const state = ownerState(run.owner);
  if (state === "alive" || (state === "elsewhere" && !isLeaseOver(run, now()))) {
    await ledger.requestCancel({ runId: run.runId, at: now(), reason: words });
    return { how: "asked" };
  }
  if (!(await sweep(run.runId))) return { how: "unconfirmed" };
  const reason = `${words}; its process (pid ${run.owner.pid}) had died without an end`;
  // Whoever cannot be seen may have renewed its lease since it was looked at.
  const onlyIf = state === "elsewhere" ? { leaseUntil: run.leaseUntil } : undefined;
  const closed = await ledger.finishRun(run.runId, { ...end, finishedAt: now(), reason, fault: "turn_died" }, onlyIf);
  return closed ? { how: "swept" } : { how: "asked" };
}
