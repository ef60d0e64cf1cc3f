/**
 * Whatever happens to the machine, the clock, the daemon and its jobs: every slot since its job was armed has exactly one record, and none has run
 * twice. `RUNNER_PROPERTY_RUNS=500` for more of it.
 */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { isClaimedAhead } from "../../../src/engine/claimed-ahead.ts";
import type { Job } from "../../../src/job/job.ts";
import type { RunRow } from "../../../src/ledger/ledger.ts";
import { nextSlot } from "../../../src/schedule/slot.ts";
import { job, Machine, minute, type Process } from "./stage.ts";

const expressions = ["* * * * *", "*/2 * * * *", "*/30 * * * * *", "1-59/3 * * * *"] as const;

const anyJob = fc.record({
  expr: fc.constantFrom(...expressions),
  overlap: fc.constantFrom("skip" as const, "queue" as const, "replace" as const),
  policy: fc.constantFrom("skip" as const, "latest" as const, "all" as const),
  staggerMs: fc.constantFrom(0, 20_000),
  dark: fc.boolean(),
});

const anyEvent = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pass" as const), strides: fc.integer({ min: 1, max: 40 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("kill" as const), awayMs: fc.constantFrom(0, minute, 7 * minute, 3_600_000) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("die" as const), atCall: fc.integer({ min: 0, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("stop" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("set" as const),
      byMs: fc
        .oneof(
          { weight: 3, arbitrary: fc.integer({ min: -20, max: 20 }) },
          { weight: 1, arbitrary: fc.integer({ min: -360, max: 360 }) },
        )
        .map((n) => n * minute),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("suspend" as const), byMs: fc.integer({ min: 1, max: 20 }).map((n) => n * minute) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("pause" as const, "unpause" as const), job: fc.constantFrom("*", "j0", "j1") }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("reload" as const), at: fc.nat(3), expr: fc.constantFrom(...expressions) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("second" as const, "tick" as const) }) },
  // To where slots are claimed ahead and have not come yet, and to where they have just come.
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("near" as const), byMs: fc.integer({ min: -1_200, max: 300 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("nudge" as const), byMs: fc.integer({ min: -2_500, max: 2_500 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("remove" as const), at: fc.nat(3), forMs: fc.integer({ min: 0, max: 1_500 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("dead" as const), atCall: fc.integer({ min: 0, max: 30 }) }) },
);

type Event = typeof anyEvent extends fc.Arbitrary<infer T> ? T : never;
type Draft = typeof anyJob extends fc.Arbitrary<infer T> ? T : never;

/** When the machine is first started. */
const begin = Date.parse("2026-11-25T07:50:00Z");

it("each slot since its job was armed has one record, and none has run twice", async () => {
  const numRuns = Number(process.env["RUNNER_PROPERTY_RUNS"] ?? 12);
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyJob, { minLength: 1, maxLength: 4 }),
      fc.array(anyEvent, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      async (drafts, events, maxRuns, startsAnew) => {
        const machine = new Machine(begin);
        try {
          const jobs = drafts.map((draft, at) => toJob(`j${at}`, draft));
          const world = new World(machine, jobs, maxRuns);
          await world.start();
          for (const event of events) await world.play(event);
          await world.comeToRest(startsAnew);
          expect(await world.judge()).toEqual([]);
          // Where the clock is not set back, what has come has come, and nothing begins before it.
          const back = events.some((event) => "byMs" in event && event.kind !== "near" && event.byMs < 0);
          expect(back ? [] : machine.begun.filter(({ slotAt = 0, at }) => at < slotAt)).toEqual([]);
        } finally {
          await machine.close();
        }
      },
    ),
    { numRuns },
  );
}, 600_000);

function toJob(id: string, { expr, overlap, policy, staggerMs, dark }: Draft): Job {
  const blackout = dark ? [{ kind: "daily", fromMinute: 8 * 60, toMinute: 8 * 60 + 4 } as const] : [];
  const schedule = { kind: "cron", expr, tz: "UTC", blackout, ...(staggerMs === 0 ? {} : { staggerMs }) } as const;
  return job(id, schedule, { overlap, catchUp: { policy, max: 3 } });
}

/** What happens, and what must hold in the end. */
class World {
  readonly machine: Machine;
  readonly maxRuns: number;
  jobs: Job[];
  daemons: Process[] = [];
  /** From now on no run takes long. */
  calm = false;
  /** Slots up to then are not judged: the newest records of the jobs when they were changed last. */
  readonly recorded = new Map<string, number>();
  /** The newest records of jobs when the clock was set back, as far as they were ahead of it. */
  readonly ahead = new Map<string, number>();

