import { expect, it } from "vitest";
import { chaos } from "../../bench/chaos-daemon.ts";

it("kill -9 of two daemons on one state folder, again and again: no slot lost, none doubled, nothing left", async () => {
  const { kills, slots, byStatus, lost, doubled, invented, open, orphans } = await chaos({
    hours: 1,
    factor: 480,
    jobs: 12,
    daemons: 2,
    seed: 5,
    killEveryMs: [1_000, 2_500],
  });
  expect({ lost, doubled, invented, open, orphans }).toEqual({ lost: [], doubled: [], invented: [], open: 0, orphans: [] });
  expect(kills).toBeGreaterThan(1);
  expect(slots).toBeGreaterThan(0);
  // Whatever was killed in the middle is recorded as that; nothing is taken for another's failure.
  expect(Object.keys(byStatus).filter((status) => !["succeeded", "interrupted", "skipped", "missed"].includes(status))).toEqual(
    [],
  );
}, 120_000);
