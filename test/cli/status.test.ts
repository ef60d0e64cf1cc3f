/** `runner status`: the real command line on a project whose jobs are each in another state. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLedger } from "../../src/ledger/index.ts";
import { day, hour, lost, slotBefore, ran, tellStates, writeJobs } from "./fared.ts";
import { stage, type Stage } from "./stage.ts";

let project: Stage;
let ids: Readonly<Record<string, string>>;

beforeAll(async () => {
  project = stage();
  writeJobs(project);
  ids = await tellStates(project.stateDir, Date.now());
});
afterAll(() => project.close());

const runner = (...args: readonly string[]): ReturnType<Stage["runner"]> =>
  project.runner([...args, "--state-dir", project.stateDir]);

interface StatusDocument {
  readonly trouble: boolean;
  readonly daemon: { readonly kind: string };
  readonly jobs: readonly { readonly job: string; readonly light: string; readonly state: { readonly kind: string } }[];
}

describe("status", () => {
  it("knows the state of each job, and exits 1 because some must be looked at", async () => {
    const { code, stdout } = await runner("status", "--json");
    const body = JSON.parse(stdout) as StatusDocument & { readonly version: number };
    expect([code, body.version, body.trouble, body.daemon.kind]).toEqual([1, 1, true, "none"]);
    expect(Object.fromEntries(body.jobs.map(({ job, state, light }) => [job, `${light} ${state.kind}`]))).toEqual({
      well: "green ok",
      late: "red overdue",
      failing: "red failing",
      blocked: "red blocked",
      missed: "yellow missed",
      paused: "yellow paused",
      off: "off disabled",
      new: "yellow not_armed",
      "under-way": "busy running",
      waits: "busy waiting",
      dead: "red died",
    });
  });

  it("prints a table, worst first, says once that no daemon is there, and what to type", async () => {
    const { code, stdout } = await runner("status");
    expect(code).toBe(1);
    expect(stdout.match(/no daemon is running/g)).toHaveLength(1);
    expect(stdout).toMatch(/^✖ {2}late +overdue by \d+ h.* +succeeded .* ago +in .* +100 % +▂▂▂$/m);
    expect(stdout).toMatch(/^✖ {2}failing +failing: 3 in a row +failed .* ago +in .* +25 % +▂███$/m);
    expect(stdout).toMatch(/^● {2}well +ok/m);
    expect(stdout.indexOf("✖  late")).toBeLessThan(stdout.indexOf("▲  missed"));
    expect(stdout).toContain(`    runner explain ${ids["blocked"]?.slice(0, 8)}    runner run blocked`);
    expect(stdout).toContain("runner reset dead");
    expect(stdout).toMatch(/paused by maria 1 h ago: the shop is closed\n {4}runner resume paused/);
  });

  it("says nothing but its exit code with --quiet, and that of one job if it is named", async () => {
    expect(await runner("status", "--quiet")).toMatchObject({ code: 1, stdout: "", stderr: "" });
    expect(await runner("status", "well", "--quiet")).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(await runner("status", "late", "--quiet")).toMatchObject({ code: 1 });
    expect(await runner("status", "late", "--quiet", "--tolerance", "2d")).toMatchObject({ code: 0 });
  });

  it("uses ASCII where the locale knows no other, and names what was misspelt", async () => {
    const { stdout } = await project.runner(["status", "failing", "--state-dir", project.stateDir], { LC_ALL: "C" });
    expect(stdout).toMatch(/^! {2}failing .* \.XXX$/m);
    expect(await runner("status", "failng")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean "failing"?'),
    });
    expect(await runner("status", "--tolerance", "5")).toMatchObject({ code: 2, stderr: expect.stringContaining("has no unit") });
  });

  it("is well where nothing has been run yet, and makes no ledger", async () => {
    const none = `${project.stateDir}-none`;
    const { code, stdout } = await project.runner(["status", "--state-dir", none]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/▲ {2}well +not looked after yet/)]);
  });

  it("exits 78 when a job's file cannot be used and nothing else is wrong", async () => {
    const other = stage();
    other.write("jobs/good.json", { message: "Hello", model: "kimi-coding/k2p5" });
    other.write("jobs/bad.json", '{ "message": ');
    // What a start of the machine makes due waits for nobody but a scheduler.
    other.write("jobs/up.yaml", 'command: ["true"]\ncron: "@reboot"\n');
    const { code, stdout, stderr } = await other.runner(["status"]);
    expect(stdout).toMatch(/○ {2}up +runs when runner starts/);
    expect([code, stderr]).toEqual([78, ""]);
    expect(stdout).toMatch(/^no daemon .*\njob files that cannot be used, so .* does not run:\n {2}jobs\/bad\.json:1:.*\n\n/);
    const { problems } = JSON.parse((await other.runner(["status", "--json"])).stdout);
    expect(problems).toEqual([expect.stringMatching(/^jobs\/bad\.json:1:/)]);
    expect((await other.runner(["status", "--quiet"])).code).toBe(78);
    await other.runner(["tick"]);
    other.write("jobs/new.yaml", 'command: ["true"]\ncron: "@reboot"\n');
    await other.runner(["tick"]);
    expect((await other.runner(["status"])).stdout).toMatch(/^○ {2}new +runs at the next boot\n●? *[^]*^● {2}up +ok /m);
    other.close();
  });
});

describe("status --watch without a terminal", () => {
  it("writes a line for each change, and ends with the signal", async () => {
    const stateDir = `${project.stateDir}-watched`;
    const ledger = await openLedger({ stateDir });
    const slot = slotBefore(Date.now());
    await ledger.armJobs([{ jobId: "well", jobName: "well", scheduleHash: "x" }], slot - day, false);
    await ran(ledger, { jobId: "well", slotAt: slot });
    const { process: child, ended } = project.start(["status", "well", "--watch", "--state-dir", stateDir]);
    const lines: string[] = [];
    const seen = async (pattern: RegExp): Promise<void> => {
      while (!lines.some((line) => pattern.test(line)))
        if (child.stdout !== null) lines.push(...String((await once(child.stdout, "data"))[0]).split("\n"));
    };
    await seen(/well: ok/);
    await lost(ledger, { jobId: "well", startedAt: Date.now() - hour });
    await seen(/well: died, begun 1 h ago \(run /);
    child.kill("SIGTERM");
    expect((await ended).code).toBe(143);
    await ledger.close();
  });
});

describe("the reading commands", () => {
  it("show slots that nobody answered as what they are", async () => {
    const history = (await runner("history", "missed", "-n", "1")).stdout;
    const at = `20\\S+ ${new Date(slotBefore(Date.now())).toISOString().slice(11, 19)}Z`;
    expect(history).toMatch(new RegExp(` ${at} +missed +missed +2 slots, ${at} to ${at}: nobody was there$`, "m"));
    expect((await runner("show", "missed")).stdout).toMatch(/^slot +2 slots, [^]*^started +never$/m);
    expect((await runner("explain", "missed")).stdout).toMatch(
      new RegExp(`^missed has no run for 2 slots, ${at} to ${at}\\.\\n`, "m"),
    );
  });

  it("say until when a run waits, and why; and which job is paused", async () => {
    expect((await runner("history", "waits", "-n", "1")).stdout).toMatch(/waiting .* until 20.*Z, in .*: the plan resets$/m);
    expect((await runner("explain", "waits")).stdout).toMatch(/^It waits to be carried on: until .*: the plan resets$/m);
    expect((await runner("list")).stdout).toMatch(/^paused \(paused\) /m);
    expect((await runner("list")).stdout).toMatch(/^well +0 \d+ \* \* \* /m);
  });

  it("explain why a job did or did not run at a time", async () => {
    const slot = new Date(slotBefore(Date.now())).toISOString();
    const late = await runner("explain", "late", "--at", slot);
    expect([late.code, late.stdout]).toEqual([0, expect.stringContaining("It has not run: it is overdue")]);
    const { stdout } = await runner("explain", "failing", "--at", slot, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      kind: "explanation-at",
      slot: Date.parse(slot),
      record: { runId: ids["failing"] },
    });
    const between = await runner("explain", "missed", "--at", new Date(slotBefore(Date.now()) - hour).toISOString());
    expect(between.stdout).not.toContain("by the schedule of that time");
    expect(between.stdout).toMatch(/^missed has no slot at .*\n {2}The slot before: .*, missed \(run/);
    expect(await runner("explain", "late", "--at", "noon")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is no time"),
    });
  });
});
