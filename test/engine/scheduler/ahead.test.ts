/** The second before a slot, in which its claim is written already: whatever happens then means what it means for a slot to come. */
import { afterEach, describe, expect, it } from "vitest";
import { LedgerError } from "../../../src/errors.ts";
import { hour, job, Machine, minute, settings, type Play, type Process } from "./stage.ts";

let machine: Machine;
afterEach(() => machine.close());

const hourly = [job("a", "0 * * * *")];
const open: Play = () => ({});
const slot = Date.parse("2026-11-25T08:00:00Z");

/** A ledger in which the job `a` is what goes wrong. */
function refusesA(method: string, [claims]: readonly unknown[]): void {
  if (method === "claimSlots" && JSON.stringify(claims).includes('"jobId":"a"')) throw new Error("broken invariant: of a");
}

/** A machine 0.4 s before eight o'clock, with a daemon that has claimed the slot of eight. */
async function justBefore(jobs = hourly, facts: Parameters<Machine["start"]>[1] = {}): Promise<Process> {
  machine = new Machine("2026-11-25T07:59:30Z");
  const daemon = await machine.start(jobs, facts);
  await machine.clock.pass(29_600);
  return daemon;
}

const begunAt = (): number[] => machine.begun.map(({ at }) => at - slot);

describe("a slot that is claimed ahead", () => {
  it("is begun at its instant and not before, though its claim is written; its row says when it stands in line", async () => {
    const daemon = await justBefore();
    expect(await machine.rows("a")).toMatchObject([
      { status: "queued", trigger: "slot", slotAt: slot, startedAt: slot, queuedAt: slot, owner: daemon.owner },
    ]);
    expect(daemon.types(), "nothing has happened yet").toEqual(["leading"]);
    expect((await daemon.ledger.leader())?.report).toMatchObject({ queued: 0, nextAt: slot });
    await machine.clock.pass(399);
    expect(begunAt()).toEqual([]);
    await machine.clock.pass(1);
    expect(begunAt()).toEqual([0]);
    expect(daemon.events.find(({ type }) => type === "slot_claimed")).toMatchObject({ at: slot, slotAt: slot });
    await machine.clock.pass(2_000);
    expect(await machine.rows("a")).toMatchObject([{ status: "succeeded", startedAt: slot, queuedAt: slot }]);
    await machine.clock.skipUntil("2026-11-25T10:00:10Z");
    expect(await machine.story()).toEqual(["08:00 succeeded", "09:00 succeeded", "10:00 succeeded"]);
  });

  it("is not claimed more than a second before, and staggered from when it is due", async () => {
    machine = new Machine("2026-11-25T07:59:30Z");
    const staggerMs = 20_000;
    const daemon = await machine.start([job("a", { kind: "cron", expr: "0 * * * *", tz: "UTC", staggerMs })]);
    const dueAt = (await daemon.ledger.leader())?.report.nextAt ?? 0;
    expect(dueAt).toBeGreaterThan(slot);
    await machine.clock.pass(dueAt - machine.clock.now() - 1_001);
    expect(await machine.rows()).toEqual([]);
    await machine.clock.pass(1);
    expect(await machine.rows()).toMatchObject([{ status: "queued", slotAt: slot, dueAt, startedAt: dueAt }]);
    await machine.clock.pass(1_000);
    expect(begunAt()).toEqual([dueAt - slot]);
  });

  it("is one that nothing is in the way of: another run, a blackout, a pause that ends before it", async () => {
    machine = new Machine("2026-11-25T07:58:30Z");
    const blackout = [{ kind: "daily", fromMinute: 8 * 60 + 30, toMinute: 9 * 60 }] as const;
    const jobs = [
      job("a", "* * * * *"),
      job("dark", { kind: "cron", expr: "* * * * *", tz: "UTC", blackout }),
      job("paused", "* * * * *"),
    ];
    const daemon = await machine.start(jobs, { play: (run) => (run.jobId === "a" ? { afterMs: 59_800 } : { afterMs: 1 }) });
    await daemon.ledger.pause({ jobId: "paused", at: machine.clock.now(), by: "maria", until: slot - 500 });
    await machine.clock.passUntil("2026-11-25T07:59:59.500Z");
    expect((await machine.rows()).filter(({ status }) => status === "queued")).toEqual([]);
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    expect(await machine.story("a"), "it had ended 0.2 s before").toEqual(["07:59 succeeded", "08:00 running"]);
    expect(await machine.story("dark")).toEqual(["07:59 succeeded", "08:00 succeeded"]);
    expect(await machine.story("paused")).toEqual(["07:59 skipped", "08:00 succeeded"]);
    expect(machine.begun.map(({ at }) => at % minute)).toEqual([0, 0, 0, 0, 0]);
  });

  it("is answered by overlap when it comes: a run by hand that began meanwhile", async () => {
    const daemon = await justBefore();
    const person = await machine.ledger();
    const startedAt = machine.clock.now();
    const owner = machine.owner();
    const start = { runId: "by-hand-1", jobId: "a", jobName: "a", trigger: "manual", startedAt, owner } as const;
    const facts = { leaseUntil: startedAt + hour, modelAsked: "m", simulated: false, jobHash: "h" } as const;
    expect(await person.claimRun({ ...start, ...facts })).toEqual({ won: true });
    const again = { ...start, ...facts, runId: "by-hand-2", trigger: "slot", slotAt: slot } as const;
    expect(await person.claimRun(again), "its slot is taken").toMatchObject({ won: false, because: "slot_taken" });
    await machine.clock.pass(2_000);
    const skipped = (await machine.rows("a")).find(({ slotAt }) => slotAt === slot);
    expect(skipped).toMatchObject({ status: "skipped", blockedBy: "by-hand-1" });
    expect(daemon.carried).toEqual([]);
    await person.close();
  });

  it("of each second is decided when it is due where the run before it is still open", async () => {
    machine = new Machine("2026-11-25T08:00:00.500Z");
    await machine.start([job("a", { kind: "every", everyMs: 1_000, anchorMs: 0 })], { play: () => ({ afterMs: 300 }) });
    await machine.clock.pass(10_000);
    expect(begunAt()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((second) => second * 1_000));
  });
});

