/** Rows that are gone from the ledger under a scheduler that counts on them. */
import { afterEach, describe, expect, it } from "vitest";
import { LedgerError } from "../../../src/errors.ts";
import { job, Machine, minute, type Play, type Process } from "./stage.ts";

let machine: Machine;
afterEach(() => machine.close());

const slot = Date.parse("2026-11-25T08:00:00Z");
const seconds = 1_000;
const play: Play = (run) => (run.jobId === "fills" ? {} : { afterMs: 100 });

/** One place, taken by the job `fills` until it is told to end; the others stand in line for it. Five seconds after eight o'clock. */
async function inLine(ids: readonly string[], facts: Parameters<Machine["start"]>[1] = {}): Promise<Process> {
  machine = new Machine("2026-11-25T07:59:50Z");
  const jobs = ["fills", ...ids].map((id) => job(id, "*/5 * * * *", { overlap: "queue" }));
  const daemon = await machine.start(jobs, { play, settings: { maxRuns: 1 }, ...facts });
  await machine.clock.pass(15 * seconds);
  return daemon;
}

/** Somebody else gives the claims of a job back, or of all jobs in line. */
async function giveBack(jobId?: string): Promise<void> {
  const other = await machine.ledger();
  const queued = (await other.openRuns()).filter((run) => run.status === "queued" && (jobId ?? run.jobId) === run.jobId);
  await other.giveBackClaims(queued.map(({ runId }) => runId));
  await other.close();
}

describe("a claim in line that is not in the ledger any more", () => {
  it("is claimed again at once, so that its slot has a record whatever comes, and runs when there is a place", async () => {
    const daemon = await inLine(["a"]);
    expect(await machine.story("a")).toEqual(["08:00 queued"]);
    await giveBack();
    expect(await machine.story("a")).toEqual([]);
    await machine.clock.pass(1_100);
    expect(await machine.story("a")).toEqual(["08:00 queued"]);
    await daemon.running()[0]?.end("succeeded");
    await machine.clock.pass(2 * seconds);
    expect(await machine.story("a")).toEqual(["08:00 succeeded"]);
    expect(machine.begun.filter(({ jobId }) => jobId === "a")).toHaveLength(1);
  });

  it("of many: all of them, in a few transactions", async () => {
    const ids = Array.from({ length: 1_200 }, (_, number) => `j${number}`);
    const claims: number[] = [];
    const fail = (method: string, [some]: readonly unknown[]): void => {
      if (method === "claimSlots" && Array.isArray(some)) claims.push(some.length);
    };
    await inLine(ids, { fail });
    await giveBack();
    claims.splice(0);
    await machine.clock.pass(1_100);
    const queued = (await machine.rows()).filter(({ status }) => status === "queued");
    expect(new Set(queued.map(({ jobId, slotAt }) => `${jobId} ${(slotAt ?? 0) - slot}`)).size).toBe(1_200);
    expect(claims).toEqual([500, 500, 200]);
  });

  it("that was ended by somebody is not claimed again", async () => {
    await inLine(["a"]);
    const other = await machine.ledger();
    const [run] = await machine.rows("a");
    const end = { status: "cancelled", finishedAt: machine.clock.now(), reason: "by maria", exitCode: 1, usage: {} } as const;
    await other.finishRun(run?.runId ?? "", end);
    await other.close();
    await machine.clock.pass(5 * seconds);
    expect(await machine.story("a")).toEqual(["08:00 cancelled"]);
  });

  it("is skipped for another run of its job that is queued meanwhile, and not lost", async () => {
    await inLine(["a"]);
    await giveBack("a");
    const other = await machine.ledger();
    const owner = machine.owner();
    const facts = { jobName: "a", modelAsked: "", simulated: false, jobHash: "h", owner, startedAt: machine.clock.now() };
    await other.claimSlots([
      { runId: "again", jobId: "a", trigger: "retry", rerunOf: "before", scheduledFor: slot - minute, ...facts },
    ]);
    await other.close();
    await machine.clock.pass(3 * seconds);
    expect((await machine.rows("a")).find(({ slotAt }) => slotAt === slot)).toMatchObject({
      status: "skipped",
      blockedBy: "again",
    });
  });

  it("is claimed again as soon as the ledger can be written, where it cannot when it is to begin", async () => {
    let full = false;
    const fail = (method: string): void => {
      if (method === "claimSlots" && full) throw new LedgerError("full", "it is full", { location: "x" });
    };
    const daemon = await inLine(["a"], { fail });
    full = true;
    // In the same second the place is free: it is found gone when it is to begin.
    await giveBack("a");
    await daemon.running()[0]?.end("succeeded");
    await machine.clock.pass(100);
    expect(daemon.types()).toContain("held");
    expect(await machine.story("a")).toEqual([]);
    full = false;
    await machine.clock.pass(5 * seconds);
    expect(await machine.story("a")).toEqual(["08:00 succeeded"]);
  });
});
