/** What stands in line while there is no place, and is not to begin any more: it is ended at once, and not when its turn comes. */
import { afterEach, expect, it } from "vitest";
import { job, Machine, minute, type Play, type Process } from "./stage.ts";

let machine: Machine;
afterEach(() => machine.close());

const open: Play = () => ({});
const waiting = { until: Date.parse("2026-11-25T08:02:00Z"), why: "", kind: "attempt", ranMs: 0, uncounted: 0 } as const;
const maxAge = job("a", "0 * * * *", { catchUp: { policy: "latest", maxAgeMs: 5 * minute } });

/** One place, which is taken; `a` is claimed and stands in line. */
async function inLine(a = job("a", "0 * * * *")): Promise<Process> {
  machine = new Machine("2026-11-25T07:59:50Z");
  const daemon = await machine.start([job("fills", "0 8 * * *"), a], { play: open, settings: { maxRuns: 1 } });
  await machine.clock.pass(15_000);
  expect(await machine.story("a")).toEqual(["08:00 queued"]);
  return daemon;
}

it("for longer than its job allows", async () => {
  await inLine(maxAge);
  await machine.clock.skipUntil("2026-11-25T08:04:56Z");
  expect(await machine.story("a")).toEqual(["08:00 queued"]);
  await machine.clock.pass(6_000);
  expect(await machine.story("a")).toEqual(["08:00 missed"]);
  expect((await machine.rows("a"))[0]?.reason).toContain("catchUp.maxAge 300 s");
});

it("for longer than its job allows since a reload", async () => {
  const daemon = await inLine();
  void daemon.scheduler.replaceJobs([job("fills", "0 8 * * *"), maxAge], true);
  await machine.clock.skipUntil("2026-11-25T08:05:02Z");
  expect(await machine.story("a")).toEqual(["08:00 missed"]);
});

it("because its job is removed, or has another schedule", async () => {
  const daemon = await inLine();
  void daemon.scheduler.replaceJobs([job("fills", "0 8 * * *"), job("a", "30 * * * *")], true);
  await machine.clock.pass(1_100);
  expect(await machine.rows("a")).toMatchObject([{ status: "skipped", reason: expect.stringContaining("schedule was changed") }]);
});

it("because its job is removed while it waits for its next attempt", async () => {
  machine = new Machine("2026-11-25T07:59:50Z");
  const facts = { play: (run: { jobId: string }) => (run.jobId === "a" ? { wait: waiting } : {}), settings: { maxRuns: 1 } };
  const daemon = await machine.start([job("a", "0 8 * * *"), job("fills", "1 8 * * *")], facts);
  await machine.clock.skipUntil("2026-11-25T08:01:05Z");
  // A file that cannot be read may be its own.
  void daemon.scheduler.replaceJobs([], false);
  await machine.clock.pass(1_100);
  expect(await machine.story("a")).toEqual(["08:00 waiting"]);
  void daemon.scheduler.replaceJobs([job("fills", "1 8 * * *")], true);
  await machine.clock.pass(100);
  expect(await machine.rows("a")).toMatchObject([{ status: "cancelled", reason: "the job was removed or disabled" }]);
});

it.each([false, true])(
  "because its job was removed while nobody was there, and it waits for hours; by a tick: %s",
  async (once) => {
    machine = new Machine("2026-11-25T07:59:50Z");
    const wait = { ...waiting, until: Date.parse("2026-11-25T12:00:00Z") };
    const daemon = await machine.start([job("a", "0 8 * * *")], { play: () => ({ wait }) });
    await machine.clock.pass(15_000);
    await daemon.kill();
    const broken = await machine.start([], { complete: false, once });
    await machine.clock.pass(3_000);
    expect(await machine.story("a")).toEqual(["08:00 waiting"]);
    await broken.kill();
    await machine.start([], { once });
    await machine.clock.pass(100);
    expect(await machine.story("a")).toEqual(["08:00 cancelled"]);
  },
);

it("because its job was removed, put aside after that by a process that still had it", async () => {
  machine = new Machine("2026-11-25T07:59:50Z");
  const all = [job("a", "0 8 * * *")];
  const old = await machine.start(all, { play: open });
  await machine.clock.pass(15_000);
  await machine.start(all);
  const [run] = old.running();
  if (run !== undefined) run.stubborn.value = true;
  old.stop.abort();
  await machine.clock.pass(2_000);
  void machine.processes[1]?.scheduler.replaceJobs([], true);
  await machine.clock.pass(2_000);
  expect(await machine.story("a")).toEqual(["08:00 running"]);
  await run?.park(Date.parse("2026-11-25T12:00:00Z"));
  await machine.clock.pass(2_000);
  expect(await machine.story("a")).toEqual(["08:00 cancelled"]);
});

it.each(["a", "*"])("because of a pause of %s, a short one as well", async (jobId) => {
  await inLine();
  const person = await machine.ledger();
  await person.pause({ jobId, at: machine.clock.now(), by: "maria", until: machine.clock.now() + 300 });
  await person.close();
  await machine.clock.pass(2_000);
  expect(await machine.story("a")).toEqual(["08:00 skipped"]);
});

it("because of a pause, claimed ahead by another process", async () => {
  machine = new Machine("2026-11-25T07:59:30Z");
  const daemon = await machine.start([job("fills", "59 7 * * *"), job("a", "0 * * * *")], {
    play: open,
    settings: { maxRuns: 1 },
  });
  await machine.clock.pass(28_500);
  const other = await machine.ledger();
  const slotAt = Date.parse("2026-11-25T08:00:00Z");
  const facts = { jobName: "a", modelAsked: "", simulated: false, jobHash: "h", owner: machine.owner() };
  await other.claimSlots([{ runId: "others", jobId: "a", trigger: "slot", slotAt, startedAt: slotAt, ...facts }]);
  await machine.clock.pass(1_000);
  await other.pause({ jobId: "a", at: machine.clock.now(), by: "maria" });
  await machine.clock.pass(3_000);
  expect(daemon.running()).toHaveLength(0);
  expect(await machine.story("a")).toEqual(["08:00 skipped"]);
  await other.close();
});
