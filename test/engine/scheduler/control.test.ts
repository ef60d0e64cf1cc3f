/** What people do to a running scheduler: pause, cancel, other jobs, an end. And one that only drains what is due. */
import { afterEach, describe, expect, it } from "vitest";
import { LedgerError } from "../../../src/errors.ts";
import type { Job } from "../../../src/job/job.ts";
import { keptBoots } from "../../../src/ledger/ledger.ts";
import type { RunEnding } from "../../../src/run/run.ts";
import { hour, job, Machine, minute, settings, type Play, type Process } from "./stage.ts";

let machine: Machine;
afterEach(() => machine.close());

const open: Play = () => ({});

const ends = (method: string): boolean => ["recordRun", "finishRun"].includes(method);

describe("requests of other processes", () => {
  it("a pause skips what is queued and what comes; what runs goes on, and what waits is not carried on", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const jobs = ["runs", "queued", "waits"].map((id) => job(id, "*/5 * * * *", { overlap: "queue" }));
    const daemon = await machine.start(jobs, { play: open, settings: { maxRuns: 2 }, providersOf: () => [] });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    const person = await machine.ledger();
    await daemon.running()[1]?.end("succeeded");
    await machine.clock.pass(10);
    const waits = daemon.running().find(({ run }) => run.jobId === "waits");
    await waits?.park(machine.clock.now() + 30_000);
    await machine.clock.skipUntil("2026-11-25T08:05:05Z");
    expect(await machine.story("queued")).toEqual(["08:00 succeeded", "08:05 queued"]);
    await person.pause({ jobId: "*", at: machine.clock.now(), by: "maria" });
    await machine.clock.pass(2_000);
    expect(await machine.story("queued")).toEqual(["08:00 succeeded", "08:05 skipped"]);
    expect((await machine.rows("queued"))[1]?.reason).toBe("everything is paused by maria");
    await machine.clock.skipUntil("2026-11-25T08:10:05Z");
    expect(daemon.running().map(({ run }) => run.jobId)).toContain("runs");
    await person.unpause("*", machine.clock.now());
    await person.close();
    await machine.clock.skipUntil("2026-11-25T08:15:05Z");
    expect((await machine.story("queued")).slice(2)).toEqual(["08:10 skipped", "08:15 queued"]);
  });

  it("a cancel ends a run of ours, a queued one and a waiting one within a second, in the request's words", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const jobs = ["runs", "waits", "queued"].map((id) => job(id, "0 8 * * *"));
    const daemon = await machine.start(jobs, {
      play: (run) =>
        run.jobId === "waits"
          ? { wait: { until: Date.parse("2026-11-25T09:00:00Z"), why: "", kind: "later", ranMs: 0, uncounted: 0 } }
          : {},
      settings: { maxRuns: 1 },
    });
    await machine.clock.passUntil("2026-11-25T08:00:01Z");
    const [runs] = daemon.running();
    await runs?.park(machine.clock.now() + 5_000);
    await machine.clock.pass(7_000);
    const before = (await machine.rows()).map(({ jobId, status }) => `${jobId} ${status}`);
    expect(before.toSorted()).toEqual(["queued running", "runs waiting", "waits waiting"]);
    const person = await machine.ledger();
    for (const { runId } of await machine.rows()) await person.requestCancel({ runId, at: 1, reason: "cancelled by maria" });
    await machine.clock.pass(1_100);
    expect((await machine.rows()).map(({ status, reason }) => `${status}: ${reason}`)).toEqual(
      Array(3).fill("cancelled: cancelled by maria"),
    );
    await person.close();
  });

  for (const what of ["queued", "waiting"] as const)
    it(`a ${what} run that another process begins just as it is to be ended runs on, and is that one's to end`, async () => {
      machine = new Machine("2026-11-25T07:59:50Z");
      const later = { until: Date.parse("2026-11-25T09:00:00Z"), why: "", kind: "later", ranMs: 0, uncounted: 0 } as const;
      const other = await machine.ledger();
      const begin = { owner: machine.owner(), leaseUntil: hour, at: 0, modelAsked: "m", jobHash: "h" };
      let begun: Promise<unknown> | undefined;
      const daemon = await machine.start([job("other", "0 8 * * *"), job("a", "0 8 * * *")], {
        play: (run) => (run.jobId === "a" ? { wait: later } : {}),
        settings: { maxRuns: what === "queued" ? 1 : 2 },
        fail: (method, [runId]) => {
          // The ledger is in this process and has written it when the call returns.
          if (method === "finishRun" && begun === undefined) begun = other.beginRun(String(runId), begin);
        },
      });
      await machine.clock.passUntil("2026-11-25T08:00:05Z");
      const [run] = await machine.rows("a");
      expect(run?.status).toBe(what);
      await other.requestCancel({ runId: run?.runId ?? "", at: 1, reason: "cancelled by maria" });
      await machine.clock.pass(1_100);
      expect(await begun).toEqual({ begun: true });
      expect(await machine.story("a")).toEqual(["08:00 running"]);
      // Its slot is answered, and the next one finds it under way.
      const next = await machine.rows("a");
      expect(next).toHaveLength(1);
      await machine.clock.pass(1_100);
      expect(daemon.types()).not.toContain("rescued");
      expect(await other.cancelRequests(), "whoever has it is still asked").toHaveLength(1);
      await other.close();
    });

  it("a cancel holds where the run was put aside before its process heard of it", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const daemon = await machine.start([job("a", "0 12 * * *")], { play: open });
    const other = await machine.ledger();
    const now = machine.clock.now();
    const start = { runId: "theirs", jobId: "a", jobName: "a", trigger: "slot", slotAt: now - 500, startedAt: now } as const;
    const facts = { owner: machine.owner(), leaseUntil: now + hour, modelAsked: "m", simulated: false, jobHash: "h" };
    await other.claimRun({ ...start, ...facts });
    await other.requestCancel({ runId: "theirs", at: now, reason: "cancelled by maria" });
    await other.parkRun("theirs", { until: now + 900, why: "", kind: "attempt", since: now, ranMs: 0, uncounted: 0 });
    await other.close();
    await machine.clock.pass(3_000);
    expect(await machine.story()).toEqual(["07:59:49 cancelled"]);
    expect(daemon.carried, "nothing of it is begun").toEqual([]);
  });

  it("a job that is armed anew, as `runner reset` does, catches up with nothing from before, also where it was at it", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const jobs = [job("a", "*/10 * * * *", { catchUp: { policy: "all" } })];
    const before = await machine.start(jobs);
    await machine.clock.pass(1_000);
    await before.kill();
    machine.clock.set(hour);
    const daemon = await machine.start(jobs, { play: open });
    await machine.clock.pass(2_000);
    expect(await machine.story(), "the others wait for its end").toEqual(["08:00 running"]);
    const person = await machine.ledger();
    const armed = { jobId: "a", jobName: "a", scheduleHash: (await person.armed()).get("a")?.scheduleHash ?? "" };
    await person.armJobs([{ ...armed, scheduleHash: "" }], machine.clock.now(), false);
    await person.armJobs([armed], machine.clock.now(), false);
    await person.close();
    await machine.clock.pass(2_000);
    for (const run of daemon.running()) await run.end("succeeded");
    await machine.clock.passUntil("2026-11-25T09:00:05Z");
    expect(await machine.story(), "what comes is answered").toEqual(["08:00 succeeded", "09:00 running"]);
  });
});

