/** `runner init`: a folder that has nothing becomes a project whose first job runs. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { root, stage, type Stage } from "./stage.ts";

let project: Stage;

beforeEach(() => {
  project = stage();
  rmSync(path.join(project.dir, "jobs"), { recursive: true });
});
afterEach(() => project.close());

const read = (file: string): string => readFileSync(path.join(project.dir, file), "utf8");

describe("init", () => {
  it("makes an empty folder a project whose job runs at once, and names the commands to run next", async () => {
    const made = await project.runner(["init", "--yes"]);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(readdirSync(project.dir).toSorted()).toEqual(["jobs", "runner.config.yaml"]);
    const commands = made.stdout.split("\n").filter((line) => /^ {2}\S/.test(line));
    expect(commands).toHaveLength(5);
    expect(commands.slice(0, 3).every((line) => line.includes("runner run morning-note"))).toBe(true);
    expect(await project.runner(["run", "morning-note", "--simulate", "none"])).toMatchObject({ code: 0 });
    expect(await project.runner(["validate"])).toMatchObject({ code: 0 });
    expect((await project.runner(["next", "morning-note", "-n", "1"])).stdout).toContain("07:00:00");
  });

  it("takes the provider whose key is in the environment, and never writes the key", async () => {
    const key = "sk-planted-init-0123456789abcdef";
    const { code, stdout } = await project.runner(["init"], { ANTHROPIC_API_KEY: key });
    expect(code).toBe(0);
    expect(read("runner.config.yaml")).toContain("model: anthropic/");
    expect(stdout).not.toContain("export ANTHROPIC_API_KEY");
    expect(stdout + project.everyByte()).not.toContain(key);
  });

  it("writes what the flags say", async () => {
    const flags = ["--model", "moonshot/kimi-k2.5", "--job", "digest", "--schedule", "30m", "--message", 'Say "hi": now'];
    expect(await project.runner(["init", ...flags])).toMatchObject({ code: 0 });
    const { stdout } = await project.runner(["list", "--json"]);
    expect((JSON.parse(stdout) as { jobs: object[] }).jobs).toMatchObject([
      {
        name: "digest",
        model: "moonshot/kimi-k2.5",
        schedule: { kind: "every", everyMs: 1_800_000 },
        payload: { message: 'Say "hi": now' },
      },
    ]);
  });

  it("takes a model without its provider where the provider is named, and a job without a schedule", async () => {
    const flags = ["--provider", "openrouter", "--model", "openrouter/moonshotai/kimi-k2.5", "--schedule", "manual", "--json"];
    const { code, stdout } = await project.runner(["init", ...flags]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: "init",
      model: "openrouter/moonshotai/kimi-k2.5",
      key: "OPENROUTER_API_KEY",
      keySet: false,
    });
    expect((await project.runner(["next", "morning-note"])).stdout).not.toContain("07:00");
  });

  it("overwrites nothing without --force, and then nothing is half written", async () => {
    project.write("jobs/morning-note.md", "mine");
    const refused = await project.runner(["init", "--yes"]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("jobs/morning-note.md is there already");
    expect(read("jobs/morning-note.md")).toBe("mine");
    expect(existsSync(path.join(project.dir, "runner.config.yaml"))).toBe(false);
    expect(await project.runner(["init", "--yes", "--force"])).toMatchObject({ code: 0 });
    expect(read("jobs/morning-note.md")).toContain("agentTurn");
  });

  it("leaves a configuration as it is, and then the job names its model itself", async () => {
    project.write("runner.config.json", { model: "openai/gpt-5-mini" });
    const { code, stdout } = await project.runner(["init", "--provider", "moonshot"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/kept +runner\.config\.json/);
    expect(existsSync(path.join(project.dir, "runner.config.yaml"))).toBe(false);
    expect(read("jobs/morning-note.md")).toContain("model: moonshot/kimi-k2.5");
  });

  it.each([
    [["--provider", "kimi"], "there is no provider"],
    [["--model", "gpt-5"], "there is no provider"],
    [["--model", "anthropic/"], "does not name a model"],
    [["--provider", "openai", "--model", "anthropic/claude-sonnet-4-6"], "is not a model of --provider openai"],
    [["--job", "../escape"], "--job"],
    [["--schedule", "61 * * * *"], "--schedule"],
  ])("refuses %j with a remedy", async (flags, words) => {
    const { code, stderr } = await project.runner(["init", ...flags]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(words) as string });
    expect(readdirSync(project.dir)).toEqual([]);
  });

  it("says so when nothing can be written there", async () => {
    writeFileSync(path.join(project.dir, "jobs"), "a file where the folder should be");
    const { code, stderr } = await project.runner(["init", "--yes"]);
    expect(code).toBe(78);
    expect(stderr).toMatch(/jobs\/morning-note\.md: .*cannot be written/);
    expect(existsSync(path.join(project.dir, "runner.config.yaml"))).toBe(false);
  });
});

/** Any byte that is written to a file is one too many. */
const fullDisk = (args: string): number | null => {
  const command = `trap '' XFSZ; ulimit -f 0; exec '${process.execPath}' '${path.join(root, "bin/runner.js")}' init ${args}`;
  return spawnSync("bash", ["-c", command], {
    cwd: project.dir,
    env: { PATH: process.env["PATH"] ?? "", HOME: path.dirname(project.dir) },
  }).status;
};