  constructor(machine: Machine, jobs: Job[], maxRuns: number) {
    this.machine = machine;
    this.jobs = jobs;
    this.maxRuns = maxRuns;
  }

  async start(diesAt = -1, busy = true): Promise<void> {
    const { machine, jobs } = this;
    const maxRuns = busy ? this.maxRuns : 8;
    let begun = 0;
    // Some runs take longer than an interval, and some wait for another attempt.
    const play = () => {
      begun += 1;
      if (!busy || this.calm) return { afterMs: 2_000 };
      if (begun % 7 === 3)
        return { wait: { until: machine.clock.now() + 15_000, why: "", kind: "attempt", ranMs: 0, uncounted: 0 } as const };
      return { afterMs: begun % 4 === 0 ? 80_000 : 2_000 };
    };
    this.daemons.push(await machine.start(jobs, { play, settings: { maxRuns, shutdownGraceMs: 4_000 }, diesAt }));
  }

  async play(event: Event): Promise<void> {
    const { machine, daemons } = this;
    const { clock } = machine;
    if (["kill", "die", "stop", "dead"].includes(event.kind)) await this.gone();
    switch (event.kind) {
      case "pass":
        return this.strides(event.strides);
      case "kill":
        for (const daemon of daemons) await daemon.kill();
        clock.set(event.awayMs);
        return this.start();
      case "die":
        for (const daemon of daemons) await daemon.kill();
        await this.start(event.atCall);
        await this.strides(20);
        return this.start();
      case "stop":
        for (const daemon of daemons) daemon.stop.abort();
        await this.strides(3);
        for (const daemon of daemons) await daemon.kill();
        return this.start();
      case "set":
        return this.set(event.byMs);
      case "suspend":
        return clock.suspend(event.byMs);
      case "pause":
      case "unpause":
        return this.pause(event.kind, event.job);
      case "reload":
        return this.reload(event.at, event.expr);
      case "second":
        return this.start();
      case "tick":
        this.daemons.push(await machine.start(this.jobs, { once: true }));
        return this.strides(2);
      case "near":
        return this.near(event.byMs);
      case "nudge":
        await this.set(event.byMs);
        return clock.pass(20);
      case "remove":
        return this.remove(event.at, event.forMs);
      case "dead":
        // One that dies somewhere in that second, with another in its place a moment later.
        for (const daemon of daemons) await daemon.kill();
        await this.start();
        await this.near(-1_100);
        daemons.at(-1)?.dieAfter(event.atCall);
        await clock.pass(700);
        await this.start();
        return clock.pass(1_000);
    }
  }

  /** Slots from before a job was armed are owed by nobody, also where the clock comes by them once more. */
  async set(byMs: number): Promise<void> {
    const ledger = await this.machine.ledger();
    const armed = await ledger.armed();
    const newest = await ledger.lastSlots();
    await ledger.close();
    const { clock } = this.machine;
    clock.set(byMs);
    for (const [id, { since }] of armed) if (since > clock.now()) this.judgeFrom(id, since);
    for (const [id, slot] of newest) if (byMs < 0 && slot > clock.now()) this.ahead.set(id, slot);
  }

  /**
   * Nobody is there. Where a daemon has not had its turn since the clock was set back, nobody knows that the newest record was made too early, and
   * what comes meanwhile is not told from what was answered before it.
   */
  async gone(): Promise<void> {
    const ledger = await this.machine.ledger();
    const settled = await ledger.settledSlots(Number.MAX_SAFE_INTEGER);
    await ledger.close();
    for (const [id, slot] of this.ahead) if ((settled.get(id) ?? 0) >= slot) this.judgeFrom(id, slot);
  }

  judgeFrom(id: string, slot: number): void {
    this.recorded.set(id, Math.max(slot, this.recorded.get(id) ?? 0));
  }

  /** Goes to so long before or after the next half minute, the last five seconds of it from timer to timer. */
  async near(byMs: number): Promise<void> {
    const { clock } = this.machine;
    const goal = (Math.floor((clock.now() + 1_200) / 30_000) + 1) * 30_000 + byMs;
    await this.strides(Math.floor((goal - 5_000 - clock.now()) / 4_000));
    await clock.pass(Math.max(0, goal - clock.now()));
  }

  async remove(at: number, forMs: number): Promise<void> {
    const rest = this.jobs.filter((_, index) => index !== at);
    for (const daemon of this.daemons) void daemon.scheduler.replaceJobs(rest, true);
    await this.machine.clock.pass(forMs);
    for (const daemon of this.daemons) void daemon.scheduler.replaceJobs(this.jobs, true);
    await this.machine.clock.pass(20);
  }

