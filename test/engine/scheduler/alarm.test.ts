/** The one timer, and the last moments before something begins. */
import { describe, expect, it } from "vitest";
import { longestHoldMs, systemClock, type Clock } from "../../../src/engine/clock.ts";
import { Alarm } from "../../../src/engine/scheduler/alarm.ts";

/** A clock that notes how it is waited for. A timer is late by so much. */
function noting(lateMs: number): { readonly clock: Clock; readonly said: string[]; ringsAt?: () => void } {
  let now = 1_000_000;
  const said: string[] = [];
  const stage: { readonly clock: Clock; readonly said: string[]; ringsAt?: () => void } = {
    said,
    clock: {
      now: () => now,
      monotonic: () => now,
      sleep: async (ms, signal) => {
        said.push(`sleep ${ms}`);
        stage.ringsAt?.();
        if (signal.aborted) throw new Error("woken");
        now += ms + lateMs;
      },
      hold: (until) => {
        said.push(`hold ${until - now}`);
        now = Math.min(until, now + longestHoldMs);
      },
    },
  };
  return stage;
}

describe("an alarm", () => {
  it("sleeps as long as it was asked where nothing begins then", async () => {
    for (const exactly of [undefined, 1_000_900, 1_000_000, 999_000]) {
      const { clock, said } = noting(1.5);
      expect(await new Alarm(clock).sleep(800, exactly)).toBe(1.5);
      expect(said).toEqual(["sleep 800"]);
    }
  });

  it("is there when something is to begin, although timers are late", async () => {
    const { clock, said } = noting(1.5);
    expect(await new Alarm(clock).sleep(800, 1_000_800)).toBe(1.5);
    expect(said).toEqual([`sleep ${800 - longestHoldMs}`, `hold ${longestHoldMs - 1.5}`]);
    expect(clock.now()).toBe(1_000_800);
  });

  it("waits in place for what is nearer than a timer is exact", async () => {
    const { clock, said } = noting(1.5);
    await new Alarm(clock).sleep(1, 1_000_001);
    expect(said).toEqual(["hold 1"]);
  });

  it("that is rung long before holds up nobody", async () => {
    const stage = noting(0);
    const alarm = new Alarm(stage.clock);
    stage.ringsAt = () => alarm.ring();
    await alarm.sleep(800, 1_000_800);
    expect(stage.said).toEqual(["sleep 798"]);
  });
});

describe("the system's clock", () => {
  it("holds until the instant is shown", () => {
    const until = Date.now() + 1;
    systemClock.hold?.(until);
    expect(Date.now()).toBeGreaterThanOrEqual(until);
  });
  it("holds for no longer than it may, whatever the clock shows", () => {
    const from = performance.now();
    systemClock.hold?.(Date.now() + 3_600_000);
    expect(performance.now() - from).toBeGreaterThanOrEqual(longestHoldMs);
    expect(performance.now() - from).toBeLessThan(10_000);
  });
});
