/** pause, resume, cancel and reset, without a daemon: the real command line, and what it leaves in the ledger. */
import assert from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { thisOwner } from "../../src/engine/owner.ts";
import { openLedger } from "../../src/ledger/index.ts";
import type { Ledger, RunRow } from "../../src/ledger/ledger.ts";
import { runFinish, runStart } from "../ledger/records.ts";
import { day, hour, lost, minute, newId, ran, writeJobs } from "./fared.ts";
import { stage, type Stage } from "./stage.ts";

let project: Stage;
let stateDir: string;
let folders = 0;

beforeEach(() => {
  if (folders === 0) {
    project = stage();
    writeJobs(project);
  }
  folders += 1;
  stateDir = `${project.stateDir}-${folders}`;
});
afterAll(() => project.close());

const runner = (...args: readonly string[]): ReturnType<Stage["runner"]> => project.runner([...args, "--state-dir", stateDir]);

async function withLedger<T>(work: (ledger: Ledger) => Promise<T>): Promise<T> {
  const ledger = await openLedger({ stateDir });
  try {
    return await work(ledger);
  } finally {
    await ledger.close();
  }
}

async function runOf(ledger: Ledger, runId: string): Promise<RunRow> {
  const found = await ledger.run(runId);
  assert(found !== undefined && !("ambiguous" in found));
  return found.run;
}

async function queued(ledger: Ledger, jobId: string, slotAt = Math.floor(Date.now() / 1000) * 1000): Promise<string> {
  const runId = newId();
  const { leaseUntil: _, ...claim } = runStart({ runId, jobId, jobName: jobId, startedAt: slotAt, slotAt });
  const [claimed] = await ledger.claimSlots([{ ...claim, trigger: "slot" }]);
  expect(claimed).toMatchObject({ won: true });
  return runId;
}

async function waiting(ledger: Ledger, jobId: string): Promise<string> {
  const runId = newId();
  const now = Date.now();
  await ledger.claimRun(runStart({ runId, jobId, jobName: jobId, startedAt: now, owner: thisOwner(), leaseUntil: now + hour }));
  expect(
    await ledger.parkRun(runId, {
      until: now + hour,
      why: "the plan resets",
      kind: "later",
      since: now,
      ranMs: 10,
      uncounted: 0,
    }),
  ).toBe(true);
  return runId;
}

