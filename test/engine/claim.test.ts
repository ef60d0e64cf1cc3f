import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { claim } from "../../src/engine/claim.ts";
import type { Blocker } from "../../src/engine/outcome.ts";
import type { RunEvent } from "../../src/engine/events.ts";
import { ownerState, ownerStateBy, thisOwner, type OwnerState } from "../../src/engine/owner.ts";
import { openLedger } from "../../src/ledger/index.ts";
import type { Ledger, RunRow } from "../../src/ledger/ledger.ts";
import { openRuns, runStart, slotClaim } from "../ledger/records.ts";
import { namespaces, startElsewhere } from "./elsewhere.ts";

const now = 1_800_000_000_000;
const owner = { ...thisOwner(), host: "box-2" };
let folder: string;
let ledger: Ledger;
let events: RunEvent[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "runner-claim-"));
  ledger = await openLedger({ stateDir: folder });
  events = [];
});
afterEach(async () => {
  await ledger.close();
  await rm(folder, { recursive: true });
});

interface Facts {
  readonly at?: number;
  readonly state?: OwnerState | typeof ownerState;
  readonly sweep?: (runId: string) => Promise<boolean>;
  readonly ledger?: Ledger;
  readonly slotAt?: number;
}

function claimAt(
  runId: string,
  { at = now, state = "elsewhere", sweep, ledger: own = ledger, slotAt }: Facts = {},
): Promise<Blocker | undefined> {
  const parts = {
    ledger: own,
    clock: { now: () => at, monotonic: () => at, sleep: () => Promise.resolve() },
    ownerState: typeof state === "string" ? () => state : state,
    sweep: sweep ?? (() => Promise.resolve(true)),
  };
  const slot = slotAt === undefined ? {} : { slotAt };
  return claim(parts, runStart({ runId, owner, startedAt: at, leaseUntil: at + 30_000, ...slot }), (event) => events.push(event));
}

async function row(runId: string): Promise<RunRow> {
  const found = await ledger.run(runId);
  if (found === undefined || "ambiguous" in found) throw new Error(`run ${runId} is not there`);
  return found.run;
}

const held = (leaseUntil: number): Promise<unknown> =>
  ledger.claimRun(runStart({ runId: "held-run", owner, startedAt: now - 500_000, leaseUntil }));

it("of a slot is won that a daemon had claimed ahead and died before it came, and not while that one may live", async () => {
  await ledger.claimSlots([slotClaim({ runId: "ahead-of-it", slotAt: now, startedAt: now, owner })]);
  for (const state of ["alive", "elsewhere"] as const)
    expect(await claimAt("by-hand", { state, slotAt: now })).toEqual({
      runId: "ahead-of-it",
      reason: "run ahead-of has this slot already (queued)",
      hasSlot: true,
    });
  expect(await claimAt("by-hand", { state: "dead", slotAt: now })).toBeUndefined();
  expect(await ledger.slotRecord("job", now)).toMatchObject({ runId: "by-hand", status: "running" });
  expect(await ledger.run("ahead-of-it")).toBeUndefined();
});

