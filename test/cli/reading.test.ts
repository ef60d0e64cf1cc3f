/** The commands that say what happened, on a ledger as some days of use leave it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { once } from "node:events";
import { thisOwner } from "../../src/engine/owner.ts";
import { openLedger } from "../../src/ledger/index.ts";
import { attemptStart, runFinish } from "../ledger/records.ts";
import { stage, type Stage } from "./stage.ts";
import { ids, jobId, noon, start, tellDied, tellRuns } from "./told-runs.ts";

let project: Stage;
let place: readonly string[];

beforeAll(async () => {
  project = stage();
  place = ["--state-dir", project.stateDir];
  project.write("jobs/fpl-daily-check.json", {
    id: jobId,
    name: "fpl-daily-check",
    payload: { kind: "agentTurn", message: "Run FPL check...", model: "kimi-coding/k2p5" },
  });
  project.write("jobs/never.json", { name: "never", payload: { kind: "agentTurn", message: "…", model: "kimi-coding/k2p5" } });
  await tellRuns(project.stateDir);
  await tellDied(project.stateDir);
});

afterAll(() => project.close());

const runner = (...args: readonly string[]): ReturnType<Stage["runner"]> => project.runner([...args, ...place]);

async function json(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { stdout } = await runner(...args, "--json");
  const body: Record<string, unknown> = JSON.parse(stdout);
  expect(body["version"]).toBe(1);
  return body;
}

async function listed(...args: readonly string[]): Promise<unknown[]> {
  const { runs } = await json("history", ...args);
  return (runs as readonly { readonly runId: string }[]).map(({ runId }) => runId);
}

describe("explain", () => {
  it("tells a healed run in plain words, top to bottom", async () => {
    const { code, stdout } = await runner("explain", ids.healed.slice(0, 8));
    expect(code).toBe(0);
    expect(stdout).toBe(`run ${ids.healed}

fpl-daily-check was started by its schedule at 2026-11-24 12:00:00Z, 4 s after it was due. Its model is kimi-coding/k2p5.
  Question 1:
    1. kimi-coding/k2p5: two answers in one stream: refused, because a wrong answer is worse than none (in 1.5 s).
    2. after a wait of 2 s, the same again: the answer began anew in the middle of the stream: refused, because nobody can tell which half counts (in 1.5 s).
    3. the same model without streaming: a whole answer, in 1.5 s.
What healed it: asking without streaming.
It took 6.8 s, 2 s of that waiting, 3 requests to providers, 3,980 tokens (3,600 in, 380 out), $0.0031.
It succeeded (exit 0): answered by kimi-coding/k2p5 with streaming off; healed: 2 × stream_order
`);
  });

  it("takes a job's name, also of a job whose file is gone, and `last`, and gives the same as JSON", async () => {
    const { run, story } = await json("explain", "fpl-daily-check");
    expect(run).toMatchObject({ runId: ids.healed, status: "succeeded", died: false });
    expect(story).toContainEqual({ about: "healing", text: "What healed it: asking without streaming.", depth: 0, tone: "good" });
    expect(await json("explain", "orders")).toMatchObject({ run: { runId: ids.acted } });
    expect(await json("explain", "last")).toMatchObject({ run: { runId: ids.died, status: "running", died: true } });
  });

  it("says what to do about what is not there", async () => {
    expect(await runner("explain", "never")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("never has not been run yet\nStart it: runner run never") as string,
    });
    expect(await runner("explain", "nobody")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no run "nobody"') as string,
    });
    const nothing = await project.runner(["explain", "last", "--state-dir", `${project.stateDir}-none`]);
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining("nothing has been run yet") as string });
    // A daemon makes a ledger before there is a run.
    const stateDir = `${project.stateDir}-empty`;
    await (await openLedger({ stateDir })).close();
    expect(await project.runner(["explain", "last", "--state-dir", stateDir])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("nothing has been run yet") as string,
    });
  });
});

describe("logs", () => {
  it("shows a run moment by moment, with times, in the order in which it happened", async () => {
    const { code, stdout } = await runner("logs", ids.acted);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => line.slice(0, 24)).filter((time) => !time.startsWith("?"))).toEqual(
      lines
        .map((line) => line.slice(0, 24))
        .filter((time) => !time.startsWith("?"))
        .toSorted(),
    );
    expect(lines.at(-1)).toBe("2026-11-24 12:03:00.000Z  interrupted after 1 min, exit 1: its process was gone");
    expect(lines.findIndex((line) => line.startsWith("?"))).toBe(lines.length - 4);
    expect(stdout).toContain("tool 2 delete_order (mcp:shop) refused in 2 ms, 0 bytes: not among the granted tools");
  });

  it("shows a gate, and gives one JSON document a line", async () => {
    expect((await runner("logs", "mail")).stdout).toContain("gate nothing to do, 150 ms: no new mail");
    const { stdout } = await runner("logs", ids.healed, "--json");
    const moments = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(moments.map(({ what }) => what)).toEqual([
      "run_started",
      "attempt_started",
      "call_started",
      "try_started",
      "try_failed",
      "try_started",
      "try_failed",
      "try_started",
      "try_answered",
      "call_finished",
      "attempt_finished",
      "run_finished",
    ]);
    expect(moments[4]).toMatchObject({
      version: 1,
      kind: "log",
      runId: ids.healed,
      at: "2026-11-24T12:00:01.700Z",
      attempt: 1,
      call: 1,
      try: 1,
    });
  });

  it("follows a live run to its end and exits as it did; a signal ends the watching alone", async () => {
    const ledger = await openLedger({ stateDir: project.stateDir });
    const runId = "feed0001-4b6d-bb97-7f58-4eb0ef831111";
    await ledger.claimRun(start({ runId, jobId: "live", jobName: "live", startedAt: Date.now(), owner: thisOwner() }));
    const [watching, stopped] = [1, 2].map(() => project.start(["logs", "live", "-f", ...place]));
    if (watching === undefined || stopped === undefined) throw new Error("two were started");
    await Promise.all([watching, stopped].map(({ process: child }) => once(child.stdout ?? child, "data")));
    stopped.process.kill("SIGINT");
    expect(await stopped.ended).toMatchObject({
      code: 130,
      stdout: expect.stringMatching(/^\S+ \S+ {2}run feed0001.* of live.*\n$/) as string,
    });
    await ledger.startAttempt(attemptStart({ runId, startedAt: Date.now() }));
    await ledger.finishRun(runId, runFinish({ status: "deferred", exitCode: 75, reason: "later", finishedAt: Date.now() }));
    await ledger.close();
    const { code, stdout } = await watching.ended;
    expect(code).toBe(75);
    expect(stdout.match(/run feed0001/g)).toHaveLength(1);
    expect(stdout).toMatch(/attempt 1: first attempt\n[^]*deferred after .*, exit 75: later\n$/);
    expect(await runner("logs", "dead", "-f")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Its process is gone") as string,
    });
  });
});

describe("diff", () => {
  it("compares a job's newest answer with the one before it, as diff(1) does", async () => {
    const { code, stdout } = await runner("diff", "fpl-daily-check");
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: `--- a0000001 2026-11-23 12:00:00Z
+++ a1000001 2026-11-24 12:00:00Z
@@ -1,2 +1,2 @@
 GW13: no injuries.
-Captain: Haaland.
+Captain: Salah.
`,
    });
    expect(await json("diff", ids.healed, ids.before)).toMatchObject({
      same: false,
      added: 1,
      removed: 1,
      from: { runId: ids.healed },
      to: { runId: ids.before },
    });
  });

  it("says when two are the same, and when there is nothing to compare", async () => {
    expect(await runner("diff", ids.healed, ids.healed)).toMatchObject({ code: 0, stdout: "" });
    expect(await runner("diff", "backup")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no earlier answer of backup") as string,
    });
    expect(await runner("diff", ids.lost)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("it ended as blocked") as string,
    });
  });
});

describe("show and history", () => {
  it("shows tools, warnings, cost, the gate, what is repeated, and until when", async () => {
    const acted = (await runner("show", "orders")).stdout;
    expect(acted).toContain("warning    tool delete_order was refused");
    expect(acted).toContain("tool get_orders succeeded in 499 ms");
    expect(acted).toContain("tool place_order failed: ended without a record");
    expect((await runner("show", ids.healed)).stdout).toMatch(/^cost {7}\$0\.0031$/m);
    expect((await runner("show", "json")).stdout).toMatch(/^repeats {4}run c3000001$/m);
    expect((await runner("show", "report")).stdout).toMatch(/^until {6}2026-11-24 14:00:00Z$/m);
    expect((await runner("show", "mail")).stdout).toContain("gate nothing to do in 150 ms: no new mail");
    expect((await runner("show", "backup")).stdout).toContain("a plain command; no model is asked");
  });

  it("narrows the history by ending and by time", async () => {
    expect(await listed("--status", "blocked,interrupted")).toEqual([ids.acted, ids.lost]);
    expect(await listed("fpl-daily-check", "--since", new Date(noon - 1000).toISOString().slice(0, 10))).toEqual([ids.healed]);
    expect(await runner("history", "--status", "missed")).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("No such runs") as string,
    });
    expect(await runner("history", "--status", "broken")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("timed_out") as string,
    });
    expect(await runner("history", "--since", "yesterday")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--since takes 30m") as string,
    });
  });
});

describe("prune", () => {
  it("says what would go, and removes it", async () => {
    const place2 = ["--state-dir", `${project.stateDir}-pruned`];
    await tellRuns(`${project.stateDir}-pruned`);
    const would = await project.runner(["prune", "--keep-runs", "1", "--dry-run", ...place2]);
    expect(would).toMatchObject({ code: 0, stderr: "1 run would be removed, with everything under it.\n" });
    expect(JSON.parse((await project.runner(["prune", "--keep-days", "0", "--json", ...place2])).stdout)).toMatchObject({
      found: 1,
      removed: 1,
      keepRuns: 1,
    });
    expect((await project.runner(["prune", ...place2])).stderr).toBe("Nothing to remove.\n");
    expect((await project.runner(["show", ids.before, ...place2])).code).toBe(2);
    expect((await project.runner(["prune", "--state-dir", `${project.stateDir}-none`])).stderr).toBe("Nothing to remove.\n");
  });
});

describe("cost and reliability", () => {
  // So long as this test is run within a hundred years.
  const days = ["--days", "36500"];

  it("shows what runs used, by job, day and model, and says what has no price", async () => {
    const { code, stdout, stderr } = await runner("cost", ...days);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^JOB +RUNS +FAILED +TOKENS IN +OUT +CACHED +COST\nfpl-daily-check +2 +0 +4,800 +680 +\$0\.0046$/m);
    expect(stdout).toMatch(/^json +1 +1 +1,200 +300 +not known$/m);
    expect(stdout).toMatch(/^total .*\$0\.0046 and more$/m);
    expect(stderr).toContain("The price of 1 run is not known");
    const byDay = await json("cost", "fpl-daily-check", "--by", "day", ...days);
    expect(byDay).toMatchObject({
      by: "day",
      jobId,
      rows: [
        { name: "2026-11-23", runs: 1, costMicroUsd: 1470 },
        { name: "2026-11-24", runs: 1, costMicroUsd: 3110 },
      ],
      total: { runs: 2, costMicroUsd: 4580, unpriced: 0 },
    });
    expect(await runner("cost", "--by", "hour")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--by takes job, day, model") as string,
    });
    expect(await runner("cost", "--days", "0")).toMatchObject({ code: 2 });
    expect(await project.runner(["cost", "--state-dir", `${project.stateDir}-none`])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "No runs in the last 30 days (simulated ones cost nothing and are not counted).\n",
    });
  });

  it("shows how each model did, and what healing took", async () => {
    const { code, stdout } = await runner("reliability", ...days);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^kimi-coding\/k2p5 +4 +75 % \(3 of 4; 30…95 %\) +repair 1, stream off 1 +0 +2 tries, 5 s, 2,480 tokens, \$0\.0016$/m,
    );
    expect(stdout).toMatch(/^moonshot\/kimi-k2\.5 +1 +0 % \(0 of 1; 0…79 %\) +1$/m);
    expect(stdout).toContain('payload.fallbacks: ["PROVIDER/MODEL"]');
    const ofJob = await json("reliability", "digest", ...days);
    expect(ofJob).toMatchObject({ jobId: "digest", models: [{ provider: "moonshot", faults: [["auth", 1]] }] });
    expect(await project.runner(["reliability", "--state-dir", `${project.stateDir}-none`])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("No model was asked") as string,
    });
  });

  it("counts simulated runs only when asked to", async () => {
    const simulated = ["--state-dir", `${project.stateDir}-simulated`];
    await project.runner(["run", "fpl-daily-check", "--simulate", "none", "-q", ...simulated]);
    expect((await project.runner(["reliability", "fpl-daily-check", ...simulated])).stderr).toContain("--simulated");
    expect((await project.runner(["reliability", "fpl-daily-check", "--simulated", ...simulated])).stdout).toContain(
      "100 % (1 of 1",
    );
  });
});