describe("other jobs", () => {
  it("run on with the old definition, keep what is the same, arm anew what is at other times, end what was removed", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const same = job("same", "*/10 * * * *");
    const moved = job("moved", "*/10 * * * *", { overlap: "queue" });
    const changed = job("changed", "*/10 * * * *");
    const removed = job("removed", "*/10 * * * *", { overlap: "queue" });
    const daemon = await machine.start([same, moved, changed, removed], { play: open });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    await machine.clock.skipUntil("2026-11-25T08:10:05Z");
    expect(await machine.story("removed")).toEqual(["08:00 running", "08:10 queued"]);
    const other = [
      same,
      job("moved", "*/15 * * * *", { overlap: "queue" }),
      { ...changed, description: "other words" },
      job("added", "20 * * * *"),
    ];
    void daemon.scheduler.replaceJobs(other, true);
    await machine.clock.pass(10);
    expect(daemon.events.find(({ type }) => type === "jobs_replaced")).toMatchObject({
      added: ["added"],
      changed: ["moved", "changed"],
      removed: ["removed"],
    });
    expect(await machine.story("removed")).toEqual(["08:00 running", "08:10 skipped"]);
    expect((await machine.rows("removed"))[1]?.reason).toBe("the job was removed or disabled");
    expect((await machine.rows("moved"))[1]).toMatchObject({
      status: "skipped",
      reason: "the job's schedule was changed before it could begin",
    });
    for (const run of daemon.running()) {
      expect(run.job.description).toBeUndefined();
      await run.end("succeeded");
    }
    await machine.clock.skipUntil("2026-11-25T08:21:00Z");
    expect(await machine.story("same")).toEqual(["08:00 succeeded", "08:10 skipped", "08:20 running"]);
    expect(await machine.story("changed")).toEqual(["08:00 succeeded", "08:10 skipped", "08:20 running"]);
    expect(await machine.story("moved")).toEqual(["08:00 succeeded", "08:10 skipped", "08:15 running"]);
    expect(await machine.story("added")).toEqual(["08:20 running"]);
    expect(daemon.carried.at(-1)?.job).toBeDefined();
  });

  it.each(["armJobs", "lookAtOpen", "history"])(
    "that come while the lead is being taken (at %s) are in force after it",
    async (at) => {
      machine = new Machine("2026-11-25T07:58:50Z");
      const both = [job("a", "0 * * * *"), job("b", "0 * * * *")];
      await (await machine.start(both)).kill();
      let come = false;
      const fail = (method: string, _: readonly unknown[], { scheduler }: Process): void => {
        if (method !== at || come) return;
        come = true;
        void scheduler.replaceJobs([job("a", "0 * * * *", { group: "slow" })], true);
      };
      const daemon = await machine.start(both, { fail });
      await machine.clock.pass(2 * minute);
      expect(daemon.carried.map(({ job: { id, group } }) => `${id} ${group}`)).toEqual(["a slow"]);
    },
  );

  it("that could not all be read leave the missing ones in force", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const [a, b] = [job("a", "*/5 * * * *"), job("b", "*/5 * * * *")];
    const daemon = await machine.start([a, b]);
    void daemon.scheduler.replaceJobs([a], false);
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    expect(await machine.story("b")).toEqual(["08:00 succeeded"]);
  });

  it("each second for a minute, with runs under way: no slot is lost or doubled", async () => {
    machine = new Machine("2026-11-25T07:59:57Z");
    const jobs = Array.from({ length: 20 }, (_, at) =>
      job(`j${at}`, "*/10 * * * * *", { overlap: at % 2 === 0 ? "skip" : "queue" }),
    );
    const daemon = await machine.start(jobs, { play: () => ({ afterMs: 4_000 }), settings: { maxRuns: 50 } });
    for (let second = 0; second < 60; second++) {
      await machine.clock.pass(1_000);
      void daemon.scheduler.replaceJobs(
        jobs.map((one) => ({ ...one, description: `${second}` })),
        true,
      );
    }
    await machine.clock.pass(10);
    expect(machine.begun).toHaveLength(120);
    expect(new Set(machine.begun.map(({ jobId, slotAt }) => `${jobId} ${slotAt}`)).size).toBe(120);
  });

  it("take other limits and another zone along", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const plain = job("plain", { kind: "cron", expr: "0 9 * * *" });
    const jobs = [plain, ...Array.from({ length: 4 }, (_, at) => job(`j${at}`, "0 8 * * *"))];
    const daemon = await machine.start(jobs, { play: open, settings: { maxRuns: 1 } });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    expect(daemon.running()).toHaveLength(1);
    // Nothing but the fingerprint of the schedule says that the zone is another.
    machine.zone = "Asia/Tokyo";
    void daemon.scheduler.replaceJobs(jobs, true, {
      settings: { ...settings, maxRuns: 9 },
      zone: "Asia/Tokyo",
    });
    await machine.clock.pass(10);
    expect(daemon.running()).toHaveLength(4);
    daemon.scheduler.reportProblems(["jobs/x.json: broken"], "refused");
    await machine.clock.pass(10);
    const { report } = (await daemon.ledger.leader()) ?? {};
    expect(report).toMatchObject({
      zone: "Asia/Tokyo",
      running: 4,
      queued: 0,
      jobs: 5,
      problems: ["jobs/x.json: broken"],
      state: "running",
    });
    expect(report?.nextAt).toBe(Date.parse("2026-11-26T00:00:00Z"));
  });

  it("whose schedule cannot be computed are left out, and the others go on", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const daemon = await machine.start([job("bad", "0 0 31 2 *"), job("good", "* * * * *")]);
    expect(daemon.events[0]).toMatchObject({
      type: "job_unusable",
      jobName: "bad",
      reason: expect.stringContaining("never fires"),
    });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    expect(await machine.story()).toEqual(["08:00 succeeded"]);
  });

  it("at each start of the machine run once in a boot", async () => {
    machine = new Machine("2026-11-25T08:00:00Z");
    const jobs = [job("boot", { kind: "boot" })];
    for (const boot of ["boot-1", "boot-1", "boot-2"]) {
      machine.boot = boot;
      const daemon = await machine.start(jobs);
      await machine.clock.pass(3_000);
      await daemon.kill();
    }
    expect(machine.begun.map(({ trigger }) => trigger)).toEqual(["boot", "boot"]);
  });

  it("at each start of the machine run also where that has ended the run of the start before", async () => {
    machine = new Machine("2026-11-25T08:00:00Z");
    for (const boot of ["boot-1", "boot-2", "boot-2"]) {
      machine.boot = boot;
      const daemon = await machine.start([job("boot", { kind: "boot" })], { play: open });
      await machine.clock.pass(3_000);
      await daemon.kill();
    }
    // In the boot that goes on it is the run of that boot which is repeated.
    expect(machine.begun.map(({ trigger }) => trigger)).toEqual(["boot", "boot", "retry"]);
  });

  it("at each start of the machine wait for the next one if they are new in this boot, whoever runs", async () => {
    machine = new Machine("2026-11-25T08:00:00Z");
    const [early, late] = [job("early", { kind: "boot" }), job("late", { kind: "boot" })];
    const run = async (boot: string, jobs: readonly Job[], facts: { readonly once?: boolean } = {}): Promise<string[]> => {
      const before = machine.begun.length;
      machine.boot = boot;
      const daemon = await machine.start(jobs, facts);
      await machine.clock.pass(3_000);
      await daemon.kill();
      return machine.begun.slice(before).map(({ jobId }) => jobId);
    };
    // Also where there was none when the scheduler first ran.
    expect(await run("boot-1", [])).toEqual([]);
    expect(await run("boot-1", [late])).toEqual([]);
    expect(await run("boot-1", [late], { once: true })).toEqual([]);
    expect(await run("boot-2", [early], { once: true })).toEqual(["early"]);
    expect(await run("boot-2", [early, late])).toEqual([]);
    const daemon = await machine.start([early]);
    await daemon.scheduler.replaceJobs([early, late], true);
    await machine.clock.pass(3_000);
    await daemon.kill();
    expect(await run("boot-3", [early, late])).toEqual(["early", "late"]);
    // A machine that does not tell its boots is taken for started at each start of the scheduler.
    expect([await run("", [early]), await run("", [early])]).toEqual([["early"], ["early"]]);
  });

  it("at each start of the machine wait for the next one on a host that ticks, however many containers have started since", async () => {
    machine = new Machine("2026-11-25T08:00:00Z");
    const [early, late] = [job("early", { kind: "boot" }), job("late", { kind: "boot" })];
    const tick = async (jobs: readonly Job[]): Promise<number> => {
      const before = machine.begun.length;
      const process = await machine.start(jobs, { once: true });
      await machine.clock.pass(3_000);
      await process.kill();
      return machine.begun.length - before;
    };
    expect(await tick([early])).toBe(1);
    const ledger = await machine.ledger();
    for (let round = 0; round < 3; round += 1) {
      for (let number = 0; number < keptBoots; number += 1)
        await ledger.noteEvent({ at: machine.clock.now(), kind: "booted", text: `boot-1:${round} ${number}` });
      expect(await tick([early, late])).toBe(0);
      const noted = await ledger.events({ kinds: ["booted"], limit: 1 });
      expect(noted).toEqual([{ at: Date.parse("2026-11-25T08:00:00Z"), kind: "booted", text: "boot-1" }]);
    }
    expect(await ledger.events({ kinds: ["booted"], text: "boot-1", limit: 9 }), "once").toHaveLength(1);
    await ledger.close();
    machine.boot = "boot-2";
    expect(await tick([early, late])).toBe(2);
  });

  it("at each start of the machine are skipped in a blackout, and nothing before startAt and from endAt on", async () => {
    machine = new Machine("2026-11-25T08:00:00Z");
    const now = Date.parse("2026-11-25T08:00:00Z");
    const night = { kind: "daily", fromMinute: 8 * 60, toMinute: 9 * 60 } as const;
    const jobs = [
      job("dark", { kind: "boot", tz: "UTC", blackout: [night] }),
      job("elsewhere", { kind: "boot", tz: "Europe/Berlin", blackout: [night] }),
      job("early", { kind: "boot", startAt: now + hour }),
      job("late", { kind: "boot", endAt: now }),
      job("within", { kind: "boot", startAt: now - hour, endAt: now + hour }),
    ];
    const daemon = await machine.start(jobs);
    await machine.clock.pass(3_000);
    await daemon.kill();
    expect(machine.begun.map(({ jobId }) => jobId).toSorted()).toEqual(["elsewhere", "within"]);
    const [row, ...more] = await machine.rows("dark");
    expect([row, more]).toEqual([
      expect.objectContaining({ status: "skipped", trigger: "boot", reason: "in a blackout: 08:00-09:00" }),
      [],
    ]);
    expect(await machine.story("early")).toEqual([]);
  });

  it.each([
    // Who is there only when it is over, and finds no record, is the first that runs in this boot.
    ["its record", 2 * hour, "succeeded: told"],
    ["its record", 1_000, "skipped: in a blackout: 08:00-09:00"],
    ["booted", 2 * hour, "skipped: in a blackout: 08:00-09:00"],
    ["booted", 1_000, "skipped: in a blackout: 08:00-09:00"],
  ])(
    "at each start of the machine are skipped once in a blackout, also where a daemon died before %s was written: %d ms later",
    async (at, later, end) => {
      machine = new Machine("2026-11-25T08:00:00Z");
      const night = { kind: "daily", fromMinute: 8 * 60, toMinute: 9 * 60 } as const;
      const dark = job("dark", { kind: "boot", tz: "UTC", blackout: [night] });
      let wrote = false;
      const daemon = await machine.start([dark], {
        fail: (method, _, process) => {
          if (at === "booted" ? method === "noteEvent" && wrote : ends(method)) void process.kill();
          wrote ||= ends(method);
        },
      });
      expect(daemon.isDead).toBe(true);
      machine.clock.stride(later);
      const next = await machine.start([dark]);
      await machine.clock.pass(3_000);
      await next.kill();
      expect((await machine.rows("dark")).map(({ status, reason }) => `${status}: ${reason}`)).toEqual([end]);
    },
  );

  it("at each start of the machine run at each start of a daemon's container, and not with each container of a tick", async () => {
    machine = new Machine("2026-11-25T08:00:00Z");
    const run = async (container: string, facts: { readonly once?: boolean } = {}): Promise<number> => {
      const before = machine.begun.length;
      machine.container = container;
      const daemon = await machine.start([job("boot", { kind: "boot" })], facts);
      await machine.clock.pass(3_000);
      await daemon.kill();
      return machine.begun.length - before;
    };
    expect([await run("c1"), await run("c1"), await run("c2")]).toEqual([1, 0, 1]);
    expect([await run("c2", { once: true }), await run("c3", { once: true }), await run("c4", { once: true })]).toEqual([
      0, 0, 0,
    ]);
    expect(await run("c4"), "the first daemon in it").toBe(1);
    machine.boot = "boot-2";
    expect([await run("c5", { once: true }), await run("c6", { once: true })]).toEqual([1, 0]);
  });
});

