/**
 * A clock that was wrong and is right again: what was recorded meanwhile of slots that are yet to come is taken back, and what had a run is not
 * repeated. `RUNNER_PROPERTY_RUNS=500` for more of it.
 */
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { nextSlot } from "../../../src/schedule/slot.ts";
import { day, hour, job, Machine, minute, type Play } from "./stage.ts";

let machine: Machine;
afterEach(() => machine.close());

const jobs = [job("a", "*/10 * * * *")];
const before = ["08:00 succeeded", "08:10 succeeded"];
const wrongFor = "2026-11-25T07:59:55Z";

/** A daemon that has answered two slots, and whose clock is then ahead. */
async function ahead(byMs: number) {
  machine = new Machine(wrongFor);
  const daemon = await machine.start(jobs);
  await machine.clock.skipUntil("2026-11-25T08:10:30Z");
  machine.clock.set(byMs);
  await machine.clock.pass(5_000);
  return daemon;
}

async function withdrawals(): Promise<string[]> {
  const ledger = await machine.ledger();
  const events = await ledger.events({ jobId: "a" });
  await ledger.close();
  return events.filter(({ kind }) => kind === "withdrawn").map(({ text }) => text);
}

/** The job `long` runs until it is told to end. */
const play: Play = (run) => (run.jobId === "long" ? {} : { afterMs: 500 });