  async pause(kind: "pause" | "unpause", jobId: string): Promise<void> {
    const ledger = await this.machine.ledger();
    const now = this.machine.clock.now();
    if (kind === "pause") await ledger.pause({ jobId, at: now, by: "maria" });
    else await ledger.unpause(jobId, now);
    await ledger.close();
    await this.strides(1);
  }

  async reload(at: number, expr: string): Promise<void> {
    const ledger = await this.machine.ledger();
    const changed = this.jobs[at]?.id ?? "";
    const last = (await ledger.lastSlots()).get(changed);
    const record = last === undefined ? undefined : await ledger.slotRecord(changed, last);
    await ledger.close();
    if (last !== undefined && record !== undefined && !isClaimedAhead(record, this.machine.clock.now()))
      this.judgeFrom(changed, last);
    this.jobs = this.jobs.map((one, index) =>
      index === at ? { ...one, schedule: { ...one.schedule, kind: "cron", expr } } : one,
    );
    for (const daemon of this.daemons) void daemon.scheduler.replaceJobs(this.jobs, true);
    await this.strides(1);
  }

  async strides(count: number): Promise<void> {
    for (let one = 0; one < count; one++) {
      this.machine.clock.stride(4_000);
      await this.machine.clock.pass(0);
    }
  }

  /**
   * Nothing more happens: the last daemon does what is to be done. If that is a new one it has the places for it, and finds whatever those before
   * have left; one that goes on may have forgotten nothing itself.
   */
  async comeToRest(startsAnew: boolean): Promise<void> {
    await this.gone();
    this.calm = true;
    const ledger = await this.machine.ledger();
    for (const jobId of ["*", "j0", "j1"]) await ledger.unpause(jobId, this.machine.clock.now());
    const leader = await ledger.leader();
    await ledger.close();
    const leads = this.daemons.find(({ owner }) => owner.pid === leader?.owner.pid);
    if (startsAnew || leads === undefined || leads.isDead || leads.stop.signal.aborted) {
      for (const daemon of this.daemons) await daemon.kill();
      await this.start(-1, false);
    }
    await this.strides(startsAnew ? 100 : 250);
  }

  /** Slots that have no record, or several, and runs that were begun twice. */
  async judge(): Promise<string[]> {
    const { machine, jobs } = this;
    const ledger = await machine.ledger();
    const armed = await ledger.armed();
    await ledger.close();
    const wrong: string[] = [];
    for (const { id, schedule } of jobs) {
      const rows = await machine.rows(id);
      // A clock that was set back, another schedule, and nobody there when its first slots come, all at once: those before the records of the old
      // schedule are not told from slots that it has answered.
      // Likewise those from before the first start, which a clock that is set back makes slots to come, once a later one has its record.
      const since = Math.max(armed.get(id)?.since ?? Infinity, this.recorded.get(id) ?? 0, begin);
      // What is a few seconds old, or staggered, may not be answered yet, and what is caught up with goes one by one.
      const until = machine.clock.now() - 200_000;
      for (
        let slot = nextSlot(schedule, since, "UTC");
        slot !== undefined && slot <= until;
        slot = nextSlot(schedule, slot, "UTC")
      ) {
        const at = slot;
        const answering = rows.filter((row) => answers(row, at));
        // A range goes around a slot that has a row of its own.
        const own = answering.filter(({ slotFrom }) => slotFrom === undefined);
        const records = (own.length > 0 ? own : answering).map(({ status }) => status);
        if (records.length !== 1) wrong.push(`${id} ${new Date(at).toISOString()}: ${records.join(", ") || "no record"}`);
      }
    }
    for (const row of await machine.rows()) {
      const { jobId, status, dueAt = row.slotAt ?? row.queuedAt ?? row.startedAt } = row;
      const isOpen = ["queued", "running", "waiting"].includes(status);
      if (isOpen && dueAt < machine.clock.now() - 2 * minute)
        wrong.push(`${jobId} ${new Date(dueAt).toISOString()} is still ${status}`);
    }
    const begun = machine.begun.filter(({ trigger }) => trigger === "slot").map(({ jobId, slotAt }) => `${jobId} ${slotAt}`);
    return [...wrong, ...begun.filter((one, at) => begun.indexOf(one) !== at).map((one) => `${one} has run twice`)];
  }
}

function answers({ slotAt, slotFrom, trigger }: RunRow, slot: number): boolean {
  return trigger === "slot" && slotAt !== undefined && (slotFrom ?? slotAt) <= slot && slot <= slotAt;
}
