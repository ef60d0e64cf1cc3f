/** What dies, and who goes on: the leader and whoever stands by, runs of the dead, a ledger that cannot be written. */
import { mkdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ConfigError, LedgerError } from "../../../src/errors.ts";
import { hour, job, Machine, type Play } from "./stage.ts";

let machine: Machine;
afterEach(() => machine.close());

const open: Play = () => ({});
const hourly = [job("a", "0 * * * *"), job("b", "0 * * * *")];

/** A ledger in which the job `a` is what goes wrong. */
function refusesA(method: string, [claims]: readonly unknown[]): void {
  if (method === "claimSlots" && JSON.stringify(claims).includes('"jobId":"a"')) throw new Error("broken invariant: of a");
}

describe("a second daemon", () => {
  it("stands by, and takes over within a second of the first one's death: nothing is lost or doubled", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const first = await machine.start(hourly, { play: open });
    const second = await machine.start(hourly);
    expect(second.events).toEqual([
      { type: "standing_by", at: expect.any(Number), leader: expect.objectContaining({ owner: first.owner }) },
    ]);
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    expect(await machine.story()).toEqual(["08:00 running", "08:00 running"]);
    await first.kill();
    await machine.clock.pass(1_000);
    expect(second.types().slice(1, 3)).toEqual(["rescued", "slot_claimed"]);
    expect(second.events.find(({ type }) => type === "leading")).toMatchObject({ before: { owner: first.owner } });
    await machine.clock.pass(2_000);
    expect(machine.swept.toSorted()).toEqual(
      machine.begun
        .slice(0, 2)
        .map(({ runId }) => runId)
        .toSorted(),
    );
    expect((await machine.story("a")).toSorted()).toEqual(["08:00 interrupted", "retry succeeded"]);
    await machine.clock.skipUntil("2026-11-25T09:00:05Z");
    expect((await machine.story("b")).toSorted()).toEqual(["08:00 interrupted", "09:00 succeeded", "retry succeeded"]);
  });

  it("takes over at once when the first one is asked to stop, while that one drains", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const first = await machine.start(hourly, { play: open });
    const second = await machine.start(hourly);
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    first.stop.abort();
    await machine.clock.pass(1_100);
    expect(second.types()).toContain("leading");
    expect(machine.swept).toEqual([]);
    for (const run of first.running()) await run.end("succeeded");
    await machine.clock.pass(100);
    expect(await first.ended).toEqual({ cut: 0, failed: 0 });
    expect((await second.ledger.leader())?.owner).toEqual(second.owner);
  });

  it.each([false, true])(
    "of another project ends with a word on what to do; of the same one by a link it stands by (once: %s)",
    async (once) => {
      machine = new Machine("2026-11-25T07:59:50Z");
      const [project, link] = [path.join(machine.folder, "project"), path.join(machine.folder, "link")];
      mkdirSync(project);
      symlinkSync(project, link);
      await machine.start(hourly, { projectDir: project });
      const other = await machine.start([job("c", "0 * * * *")], { projectDir: "/elsewhere", once });
      await expect(other.ended).rejects.toThrow(ConfigError);
      await expect(other.ended).rejects.toThrow(
        /^\/elsewhere: the daemon with pid \d+ fires the jobs of another project, .*project, with the same state folder.*--state-dir/,
      );
      expect(other.types()).toEqual([]);
      const same = await machine.start(hourly, { projectDir: link, once });
      expect(same.types()).toEqual(["standing_by"]);
      await machine.clock.passUntil("2026-11-25T08:00:05Z");
      expect(await machine.story()).toEqual(["08:00 succeeded", "08:00 succeeded"]);
    },
  );

  it("waits for the lease of a leader that it cannot see", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const first = await machine.start(hourly);
    machine.elsewhere.add(first.owner.pid);
    const second = await machine.start(hourly);
    await machine.clock.pass(5_000);
    await first.kill();
    await machine.clock.pass(25_000);
    expect(second.types()).toEqual(["standing_by"]);
    await machine.clock.pass(6_000);
    expect(second.types()).toContain("leading");
    expect(await machine.story("a")).toEqual(["08:00 succeeded"]);
  });

  it("waits no year for a leader that it cannot see and that died while the clock was a year ahead, nor for its run", async () => {
    const year = 365 * 24 * hour;
    machine = new Machine(Date.parse("2026-11-25T07:59:50Z") + year);
    const first = await machine.start(hourly, { play: open });
    machine.elsewhere.add(first.owner.pid);
    await machine.clock.pass(15_000);
    expect(first.running()).toHaveLength(2);
    await first.kill();
    machine.clock.set(-year);
    const second = await machine.start(hourly);
    await machine.clock.pass(40_000);
    expect(second.types()).toContain("leading");
    await machine.clock.pass(120_000);
    expect(second.events.find(({ type }) => type === "rescued")).toMatchObject({ runIds: { length: 2 } });
  });

  it("that has been taken for dead stands down, and what it has under way goes on", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const first = await machine.start(hourly, { play: open });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    machine.alive.delete(first.owner.pid);
    const second = await machine.start([]);
    machine.alive.add(first.owner.pid);
    await machine.clock.pass(11_000);
    expect(first.types().at(-1)).toBe("standing_by");
    expect((await second.ledger.leader())?.owner).toEqual(second.owner);
  });
});

