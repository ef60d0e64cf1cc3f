/** Downtime, sleep, clocks that are set: scheduling.md §3 and §4, as tables. */
import { afterEach, describe, expect, it } from "vitest";
import { day, hour, job, Machine, minute } from "./stage.ts";

let machine: Machine;
afterEach(() => machine.close());

describe("after downtime", () => {
  it.each([
    ["0.5 intervals", "08:05", { policy: "latest" }, ["08:00 succeeded"]],
    ["1.5 intervals", "08:15", { policy: "latest" }, ["08:00 succeeded", "08:10 succeeded"]],
    ["1.5 intervals", "08:15", { policy: "skip" }, ["08:00 succeeded", "08:10 missed"]],
    ["100 intervals", "24:42", { policy: "latest" }, ["08:00 succeeded", "08:10-00:30×99 missed", "00:40 succeeded"]],
    ["100 intervals", "24:42", { policy: "skip" }, ["08:00 succeeded", "08:10-00:40×100 missed"]],
    [
      "100 intervals",
      "24:42",
      { policy: "all", max: 3 },
      ["08:00 succeeded", "08:10-00:10×97 missed", "00:20 succeeded", "00:30 succeeded", "00:40 succeeded"],
    ],
    [
      "3.5 intervals",
      "08:35",
      { policy: "all", maxAgeMs: 20 * minute },
      ["08:00 succeeded", "08:10 missed", "08:20 succeeded", "08:30 succeeded"],
    ],
  ] as const)("of %s (back at %s) with %j", async (_, back, catchUp, story) => {
    machine = new Machine("2026-11-25T07:59:55Z");
    const jobs = [job("a", "*/10 * * * *", { catchUp })];
    const first = await machine.start(jobs);
    await machine.clock.pass(10_000);
    await first.kill();
    const [hours = 0, minutes = 0] = back.split(":").map(Number);
    machine.clock.set(Date.parse("2026-11-25T00:00:00Z") + hours * hour + minutes * minute - machine.clock.now());
    await machine.start(jobs);
    await machine.clock.pass(10_000);
    expect(await machine.story()).toEqual(story);
  });

  it("catches up with several one after the other, oldest first, also after a crash in between", async () => {
    machine = new Machine("2026-11-25T07:59:55Z");
    const jobs = [job("a", "*/10 * * * *", { catchUp: { policy: "all" } })];
    const first = await machine.start(jobs);
    await machine.clock.pass(10_000);
    await first.kill();
    machine.clock.set(35 * minute);
    const second = await machine.start(jobs, { play: () => ({ afterMs: 10_000 }) });
    await machine.clock.pass(15_000);
    expect(await machine.story()).toEqual(["08:00 succeeded", "08:10 succeeded", "08:20 running"]);
    await second.kill();
    await machine.start(jobs);
    await machine.clock.pass(10_000);
    expect(await machine.story()).toEqual(["08:00 succeeded", "08:10 succeeded", "08:20 interrupted", "08:30 succeeded"]);
  });

  it("never catches up for a job that is new", async () => {
    machine = new Machine("2026-11-25T08:30:00Z");
    await machine.start([job("a", "0 * * * *", { catchUp: { policy: "all" } })]);
    await machine.clock.pass(minute);
    expect(await machine.story()).toEqual([]);
  });

  it("has no second catch-up, however often it is restarted", async () => {
    machine = new Machine("2026-11-25T07:59:55Z");
    const jobs = [job("a", "0 8 * * *")];
    const first = await machine.start(jobs);
    await first.kill();
    machine.clock.set(2 * hour);
    for (let restart = 0; restart < 20; restart++) {
      const next = await machine.start(jobs, { play: () => ({ afterMs: 1 }) });
      await machine.clock.pass(3_000);
      await next.kill();
    }
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
  });

  it("spreads what is overdue over some seconds, and what is on time is not held up by it", async () => {
    machine = new Machine("2026-11-25T07:59:55Z");
    const jobs = [...Array.from({ length: 50 }, (_, at) => job(`late-${at}`, "0 8 * * *")), job("now", "30 9 * * *")];
    const first = await machine.start(jobs);
    await first.kill();
    machine.clock.set(Date.parse("2026-11-25T09:29:59Z") - machine.clock.now());
    let turn = 0;
    await machine.start(jobs, { random: () => (turn++ % 50) / 50, settings: { maxRuns: 1_000 } });
    await machine.clock.pass(10_000);
    const startedAt = Date.parse("2026-11-25T09:29:59Z");
    const late = machine.begun.filter(({ jobId }) => jobId !== "now").map(({ at }) => at - startedAt);
    expect(late).toHaveLength(50);
    expect([Math.min(...late), Math.max(...late)]).toEqual([0, 2_450]);
    expect(machine.begun.find(({ jobId }) => jobId === "now")?.at).toBe(startedAt + 1_000);
  });
});