describe("init on a full disk", () => {
  it("leaves nothing behind, and what was there as it was", () => {
    expect(fullDisk("--yes")).toBe(78);
    expect(readdirSync(project.dir, { recursive: true })).toEqual([]);
    project.write("jobs/morning-note.md", "mine");
    expect(fullDisk("--yes --force")).toBe(78);
    expect(readdirSync(path.join(project.dir, "jobs"))).toEqual(["morning-note.md"]);
    expect(read("jobs/morning-note.md")).toBe("mine");
  });
});

/** `script` gives the command a terminal of its own, as a person has one. */
const hasScript = ((): boolean => {
  try {
    execFileSync("script", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** Types each answer when the text it waits for has appeared. */
function atTerminal(
  steps: readonly (readonly [waitFor: string, type: string])[],
  args: readonly string[] = [],
): Promise<number | null> {
  const words = [process.execPath, path.join(root, "bin/runner.js"), "init", ...args].map((word) => `'${word}'`);
  // The terminal of `script` has no size until it is given one.
  const command = `stty cols 100 rows 40; ${words.join(" ")}`;
  const env = { PATH: process.env["PATH"] ?? "", HOME: path.dirname(project.dir), TERM: "xterm" };
  const child = spawn("script", ["-qefc", command, "/dev/null"], { cwd: project.dir, env, stdio: ["pipe", "pipe", "inherit"] });
  const left = [...steps];
  let seen = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
    const [next] = left;
    if (next === undefined || !seen.includes(next[0])) return;
    left.shift();
    seen = "";
    child.stdin.write(next[1]);
  });
  return new Promise((resolve) => child.once("close", (code) => resolve(code)));
}

describe.skipIf(!hasScript)("init at a terminal", () => {
  it("asks what no flag has said", async () => {
    const code = await atTerminal(
      [
        ["Which provider answers?", "\r"],
        ["Which model?", "\r"],
        ["Name of the first job", "evening\r"],
        ["When is it due?", "0 19 * * *\r"],
      ],
      ["--message", "Sum the day up."],
    );
    expect(code).toBe(0);
    expect(read("jobs/evening.md")).toContain('expr: "0 19 * * *"');
    expect(read("jobs/evening.md")).toContain("Sum the day up.");
  });

  it("writes nothing when the person leaves", async () => {
    expect(await atTerminal([["Which provider answers?", "\u0003"]])).toBe(130);
    expect(readdirSync(project.dir)).toEqual([]);
  });
});
