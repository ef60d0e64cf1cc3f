import * as fc from "fast-check";
import { expect, it } from "vitest";
import { oneOnTime } from "../../../src/engine/scheduler/decide.ts";
import { Entry } from "../../../src/engine/scheduler/entry.ts";
import type { Schedule } from "../../../src/job/job.ts";
import { dueSlots } from "../../../src/schedule/missed.ts";
import { nextSlot } from "../../../src/schedule/slot.ts";
import { job } from "./stage.ts";

const schedules: readonly Schedule[] = [
  { kind: "cron", expr: "* * * * * *", tz: "UTC" },
  { kind: "cron", expr: "*/7 * * * *", tz: "America/New_York" },
  { kind: "cron", expr: "0 9 * * 1-5", staggerMs: 600_000 },
  { kind: "every", everyMs: 1_000 },
  { kind: "every", everyMs: 90_000, anchorMs: 250, staggerMs: 30_000 },
  { kind: "at", at: "2026-11-25T08:00:00Z" },
];

it("what is decided without the calculator is what the one decision for lateness says", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...schedules),
      fc.constantFrom("skip" as const, "latest" as const, "all" as const),
      fc.integer({ min: -40, max: 0 }).map((days) => Date.parse("2026-11-25T07:00:00Z") + days * 3_600_000),
      fc.integer({ min: -100, max: 1_500 }),
      (schedule, policy, since, lateMs) => {
        const one = new Entry(job("a", schedule, { catchUp: { policy } }), "a".repeat(64));
        one.next = nextSlot(schedule, since, "UTC");
        const now = (one.next ?? since) + one.staggerMs + lateMs;
        const short = oneOnTime(one, now, undefined);
        expect(short !== undefined).toBe(one.next !== undefined && lateMs >= 0 && lateMs < 1_000);
        if (short === undefined) return;
        const { run, ranges } = dueSlots({ job: one.job, since, now, zone: "UTC" });
        expect({ run: short.run, ranges: short.ranges }).toEqual({ run, ranges });
      },
    ),
  );
});