describe("in the second before the slot", () => {
  it("a pause is heard: the slot is skipped, with all others of the pause as one row", async () => {
    await justBefore();
    const person = await machine.ledger();
    await person.pause({ jobId: "a", at: machine.clock.now(), by: "maria", reason: "holiday" });
    await machine.clock.skipUntil("2026-11-25T09:00:05Z");
    expect(begunAt()).toEqual([]);
    expect(await machine.story()).toEqual(["08:00-09:00×2 skipped"]);
    expect((await machine.rows())[0]?.reason).toBe("the job is paused by maria: holiday");
    await person.close();
  });

  it("a pause of everything that has ended again before it changes nothing", async () => {
    await justBefore();
    const person = await machine.ledger();
    await person.pause({ jobId: "*", at: machine.clock.now(), by: "maria" });
    await machine.clock.pass(200);
    await person.unpause("*", machine.clock.now());
    await machine.clock.pass(5_000);
    expect(begunAt()).toEqual([0]);
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
    await person.close();
  });

  it.each([
    ["removed", [], []],
    ["disabled", [job("a", "0 * * * *", { enabled: false })], []],
    ["given another schedule", [job("a", "30 * * * *")], ["08:30 succeeded"]],
    ["given another schedule with the same slot", [job("a", "0 8 * * *")], ["08:00 succeeded"]],
    ["given another zone", [job("a", { kind: "cron", expr: "0 8 * * *", tz: "Asia/Tokyo" })], []],
  ])("a job is %s: only what it is now counts", async (_, jobs, story) => {
    const daemon = await justBefore();
    void daemon.scheduler.replaceJobs(jobs, true);
    await machine.clock.settle();
    await machine.clock.skipUntil("2026-11-25T08:30:05Z");
    expect(await machine.story()).toEqual(story);
    expect(machine.begun).toHaveLength(story.length);
  });

  it("a job's turn is changed: the slot runs as it is now", async () => {
    const daemon = await justBefore();
    void daemon.scheduler.replaceJobs([job("a", "0 * * * *", { group: "slow" })], true);
    await machine.clock.pass(5_000);
    expect(daemon.carried.map(({ job: one }) => one.group)).toEqual(["slow"]);
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
  });

  it("its claim is cancelled by its id: the slot has been answered", async () => {
    await justBefore();
    const [row] = await machine.rows();
    const person = await machine.ledger();
    await person.requestCancel({ runId: row?.runId ?? "", at: machine.clock.now(), reason: "cancelled by maria" });
    await machine.clock.pass(5_000);
    expect(begunAt()).toEqual([]);
    const [ended] = await machine.rows();
    expect(ended).toMatchObject({ status: "cancelled", slotAt: slot });
    expect((ended?.finishedAt ?? 0) - (ended?.startedAt ?? 0)).toBeGreaterThanOrEqual(0);
    await machine.clock.skipUntil("2026-11-25T09:00:05Z");
    expect((await machine.story()).slice(1)).toEqual(["09:00 succeeded"]);
    await person.close();
  });

  it("its claim is ended by another process: it is not begun, and not claimed anew", async () => {
    await justBefore();
    const [row] = await machine.rows();
    const person = await machine.ledger();
    const end = { status: "cancelled", finishedAt: machine.clock.now(), reason: "reset", exitCode: 1, usage: {} } as const;
    await person.finishRun(row?.runId ?? "", end);
    await machine.clock.pass(5_000);
    expect(begunAt()).toEqual([]);
    expect(await machine.rows()).toMatchObject([{ status: "cancelled", startedAt: end.finishedAt, finishedAt: end.finishedAt }]);
    await person.close();
  });

  it("its claim is given back by somebody who took this daemon for dead: it is claimed again, and runs once", async () => {
    await justBefore();
    const [row] = await machine.rows();
    const person = await machine.ledger();
    await person.giveBackClaims([row?.runId ?? ""]);
    await machine.clock.pass(5_000);
    expect(begunAt()).toEqual([0]);
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
    await person.close();
  });

  it("the job is armed anew, as by reset: its slot is still to come, and runs", async () => {
    await justBefore();
    const person = await machine.ledger();
    for (const scheduleHash of ["", "another"])
      await person.armJobs([{ jobId: "a", jobName: "a", scheduleHash }], machine.clock.now(), false);
    await machine.clock.pass(5_000);
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
    await person.close();
  });

  it("a dead run is to be repeated: the repetition comes first, and the slot when it comes", async () => {
    machine = new Machine("2026-11-25T06:59:50Z");
    const jobs = [job("a", "0 * * * *", { overlap: "queue" })];
    const first = await machine.start(jobs, { play: open });
    await machine.clock.pass(12_000);
    await first.kill();
    machine.clock.set(slot - 600 - machine.clock.now());
    let gone = false;
    await machine.start(jobs, { sweep: async () => gone, play: () => ({ afterMs: 100 }) });
    await machine.clock.pass(100);
    gone = true;
    await machine.clock.skipUntil("2026-11-25T08:01:00Z");
    expect((await machine.story()).filter((line) => line.startsWith("08:00"))).toEqual(["08:00 succeeded"]);
  });
});

