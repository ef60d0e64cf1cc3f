import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { staggerOf } from "../../src/schedule/stagger.ts";

describe("a job's share of a stagger", () => {
  // What these are must never change: a job would move to another minute with an update.
  it.each([
    ["", 300_000, 112_610],
    ["fpl-daily-check", 300_000, 200_385],
    ["b393d508-ec9a-4b6d-bb97-7f584eb0ef83", 300_000, 23_720],
    ["b393d508-ec9a-4b6d-bb97-7f584eb0ef83", 3_600_000, 923_720],
  ])("of %j and %d ms is %d", (id, staggerMs, share) => {
    expect(staggerOf(id, staggerMs)).toBe(share);
  });

  it("is OpenClaw's: the first four bytes of SHA-256, whatever the id", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), fc.integer({ min: 2, max: 604_800_000 }), (id, staggerMs) => {
        expect(staggerOf(id, staggerMs)).toBe(createHash("sha256").update(id).digest().readUInt32BE(0) % staggerMs);
      }),
    );
  });

  it("is nothing without a stagger", () => {
    expect([undefined, 0, 1].map((staggerMs) => staggerOf("a", staggerMs))).toEqual([0, 0, 0]);
  });

  it("spreads a thousand jobs evenly", () => {
    const buckets = Array.from({ length: 10 }, () => 0);
    for (let job = 0; job < 1_000; job += 1) {
      const bucket = Math.floor(staggerOf(`job-${job}`, 300_000) / 30_000);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    expect(Math.min(...buckets)).toBeGreaterThan(60);
    expect(Math.max(...buckets)).toBeLessThan(140);
  });
});