describe("a clock that was ahead", () => {
  it.each([5 * hour, 365 * day])("by %i ms: its jobs fire again as soon as it is right", async (byMs) => {
    const daemon = await ahead(byMs);
    expect((await machine.story())[2]).toMatch(/missed$/);
    machine.clock.set(-byMs);
    await machine.clock.pass(5_000);
    expect(daemon.events.find(({ type }) => type === "slots_withdrawn")).toMatchObject({
      jobs: ["a"],
      slots: byMs / (10 * minute) - 1,
    });
    await machine.clock.skipUntil("2026-11-25T08:31:00Z");
    const ran = byMs === 5 * hour ? ["13:10 succeeded"] : [];
    const years = byMs === 5 * hour ? [] : ["08:10 succeeded"];
    expect(await machine.story()).toEqual([...before, "08:20 succeeded", "08:30 succeeded", ...ran, ...years]);
    expect(await withdrawals()).toEqual([
      expect.stringMatching(
        /missed or skipped between 2026-11-25T08:20:00\.000Z and .*: the clock was set back from .* to 2026-11-25T08:10:3/,
      ),
    ]);
    const ledger = await machine.ledger();
    const counted = await ledger.statusCounts({ since: 0 });
    await ledger.close();
    expect(
      counted.filter(({ status }) => status === "missed"),
      "they are counted no longer",
    ).toEqual([]);
  });

  it("and right again before the next daemon starts: likewise, and what had a run is not repeated", async () => {
    await (await ahead(5 * hour)).kill();
    machine.clock.set(-5 * hour);
    await machine.start(jobs);
    await machine.clock.skipUntil("2026-11-25T08:21:00Z");
    expect(await machine.story()).toEqual([...before, "08:20 succeeded", "13:10 succeeded"]);
    await machine.clock.skipUntil("2026-11-25T13:21:00Z");
    expect((await machine.story()).slice(-3)).toEqual(["13:00 succeeded", "13:10 succeeded", "13:20 succeeded"]);
    expect(new Set(machine.begun.map(({ slotAt }) => slotAt)).size).toBe(machine.begun.length);
  });

  it("has had a run, which hides nothing of what came before its slot while nobody was there", async () => {
    const daemon = await ahead(30 * minute);
    expect(await machine.story()).toEqual([...before, "08:20-08:30×2 missed", "08:40 succeeded"]);
    machine.clock.set(-30 * minute);
    await machine.clock.pass(5_000);
    await daemon.kill();
    machine.clock.set(34 * minute);
    await machine.start(jobs);
    await machine.clock.skipUntil("2026-11-25T08:51:00Z");
    expect(await machine.story()).toEqual([...before, "08:20-08:30×2 missed", "08:40 succeeded", "08:50 succeeded"]);
  });

  it("and is right while nobody is there to see it, until past its newest record: each slot is told once, and none runs twice", async () => {
    const daemon = await ahead(30 * minute);
    machine.clock.set(-30 * minute);
    await daemon.kill();
    machine.clock.set(34 * minute);
    await machine.start(jobs);
    await machine.clock.skipUntil("2026-11-25T08:51:00Z");
    expect(await machine.story()).toEqual([...before, "08:20-08:30×2 missed", "08:40 succeeded", "08:50 succeeded"]);
    expect(machine.begun).toHaveLength(4);
  });

  it("keeps what is past of a row, around a slot that was run by hand", async () => {
    await (await ahead(0)).kill();
    machine.clock.set(5 * hour);
    const ledger = await machine.ledger();
    const at = Date.parse("2026-11-25T08:40:00Z");
    const facts = { jobName: "a", modelAsked: "", simulated: false, jobHash: "h" };
    await ledger.recordRun(
      { runId: "hand", jobId: "a", trigger: "slot", slotAt: at, startedAt: at, owner: machine.owner(), ...facts },
      { status: "cancelled", finishedAt: at, reason: "by hand", exitCode: 0, usage: {} },
    );
    const daemon = await machine.start(jobs);
    await machine.clock.pass(2_000);
    machine.clock.set(-5 * hour + 30 * minute);
    await machine.clock.pass(2_000);
    const rows = (await machine.rows()).map(({ slotFrom, slots, slotAt, status }) => [status, slotFrom, slots, slotAt]);
    expect(rows).toContainEqual(["missed", Date.parse("2026-11-25T08:20:00Z"), 2, at - 1]);
    await machine.clock.skipUntil("2026-11-25T08:51:00Z");
    expect(daemon.carried.map(({ run }) => run.slotAt)).toContain(Date.parse("2026-11-25T08:50:00Z"));
    await ledger.close();
  });

  it.each(["while the daemon runs", "before the next one starts"])(
    "with a slot claimed that waits for a place (%s): it is in the way of no slot for as long as the clock was wrong",
    async (when) => {
      machine = new Machine(wrongFor);
      const both = [...jobs, job("long", { kind: "at", at: "2026-11-25T08:05:00Z" })];
      const daemon = await machine.start(both, { play, settings: { maxRuns: 1 } });
      await machine.clock.skipUntil("2026-11-25T08:06:00Z");
      machine.clock.set(5 * hour);
      await machine.clock.pass(5_000);
      expect((await machine.story("a")).at(-1)).toBe("13:00 queued");
      machine.clock.set(-5 * hour);
      if (when === "while the daemon runs") {
        await machine.clock.pass(2_000);
        for (const run of daemon.running()) await run.end("succeeded");
      } else {
        await daemon.kill();
        await machine.start(both, { play });
      }
      await machine.clock.skipUntil("2026-11-25T08:11:00Z");
      const early = when === "while the daemon runs" ? ["13:00 succeeded"] : [];
      expect(await machine.story("a")).toEqual(["08:00 succeeded", "08:10 succeeded", ...early]);
    },
  );

  it.each(["while the daemon runs", "before the next one starts"])(
    "with a pause that ended while it was ahead (%s): it is over, and skips no slot for as long as the clock was wrong",
    async (when) => {
      machine = new Machine(wrongFor);
      const daemon = await machine.start(jobs);
      await machine.clock.skipUntil("2026-11-25T08:05:00Z");
      const person = await machine.ledger();
      await person.pause({ jobId: "a", at: machine.clock.now(), by: "maria" });
      await machine.clock.pass(2_000);
      machine.clock.set(5 * hour);
      await machine.clock.pass(2_000);
      await person.unpause("a", machine.clock.now());
      await person.close();
      await machine.clock.pass(2_000);
      if (when === "before the next one starts") await daemon.kill();
      machine.clock.set(-5 * hour);
      if (when === "before the next one starts") await machine.start(jobs);
      await machine.clock.skipUntil("2026-11-25T08:21:00Z");
      expect((await machine.story("a")).slice(0, 3)).toEqual(["08:00 succeeded", "08:10 succeeded", "08:20 succeeded"]);
    },
  );

  it.each(["boot", "retry"] as const)("with a %s run that waited to begin: it begins with the next daemon", async (trigger) => {
    machine = new Machine("2026-11-25T13:00:05Z");
    const all = [job("a", trigger === "boot" ? { kind: "boot" } : "*/10 * * * *")];
    const dead = machine.owner();
    machine.alive.delete(dead.pid);
    const ledger = await machine.ledger();
    const [now, runId] = [machine.clock.now(), "before"];
    const facts = { jobId: "a", jobName: "a", modelAsked: "", simulated: false, jobHash: "h", owner: dead, startedAt: now };
    const retry = { rerunOf: "one", scheduledFor: Date.parse("2026-11-25T13:00:00Z"), dueAt: now };
    await ledger.claimSlots([{ ...facts, runId, trigger, ...(trigger === "boot" ? {} : retry) }]);
    await ledger.close();
    machine.clock.set(-5 * hour);
    await machine.start(all);
    await machine.clock.pass(3_000);
    expect(machine.begun.map((one) => one.runId)).toContain(runId);
  });

  it("leaves alone what is claimed a moment before its instant", async () => {
    machine = new Machine("2026-11-25T08:09:59Z");
    const ledger = await machine.ledger();
    const [slot, now] = [Date.parse("2026-11-25T08:10:00Z"), machine.clock.now()];
    const facts = { jobName: "a", modelAsked: "", simulated: false, jobHash: "h" };
    await ledger.claimSlots([
      { runId: "soon", jobId: "a", trigger: "slot", slotAt: slot, startedAt: now, owner: machine.owner(), ...facts },
    ]);
    expect(await ledger.withdrawSlots(now, () => undefined)).toEqual([]);
    expect(await ledger.slotRecord("a", slot)).toMatchObject({ status: "queued" });
    await ledger.close();
  });
});

