import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { Entry } from "../../../src/engine/scheduler/entry.ts";
import { Roster } from "../../../src/engine/scheduler/roster.ts";
import { staggerOf } from "../../../src/schedule/stagger.ts";
import { job } from "./stage.ts";

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** What an entry says of itself, which is also what the naive one is. */
function saidBy({ job: { id }, hash, staggerMs, at, since, last, next, behind }: Entry): object {
  return { id, hash, staggerMs, at, since, last, next, behind };
}

const instant = fc.option(fc.integer({ min: -(2 ** 41), max: 2 ** 45 }), { nil: undefined });

const steps = fc.array(
  fc.record({
    id: fc.nat(150).map((number) => `job-${number}`),
    remove: fc.integer({ min: 0, max: 9 }).map((one) => one < 3),
    staggerMs: fc.constantFrom(undefined, 1_000, 86_400_000, 2 ** 40),
    since: fc.integer({ min: 0, max: 2 ** 45 }),
    at: instant,
    last: instant,
    next: instant,
    behind: fc.boolean(),
  }),
  { maxLength: 400 },
);

it("the numbers of one entry are its own, whatever is added, changed and removed beside it", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const roster = new Roster("UTC");
      const naive = new Map<string, object>();
      const gone: { readonly entry: Entry; readonly said: object }[] = [];
      for (const [number, { id, remove, staggerMs, at, since, last, next, behind }] of all.entries()) {
        const before = roster.get(id);
        if (before !== undefined) {
          roster.remove(id);
          naive.delete(id);
          gone.push({ entry: before, said: saidBy(before) });
          if (remove) continue;
        }
        const hash = hashOf(`${number}`);
        const schedule = { kind: "every", everyMs: 60_000, ...(staggerMs === undefined ? {} : { staggerMs }) } as const;
        const entry = roster.newEntry(job(id, schedule), hash);
        roster.add(entry);
        Object.assign(entry, { since, last, next, behind });
        roster.timeline.set(entry, at);
        naive.set(id, { id, hash, staggerMs: staggerOf(id, staggerMs), at, since, last, next, behind });
      }
      expect(new Map(Array.from(roster.entries(), (entry) => [entry.job.id, saidBy(entry)]))).toEqual(naive);
      // One that is in force no longer is as it was, but for its time.
      for (const { entry, said } of gone) expect({ ...saidBy(entry), at: undefined }).toEqual({ ...said, at: undefined });
      roster.clear();
      expect([roster.size, roster.timeline.size, roster.timeline.nextAt()]).toEqual([0, 0, undefined]);
    }),
  );
});

it("a fingerprint that is none is refused", () => {
  for (const hash of ["", "hash", "a".repeat(63), "g".repeat(64), `${"a".repeat(63)}g`])
    expect(() => new Entry(job("a", "* * * * *"), hash)).toThrow("64 hexadecimal characters");
});
