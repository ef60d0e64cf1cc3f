/** `run --slot`, and a run by hand that somebody else's request ends: real processes on one ledger. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openLedger } from "../../src/ledger/index.ts";
import { stage, type Stage } from "./stage.ts";

let project: Stage;
beforeEach(() => {
  project = stage();
});
afterEach(() => project.close());

const day = 86_400_000;
/** Of the job below: eight o'clock in Berlin, some whole days ago. */
const slot = "2026-01-15T08:00";
const instant = "2026-01-15T07:00:00.000Z";

/** Adds a line to a file each time it is carried out. */
function command(script: string, more: object = {}): void {
  project.write("jobs/each-day.json", {
    id: "each-day",
    schedule: { kind: "cron", expr: "0 8 * * *", tz: "Europe/Berlin" },
    payload: { kind: "command", argv: ["sh", "-c", script] },
    workDir: project.dir,
    ...more,
  });
}

const lines = (file: string): string[] => readFileSync(path.join(project.dir, file), "utf8").trim().split("\n");

interface Document {
  readonly run: { readonly status: string; readonly reason: string; readonly exitCode: number; readonly blockedBy?: string };
}
const document = (stdout: string): Document["run"] => (JSON.parse(stdout) as Document).run;

describe("run --slot", () => {
  it(
    "answers a slot once, however many processes want to, and tells its programs which slot it is",
    { timeout: 60_000 },
    async () => {
      const told = 'echo "$SLOT $IDEMPOTENCY_KEY" >>';
      command(`${told} turn; sleep 0.2`, {
        gate: ["sh", "-c", `${told} gate`],
        expect: { command: ["sh", "-c", `${told} expected`], notEmpty: false },
      });
      const all = await Promise.all(
        Array.from({ length: 5 }, () => project.runner(["run", "each-day", "--slot", slot, "--json"])),
      );
      const runs = all.map(({ stdout }) => document(stdout));
      expect(runs.map(({ status }) => status).toSorted()).toEqual(["skipped", "skipped", "skipped", "skipped", "succeeded"]);
      expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
      for (const file of ["gate", "turn", "expected"]) expect(lines(file)).toEqual([`${instant} slot:each-day:${instant}`]);
      const again = await project.runner(["run", "each-day", "--slot", "2026-01-15T07:00:00Z", "--json", "--fail-on-skip"]);
      expect([again.code, document(again.stdout).reason]).toEqual([
        1,
        expect.stringMatching(/^run \w{8} has this slot already \(succeeded\)$/),
      ]);
      expect(lines("turn")).toHaveLength(1);
      // Whoever came second is no second record of the slot, nor the job's last end.
      const { stdout } = await project.runner(["history", "each-day", "--json"]);
      expect(stdout.match(/"status": ?"\w+"/g)).toEqual([expect.stringContaining("succeeded")]);
    },
  );

  it("leaves a slot free when another run of the job is in its way", { timeout: 60_000 }, async () => {
    command('echo "slot: $SLOT" >> turn; while ! test -e go; do sleep 0.02; done');
    const first = project.start(["run", "each-day", "--json"]);
    await vi.waitFor(() => expect(existsSync(path.join(project.dir, "turn"))).toBe(true), { timeout: 20_000 });
    const skipped = document((await project.runner(["run", "each-day", "--slot", slot, "--json"])).stdout);
    expect([skipped.status, skipped.reason]).toEqual(["skipped", expect.stringContaining("of this job is under way")]);
    project.write("go", "");
    expect(document((await first.ended).stdout).status).toBe("succeeded");
    expect(document((await project.runner(["run", "each-day", "--slot", slot, "--json"])).stdout).status).toBe("succeeded");
    expect(lines("turn")).toEqual(["slot: ", `slot: ${instant}`]);
  });

  it("says which slots are near one that is none, and refuses one that has not come", async () => {
    command("exit 0");
    const none = await project.runner(["run", "each-day", "--slot", "2026-01-15T09:30"]);
    expect([none.code, none.stdout]).toEqual([2, ""]);
    expect(none.stderr).toContain("--slot: Thu 2026-01-15 09:30:00 +01:00 (2026-01-15 08:30:00Z) is no slot of each-day");
    expect(none.stderr).toContain("before it Thu 2026-01-15 08:00:00 +01:00");
    expect(none.stderr).toContain("after it Fri 2026-01-16 08:00:00 +01:00");
    const tomorrow = new Date(Date.now() + 2 * day).toISOString().slice(0, 10);
    const early = await project.runner(["run", "each-day", "--slot", `${tomorrow}T08:00`]);
    expect([early.code, early.stderr]).toEqual([2, expect.stringContaining("has not come yet")]);
    const unread = await project.runner(["run", "each-day", "--slot", "yesterday"]);
    expect([unread.code, unread.stderr]).toEqual([2, expect.stringContaining("on the clocks of Europe/Berlin")]);
    command("exit 0", { schedule: { kind: "manual" } });
    const never = await project.runner(["run", "each-day", "--slot", slot]);
    expect([never.code, never.stderr]).toEqual([2, expect.stringContaining("Its schedule has no slots")]);
    expect(existsSync(project.stateDir)).toBe(false);
  });
});