describe("whatever the clock did", () => {
  const steps = fc.array(
    fc.record({
      byMinutes: fc.oneof(fc.integer({ min: -360, max: 360 }), fc.integer({ min: -30, max: 30 })),
      restart: fc.boolean(),
      stayMinutes: fc.integer({ min: 0, max: 8 }),
    }),
    { minLength: 1, maxLength: 6 },
  );
  const expressions = fc.constantFrom("*/5 * * * *", "*/7 * * * *", "3,4,20,50 * * * *", "*/10 * * * *");
  const watchedMs = 25 * minute;
  const policies = fc.constantFrom("skip" as const, "latest" as const, "all" as const);

  it("each slot that comes after it is right is answered by one run, at its time unless it has one already", async () => {
    const numRuns = Number(process.env["RUNNER_PROPERTY_RUNS"] ?? 8);
    await fc.assert(
      fc.asyncProperty(steps, expressions, policies, async (events, expr, policy) => {
        machine = new Machine("2026-11-25T12:00:10Z");
        try {
          const all = [job("a", expr, { catchUp: { policy, max: 3 } })];
          let daemon = await machine.start(all, { play });
          let wrongMs = 0;
          const skip = (minutes: number): Promise<void> =>
            machine.clock.skipUntil(new Date(machine.clock.now() + minutes * minute).toISOString());
          const step = async (byMs: number, restart: boolean): Promise<void> => {
            if (restart) await daemon.kill();
            wrongMs += byMs;
            machine.clock.set(byMs);
            if (restart) daemon = await machine.start(all, { play });
            await machine.clock.pass(3_000);
          };
          for (const { byMinutes, restart, stayMinutes } of events) {
            await step(byMinutes * minute, restart);
            await skip(stayMinutes);
          }
          await step(-wrongMs, events.length % 2 === 0);
          const right = machine.clock.now();
          const early = new Set(machine.begun);
          await skip(watchedMs / minute);
          const wrong: string[] = [];
          for (let at = nextSlot(all[0]!.schedule, right, "UTC"); at !== undefined && at < right + watchedMs - minute;) {
            const slot = at;
            const runs = machine.begun.filter(({ slotAt }) => slotAt === slot);
            const late = runs.filter((run) => !early.has(run) && Math.abs(run.at - slot) > minute);
            if (runs.length !== 1 || late.length > 0) wrong.push(`${new Date(slot).toISOString()}: ${runs.length} runs`);
            at = nextSlot(all[0]!.schedule, slot, "UTC");
          }
          expect(wrong).toEqual([]);
        } finally {
          await machine.close();
        }
      }),
      { numRuns },
    );
  }, 600_000);
});