describe("pause and resume", () => {
  it("pauses a job once, says so a second time, and is replaced by one that says more", async () => {
    const first = await runner("pause", "well", "--reason", "the shop is closed");
    expect([first.code, first.stdout]).toEqual([0, ""]);
    expect(first.stderr).toMatch(/^well is paused by \S+: the shop is closed\n.*To end it: runner resume well\n$/);
    const again = await runner("pause", "well");
    expect([again.code, again.stderr]).toEqual([
      0,
      expect.stringMatching(/^well is paused already, by \S+ .* ago: the shop is closed\n$/),
    ]);
    const more = await runner("pause", "well", "--for", "2h");
    expect(more.stderr).toMatch(/until \w{3} 20\d\d-.*\nThis takes the place of the pause by/);
    const { pauses, events } = await withLedger(async (ledger) => ({
      pauses: await ledger.pauses(Date.now()),
      events: await ledger.events({ jobId: "well" }),
    }));
    expect(pauses.get("well")).toMatchObject({ by: expect.any(String) as string });
    expect((pauses.get("well")?.until ?? 0) - Date.now()).toBeGreaterThan(2 * hour - minute);
    expect(events.map(({ kind }) => kind)).toEqual(["paused", "paused"]);
    expect((await runner("resume", "well")).stderr).toMatch(/^well is resumed; it was paused by/);
    expect((await runner("resume", "well")).stderr).toBe("well is not paused by itself; nothing was changed.\n");
  });

  it("keeps no reason that holds a key, or is a text of its own", async () => {
    const key = "sk-planted-0123456789abcdefghijklmnop";
    const refused = await runner("pause", "well", "--reason", `no ${key}`);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("--reason holds what looks like a key")]);
    expect(refused.stderr).not.toContain(key);
    expect((await runner("pause", "well", "--reason", "x".repeat(501))).stderr).toContain("at most 500 are kept");
    expect((await runner("resume", "well")).stderr).toBe("well is not paused by itself; nothing was changed.\n");
  });

  it("pauses everything, names what is paused by itself, and takes times on the clocks of the zone", async () => {
    const year = new Date().getUTCFullYear() + 1;
    const all = await runner("pause", "--all", "--until", `${year}-07-01`);
    expect(all.stderr).toContain(`everything is paused by`);
    expect(all.stderr).toContain(`${year}-07-01 00:00:00`);
    await runner("pause", "well");
    expect((await runner("resume", "well")).stderr).toContain("Everything is still paused");
    await runner("pause", "well");
    const resumed = await runner("resume", "--all", "--json");
    expect(JSON.parse(resumed.stdout)).toMatchObject({ version: 1, kind: "resume", changed: true, stillPaused: ["well"] });
    expect((await runner("resume", "--all")).stderr).toMatch(
      /There is no pause of everything.*\nStill paused by themselves: well/,
    );
  });

  it("says what is wrong with what was asked", async () => {
    const wrong: readonly (readonly [readonly string[], string])[] = [
      [["pause"], "which job? or everything?"],
      [["pause", "well", "--all"], "give a job or --all, not both"],
      [["pause", "wel"], 'did you mean "well"?'],
      [["pause", "well", "--for", "2h", "--until", "2099-01-01"], "--for and --until say the same thing"],
      [["pause", "well", "--until", "2020-01-01"], "has passed"],
      [
        ["pause", "well", "--until", "someday"],
        '"someday" is no time\nWrite in 2h, 09:00, tomorrow, tomorrow 09:00, monday, monday 09:00,',
      ],
      [["resume", "nobody"], "there is no job"],
      [["cancel", "nobody"], "nothing has been run yet"],
      [["reset", "nobody"], "there is no job"],
    ];
    const answers = await Promise.all(wrong.map(([args]) => runner(...args)));
    expect(
      answers.map(({ code, stderr }, at) => [code, stderr.includes(wrong[at]?.[1] ?? "") ? wrong[at]?.[1] : stderr]),
    ).toEqual(wrong.map(([, words]) => [2, words]));
  });

  it("knows a job from its history alone, and makes no ledger where there is nothing to resume", async () => {
    expect((await runner("resume", "well")).code).toBe(0);
    expect((await runner("status", "well")).stdout).toContain("not looked after yet");
    await withLedger((ledger) => ran(ledger, { jobId: "gone", jobName: "gone for good", startedAt: Date.now() - day }));
    expect((await runner("pause", "gone for good")).stderr).toMatch(
      /It is not in the job files as they are[^]*runner resume 'gone for good'/,
    );
    expect((await runner("resume", "gone")).stderr).toMatch(/^gone for good is resumed/);
  });
});