it("a job that is blocked is told once, and that it no longer is, whoever leads meanwhile", async () => {
  machine = new Machine("2026-11-25T07:59:50Z");
  let status: RunEnding = "blocked";
  const start = () =>
    machine.start([job("a", "* * * * *"), job("b", "* * * * *")], {
      play: (run) => ({ afterMs: 10, status: run.jobId === "a" ? status : "succeeded" }),
    });
  const told: string[] = [];
  const minutes = async (until: string): Promise<void> => {
    const daemon = await start();
    await machine.clock.passUntil(until);
    told.push(
      ...daemon.events.flatMap((event) => (event.type === "job_blocked" || event.type === "job_unblocked" ? [event.type] : [])),
    );
    await daemon.kill();
  };
  await minutes("2026-11-25T08:02:05Z");
  expect(told).toEqual(["job_blocked"]);
  await minutes("2026-11-25T08:04:05Z");
  status = "succeeded";
  await minutes("2026-11-25T08:06:05Z");
  expect(told).toEqual(["job_blocked", "job_unblocked"]);
  status = "blocked";
  await minutes("2026-11-25T08:08:05Z");
  expect(told).toEqual(["job_blocked", "job_unblocked", "job_blocked"]);
});

it("that a job is blocked, or is not any more, is told by the next run where the ledger failed just then", async () => {
  machine = new Machine("2026-11-25T07:59:50Z");
  let status: RunEnding = "blocked";
  let fails = true;
  const daemon = await machine.start([job("a", "* * * * *")], {
    play: () => ({ afterMs: 10, status }),
    fail: (method, [event]) => {
      if (!fails || method !== "noteEvent" || !JSON.stringify(event).includes('blocked"')) return;
      fails = false;
      throw new LedgerError("locked", "it is locked", { location: "x" });
    },
  });
  const told = (): string[] => daemon.types().filter((type) => type.endsWith("blocked"));
  await machine.clock.passUntil("2026-11-25T08:00:50Z");
  expect(told()).toEqual([]);
  await machine.clock.passUntil("2026-11-25T08:02:05Z");
  expect(told()).toEqual(["job_blocked"]);
  [status, fails] = ["succeeded", true];
  await machine.clock.passUntil("2026-11-25T08:05:05Z");
  expect(told()).toEqual(["job_blocked", "job_unblocked"]);
});