describe("a machine that sleeps, or whose clock is set", () => {
  const until = "2026-11-25T08:10:30Z";
  const jobs = [job("a", "*/10 * * * *")];
  const before = ["08:00 succeeded", "08:10 succeeded"];

  it("sleeps for two hours: one late run within seconds, then as before", async () => {
    machine = new Machine("2026-11-25T07:59:55Z");
    const daemon = await machine.start(jobs);
    await machine.clock.skipUntil(until);
    machine.clock.suspend(2 * hour);
    await machine.clock.pass(5_000);
    expect(await machine.story()).toEqual([...before, "08:20-10:00×11 missed", "10:10 succeeded"]);
    expect(daemon.events.filter(({ type }) => type === "clock_jumped")).toEqual([
      { type: "clock_jumped", at: expect.any(Number), byMs: 2 * hour },
    ]);
    const ledger = await machine.ledger();
    expect((await ledger.events({})).map(({ kind, text }) => `${kind} ${text}`)).toContain("slept for 7200 s");
    await ledger.close();
    await machine.clock.skipUntil("2026-11-25T10:21:00Z");
    expect((await machine.story()).slice(-2)).toEqual(["10:10 succeeded", "10:20 succeeded"]);
  });

  it("is set back by an hour: no slot runs twice, none is lost, and what has none runs", async () => {
    machine = new Machine("2026-11-25T07:59:55Z");
    const daemon = await machine.start([...jobs, job("hourly", "5 * * * *")]);
    await machine.clock.skipUntil(until);
    machine.clock.set(-hour);
    await machine.clock.pass(5_000);
    expect(daemon.types()).toContain("clock_jumped");
    await machine.clock.skipUntil("2026-11-25T08:21:00Z");
    const earlier = ["07:20", "07:30", "07:40", "07:50"].map((slot) => `${slot} succeeded`);
    expect(await machine.story("a")).toEqual([...earlier, ...before, "08:20 succeeded"]);
    expect(machine.begun.filter(({ jobId }) => jobId === "a")).toHaveLength(7);
    expect(await machine.story("hourly")).toEqual(["08:05 succeeded"]);
    await machine.clock.skipUntil("2026-11-25T09:06:00Z");
    expect(await machine.story("hourly")).toEqual(["08:05 succeeded", "09:05 succeeded"]);
  });

  it("is set forward by five hours: as downtime", async () => {
    machine = new Machine("2026-11-25T07:59:55Z");
    await machine.start(jobs);
    await machine.clock.skipUntil(until);
    machine.clock.set(5 * hour);
    await machine.clock.pass(5_000);
    expect(await machine.story()).toEqual([...before, "08:20-13:00×29 missed", "13:10 succeeded"]);
  });

  it("is set back by five hours and forward again: each slot has one record", async () => {
    machine = new Machine("2026-11-25T07:59:55Z");
    await machine.start(jobs);
    await machine.clock.skipUntil(until);
    machine.clock.set(-5 * hour);
    await machine.clock.skipUntil("2026-11-25T03:25:00Z");
    // Nothing is recorded of that slot, so it has its turn.
    expect(await machine.story()).toEqual(["03:20 succeeded", ...before]);
    machine.clock.set(5 * hour);
    await machine.clock.pass(5_000);
    expect((await machine.rows()).map(({ slots = 1, status }) => `${slots} ${status}`)).toEqual([
      "1 succeeded",
      "1 succeeded",
      "1 succeeded",
      "27 missed",
      "1 succeeded",
    ]);
    expect((await machine.story()).slice(-2)).toEqual(["08:10 succeeded", "08:20 succeeded"]);
  });

  it("was wrong by a day when the daemon was first started: its jobs are not silent for a day", async () => {
    machine = new Machine("2026-11-26T08:00:30Z");
    await machine.start(jobs);
    await machine.clock.pass(2_000);
    machine.clock.set(-day);
    await machine.clock.skipUntil("2026-11-25T08:11:00Z");
    expect(await machine.story()).toEqual(["08:10 succeeded"]);
  });

  it("was set back, and then the schedule is changed: records from the future hide none of the new slots", async () => {
    machine = new Machine("2026-11-25T08:08:00Z");
    const daemon = await machine.start(jobs);
    await machine.clock.skipUntil("2026-11-25T08:10:30Z");
    machine.clock.set(-5 * minute);
    await machine.clock.pass(2_000);
    void daemon.scheduler.replaceJobs([job("a", "*/2 * * * *")], true);
    await machine.clock.skipUntil("2026-11-25T08:12:10Z");
    expect(await machine.story()).toEqual(["08:06 succeeded", "08:08 succeeded", "08:10 succeeded", "08:12 succeeded"]);
    expect(machine.begun).toHaveLength(4);
  });

  it("wakes a run that waits for its next attempt no later because the clock was set back", async () => {
    machine = new Machine("2026-11-25T07:59:55Z");
    const daemon = await machine.start([job("a", "0 8 * * *")], {
      play: (run) => (run.status === "waiting" ? { afterMs: 1 } : {}),
    });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    await daemon.running()[0]?.park(machine.clock.now() + 20_000);
    await machine.clock.pass(5_000);
    machine.clock.set(-hour);
    await machine.clock.pass(20_000);
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
  });
});