describe("cancel", () => {
  it("closes at once what no process has, and says so of what has ended", async () => {
    const ids = await withLedger(async (ledger) => [await queued(ledger, "late"), await waiting(ledger, "waits")] as const);
    expect((await runner("cancel", ids[0].slice(0, 8))).stderr).toMatch(/ of late is cancelled; it had not begun\n$/);
    expect((await runner("cancel", ids[1])).stderr).toMatch(/ of waits is cancelled; it was waiting, and had no process\n$/);
    await withLedger(async (ledger) => {
      for (const id of ids) expect(await runOf(ledger, id)).toMatchObject({ status: "cancelled", exitCode: 130 });
      expect((await runOf(ledger, ids[0])).reason).toMatch(/^cancelled by \S+$/);
    });
    const again = await runner("cancel", ids[0]);
    expect([again.code, again.stderr]).toEqual([
      0,
      expect.stringMatching(/has ended already: cancelled .* ago; nothing was changed\n$/),
    ]);
  });

  it("ends every open run of a job that is named", async () => {
    const ids = await withLedger(async (ledger) => [await waiting(ledger, "waits"), await queued(ledger, "waits")]);
    const { code, stdout } = await runner("cancel", "waits", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: "cancel",
      runs: ids.map((runId) => ({ runId, job: "waits", how: "closed", ended: true })),
    });
  });

  it("ends what a dead process left behind, and closes its run", async () => {
    const id = await withLedger((ledger) => lost(ledger, { jobId: "dead", startedAt: Date.now() - 25 * hour }));
    const marked = spawn("sleep", ["60"], { env: { ...process.env, RUNNER_RUN_ID: id }, stdio: "ignore" });
    await once(marked, "spawn");
    const gone = once(marked, "exit");
    const { code, stderr } = await runner("cancel", id.slice(0, 8));
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/is cancelled; its process had died, and nothing of it is left\n$/),
    ]);
    await gone;
    await withLedger(async (ledger) =>
      expect(await runOf(ledger, id)).toMatchObject({
        status: "cancelled",
        reason: expect.stringMatching(/^cancelled by \S+; its process \(pid 4711\) had died/) as string,
      }),
    );
  });

  it("asks a living process, and waits for the end that it records", async () => {
    const ledger = await openLedger({ stateDir });
    const runId = newId();
    const now = Date.now();
    await ledger.claimRun(
      runStart({ runId, jobId: "well", jobName: "well", startedAt: now, owner: thisOwner(), leaseUntil: now + hour }),
    );
    const asked = runner("cancel", "well");
    let requests = await ledger.cancelRequests();
    for (; requests.length === 0; requests = await ledger.cancelRequests()) await wait(10);
    expect(requests).toMatchObject([{ runId, reason: expect.stringMatching(/^cancelled by/) as string }]);
    await ledger.finishRun(runId, runFinish({ status: "cancelled", finishedAt: now + 5_000, exitCode: 130 }));
    expect(await asked).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/ of well is cancelled, after 5 s\n$/) as string,
    });
    await ledger.close();
  });

  it("comes back with 75 when the run does not end in time, and at once with --no-wait; the request stays", async () => {
    const ledger = await openLedger({ stateDir });
    const runId = newId();
    const now = Date.now();
    await ledger.claimRun(
      runStart({ runId, jobId: "well", jobName: "well", startedAt: now, owner: thisOwner(), leaseUntil: now + hour }),
    );
    expect(await runner("cancel", runId, "--no-wait")).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`was asked to end (pid ${process.pid} on`) as string,
    });
    expect(await runner("cancel", runId, "--wait", "300ms")).toMatchObject({
      code: 75,
      stderr: expect.stringContaining("has not ended after 300 ms; the request stays") as string,
    });
    expect(await ledger.cancelRequests()).toHaveLength(1);
    await ledger.close();
  });
});