describe("the end", () => {
  const jobs = [job("runs", "0 8 * * *"), job("waits", "0 8 * * *"), job("queued", "0 8 * * *")];
  const stopping = async (): Promise<Awaited<ReturnType<Machine["start"]>>> => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const daemon = await machine.start(jobs, { play: open, settings: { maxRuns: 2 } });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    await daemon.running()[1]?.park(machine.clock.now() + hour, "later");
    await machine.clock.pass(10);
    await daemon
      .running()
      .find(({ run }) => run.jobId === "queued")
      ?.park(machine.clock.now() + 2_000);
    await machine.clock.pass(10);
    return daemon;
  };

  it("begins nothing more, drains for the grace, then ends what is left as interrupted; the rest stays for the next", async () => {
    const daemon = await stopping();
    daemon.stop.abort();
    await machine.clock.pass(19_000);
    expect(daemon.events.at(-1)).toMatchObject({ type: "draining", running: 1, graceMs: 20_000 });
    expect((await daemon.ledger.leader())?.report.state).toBe("draining");
    expect(daemon.running()[0]?.request.signal.aborted).toBe(false);
    await machine.clock.pass(1_000);
    expect(await daemon.ended).toEqual({ cut: 1, failed: 0 });
    expect((await machine.rows("runs"))[0]).toMatchObject({ status: "interrupted", reason: "the daemon was stopped" });
    expect([...(await machine.story("waits")), ...(await machine.story("queued"))]).toEqual(["08:00 waiting", "08:00 waiting"]);
    machine.alive.delete(daemon.owner.pid);
    await machine.start(jobs);
    await machine.clock.pass(5_000);
    expect((await machine.story("runs")).toSorted(), "it has not acted, so it is repeated").toEqual([
      "08:00 interrupted",
      "retry succeeded",
    ]);
    expect(await machine.story("queued")).toEqual(["08:00 succeeded"]);
  });

  it("comes at once at the second signal", async () => {
    const daemon = await stopping();
    daemon.stop.abort();
    await machine.clock.pass(1_000);
    daemon.now.abort();
    await machine.clock.settle();
    expect(await daemon.ended).toEqual({ cut: 1, failed: 0 });
  });

  it("comes at once when nothing runs, and at any state: standing by, held, before the first turn", async () => {
    machine = new Machine("2026-11-25T08:00:00Z");
    const first = await machine.start([]);
    const second = await machine.start([]);
    for (const daemon of [second, first]) {
      daemon.stop.abort();
      await machine.clock.settle();
      expect(await daemon.ended).toEqual({ cut: 0, failed: 0 });
    }
    const before = first.scheduler.run({ stop: AbortSignal.abort(), now: new AbortController().signal });
    expect(await before).toEqual({ cut: 0, failed: 0 });
  });
});