describe("what a dead daemon leaves behind", () => {
  it("closes its runs within a second, many at once, and repeats those that have not acted", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const jobs = Array.from({ length: 20 }, (_, at) => job(`j${at}`, "0 8 * * *"));
    const first = await machine.start(jobs, { play: open, settings: { maxRuns: 50 } });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    await first.ledger.startAttempt({
      runId: first.carried[0]?.run.runId ?? "",
      attempt: 1,
      startedAt: 1,
      sessionId: "s",
      why: "",
    });
    await first.ledger.startTool({
      runId: first.carried[0]?.run.runId ?? "",
      attempt: 1,
      tool: 1,
      call: 1,
      startedAt: 1,
      name: "mail",
      grant: "mcp:mail",
      input: "{}",
    });
    await first.kill();
    const sweep = (): Promise<boolean> => machine.clock.sleep(300, new AbortController().signal).then(() => true);
    const second = await machine.start(jobs, { sweep, settings: { maxRuns: 50 } });
    await machine.clock.pass(700);
    expect(second.events.find(({ type }) => type === "rescued")).toMatchObject({ runIds: { length: 20 } });
    await machine.clock.pass(3_000);
    expect(await machine.story("j0"), "a tool has run").toEqual(["08:00 interrupted"]);
    expect((await machine.story("j1")).toSorted()).toEqual(["08:00 interrupted", "retry succeeded"]);
    const [interrupted, repeated] = await machine.rows("j1");
    expect(interrupted).toMatchObject({ fault: "turn_died", reason: expect.stringContaining("died without an end") });
    expect(repeated).toMatchObject({ trigger: "retry", rerunOf: interrupted?.runId, scheduledFor: interrupted?.slotAt });
  });

  it("repeats all that were under way, however many places there are", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const jobs = Array.from({ length: 230 }, (_, at) => job(`j${at}`, "0 8 * * *"));
    const first = await machine.start(jobs, { play: open, settings: { maxRuns: 230 } });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    await first.kill();
    const second = await machine.start(jobs, { play: open, settings: { maxRuns: 230 } });
    await machine.clock.pass(3_000);
    expect(second.running().filter(({ run }) => run.trigger === "retry")).toHaveLength(230);
  });

  it("repeats a run that kills the daemon no more often than the job has attempts", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const jobs = [job("killer", "0 8 * * *")];
    let daemon = await machine.start(jobs, { play: open });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    for (let crash = 0; crash < 6; crash++) {
      await daemon.kill();
      daemon = await machine.start(jobs, { play: open });
      await machine.clock.pass(2_000);
    }
    expect(machine.begun).toHaveLength(3);
    expect(await machine.story()).toEqual(["08:00 interrupted", "retry interrupted", "retry interrupted"]);
  });

  it("keeps a dead run open, and its job still, until nothing of it lives", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const first = await machine.start([job("a", "*/5 * * * *", { overlap: "queue" })], { play: open });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    await first.kill();
    let gone = false;
    await machine.start([job("a", "*/5 * * * *", { overlap: "queue" })], { sweep: async () => gone });
    await machine.clock.skipUntil("2026-11-25T08:05:05Z");
    expect(await machine.story()).toEqual(["08:00 running", "08:05 queued"]);
    gone = true;
    await machine.clock.skipUntil("2026-11-25T08:06:00Z");
    expect(await machine.story()).toEqual(["08:00 interrupted", "08:05 succeeded"]);
  });

  it("takes over what was queued and what waits for its time, and ends what has outlived its window", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const jobs = [job("fills", "0 8 * * *"), job("queued", "0 8 * * *"), job("waits", "1 8 * * *"), job("often", "*/5 * * * *")];
    const first = await machine.start(jobs.slice(0, 2), { play: open, settings: { maxRuns: 1 } });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    expect(await machine.story("queued")).toEqual(["08:00 queued"]);
    await first.kill();
    const second = await machine.start(jobs.slice(2), { play: open, complete: false });
    await machine.clock.passUntil("2026-11-25T08:05:05Z");
    for (const run of second.running()) await run.park(Date.parse("2026-11-25T08:08:00Z"), "later");
    await second.kill();
    machine.clock.set(10 * 60_000);
    await machine.start(jobs);
    await machine.clock.pass(5_000);
    expect(await machine.story("queued"), "a day is its window").toEqual(["08:00 succeeded"]);
    expect(await machine.story("waits")).toEqual(["08:01 succeeded"]);
    expect(await machine.story("often")).toEqual(["08:05 deferred", "08:10 missed", "08:15 succeeded"]);
  });

  it("is found too while the daemon runs: a run by hand that was killed", async () => {
    machine = new Machine("2026-11-25T07:59:00Z");
    const daemon = await machine.start([job("a", "0 8 * * *", { overlap: "queue" })]);
    const owner = machine.owner();
    const byHand = await machine.ledger();
    const startedAt = machine.clock.now();
    const start = { runId: "by-hand-1", jobId: "a", jobName: "a", trigger: "manual", startedAt, owner } as const;
    await byHand.claimRun({ ...start, leaseUntil: startedAt + hour, modelAsked: "m", simulated: false, jobHash: "h" });
    await byHand.close();
    await machine.clock.pass(3_000);
    machine.alive.delete(owner.pid);
    await machine.clock.pass(31_000);
    expect(daemon.types()).toContain("rescued");
    expect(await machine.story(), "and nobody repeats what a person has started").toEqual(["manual interrupted"]);
  });

  it.each([
    ["takes its job's next slot", { overlap: "skip" } as const, 8],
    ["takes the only place", {}, 1],
  ])("and within two seconds, however little is written meanwhile: %s no longer", async (_what, more, maxRuns) => {
    machine = new Machine("2026-11-25T07:59:40Z");
    await machine.start([job("a", "0 8 * * *", more), job("b", "0 8 * * *")], { settings: { maxRuns } });
    const owner = machine.owner();
    const byHand = await machine.ledger();
    const startedAt = machine.clock.now();
    const start = { runId: "by-hand-1", jobId: "a", jobName: "a", trigger: "manual", startedAt, owner } as const;
    await byHand.claimRun({ ...start, leaseUntil: startedAt + hour, modelAsked: "m", simulated: false, jobHash: "h" });
    await byHand.close();
    await machine.clock.passUntil("2026-11-25T07:59:57.500Z");
    machine.alive.delete(owner.pid);
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    expect(await machine.story("a")).toEqual(["manual interrupted", "08:00 succeeded"]);
    expect(await machine.story("b")).toEqual(["08:00 succeeded"]);
  });

  it("a run that somebody has cancelled is cancelled, although its process died before it heard of it", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const first = await machine.start([job("a", "0 8 * * *")], { play: open });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    const runId = first.carried[0]?.run.runId ?? "";
    await first.ledger.requestCancel({ runId, at: machine.clock.now(), reason: "cancelled by maria" });
    await first.kill();
    await machine.start([job("a", "0 8 * * *")]);
    await machine.clock.pass(2_000);
    expect(await machine.story()).toEqual(["08:00 cancelled"]);
  });
});

