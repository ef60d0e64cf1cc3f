import { expect, it } from "vitest";
import { nextSlotIn } from "../../../src/engine/health/next-slot.ts";
import { nextSlots } from "../../../src/schedule/slot.ts";
import { day, jobOf, minute } from "./situations.ts";

it("computes the calendar of an overdue job once, however often both of its slots are asked for", () => {
  let computed = 0;
  const nextSlot = nextSlotIn("UTC", (...question) => {
    computed += 1;
    return nextSlots(...question);
  });
  const job = jobOf();
  const nine = Date.UTC(2026, 10, 25, 9);
  for (let second = 0; second < 60; second++) {
    const now = nine + 10 * minute + second * 1000;
    expect([nextSlot(job, nine - day), nextSlot(job, now)]).toEqual([nine, nine + day]);
  }
  expect(computed).toBe(2);
  // The newest slot gets its record, and the next one passes: what is remembered no longer holds.
  expect([nextSlot(job, nine), nextSlot(job, nine + day), nextSlot(job, nine - 1)]).toEqual([nine + day, nine + 2 * day, nine]);
});
