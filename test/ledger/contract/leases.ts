import { expect, test } from "vitest";
import { beginning, runFinish, runStart, slotClaim } from "../records.ts";
import type { Bench } from "./bench.ts";

export function leases(bench: Bench): void {
  test("a lease is renewed while its run is open, and whoever lost it is told so", async () => {
    await bench.ledger().claimRun(runStart({ runId: "run" }));
    const other = await bench.open();
    expect(await bench.ledger().renewLease("run", 70.4)).toBe(true);
    expect((await bench.detail("run")).run.leaseUntil).toBe(70);
    expect(await other.claimRun(runStart({ runId: "next" }))).toMatchObject({ blocker: { runId: "run", leaseUntil: 70 } });
    expect(await bench.ledger().renewLease("run", 60), "a clock that was set back").toBe(true);
    expect((await bench.detail("run")).run.leaseUntil).toBe(60);
    await other.finishRun("run", runFinish({ status: "interrupted" }));
    expect(await bench.ledger().renewLease("run", 99)).toBe(false);
    expect((await bench.detail("run")).run.leaseUntil).toBe(60);
    expect(await bench.ledger().renewLease("nobody", 99)).toBe(false);
    await bench.reopen();
    expect((await bench.detail("run")).run.leaseUntil).toBe(60);
    await other.close();
  });

  test("a renewed lease keeps its run from being closed by whoever saw the old one", async () => {
    await bench.ledger().claimRun(runStart({ runId: "run" }));
    const other = await bench.open();
    await bench.ledger().renewLease("run", 70);
    const dead = runFinish({ status: "interrupted" });
    expect(await other.finishRun("run", dead, { leaseUntil: 40 })).toBe(false);
    expect(await other.finishRun("run", dead, { leaseUntil: undefined })).toBe(false);
    expect((await bench.detail("run")).run.status).toBe("running");
    expect(await other.finishRun("run", dead, { leaseUntil: 70 })).toBe(true);
    const { leaseUntil: _none, ...older } = runStart({ runId: "older" });
    await other.claimRun(older);
    expect(await other.finishRun("older", dead, { leaseUntil: 40 })).toBe(false);
    expect(await other.finishRun("older", dead, { leaseUntil: undefined })).toBe(true);
    await other.close();
  });

  test("what has nothing under way is closed only while that is so", async () => {
    const ledger = bench.ledger();
    const cancelled = runFinish({ status: "cancelled" });
    const wait = { until: 9, why: "later", kind: "attempt", since: 5, ranMs: 0, uncounted: 0 } as const;
    await ledger.claimSlots([slotClaim({ runId: "run" })]);
    expect(await ledger.finishRun("run", cancelled, { status: "waiting" })).toBe(false);
    await ledger.beginRun("run", beginning());
    for (const status of ["queued", "waiting"] as const) expect(await ledger.finishRun("run", cancelled, { status })).toBe(false);
    // Also an ending that a running one cannot have is refused for that reason, and is no mistake of the caller.
    expect(await ledger.finishRun("run", runFinish({ status: "missed" }), { status: "queued" })).toBe(false);
    await ledger.parkRun("run", wait);
    expect((await bench.detail("run")).run.status).toBe("waiting");
    expect(await ledger.finishRun("run", cancelled, { status: "queued" })).toBe(false);
    expect(await ledger.finishRun("run", cancelled, { status: "waiting" })).toBe(true);
    expect(await ledger.finishRun("run", cancelled, { status: "waiting" })).toBe(false);
  });
}
