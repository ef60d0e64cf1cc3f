import { describe, expect, it } from "vitest";
import type { Clock } from "../../src/engine/clock.ts";
import { describeLease, isLeaseOver, underLease } from "../../src/engine/lease.ts";
import { LedgerError } from "../../src/errors.ts";

/** A clock that stands still until it is told to go to the end of the sleep that somebody is in. */
function handClock(): { readonly clock: Clock; tick: () => Promise<void>; asleep: () => Promise<number> } {
  let now = 1_000_000;
  let sleep = Promise.withResolvers<{ readonly ms: number; readonly wake: () => void }>();
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
        sleep.resolve({ ms, wake: resolve });
      });
    },
  };
  return {
    clock,
    asleep: async () => (await sleep.promise).ms,
    async tick() {
      const { ms, wake } = await sleep.promise;
      sleep = Promise.withResolvers();
      now += ms;
      wake();
    },
  };
}

/** A ledger that answers the heartbeats in turn, and what it was asked. */
function hearts(...answers: readonly (boolean | Error)[]) {
  const asked: (readonly [string, number])[] = [];
  return {
    asked,
    renewLease(runId: string, until: number): Promise<boolean> {
      const answer = answers[asked.length] ?? true;
      asked.push([runId, until]);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    cancelRequests: () => Promise.resolve([]),
  };
}

const heedsNothing = { heedsRequests: false };

describe("the heartbeat of a run", () => {
  it("renews the lease every 10 s for 30 s, also after a ledger that was locked, and ends with the work", async () => {
    const { clock, tick, asleep } = handClock();
    const ledger = hearts(true, new LedgerError("locked", "locked", { location: "x" }), true);
    const answer = await underLease({ ledger, clock }, "run", heedsNothing, async (lost) => {
      expect(await asleep()).toBe(10_000);
      for (let beat = 0; beat < 3; beat++) {
        await tick();
        await asleep();
      }
      expect(lost.aborted).toBe(false);
      return "done";
    });
    expect(answer).toBe("done");
    expect(ledger.asked).toEqual([
      ["run", 1_040_000],
      ["run", 1_050_000],
      ["run", 1_060_000],
    ]);
  });

  it("tells the work that the lease is lost, and beats no more", async () => {
    const { clock, tick } = handClock();
    const ledger = hearts(true, false);
    const why = await underLease({ ledger, clock }, "run", heedsNothing, async (lost) => {
      await tick();
      await tick();
      await new Promise((resolve) => lost.addEventListener("abort", resolve, { once: true }));
      return String(lost.reason);
    });
    expect(why).toContain("another process took this run for dead");
    expect(ledger.asked).toHaveLength(2);
  });

  it("costs a short run nothing, and hinders no error", async () => {
    const { clock } = handClock();
    const ledger = hearts();
    await expect(
      underLease({ ledger, clock }, "run", heedsNothing, () => Promise.reject(new Error("of the work"))),
    ).rejects.toThrow("of the work");
    expect(ledger.asked).toEqual([]);
  });
});

describe("a request to end a run", () => {
  const ended = { runId: "run", at: 1, reason: "cancelled by maria" };
  const other = { ...ended, runId: "other" };

  it("is looked for each second, and another run's is none", async () => {
    const { clock, tick, asleep } = handClock();
    const requests = [[], [other], [other, ended]];
    const ledger = { ...hearts(), cancelRequests: () => Promise.resolve(requests.shift() ?? []) };
    // The heartbeat stands aside: its sleeps never end here.
    const looking: Clock = {
      ...clock,
      sleep: (ms, signal) =>
        ms === 10_000
          ? new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))))
          : clock.sleep(ms, signal),
    };
    const why = await underLease({ ledger, clock: looking }, "run", { heedsRequests: true }, async (stopped) => {
      for (let look = 0; look < 3; look++) {
        expect(await asleep()).toBe(1_000);
        expect(stopped.aborted).toBe(false);
        await tick();
      }
      await new Promise((resolve) => stopped.addEventListener("abort", resolve, { once: true }));
      return stopped.reason;
    });
    expect(why).toMatchObject({ message: "cancelled by maria", reason: { kind: "request" } });
    expect(requests).toEqual([]);
  });
});

describe("a lease in words", () => {
  const run = { startedAt: 0, leaseUntil: 100_000 };
  it.each([
    [75_001, false, "its lease holds for 25 s more"],
    [100_000, false, "its lease ended 0 s ago; in 60 s it is taken for dead"],
    [140_000, false, "its lease ended 40 s ago; in 20 s it is taken for dead"],
    [160_001, true, "its lease ended 60 s ago; in 0 s it is taken for dead"],
  ])("at %i", (now, over, words) => {
    expect(isLeaseOver(run, now)).toBe(over);
    expect(describeLease(run, now)).toBe(words);
  });
});