describe("reset", () => {
  it("shows what it would do and does nothing, then does it, and has nothing left to do but arm", async () => {
    const now = Date.now();
    const ids = await withLedger(async (ledger) => {
      await ledger.armJobs([{ jobId: "dead", jobName: "dead", scheduleHash: "old" }], now - 9 * day, false);
      const dead = await lost(ledger, { jobId: "dead", startedAt: now - 25 * hour });
      await ledger.changeBreaker("model:kimi-coding/k2p5", () => ({
        failures: 5,
        openUntil: now + hour,
        opened: 1,
        probingUntil: 0,
        fault: "overloaded",
        why: "it failed five times",
        changedAt: now,
      }));
      await ledger.changeBreaker("model:other/model", () => ({
        failures: 5,
        openUntil: now + hour,
        opened: 1,
        probingUntil: 0,
        fault: "overloaded",
        why: "it failed five times",
        changedAt: now,
      }));
      await ledger.rememberRung({
        provider: "kimi-coding",
        model: "k2p5",
        fault: "stream_order",
        notedAt: now,
        expiresAt: now + hour,
      });
      return { dead };
    });
    const plan = await runner("reset", "dead", "--dry-run");
    expect(plan.stderr.split("\n").map((line) => line.replace(/begun .* ago/, "begun"))).toEqual([
      "dead would begin afresh:",
      `  run ${ids.dead.slice(0, 8)}, begun: its process has died; what is left of it is ended, and it is closed`,
      "  model kimi-coding/k2p5 is asked again, whatever failed before",
      "  kimi-coding/k2p5 is streamed again, although its streams broke",
      "  its slots count from now on; nothing from before is made up for",
      "",
    ]);
    await withLedger(async (ledger) => {
      expect((await runOf(ledger, ids.dead)).status).toBe("running");
      expect((await ledger.armed()).get("dead")?.since).toBe(now - 9 * day);
    });
    const done = await runner("reset", "dead");
    expect([done.code, done.stderr]).toEqual([0, expect.stringMatching(/^dead begins afresh:\n/)]);
    await withLedger(async (ledger) => {
      expect((await runOf(ledger, ids.dead)).status).toBe("cancelled");
      expect((await ledger.armed()).get("dead")?.since).toBeGreaterThanOrEqual(now);
      expect([...(await ledger.breakers()).keys()]).toEqual(["model:other/model"]);
      expect(await ledger.rungMemories(Date.now())).toEqual([]);
      expect(await ledger.events({ jobId: "dead" })).toMatchObject([{ kind: "reset" }]);
    });
    expect((await runner("reset", "dead")).stderr).toBe(
      "dead begins afresh:\n  its slots count from now on; nothing from before is made up for\n",
    );
  });

  it("and cancel of a job, leave alone a slot that is to come, though it is claimed; by its id it is cancelled", async () => {
    const soon = Date.now() + hour;
    const id = await withLedger(async (ledger) => queued(ledger, "coming", soon));
    expect((await runner("reset", "coming")).stderr).toBe("coming: there is nothing to reset.\n");
    const nothing = await runner("cancel", "coming");
    expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining('there is no run of "coming" yet')]);
    await withLedger(async (ledger) => expect(await runOf(ledger, id)).toMatchObject({ status: "queued" }));
    expect((await runner("show", id)).stdout).toContain(`not yet; in line from ${new Date(soon).toISOString().slice(0, 10)}`);
    expect((await runner("cancel", id)).stderr).toMatch(/ of coming is cancelled; it had not begun\n$/);
  });

  it("has nothing to do for a job that has no slots: one that is disabled, or due at a start of the machine", async () => {
    project.write("jobs/off.yaml", 'command: ["true"]\nevery: 1m\nenabled: false\n');
    project.write("jobs/up.yaml", 'command: ["true"]\ncron: "@reboot"\n');
    for (const name of ["off", "up"]) expect((await runner("reset", name)).stderr).toBe(`${name}: there is nothing to reset.\n`);
    expect(await runner("explain", "off")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("runner explain off --at TIME") as string,
    });
    expect((await runner("reload", "--check")).stdout).not.toContain("off");
  });

  it("cancels what waits, leaves alone what lives, and needs no file", async () => {
    const now = Date.now();
    const id = await withLedger(async (ledger) => {
      await waiting(ledger, "gone");
      const alive = newId();
      await ledger.claimRun(
        runStart({ runId: alive, jobId: "well", jobName: "well", startedAt: now, owner: thisOwner(), leaseUntil: now + hour }),
      );
      return alive;
    });
    expect(JSON.parse((await runner("reset", "gone", "--json")).stdout)).toMatchObject({
      kind: "reset",
      dryRun: false,
      steps: [{ kind: "cancel", run: { status: "waiting" }, done: true }],
    });
    expect((await runner("reset", "gone")).stderr).toBe("gone: there is nothing to reset.\n");
    const live = await runner("reset", "well");
    expect([live.code, live.stderr]).toEqual([
      0,
      expect.stringContaining(`stays so; to end it: runner cancel ${id.slice(0, 8)}`),
    ]);
  });
});
