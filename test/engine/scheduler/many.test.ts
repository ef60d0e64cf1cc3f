/** Many jobs at once: they come into force in pieces, and what is due meanwhile is not kept waiting. The clock moves while a certain job is looked at. */
import { afterEach, describe, expect, it } from "vitest";
import type { Job } from "../../../src/job/job.ts";
import { job, Machine, type Process } from "./stage.ts";

const many = 10_000;

let machine: Machine;
afterEach(() => machine.close());

interface Seen {
  /** What had happened to the slot when the last of the jobs had its turn. */
  claimed: boolean;
  running: number;
}

/**
 * Jobs of which the third and the sixth thousandth, when one of their values is read, let 0.7 s pass: by then the slot of 08:00 is due. The last
 * one sees whether it is answered.
 */
function jobsThat(read: "enabled" | "schedule", daemon: () => Process, when: () => boolean, seen: Seen): Job[] {
  return Array.from({ length: many }, (_, number) => {
    const first = Date.parse(number < 3 ? "2026-11-24T08:00:03Z" : "2026-11-24T12:00:00Z");
    const plain = job(`job-${number}`, { kind: "every", everyMs: 86_400_000, anchorMs: first + number });
    if (![3_000, 6_000, many - 1].includes(number)) return plain;
    let done = false;
    return Object.defineProperty({ ...plain }, read, {
      enumerable: true,
      get: () => {
        if (!done && when()) {
          done = true;
          if (number < many - 1) machine.clock.set(700);
          else Object.assign(seen, { claimed: daemon().types().includes("slot_claimed"), running: daemon().running().length });
        }
        return plain[read];
      },
    });
  });
}

describe("a slot that is due while 10,000 jobs come into force", () => {
  it.each(["enabled", "schedule"] as const)("is answered in between (%s)", async (read) => {
    machine = new Machine("2026-11-25T07:59:58.800Z");
    const tick = job("tick", "0 8 * * *");
    const daemon = await machine.start([tick], { play: () => ({}) });
    const seen: Seen = { claimed: false, running: 0 };
    const isReplaced = (): boolean => daemon.types().includes("jobs_replaced");
    // The schedule is read again, and the slot of it computed, once the jobs are in force.
    const others = jobsThat(read, () => daemon, read === "enabled" ? () => !isReplaced() : isReplaced, seen);
    await daemon.scheduler.replaceJobs([tick, ...others], true);
    expect(seen).toEqual({ claimed: true, running: 1 });
    expect(daemon.events.find(({ type }) => type === "jobs_replaced")).toMatchObject({
      added: { length: many },
      changed: [],
      removed: [],
    });
    expect(daemon.types()).not.toContain("clock_jumped");
    // The new ones are armed, each at its own time.
    await machine.clock.passUntil("2026-11-25T08:00:04Z");
    const claims = daemon.events.flatMap((event) => (event.type === "slot_claimed" ? [event.jobName] : []));
    expect(claims).toEqual(["tick", "job-0", "job-1", "job-2"]);
  });

  it("of a job that is changed with them is of one definition", async () => {
    machine = new Machine("2026-11-25T07:59:58.800Z");
    const daemon = await machine.start([job("tick", "0 8 * * *")], { play: () => ({}) });
    const seen: Seen = { claimed: false, running: 0 };
    const others = jobsThat(
      "enabled",
      () => daemon,
      () => !daemon.types().includes("jobs_replaced"),
      seen,
    );
    await daemon.scheduler.replaceJobs([job("tick", "* * * * *"), ...others], true);
    expect(seen.claimed).toBe(true);
    await machine.clock.passUntil("2026-11-25T08:01:05Z");
    expect((await machine.story("tick")).map((line) => line.slice(0, 5))).toEqual(["08:00", "08:01"]);
  });
});

it("many jobs that come into force are told to have settled when nothing is due, and once", async () => {
  machine = new Machine("2026-11-25T07:59:59Z");
  const settled: [number, number][] = [];
  const daemon = await machine.start([job("a", "* * * * * *"), job("b", "0 9 * * *")], {
    settled: (jobs) => void settled.push([jobs, machine.clock.monotonic()]),
  });
  const since = machine.clock.monotonic();
  await machine.clock.pass(70_000);
  // A job of every second leaves no quiet time, so it is told after a minute.
  expect(settled).toHaveLength(1);
  expect(settled[0]?.[0]).toBe(2);
  expect((settled[0]?.[1] ?? 0) - since).toBeGreaterThanOrEqual(60_000);
  await Promise.all([daemon.scheduler.replaceJobs([job("b", "0 9 * * *")], true), machine.clock.pass(3_000)]);
  expect(settled.map(([jobs]) => jobs)).toEqual([2, 1]);
});