describe("once", () => {
  const jobs = [job("a", "*/10 * * * *", { catchUp: { policy: "all" } }), job("b", "0 * * * *")];

  it("does what is due, and what waits with its time come, and comes back; the rest it leaves as rows", async () => {
    machine = new Machine("2026-11-25T07:55:00Z");
    const play: Play = (run, { id }) =>
      id === "b" && run.status === "queued"
        ? { wait: { until: machine.clock.now() + 30_000, why: "", kind: "attempt", ranMs: 0, uncounted: 0 } }
        : { afterMs: 2_000 };
    const first = await machine.start(jobs, { once: true, play });
    expect(await first.ended, "armed, and nothing is due").toEqual({ cut: 0, failed: 0 });
    machine.alive.delete(first.owner.pid);
    machine.clock.set(26 * minute);
    const second = await machine.start(jobs, { once: true, play });
    await machine.clock.pass(10_000);
    expect(await second.ended).toEqual({ cut: 0, failed: 0 });
    expect(await machine.story("a")).toEqual(["08:00 succeeded", "08:10 succeeded", "08:20 succeeded"]);
    expect(await machine.story("b")).toEqual(["08:00 waiting"]);
    machine.alive.delete(second.owner.pid);
    machine.clock.set(minute);
    const third = await machine.start(jobs, { once: true, play });
    await machine.clock.pass(3_000);
    await third.ended;
    expect(await machine.story("b")).toEqual(["08:00 succeeded"]);
    expect(await third.ledger.leader()).toBeUndefined();
  });

  it("is noted, for whoever asks who does the work, unless a daemon does it", async () => {
    machine = new Machine("2026-11-25T08:00:00Z");
    const daemon = await machine.start([], {});
    const ledger = await machine.ledger();
    const ticks = async () =>
      (await ledger.events({ kinds: ["ticked"] })).map(({ at, text }) => `${text} ${new Date(at).getUTCMinutes()}`);
    const tick = async (): Promise<void> => {
      await (
        await machine.start([], { once: true })
      ).ended;
      await machine.clock.pass(minute);
    };
    await tick();
    expect(await ticks()).toEqual([]);
    await daemon.kill();
    for (let number = 0; number < 3; number += 1) await tick();
    expect(await ticks()).toEqual(["/project 3", "/project 2"]);
    await ledger.close();
  });

  it("leaves everything to a daemon that lives, and says so", async () => {
    machine = new Machine("2026-11-25T07:59:59Z");
    const daemon = await machine.start(jobs, { play: open });
    await machine.clock.pass(2_000);
    const tick = await machine.start(jobs, { once: true });
    expect(await tick.ended).toEqual({ cut: 0, failed: 0 });
    expect(tick.types()).toEqual(["standing_by"]);
    expect(daemon.running()).toHaveLength(2);
  });

  it("counts what ended badly", async () => {
    machine = new Machine("2026-11-25T07:59:00Z");
    await (
      await machine.start(jobs, { once: true })
    ).ended;
    machine.clock.set(2 * minute);
    const tick = await machine.start(jobs, {
      once: true,
      play: (_, { id }) => ({ afterMs: 1, status: id === "a" ? "failed" : "quiet" }),
    });
    await machine.clock.pass(10);
    expect(await tick.ended).toEqual({ cut: 0, failed: 1 });
  });
});
