/**
 * The lease of a claim: how a run says that it lives to whoever cannot see its process, in another container or on another machine
 * that shares the ledger. While the run lives, a heartbeat renews it.
 */
import { setImmediate as yieldOnce } from "node:timers/promises";
import type { Ledger, RunRow } from "../ledger/ledger.ts";
import type { Clock } from "./clock.ts";

/** How long a claim holds without being renewed; three heartbeats. */
export const leaseMs = 30_000;

/** Between two renewals. */
const heartbeatMs = 10_000;

/** How long after its end a lease is still respected: clocks differ, and a machine under load is late. */
const leaseGraceMs = 60_000;

/** The longest a run can take (the limit of `limits.run`): what a record without a lease, of an older version, is taken for. */
const longestRunMs = 86_400_000;

type Leased = Pick<RunRow, "startedAt" | "leaseUntil">;

function leaseEnd({ startedAt, leaseUntil }: Leased): number {
  return leaseUntil ?? startedAt + longestRunMs;
}

/** Whether the lease ended so long ago that its run may be taken for dead. */
export function isLeaseOver(run: Leased, now: number): boolean {
  return now - leaseEnd(run) > leaseGraceMs;
}

/** In words, for whoever is kept waiting by it. */
export function describeLease(run: Leased, now: number): string {
  const leftMs = leaseEnd(run) - now;
  if (leftMs > 0) return `its lease holds for ${Math.ceil(leftMs / 1000)} s more`;
  const waitMs = leftMs + leaseGraceMs;
  return `its lease ended ${Math.floor(-leftMs / 1000)} s ago; in ${Math.ceil(waitMs / 1000)} s it is taken for dead`;
}

/** Why a run stops in the middle that another process has taken for dead. */
class LeaseLost extends Error {
  constructor() {
    super("another process took this run for dead and closed it");
    this.name = "LeaseLost";
  }
}

/**
 * Does the work of a claimed run while a heartbeat renews its lease. The work is given a signal that is aborted when the run turns
 * out to be closed by another process. The first renewal is one interval away, so a short run pays for none.
 */
export async function underLease<T>(
  { ledger, clock }: { readonly ledger: Pick<Ledger, "renewLease">; readonly clock: Clock },
  runId: string,
  work: (lost: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const done = new AbortController();
  const beat = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(heartbeatMs, done.signal).catch(() => {});
      // A clock that does not wait, in a test, must not keep everything else from happening.
      await yieldOnce();
      if (done.signal.aborted) return;
      // A ledger that is locked or full now is asked again at the next beat; steps that must be recorded fail by themselves.
      const ours = await ledger.renewLease(runId, clock.now() + leaseMs).catch(() => true);
      if (!ours) return lost.abort(new LeaseLost());
    }
  };
  const beating = beat();
  try {
    return await work(lost.signal);
  } finally {
    done.abort();
    await beating;
  }
}
