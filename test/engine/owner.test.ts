import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { hasDied, ownerState, thisOwner } from "../../src/engine/owner.ts";
import type { Owner } from "../../src/ledger/ledger.ts";
import { namespaces, startElsewhere } from "./elsewhere.ts";

const here = thisOwner();

/** An owner of this machine whose process has just ended. */
async function endedOwner(): Promise<Owner> {
  const child = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
  const pid = child.pid ?? 0;
  await once(child, "exit");
  return { ...here, pid };
}

describe("whether an owner lives", () => {
  it("is seen by pid and start time, whatever the host is called now", async () => {
    expect(ownerState(here)).toBe("alive");
    expect(ownerState({ ...here, host: "the laptop's former name" })).toBe("alive");
    const ended = await endedOwner();
    expect(ownerState({ ...ended, host: "the container before this one" })).toBe("dead");
    expect(ownerState({ ...here, startedAt: `${here.startedAt}1` }), "the pid was given out again").toBe("dead");
  });

  it("cannot be seen on another machine or in another PID namespace, although the host has the same name", async () => {
    const ended = await endedOwner();
    for (const owner of [here, ended]) {
      expect(ownerState({ ...owner, bootId: "another", host: "another" })).toBe("elsewhere");
      expect(ownerState({ ...owner, bootId: "another", pidNamespace: "4026539999" })).toBe("elsewhere");
      expect(ownerState({ ...owner, pidNamespace: "4026539999" })).toBe("elsewhere");
    }
  });

  // Two machines cannot share a ledger of SQLite in WAL mode; one that was started anew can, and has none of its earlier processes.
  it("is dead when this very machine was started anew since", (test) => {
    const inContainer = here.pidNamespace !== "4026531836";
    test.skip(inContainer, "this process is in a container, which may be another one of the same name");
    expect(ownerState({ ...here, bootId: "the boot before" })).toBe("dead");
    expect(
      hasDied({ status: "running", owner: { ...here, bootId: "the boot before" }, startedAt: 0, leaseUntil: 2 ** 50 }, 1),
    ).toBe(true);
  });

  it.each(namespaces)("cannot be seen across a real namespace %s, in neither direction", async (way) => {
    const { owner, state, itself, kill } = await startElsewhere(way, JSON.stringify(here));
    expect(owner.bootId).toBe(here.bootId);
    expect(owner.host).toBe(here.host);
    expect(owner.pidNamespace).toMatch(/^\d+$/);
    expect(owner.pidNamespace).not.toBe(here.pidNamespace);
    expect([ownerState(owner), state]).toEqual(["elsewhere", "elsewhere"]);
    expect(itself).toBe(way === "with a /proc of its own" ? "alive" : "elsewhere");
    await kill();
    expect(ownerState(owner), "dead, and that cannot be seen either").toBe("elsewhere");
  });
});

describe("a run that reads running", () => {
  const now = 1_800_000_000_000;
  const run = { status: "running", owner: here, startedAt: now - 200_000, leaseUntil: now } as const;
  const elsewhere = { ...here, pidNamespace: "4026539999" };

  it("has died if its process is seen to be dead, however long its lease holds", async () => {
    const owner = await endedOwner();
    expect(hasDied({ ...run, owner, leaseUntil: now + 30_000 }, now)).toBe(true);
    expect(hasDied({ ...run, owner, status: "succeeded" }, now)).toBe(false);
    expect(hasDied({ ...run, leaseUntil: 0 }, now), "alive, and late").toBe(false);
  });

  it.each([
    ["lease holds", now + 1, false],
    ["ended a minute ago", now - 60_000, false],
    ["ended more than a minute ago", now - 60_001, true],
  ])("and cannot be seen: %s", (_, leaseUntil, died) => {
    expect(hasDied({ ...run, owner: elsewhere, leaseUntil }, now)).toBe(died);
  });

  it("and has no lease, as an older version recorded it: it is taken for dead after the longest time a run can take", () => {
    const { leaseUntil: _none, ...older } = { ...run, owner: elsewhere };
    const day = 86_400_000;
    expect(hasDied({ ...older, startedAt: now - day - 60_000 }, now)).toBe(false);
    expect(hasDied({ ...older, startedAt: now - day - 60_001 }, now)).toBe(true);
  });
});