describe("run --slot due", () => {
  /** Each ten minutes, so that a test that runs into the next slot does so within one of them only. */
  const soon = { schedule: { kind: "every", everyMs: 600_000 } };

  /** Every day of the week but the one in three days. */
  const aroundToday = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"].toSpliced((new Date().getDay() + 3) % 7, 1);

  it("answers the newest slot once, whoever is started for it", { timeout: 60_000 }, async () => {
    command('echo "$SLOT" >> turn', soon);
    const started = Date.now();
    const all = await Promise.all(
      Array.from({ length: 4 }, () => project.runner(["run", "each-day", "--slot", "due", "--json"])),
    );
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const slots = [started, Date.now()].map((at) => new Date(Math.floor(at / 600_000) * 600_000).toISOString());
    expect(lines("turn")).toEqual([...new Set(slots)].slice(-lines("turn").length));
    const statuses = all.map(({ stdout }) => document(stdout).status);
    expect(statuses.filter((status) => status === "succeeded")).toHaveLength(lines("turn").length);
    expect(new Set(statuses)).toEqual(new Set(["succeeded", "skipped"]));
  });

  it.each<[string, object, RegExp]>([
    [
      "too late, and not made up for",
      { schedule: { kind: "cron", expr: "0 0 1 1 *" }, catchUp: "skip" },
      /^no slot of each-day is due; the newest was \w+ \d{4}-01-01 00:00:00 \S+: .*; the next is /,
    ],
    ["in a blackout", { schedule: { ...soon.schedule, blackout: aroundToday } }, /: in a blackout: /],
    [
      "yet to come",
      { schedule: { kind: "at", at: "2099-01-01T00:00:00Z" } },
      /^no slot of each-day is due; the next is Thu 2099-/,
    ],
    ["of a disabled job", { ...soon, enabled: false }, /^each-day is disabled/],
  ])("is nothing to do where it is %s", async (_, over, words) => {
    command("echo never >> turn", over);
    const told = await project.runner(["run", "each-day", "--slot", "due", "--json", "--fail-on-skip"]);
    expect([told.code, JSON.parse(told.stdout)]).toEqual([
      1,
      expect.objectContaining({ kind: "run", run: null, reason: expect.stringMatching(words) as string }),
    ]);
    expect(existsSync(path.join(project.dir, "turn"))).toBe(false);
  });

  it("leaves a slot alone that was due in a pause which is over", async () => {
    command("echo never >> turn", { schedule: { kind: "every", everyMs: day } });
    const ledger = await openLedger({ stateDir: project.stateDir });
    const now = Date.now();
    const due = Math.floor(now / day) * day;
    await ledger.pause({ jobId: "each-day", at: due - 60_000, by: "maria", until: Math.min(due + 500, now) });
    await ledger.close();
    const told = await project.runner(["run", "each-day", "--slot", "due", "--state-dir", project.stateDir]);
    expect([told.code, told.stdout, told.stderr]).toEqual([
      0,
      "",
      expect.stringMatching(/^no slot of each-day is due; .*: the job (?:is|was) paused by maria; the next is /),
    ]);
  });

  it("says nothing with -q, obeys a pause, and refuses a job that has no slots", { timeout: 60_000 }, async () => {
    command("echo never >> turn", soon);
    await project.runner(["pause", "each-day", "--reason", "no season"]);
    const paused = await project.runner(["run", "each-day", "--slot", "due"]);
    expect([paused.code, paused.stdout, paused.stderr]).toEqual([
      0,
      "",
      expect.stringMatching(/^no slot of each-day is due; .*: the job is paused by .*: no season; the next is /),
    ]);
    expect(await project.runner(["run", "each-day", "--slot", "due", "-q"])).toMatchObject({ code: 0, stdout: "", stderr: "" });
    command("exit 0", { schedule: { kind: "boot" } });
    const none = await project.runner(["run", "each-day", "--slot", "due"]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("has no slots")]);
    expect(existsSync(path.join(project.dir, "turn"))).toBe(false);
  });
});

it(
  "a run by hand ends when somebody asks for it, without a daemon, and with the request's words",
  { timeout: 60_000 },
  async () => {
    command("echo $RUNNER_RUN_ID > running; exec sleep 1000");
    const started = project.start(["run", "each-day", "--json", "--state-dir", project.stateDir]);
    const file = path.join(project.dir, "running");
    await vi.waitFor(() => expect(existsSync(file) && readFileSync(file, "utf8").trim().length).toBeGreaterThan(30), {
      timeout: 20_000,
    });
    const ledger = await openLedger({ stateDir: project.stateDir });
    expect(
      await ledger.requestCancel({ runId: readFileSync(file, "utf8").trim(), at: Date.now(), reason: "cancelled by maria" }),
    ).toBe(true);
    const { code, stdout } = await started.ended;
    expect([code, document(stdout)]).toMatchObject([130, { status: "cancelled", reason: "cancelled by maria" }]);
    await ledger.close();
  },
);
