import { array, assert, nat, option, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { ClockWatch, type ClockLook } from "../../../src/engine/scheduler/clock-watch.ts";
import { Places, type Place } from "../../../src/engine/scheduler/places.ts";
import { StartRate } from "../../../src/engine/scheduler/start-rate.ts";
import { Timeline, type Timed } from "../../../src/engine/scheduler/timeline.ts";

interface Item extends Timed {
  readonly name: number;
}

function place(jobId: string, group?: string, ...providers: string[]): Place {
  return { jobId, group, providers };
}

const hour = 3_600_000;

/** What the watch says after the clocks have moved on by so much. */
function watch(wall: number, monotonic: number, sinceBoot?: number): ClockLook {
  let times = { wall: 1_800_000_000_000, monotonic: 500, sinceBoot: 900 };
  const clock = {
    now: () => times.wall,
    monotonic: () => times.monotonic,
    sleep: () => Promise.resolve(),
    ...(sinceBoot === undefined ? {} : { sinceBoot: () => times.sinceBoot }),
  };
  const watching = new ClockWatch(clock);
  times = {
    wall: times.wall + wall,
    monotonic: times.monotonic + monotonic,
    sinceBoot: times.sinceBoot + (sinceBoot ?? 0),
  };
  return watching.look(monotonic - 30_000);
}

describe("the heap of what is due", () => {
  it("gives back what a slow list gives back, whatever is set, moved, taken out and left", () => {
    const moves = array(
      record({
        item: nat(12),
        at: option(nat(40), { nil: undefined }),
        take: option(nat(40), { nil: undefined }),
      }),
      { maxLength: 200 },
    );
    assert(
      property(moves, (steps) => {
        const items: Item[] = Array.from({ length: 13 }, (_, name) => ({ name, at: undefined, place: -1 }));
        const slow = new Map<number, number>();
        const line = new Timeline<Item>();
        for (const { item, at, take } of steps) {
          const one = items[item];
          if (one === undefined) continue;
          line.set(one, at);
          // The same time again changes nothing, another one puts it behind those of that time.
          if (slow.get(item) !== at) slow.delete(item);
          if (at !== undefined) slow.set(item, at);
          expect(line.nextAt()).toBe(slow.size === 0 ? undefined : Math.min(...slow.values()));
          if (take === undefined) continue;
          const due = line.takeDue(take).map(({ name }) => name);
          // A list that is sorted keeps the order of what is equal.
          const expected = [...slow].filter(([, when]) => when <= take).toSorted(([, a], [, b]) => a - b);
          for (const [name] of expected) slow.delete(name);
          expect(due).toEqual(expected.map(([name]) => name));
          expect(items.filter((each) => each.place >= 0)).toHaveLength(slow.size);
        }
        expect(line.size).toBe(slow.size);
      }),
    );
  });

  it("takes what is due in order of time, and of two at once the one that came first", () => {
    const line = new Timeline<Item>();
    const at = [5, 1, 5, 3, 1];
    for (const [name, when] of at.entries()) line.set({ name, at: undefined, place: -1 }, when);
    expect(line.takeDue(4).map(({ name }) => name)).toEqual([1, 4, 3]);
    expect(line.takeDue(9, 1).map(({ name }) => name)).toEqual([0]);
    expect(line.nextAt()).toBe(5);
  });

  it("keeps nothing stale, however often a time is changed", () => {
    const line = new Timeline<Item>();
    const items: Item[] = Array.from({ length: 10 }, (_, name) => ({ name, at: undefined, place: -1 }));
    for (let round = 0; round < 2_000; round++) for (const item of items) line.set(item, 1_000_000 + ((round * 7919) % 1000));
    expect(line.size).toBe(10);
    expect(line.takeDue(Infinity)).toHaveLength(10);
  });
});

describe("the bucket of starts", () => {
  it("gives one second's worth at once and then one after the other, evenly", () => {
    const rate = new StartRate({ startsPerSecond: 4, catchUpsPerSecond: 4 }, 1000);
    expect([1, 2, 3, 4, 5].map(() => rate.take(false, 1000))).toEqual([0, 0, 0, 0, 250]);
    expect(rate.take(false, 1249)).toBeGreaterThan(0);
    expect(rate.take(false, 1250)).toBe(0);
    expect(rate.take(false, 1250)).toBe(250);
  });

  it("saves up no more than one second, and knows rates under one a second", () => {
    const rate = new StartRate({ startsPerSecond: 0.5, catchUpsPerSecond: 0.5 }, 0);
    expect(rate.take(false, 0)).toBe(0);
    expect(rate.take(false, 0)).toBe(2000);
    expect([rate.take(false, 1_000_000), rate.take(false, 1_000_000)]).toEqual([0, 2000]);
  });

  it("gives what is caught up with its share and no more, which counts for all", () => {
    const rate = new StartRate({ startsPerSecond: 4, catchUpsPerSecond: 2 }, 0);
    expect([rate.take(true, 0), rate.take(true, 0)]).toEqual([0, 500]);
    expect([1, 2, 3, 4].map(() => rate.take(false, 0))).toEqual([0, 0, 0, 250]);
    // A start is there again sooner than one for what is caught up with.
    expect([rate.take(false, 250), rate.take(true, 250), rate.take(true, 500)]).toEqual([0, 250, 0]);
  });
});

describe("places", () => {
  const limits = { maxRuns: 3, groups: new Map([["slow", 1]]), providers: new Map([["kimi", 1]]) };

  it("counts the daemon, groups, every provider a job may ask, and one run a job", () => {
    const places = new Places(limits);
    places.take("a", place("job-a", "slow", "kimi", "other"));
    expect(places.whyNot(place("job-a"))).toBe("a run of this job is under way");
    expect(places.whyNot(place("job-b", "slow"))).toBe("group slow has 1 runs under way (scheduler.groups)");
    expect(places.whyNot(place("job-b", undefined, "other", "kimi"))).toContain("providers.kimi.maxRuns");
    expect(places.whyNot(place("job-b", "free", "other"))).toBeUndefined();
    places.take("b", place("job-b"));
    places.take("c", place("job-c"));
    expect(places.whyNot(place("job-d"))).toBe("3 runs are under way (scheduler.maxRuns)");
    places.giveBack("a");
    places.giveBack("a");
    expect(places.taken).toBe(2);
    expect(places.whyNot(place("job-a", "slow", "kimi"))).toBeUndefined();
  });
});

describe("the clock watch", () => {
  it.each([
    ["an ordinary wake", watch(30_010, 30_010, 30_010), { kind: "steady" }],
    ["an early wake", watch(20, 20, 20), { kind: "steady" }],
    ["a slew of NTP", watch(34_000, 30_000, 30_000), { kind: "steady" }],
    ["a sleep of two hours", watch(2 * hour + 30_000, 30_000, 2 * hour + 30_000), { kind: "slept", byMs: 2 * hour }],
    ["a clock set forward", watch(5 * hour + 30_000, 30_000, 30_000), { kind: "set", byMs: 5 * hour }],
    ["a clock set back", watch(30_000 - hour, 30_000, 30_000), { kind: "set", byMs: -hour }],
    ["a sleep and a clock set back meanwhile", watch(30_000, 30_000, 2 * hour + 30_000), { kind: "steady" }],
    ["a jump where the time since boot is not told", watch(2 * hour + 30_000, 30_000), { kind: "set", byMs: 2 * hour }],
    ["a process that was stopped for a minute", watch(90_000, 90_000, 90_000), { kind: "slept", byMs: 60_000 }],
  ])("takes %s for what it is", (_, look, expected) => {
    expect(look).toMatchObject(expected);
  });
});