describe("the clock", () => {
  it("is set back by five hours: it is begun when its instant comes, once, and what has no record runs before it", async () => {
    const daemon = await justBefore();
    machine.clock.set(-5 * hour);
    await machine.clock.pass(5_000);
    expect(daemon.types()).toContain("clock_jumped");
    expect(begunAt()).toEqual([]);
    expect(await machine.story()).toEqual([]);
    await machine.clock.skipUntil("2026-11-25T08:00:10Z");
    expect((await machine.story()).slice(-1)).toEqual(["08:00 succeeded"]);
    expect(machine.begun.filter(({ slotAt }) => slotAt === slot).map(({ at }) => at >= slot)).toEqual([true]);
  });

  it.each([
    ["forward by five hours", 5 * hour, ["08:00-12:00×5 missed", "13:00 succeeded"]],
    ["forward by a minute", minute, ["08:00 succeeded"]],
  ])("is set %s: decided as downtime is", async (_, byMs, story) => {
    await justBefore();
    machine.clock.set(byMs);
    await machine.clock.pass(5_000);
    expect(await machine.story()).toEqual(story);
    expect(machine.begun).toHaveLength(1);
  });

  it("stands still in a sleep of two hours: the newest slot runs and stands for the others", async () => {
    await justBefore();
    machine.clock.suspend(2 * hour);
    await machine.clock.pass(5_000);
    expect(await machine.story()).toEqual(["08:00-09:00×2 missed", "10:00 succeeded"]);
  });
});

