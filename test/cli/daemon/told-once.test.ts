/** A crontab's `tick -q` and a job file that cannot be used: its problem is mailed once, not each minute. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { isNews } from "../../../src/cli/daemon/told-once.ts";
import type { Issue } from "../../../src/errors.ts";
import { openLedger } from "../../../src/ledger/index.ts";
import { configFor, keys, plantedKey, root, stage, type Stage } from "../stage.ts";

let project: Stage;
beforeEach(() => {
  project = stage();
});
afterEach(() => project.close());

const redact = (text: string): string => text.replaceAll(plantedKey, "[key]");

it("a job that is blocked is told of once by tick -q, however its words change, and status has the newest", async () => {
  const script = 'echo "$(date +%T.%N) no licence for $$" >&2; exit 1';
  const tools = { mcp: { mail: { command: ["sh", "-c", script] } } };
  const payload = { message: "Say it.", model: "test/model-a", tools };
  project.write("runner.config.json", configFor("https://127.0.0.1:9"));
  project.write("jobs/quick.json", { name: "quick", schedule: { every: "1s" }, payload, retry: { maxAttempts: 1 } });
  const reason = async (): Promise<string> => {
    const { stdout } = await project.runner(["status", "quick", "--json"], keys);
    return String(JSON.parse(stdout).jobs[0].state.reason ?? "");
  };
  const told: string[] = [];
  const words = new Set<string>();
  while (words.size < 3) {
    const { code, stderr } = await project.runner(["tick", "-q"], keys);
    const now = await reason();
    told.push(stderr);
    // Not every tick finds a slot that is due; the first of all only arms the job.
    const ran = now !== "" && !words.has(now);
    if (ran) words.add(now);
    expect(code).toBe(ran ? 1 : 0);
  }
  expect(told.filter((text) => text !== "")).toEqual([
    expect.stringMatching(/^\S+ \S+ {2}quick {2}\w{8} {2}blocked: the MCP server mail did not start.*no licence for \d+.*\n$/),
  ]);
  let unasked = await project.runner(["tick"], keys);
  while (unasked.code === 0) unasked = await project.runner(["tick"], keys);
  expect(unasked).toMatchObject({ code: 1, stderr: expect.stringContaining("blocked in") });
});

it("is told once by tick -q, always without, and the exit code stays", { timeout: 60_000 }, async () => {
  project.write("jobs/bad.yaml", 'command: ["true"]\nevry: 1d\n');
  const tick = async (...args: string[]): Promise<readonly [number | null, string]> => {
    const { code, stdout, stderr } = await project.runner(["tick", ...args]);
    return [code, stdout + stderr];
  };
  expect(await tick("-q")).toEqual([
    78,
    expect.stringMatching(/^\S+ \S+ {2}error: not used: jobs\/bad\.yaml:2:\d+: evry: .*\n$/),
  ]);
  expect(await tick("-q")).toEqual([78, ""]);
  expect(await tick()).toEqual([78, expect.stringContaining("jobs/bad.yaml:2:")]);
});

it("is news again when it changes, and when it comes back", async () => {
  const ledger = await openLedger({ stateDir: path.join(project.dir, "state") });
  const bad: Issue = { file: "jobs/bad.yaml", line: 2, path: "evry", message: `is not known: ${plantedKey}` };
  const worse: Issue = { file: "jobs/worse.yaml", path: "every", message: "x".repeat(2_000) };
  const asked: boolean[] = [];
  for (const issues of [[], [bad], [bad], [bad, worse], [bad, { ...worse, line: 3 }], [bad], [], [], [bad], [worse], [worse]])
    asked.push(await isNews({ ledger, redact }, issues));
  expect(asked).toEqual([false, true, false, true, true, true, false, false, true, true, false]);
  const events = await ledger.events({ limit: 20 });
  await ledger.close();
  // One line each time that something changed, and none for what stayed.
  expect(events.map(({ kind }) => kind).toReversed()).toEqual([
    ...Array.from({ length: 4 }, () => "files_refused"),
    "files_mended",
    ...Array.from({ length: 2 }, () => "files_refused"),
  ]);
  expect(events.map(({ text }) => text).join("\n")).not.toContain(plantedKey);
});

it(
  "a configuration that cannot be used is told once by tick -q, until it is another or comes back",
  { timeout: 60_000 },
  async () => {
    project.write("jobs/good.yaml", 'command: ["true"]\nevery: 1d\n');
    const tick = async (...args: string[]): Promise<readonly [number | null, string]> => {
      const { code, stdout, stderr } = await project.runner(["tick", ...args]);
      return [code, stdout + stderr];
    };
    const broken = [78, expect.stringMatching(/^error: runner\.config\.yaml:1:\d+: modle: .*\n$/)];
    project.write("runner.config.yaml", "modle: test/a\n");
    expect(await tick("-q")).toEqual(broken);
    expect(await tick("-q")).toEqual([78, ""]);
    expect(await tick("-q", "--json")).toEqual([78, ""]);
    expect(await tick(), "asked by a person").toEqual(broken);
    project.write("runner.config.yaml", "timezon: UTC\n");
    expect(await tick("-q"), "another problem").toEqual([78, expect.stringContaining("timezon")]);
    project.write("runner.config.yaml", "timezone: UTC\n");
    expect(await tick("-q")).toEqual([0, ""]);
    project.write("runner.config.yaml", "timezon: UTC\n");
    expect(await tick("-q"), "it came back").toEqual([78, expect.stringContaining("timezon")]);
    // A ledger that cannot be opened is another problem, and has the exit code of its own.
    project.write("runner.config.yaml", "stateDir: /dev/null/state\n");
    const [code, words] = await tick("-q");
    expect([code === 78 || code === 75, words]).toEqual([true, expect.stringMatching(/^error: .*\/dev\/null\/state/)]);
    expect(await tick("-q")).toEqual([code, ""]);
  },
);

it.skipIf(process.platform === "win32")("on a disk to which nothing can be written it is told once as well", async () => {
  project.write("runner.config.yaml", "modle: test/a\n");
  // A file can be made, and not one byte be written, as on a full disk.
  const full = ["-c", 'ulimit -f 0; exec "$@"', "sh", process.execPath, path.join(root, "bin/runner.js"), "tick", "-q"];
  const env = { PATH: process.env["PATH"], HOME: project.dir, XDG_STATE_HOME: path.join(project.dir, "state") };
  const tick = () => spawnSync("sh", full, { cwd: project.dir, env, encoding: "utf8" });
  expect(tick()).toMatchObject({ status: 78, stderr: expect.stringContaining("modle") });
  expect(tick()).toMatchObject({ status: 78, stderr: "" });
});

it("where it cannot be remembered what was told, it is told each time", async () => {
  project.write("runner.config.yaml", "modle: test/a\n");
  const env = { XDG_STATE_HOME: "/dev/null/nowhere" };
  for (let time = 0; time < 2; time++)
    expect(await project.runner(["tick", "-q"], env)).toMatchObject({ code: 78, stderr: expect.stringContaining("modle") });
});