describe("blackouts and pauses", () => {
  it("record their slots as skipped, with the reason, as one row", async () => {
    machine = new Machine("2026-11-25T07:55:00Z");
    const blackout = [{ kind: "daily", fromMinute: 8 * 60, toMinute: 8 * 60 + 5 }] as const;
    await machine.start([job("dark", { kind: "cron", expr: "* * * * *", tz: "UTC", blackout }), job("lit", "* * * * *")]);
    const person = await machine.ledger();
    await machine.clock.passUntil("2026-11-25T07:57:30Z");
    await person.pause({ jobId: "lit", at: machine.clock.now(), by: "maria", reason: "holiday" });
    await machine.clock.passUntil("2026-11-25T08:00:30Z");
    await person.unpause("lit", machine.clock.now());
    await machine.clock.passUntil("2026-11-25T08:05:30Z");
    expect(await machine.story("dark")).toEqual([
      "07:56 succeeded",
      "07:57 succeeded",
      "07:58 succeeded",
      "07:59 succeeded",
      "08:00-08:04×5 skipped",
      "08:05 succeeded",
    ]);
    const lit = await machine.rows("lit");
    expect((await machine.story("lit")).slice(0, 4)).toEqual([
      "07:56 succeeded",
      "07:57 succeeded",
      "07:58-08:00×3 skipped",
      "08:01 succeeded",
    ]);
    expect(lit[2]?.reason).toBe("the job is paused by maria: holiday");
    await person.close();
  });
  it.each(["resumed by hand", "ended by itself"])(
    "that are over when a daemon comes (%s): nothing of that time is made up for",
    async (how) => {
      machine = new Machine("2026-11-25T07:55:00Z");
      const jobs = [job("a", "*/10 * * * *", { catchUp: { policy: "latest", maxAgeMs: day } })];
      const daemon = await machine.start(jobs);
      await machine.clock.skipUntil("2026-11-25T08:05:00Z");
      await daemon.kill();
      const person = await machine.ledger();
      const [from, until] = ["2026-11-25T08:15:00Z", "2026-11-25T08:45:00Z"].map((at) => Date.parse(at));
      await person.pause({ jobId: "a", at: from ?? 0, by: "maria", ...(how === "ended by itself" ? { until: until ?? 0 } : {}) });
      if (how === "resumed by hand") await person.unpause("a", until ?? 0);
      await person.close();
      machine.clock.set(42 * minute);
      await machine.start(jobs);
      await machine.clock.pass(2_000);
      expect(await machine.story()).toEqual(["08:00 succeeded", "08:10 succeeded", "08:20-08:40×3 skipped"]);
      expect((await machine.rows()).at(-1)?.reason ?? "").toBe("the job is paused by maria");
      await machine.clock.skipUntil("2026-11-25T08:51:00Z");
      expect((await machine.story()).at(-1)).toBe("08:50 succeeded");
    },
  );

  it("that end by themselves while the machine sleeps: likewise", async () => {
    machine = new Machine("2026-11-25T07:55:00Z");
    await machine.start([job("a", "*/10 * * * *", { catchUp: { policy: "latest", maxAgeMs: day } })]);
    const person = await machine.ledger();
    await person.pause({ jobId: "a", at: machine.clock.now(), by: "maria", until: Date.parse("2026-11-25T08:45:00Z") });
    await person.close();
    await machine.clock.pass(2_000);
    machine.clock.suspend(53 * minute);
    await machine.clock.pass(2_000);
    expect(await machine.story()).toEqual(["08:00-08:40×5 skipped"]);
  });
});
