/**
 * Claims that a dead daemon has left behind: whoever leads then answers their slots as if they had been claimed when they were due.
 * `RUNNER_PROPERTY_RUNS=500` for more of it.
 */
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { Pause, RunRow } from "../../../src/ledger/ledger.ts";
import { job, Machine, minute, type Play } from "./stage.ts";

let machine: Machine;
afterEach(() => machine.close());

const open: Play = () => ({});
const seconds = 1_000;
const maria = { by: "maria", reason: "holiday" } as const;

/** Nobody is there: so long from now on the job is paused, and resumed after so long. Returns from when to when. */
async function pausedMeanwhile(jobId: string, afterMs: number, forMs: number): Promise<Pick<Pause, "jobId" | "at" | "until">> {
  const person = await machine.ledger();
  machine.clock.set(afterMs);
  const at = machine.clock.now();
  await person.pause({ jobId, at, ...maria });
  machine.clock.set(forMs);
  await person.unpause(jobId, machine.clock.now());
  await person.close();
  return { jobId, at, until: machine.clock.now() };
}

function answers({ slotAt = 0, slotFrom = slotAt, trigger }: RunRow, slot: number): boolean {
  return trigger === "slot" && slotFrom <= slot && slot <= slotAt;
}

describe("a job that was paused and resumed while no daemon was there", () => {
  const hourly = [job("a", "0 * * * *")];

  it.each([
    ["a", "the job is paused by maria: holiday"],
    ["*", "everything is paused by maria: holiday"],
  ])("does not run the slot of the pause (of %s) that was claimed ahead", async (paused, reason) => {
    machine = new Machine("2026-11-25T07:59:30Z");
    const first = await machine.start(hourly);
    await machine.clock.pass(29_600);
    expect(await machine.story()).toEqual(["08:00 queued"]);
    await first.kill();
    await pausedMeanwhile(paused, 100, 10 * minute);
    machine.clock.set(10 * minute);
    await machine.start(hourly);
    await machine.clock.pass(5 * seconds);
    expect(machine.begun).toEqual([]);
    expect(await machine.rows()).toMatchObject([{ status: "skipped", reason }]);
    await machine.clock.skipUntil("2026-11-25T09:00:05Z");
    expect(await machine.story()).toEqual(["08:00 skipped", "09:00 succeeded"]);
  });

  it("skips it for the pause also where it is too late to make up for it, or the pause has ended by itself", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const jobs = [job("fills", "0 8 * * *"), job("a", "0 * * * *", { catchUp: { policy: "skip" } })];
    const first = await machine.start(jobs, { play: open, settings: { maxRuns: 1 } });
    await machine.clock.pass(15 * seconds);
    await first.kill();
    const person = await machine.ledger();
    await person.pause({ jobId: "a", at: machine.clock.now(), ...maria, until: machine.clock.now() + minute });
    await person.close();
    machine.clock.set(10 * minute);
    await machine.start(jobs);
    await machine.clock.pass(5 * seconds);
    expect(await machine.rows("a")).toMatchObject([{ status: "skipped", reason: "the job is paused by maria: holiday" }]);
  });

  it("runs the slot that was claimed ahead and comes when the pause is over", async () => {
    machine = new Machine("2026-11-25T07:59:30Z");
    const first = await machine.start(hourly);
    await machine.clock.pass(29_100);
    await first.kill();
    await pausedMeanwhile("a", 100, 700);
    await machine.start(hourly);
    await machine.clock.pass(5 * seconds);
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
  });

  it("skips what stood in line for a place when it was paused; what nobody has paused runs", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const jobs = [job("fills", "0 8 * * *"), job("a", "0 8 * * *"), job("b", "0 8 * * *")];
    const first = await machine.start(jobs, { play: open, settings: { maxRuns: 1 } });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    await first.kill();
    await pausedMeanwhile("a", 5 * seconds, minute);
    await machine.start(jobs);
    await machine.clock.pass(5 * seconds);
    expect(await machine.story("a")).toEqual(["08:00 skipped"]);
    expect(await machine.story("b")).toEqual(["08:00 succeeded"]);
  });

  it("runs none of the slots of its pauses, whenever the daemon died, and each of them has one record", async () => {
    const absence = fc.record({
      // A dead daemon may have claimed a slot ahead, or have it in line.
      livedMs: fc.oneof(fc.integer({ min: 59_000, max: 60_400 }), fc.integer({ min: 0, max: 150_000 })),
      jobId: fc.constantFrom("a", "*"),
      pausedAfterMs: fc.integer({ min: 0, max: 1_500 }),
      pausedForMs: fc.integer({ min: 1, max: 150_000 }),
      awayMs: fc.constantFrom(0, 500, 61_000),
    });
    const numRuns = Number(process.env["RUNNER_PROPERTY_RUNS"] ?? 10);
    await fc.assert(
      fc.asyncProperty(
        fc.array(absence, { minLength: 1, maxLength: 3 }),
        fc.constantFrom("skip" as const, "queue" as const),
        fc.constantFrom(0, 700),
        async (absences, overlap, staggerMs) => {
          machine = new Machine("2026-11-25T07:59:59.900Z");
          try {
            const schedule = { kind: "cron", expr: "* * * * *", tz: "UTC", staggerMs } as const;
            const jobs = [
              job("a", schedule, { overlap, catchUp: { policy: "all", max: 5 } }),
              job("b", "* * * * *", { overlap }),
            ];
            let afterMs = 50 * seconds;
            const facts = { play: () => ({ afterMs }), settings: { maxRuns: 1 } };
            let daemon = await machine.start(jobs, facts);
            const pauses: Pick<Pause, "jobId" | "at" | "until">[] = [];
            for (const { livedMs, jobId, pausedAfterMs, pausedForMs, awayMs } of absences) {
              await machine.clock.pass(livedMs);
              await daemon.kill();
              pauses.push(await pausedMeanwhile(jobId, pausedAfterMs, pausedForMs));
              machine.clock.set(awayMs);
              daemon = await machine.start(jobs, facts);
            }
            // What is caught up with, one slot after the other, comes to its end.
            afterMs = seconds;
            await machine.clock.pass(3 * minute);
            const rows = await machine.rows("a");
            const dueOf = (slotAt = 0): number => rows.find((row) => row.slotAt === slotAt)?.dueAt ?? slotAt;
            const ran = machine.begun.filter(({ jobId, trigger, slotAt }) => {
              const due = dueOf(slotAt);
              return jobId === "a" && trigger === "slot" && pauses.some(({ at, until = 0 }) => at <= due && due < until);
            });
            const wrong = ran.map(({ slotAt = 0 }) => `${new Date(slotAt).toISOString()} has run`);
            for (let slot = Date.parse("2026-11-25T08:00:00Z"); slot < machine.clock.now() - 90 * seconds; slot += minute)
              if (rows.filter((row) => answers(row, slot)).length !== 1) wrong.push(new Date(slot).toISOString());
            expect(wrong).toEqual([]);
          } finally {
            await machine.close();
          }
        },
      ),
      { numRuns },
    );
  }, 600_000);
});
