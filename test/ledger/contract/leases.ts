import { expect, test } from "vitest";
import { runFinish, runStart } from "../records.ts";
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
}
