/** Completion as the shells themselves do it. zsh and fish are asked where they are installed. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root, stage, type Stage } from "./stage.ts";

let project: Stage;
let bin: string;

beforeAll(async () => {
  project = stage();
  bin = path.join(project.dir, ".bin");
  mkdirSync(bin);
  writeFileSync(path.join(bin, "runner"), `#!/bin/sh\nexec '${process.execPath}' '${path.join(root, "bin/runner.js")}' "$@"\n`);
  chmodSync(path.join(bin, "runner"), 0o755);
  const payload = { kind: "agentTurn", message: "hi", model: "kimi-coding/k2p5", fallbacks: ["anthropic/claude-sonnet-4-6"] };
  project.write("jobs/fpl-daily-check.json", { name: "fpl-daily-check", description: "the team", payload });
  project.write("jobs/digest.json", { name: "digest", payload });
  project.write("jobs/odd.json", { name: "two words $(touch owned)", payload });
  await project.runner(["run", "digest", "--simulate", "none"]);
});
afterAll(() => project.close());

const has = (shell: string): boolean => spawnSync(shell, ["--version"], { stdio: "ignore" }).status === 0;

function inShell(shell: string, args: readonly string[]): string[] {
  const home = path.dirname(project.dir);
  const env = { PATH: `${bin}:${process.env["PATH"] ?? ""}`, HOME: home, XDG_STATE_HOME: path.join(home, "state") };
  const text = execFileSync(shell, args, { cwd: project.dir, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  return text.split("\n").filter((line) => line !== "");
}

async function query(...words: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await project.runner(["completion", "--query", "--", "bash", ...words]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t")[0] ?? "");
}

describe("completion --query", () => {
  it("knows commands, options, job names, run ids, models, faults, files", async () => {
    expect(await query("ru")).toContain("run");
    expect(await query("run", "--dry")).toEqual(["--dry-run"]);
    expect(await query("run", "fpl")).toEqual(["fpl-daily-check"]);
    expect(await query("show", "")).toEqual(["last", expect.stringMatching(/^[0-9a-f]{8}$/)]);
    expect(await query("run", "digest", "--model", "anth")).toEqual(["anthropic/claude-sonnet-4-6"]);
    expect(await query("run", "digest", "--simulate", "auth:1,dup_start_29")).toEqual(["auth:1,dup_start_29:"]);
    expect(await query("list", "--config", "x")).toEqual([":files"]);
    expect(await query("completion", "f")).toEqual(["fish"]);
  });

  it("looks in the project that the line names, and offers nothing where there is nothing to offer", async () => {
    expect(await query("run", "-C", "/", "")).toEqual([]);
    expect(await query("run", "digest", "an-argument-too-many", "")).not.toContain("digest");
    expect(await query("nosuch", "")).toEqual([]);
    expect(await query()).toContain("list");
  });

  it("never shows itself", async () => {
    expect(await query("completion", "--q")).toEqual([]);
    expect((await project.runner(["completion", "--help"])).stdout).not.toContain("--query");
  });
});

const asBash = (line: string): string[] => {
  const words = line.split(" ").map((word) => `'${word}'`);
  const script = `eval "$(runner completion bash)"; COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}; _runner; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return inShell("bash", ["--norc", "-c", script]);
};

describe("completion SHELL", () => {
  it("works in bash", () => {
    expect(asBash("runner run f")).toEqual(["fpl-daily-check"]);
    expect(asBash("runner sho")).toEqual(["show"]);
    expect(asBash("runner run digest --simulate dup_start_29")).toEqual(["dup_start_29:"]);
    expect(inShell("bash", ["--norc", "-c", 'eval "$(runner completion bash)"; complete -p runner'])).toEqual([
      "complete -F _runner runner",
    ]);
  });

  it("gives bash a name that needs quoting in quotes, and evaluates nothing of it", () => {
    expect(asBash("runner run two")).toEqual(["two\\ words\\ \\$\\(touch\\ owned\\)"]);
    expect(project.everyByte()).toContain("touch owned");
    expect(inShell("bash", ["--norc", "-c", "ls"])).not.toContain("owned");
  });

  it.skipIf(!has("zsh"))("works in zsh", () => {
    const script = `autoload -Uz compinit; compinit -D; eval "$(runner completion zsh)"; print -r -- "\${_comps[runner]}"
      compadd() { print -rl -- "\${names[@]}"; }; words=(runner run fpl); CURRENT=3; _runner`;
    expect(inShell("zsh", ["-f", "-c", script])).toEqual(["_runner", "fpl-daily-check"]);
  });

  it.skipIf(!has("fish"))("works in fish", () => {
    const script = `runner completion fish | source; complete -C 'runner run fpl'; complete -C 'runner run --dry'`;
    expect(inShell("fish", ["--no-config", "-c", script])).toEqual([
      "fpl-daily-check\tthe team",
      expect.stringMatching(/^--dry-run\t/),
    ]);
  });

  it("has one for PowerShell, and says which there are", async () => {
    expect((await project.runner(["completion", "pwsh"])).stdout).toContain(
      "Register-ArgumentCompleter -Native -CommandName runner",
    );
    for (const args of [["completion"], ["completion", "tcsh"], ["completion", "bash", "zsh"]])
      expect(await project.runner(args)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("bash, zsh, fish, pwsh") as string,
      });
  });
});