describe("the process is stopped for two hours in that second, and not in its sleep", () => {
  it.each([
    ["while it claims", "claimSlots", 500],
    ["when it has claimed", "hasChangedElsewhere", 300],
  ])("%s: decided as downtime is", async (_, method, beforeMs) => {
    let stopped = false;
    const fail = (called: string): void => {
      if (called !== method || stopped || machine.clock.now() < slot - beforeMs) return;
      stopped = true;
      machine.clock.stride(2 * hour);
    };
    const jobs = [
      job("a", "0 * * * *", { catchUp: { policy: "skip" } }),
      job("b", { kind: "at", at: "2026-11-25T07:59:59.500Z" }),
      job("c", { kind: "at", at: "2026-11-25T07:59:59.700Z" }),
    ];
    machine = new Machine("2026-11-25T07:59:30Z");
    await machine.start(jobs, { fail });
    await machine.clock.pass(35_000);
    await machine.clock.pass(5_000);
    expect(await machine.story("a")).toEqual(["08:00-09:00×2 missed", "10:00 succeeded"]);
  });
});

describe("the daemon ends in that second", () => {
  it("by kill -9: whoever leads when the slot comes begins it, at its instant", async () => {
    const first = await justBefore();
    await first.kill();
    await machine.clock.pass(100);
    const second = await machine.start(hourly);
    expect(await machine.rows(), "what the dead one had claimed is to come, for this one as well").toMatchObject([
      { status: "queued", owner: second.owner },
    ]);
    await machine.clock.pass(5_000);
    expect(begunAt()).toEqual([0]);
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
  });

  it("by kill -9, and a tick comes before the slot: it leaves it to whoever comes", async () => {
    const first = await justBefore();
    await first.kill();
    const tick = await machine.start(hourly, { once: true });
    await tick.ended;
    await machine.clock.pass(100);
    expect(begunAt()).toEqual([]);
    await machine.start(hourly);
    await machine.clock.pass(5_000);
    expect(begunAt()).toEqual([0]);
  });

  it("of one that cannot be seen and may live: its claim is kept, and begun once", async () => {
    const first = await justBefore();
    machine.elsewhere.add(first.owner.pid);
    const ledger = await machine.ledger();
    await ledger.changeLeader(() => undefined);
    await ledger.close();
    const second = await machine.start(hourly);
    expect(second.types()).toContain("leading");
    await machine.clock.pass(5_000);
    expect(begunAt()).toEqual([0]);
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
  });

  it.each([
    ["latest", 10 * minute, ["08:00 succeeded"]],
    ["skip", 10 * minute, ["08:00 missed"]],
    ["latest", 3 * hour, ["08:00-09:00×2 missed", "10:00 succeeded"]],
  ] as const)("by TERM: nothing is left of the claim, and catchUp %s decides %i ms later", async (policy, awayMs, story) => {
    const jobs = [job("a", "0 * * * *", { catchUp: { policy } })];
    const first = await justBefore(jobs);
    first.stop.abort();
    await machine.clock.settle();
    await first.ended;
    expect(await machine.rows()).toEqual([]);
    machine.clock.set(awayMs);
    await machine.start(jobs, { play: () => ({ afterMs: 1 }) });
    await machine.clock.pass(100);
    expect(await machine.story()).toEqual(story);
  });

  it("by TERM, with another one standing by: that one begins it, as soon as it leads", async () => {
    const first = await justBefore([...hourly, job("long", "59 7 * * *")], { play: open });
    const second = await machine.start(hourly, { complete: false });
    first.stop.abort();
    await machine.clock.pass(5_000);
    expect(machine.begun.filter(({ jobId }) => jobId === "a").map(({ at }) => at - slot)).toEqual([600]);
    expect(second.carried).toHaveLength(1);
  });
});