describe("a claim against a run that cannot be seen from here", () => {
  it.each([
    ["holds", 25_000, "run held-run of this job is under way on box-2 (its lease holds for 25 s more)"],
    [
      "ended 59 s ago",
      -59_000,
      "run held-run of this job is under way on box-2 (its lease ended 59 s ago; in 1 s it is taken for dead)",
    ],
  ])("is lost while its lease %s, and the reason names host and time", async (_, left, reason) => {
    await held(now + left);
    expect(await claimAt("next-run")).toEqual({ runId: "held-run", reason });
    expect(await openRuns(ledger)).toEqual(["held-run"]);
    expect(events).toEqual([]);
  });

  it("is not lost for a year to a lease that was given while the clock was a year ahead", async () => {
    await held(now + 365 * 86_400_000);
    expect(await claimAt("next-run"), "its process may live, and renews the lease then").toMatchObject({ runId: "held-run" });
    expect(await row("held-run")).toMatchObject({ leaseUntil: now + 30_000 });
    expect(await claimAt("next-run", { at: now + 90_001 })).toBeUndefined();
  });

  it("is won once its lease ended more than a minute ago", async () => {
    await held(now - 60_001);
    expect(await claimAt("next-run")).toBeUndefined();
    expect(await openRuns(ledger)).toEqual(["next-run"]);
    expect(await row("held-run")).toMatchObject({
      status: "interrupted",
      fault: "turn_died",
      reason: `its process (pid ${process.pid} on box-2) let its lease run out without an end`,
    });
    expect(events).toEqual([{ type: "run_rescued", at: now, runId: "held-run" }]);
    expect(await ledger.renewLease("held-run", now + 30_000), "it finds out at its next heartbeat").toBe(false);
  });

  it("is lost if the lease is renewed in the last moment", async () => {
    await held(now - 60_001);
    const sweep = (runId: string): Promise<boolean> => ledger.renewLease(runId, now + 30_000);
    expect(await claimAt("next-run", { sweep })).toMatchObject({ reason: expect.stringContaining("holds for 30 s more") });
    expect(await openRuns(ledger)).toEqual(["held-run"]);
    expect(events).toEqual([]);
  });

  it("is won by one of many rescuers", async () => {
    await held(now - 60_001);
    const others = await Promise.all(Array.from({ length: 4 }, () => openLedger({ stateDir: folder })));
    const results = await Promise.all(others.map((own, at) => claimAt(`rescuer-${at}`, { ledger: own })));
    expect(results.filter((blocker) => blocker === undefined)).toHaveLength(1);
    expect(await openRuns(ledger)).toEqual([`rescuer-${results.indexOf(undefined)}`]);
    expect(events).toHaveLength(1);
    await Promise.all(others.map((own) => own.close()));
  });

  it("waits for no lease if the process is seen to be dead, and for nothing else if it is seen to live", async () => {
    await held(now + 25_000);
    expect(await claimAt("next-run", { state: "alive", at: now + 9_000_000 })).toMatchObject({
      reason: "run held-run of this job is under way",
    });
    expect(await claimAt("next-run", { state: "dead" })).toBeUndefined();
    expect(await row("held-run")).toMatchObject({ reason: `its process (pid ${process.pid}) died without an end` });
  });

  it("is lost while it is not confirmed that nothing of a dead run lives", async () => {
    await held(now - 60_001);
    expect(await claimAt("next-run", { sweep: () => Promise.resolve(false) })).toMatchObject({
      reason: expect.stringContaining("cannot be confirmed"),
    });
    expect(await openRuns(ledger)).toEqual(["held-run"]);
  });
});

/** Of the namespaces that show their own processes: elsewhere a process does not know when it was started, and has no lock. */
describe.each(namespaces.filter((way) => way === "with a /proc of its own"))(
  "a run in a PID namespace that says it lives",
  (way) => {
    it("is left alone although its lease is over, and is dead as soon as it is, while its lease holds", async () => {
      const startedAt = Date.now();
      const said = [JSON.stringify(owner), folder, "container-run", "job", "says-that-it-lives"];
      const elsewhere = await startElsewhere(way, ...said);
      const state = ownerStateBy((one) => ledger.ownerLock(one));
      expect(state(elsewhere.owner)).toBe("alive");
      expect(await claimAt("next-run", { at: startedAt + 600_000, state }), "as after a sleep").toMatchObject({
        runId: "container-run",
      });
      await elsewhere.kill();
      await expect.poll(() => state(elsewhere.owner), { timeout: 1_000, interval: 5 }).toBe("dead");
      expect(state({ ...elsewhere.owner, bootId: "another" }), "another kernel has other locks").toBe("elsewhere");
      expect(await claimAt("next-run", { at: startedAt + 1_000, state })).toBeUndefined();
      expect(await row("container-run")).toMatchObject({ status: "interrupted", reason: expect.stringContaining("died") });
    });
  },
);

describe.each(namespaces)("a run in a PID namespace %s", (way) => {
  it("keeps the job while it lives; after kill -9 the job is free again when its lease is over, and not before", async () => {
    const startedAt = Date.now();
    const elsewhere = await startElsewhere(way, JSON.stringify(owner), folder, "container-run", "job");
    expect(await claimAt("next-run", { at: startedAt + 1000, state: ownerState })).toMatchObject({
      runId: "container-run",
      reason: expect.stringMatching(/under way on .+ \(its lease holds for \d+ s more\)/),
    });
    await elsewhere.kill();
    expect(await claimAt("next-run", { at: startedAt + 60_000, state: ownerState })).toMatchObject({ runId: "container-run" });
    expect(await claimAt("next-run", { at: startedAt + 600_000, state: ownerState })).toBeUndefined();
    expect(await row("container-run")).toMatchObject({ status: "interrupted" });
  });
});
