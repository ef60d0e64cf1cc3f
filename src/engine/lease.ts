/**
 * The lease of a claim: how a run says that it lives to whoever cannot see its process, in another container or on another machine
 * that shares the ledger. While the run lives, a heartbeat renews it.
 */
import { setImmediate as yieldOnce } from "node:timers/promises";
import type { Ledger, RunRow } from "../ledger/ledger.ts";
import type { Clock } from "./clock.ts";
import { Stopped } from "./stopped.ts";

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

/**
 * Whether the lease ends later than any that is given now: it was given while the clock was ahead. It is to be cut to one of now. A process that
 * lives renews it soon; one that does not would keep its job for as long as the clock was wrong.
 */
export function isLeaseAhead({ leaseUntil }: Pick<RunRow, "leaseUntil">, now: number): boolean {
  return leaseUntil !== undefined && leaseUntil > now + 2 * leaseMs;
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

/** Between two looks for a request to end the run. There are few requests, so a look costs some microseconds. */
const cancelLookMs = 1_000;

interface LeaseParts {
  readonly ledger: Pick<Ledger, "renewLease" | "cancelRequests">;
  readonly clock: Clock;
}

/**
 * Does the work of a claimed run while a heartbeat renews its lease. The work is given a signal that is aborted when the run turns
 * out to be closed by another process. The first renewal is one interval away, so a short run pays for none.
 * @param heedsRequests a run by hand looks itself whether somebody wants it to end; a daemon looks for all of its runs at once.
 */
export async function underLease<T>(
  { ledger, clock }: LeaseParts,
  runId: string,
  { heedsRequests }: { readonly heedsRequests: boolean },
  work: (ended: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const done = new AbortController();
  const each = async (ms: number, look: () => Promise<void>): Promise<void> => {
    while (!ended.signal.aborted) {
      await clock.sleep(ms, done.signal).catch(() => {});
      // A clock that does not wait, in a test, must not keep everything else from happening.
      await yieldOnce();
      if (done.signal.aborted) return;
      // A ledger that is locked or full now is asked again the next time; steps that must be recorded fail by themselves.
      await look().catch(() => {});
    }
  };
  const beat = (): Promise<void> =>
    each(heartbeatMs, async () => {
      if (!(await ledger.renewLease(runId, clock.now() + leaseMs))) ended.abort(new LeaseLost());
    });
  const heed = (): Promise<void> =>
    each(cancelLookMs, async () => {
      const request = (await ledger.cancelRequests()).find((one) => one.runId === runId);
      if (request !== undefined) ended.abort(new Stopped({ kind: "request", words: request.reason }));
    });
  const watching = [beat(), ...(heedsRequests ? [heed()] : [])];
  try {
    return await work(ended.signal);
  } finally {
    done.abort();
    await Promise.all(watching);
  }
}