describe("a ledger that cannot be written", () => {
  it("when the claim is to be written ahead: the slot is answered as soon as it can be", async () => {
    machine = new Machine("2026-11-25T07:59:30Z");
    let full = false;
    const fail = (method: string): void => {
      if (full && !["hasChanged", "hasChangedElsewhere", "leader"].includes(method))
        throw new LedgerError("full", "it is full", { location: "x" });
    };
    const daemon = await machine.start(hourly, { fail });
    full = true;
    await machine.clock.passUntil("2026-11-25T08:00:20Z");
    expect(await machine.rows()).toEqual([]);
    full = false;
    await machine.clock.passUntil("2026-11-25T08:01:00Z");
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
    expect(daemon.types().filter((type) => type === "held" || type === "resumed")).toEqual(["held", "resumed"]);
  });

  it.each([
    ["skip", ["08:00 missed", "09:00-10:00×2 missed"]],
    ["latest", ["08:00 missed", "09:00 missed", "10:00 succeeded"]],
  ] as const)("from then on for hours: catchUp %s decides of what was claimed as of what was not", async (policy, story) => {
    let full = false;
    const fail = (method: string): void => {
      if (full && !["hasChanged", "hasChangedElsewhere", "leader"].includes(method))
        throw new LedgerError("full", "it is full", { location: "x" });
    };
    await justBefore([job("a", "0 * * * *", { catchUp: { policy } })], { fail });
    expect(await machine.story()).toEqual(["08:00 queued"]);
    full = true;
    await machine.clock.skipUntil("2026-11-25T10:05:00Z");
    full = false;
    await machine.clock.skipUntil("2026-11-25T10:06:00Z");
    expect(await machine.story()).toEqual(story);
  });

  it("refuses what is wrong with one job: the others run at their time", async () => {
    machine = new Machine("2026-11-25T07:59:30Z");
    const daemon = await machine.start([...hourly, job("b", "0 * * * *")], { fail: refusesA });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    expect(begunAt()).toEqual([0]);
    expect(daemon.types()).toContain("job_unusable");
  });
});

it("a herd is claimed before its second, and begins on it, in the order of the jobs", async () => {
  machine = new Machine("2026-11-25T07:59:30Z");
  const jobs = Array.from({ length: 700 }, (_, number) => job(`j${number}`, "0 8 * * *"));
  const claims: number[] = [];
  const fail = (method: string, [some]: readonly unknown[]): void => {
    if (method === "claimSlots" && Array.isArray(some)) claims.push(some.length);
  };
  const herd = { ...settings, maxRuns: 10_000, startsPerSecond: 10_000 };
  const daemon = await machine.start(jobs, { settings: herd, fail });
  await machine.clock.pass(29_000);
  expect(claims.reduce((sum, count) => sum + count, 0)).toBe(700);
  expect(Math.max(...claims), "not all at once: what is due meanwhile has its turn").toBeLessThan(700);
  expect(machine.begun).toEqual([]);
  await machine.clock.pass(1_000);
  expect(machine.begun.map(({ jobId }) => jobId)).toEqual(jobs.map(({ id }) => id));
  expect(new Set(begunAt())).toEqual(new Set([0]));
  expect(daemon.carried).toHaveLength(700);
});
