import { expect, it } from "vitest";
import { chaos, victims } from "../../bench/chaos-tools.ts";

it("kill -9 of each process of a run with tools: a truthful ledger, no orphan, no key, no doubled tool", async () => {
  const { killed, missed, next, nextFailed, wrong, orphans, doubled, unrecorded, open, leaks, integrity, tools } = await chaos(
    8,
    3,
  );
  expect({ nextFailed, wrong, orphans, doubled, unrecorded, open, leaks, integrity }).toEqual({
    nextFailed: [],
    wrong: 0,
    orphans: 0,
    doubled: [],
    unrecorded: [],
    open: 0,
    leaks: [],
    integrity: "ok",
  });
  expect(next).toBe(8);
  // A run that follows counts four times.
  expect(tools).toBeGreaterThanOrEqual(8 * 4);
  expect(victims.reduce((sum, victim) => sum + killed[victim], missed)).toBe(8);
}, 120_000);