describe("a ledger that cannot be written", () => {
  it.each(["full", "locked", "unavailable"] as const)(
    "(%s) holds everything, says it once, and goes on by itself",
    async (reason) => {
      machine = new Machine("2026-11-25T07:59:50Z");
      let broken = false;
      const fail = (method: string): void => {
        if (broken && !["hasChanged", "leader"].includes(method))
          throw new LedgerError(reason, `it is ${reason}`, { location: "x" });
      };
      const daemon = await machine.start([...hourly, job("runs", "59 7 * * *")], { fail });
      await machine.clock.passUntil("2026-11-25T07:59:58Z");
      broken = true;
      await machine.clock.passUntil("2026-11-25T08:00:45Z");
      expect(daemon.types()).toEqual(["leading", "held"]);
      expect(daemon.events[1]).toMatchObject({ reason: `it is ${reason}` });
      broken = false;
      await machine.clock.passUntil("2026-11-25T08:01:20Z");
      expect(daemon.types().filter((type) => type === "resumed")).toHaveLength(1);
      expect([...(await machine.story("a")), ...(await machine.story("b"))]).toEqual(["08:00 succeeded", "08:00 succeeded"]);
      const kinds = (await daemon.ledger.events({})).map(({ kind }) => kind);
      expect(kinds.slice(0, 2)).toEqual(["resumed", "held"]);
    },
  );

  it("because it was removed: is waited for, and after a minute ends the daemon, which lets go what is under way", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    let gone = false;
    const fail = (): void => {
      if (gone) throw new LedgerError("removed", "it was removed", { location: "x" });
    };
    const daemon = await machine.start(hourly, { fail, play: open, settings: { shutdownGraceMs: 3_000 } });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    gone = true;
    await machine.clock.pass(30_000);
    gone = false;
    await machine.clock.pass(20_000);
    expect(daemon.types().slice(-1), "it came back").toEqual(["resumed"]);
    gone = true;
    await machine.clock.pass(100_000);
    expect(daemon.types().slice(-2)).toEqual(["held", "draining"]);
    expect(daemon.running()).toEqual([]);
    await expect(daemon.ended).rejects.toThrow("it was removed");
  });

  it.each([
    "claimSlots",
    "recordSlots",
    "finishRun",
    "beginRun",
    "openRuns",
    "lookAtOpen",
    "armJobs",
    "changeLeader",
    "settledSlots",
  ])("at any instant (%s fails once) loses and doubles nothing", async (failing) => {
    machine = new Machine("2026-11-25T07:59:50Z");
    let times = 0;
    const fail = (method: string): void => {
      if (method === failing && times++ < 2) throw new LedgerError("full", "it is full", { location: "x" });
    };
    const first = await machine.start(hourly, { play: open });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    await first.kill();
    machine.clock.set(2 * hour);
    await machine.start(hourly, { fail });
    await machine.clock.pass(20_000);
    expect(await machine.story("a")).toEqual(["08:00 interrupted", "09:00 missed", "10:00 succeeded"]);
  });

  it("fails one run alone where that is what goes wrong", async () => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const daemon = await machine.start(hourly, { fail: refusesA });
    await machine.clock.passUntil("2026-11-25T08:00:05Z");
    expect(await machine.story("b")).toEqual(["08:00 succeeded"]);
    expect(daemon.events.find(({ type }) => type === "job_unusable")).toMatchObject({
      jobName: "a",
      reason: expect.stringContaining("of a"),
    });
  });
});
