/** The built-in turn with tools, from question to result: a real process, a real gateway, a simulated provider that asks for tools. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ToolGrants } from "../../src/job/job.ts";
import { parseSimulation } from "../../src/provider/script.ts";
import { eventually } from "./harness.ts";
import { toolStage, type ToolStage } from "./tool-stage.ts";

let stage: ToolStage;
let work: string;

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), "turn-work-"));
});
afterEach(async () => {
  await stage.close();
  rmSync(work, { recursive: true, force: true });
});

const files = { files: { access: "rw" } } as const satisfies ToolGrants;
const shell = (allow: readonly string[], more = {}): ToolGrants => ({
  shell: { allow, shellStrings: false, timeoutMs: 10_000, ...more },
});
const strings: ToolGrants = { shell: { allow: [], shellStrings: true, timeoutMs: 10_000 } };
const call = (name: string, input: Readonly<Record<string, unknown>>) => ({ name, input });

const appending = (text: string) => ({ text, toolCalls: [call("append_file", { path: "log", content: "x" })] });

const asItCame = {
  "anthropic-messages": /"thinking":"first","signature":"c2lt[0-9a-f]+"/,
  "openai-completions": /"reasoning_content":"first"/,
};

describe.each(["anthropic-messages", "openai-completions"] as const)("in %s", (dialect) => {
  it("works through answers with thinking, text and two tools each, in order, each once", async () => {
    const append = (text: string) => call("append_file", { path: "log", content: text });
    stage = await toolStage({ dialect, work, tools: files });
    const { result, cleanup } = await stage.run([
      { thinking: "first", text: "I begin.", toolCalls: [append("1"), append("2")] },
      { thinking: "then", toolCalls: [append("3"), call("read_file", { path: "log" })] },
    ]);
    expect(result).toMatchObject({ status: "answered", text: expect.stringContaining("Simulated answer"), toolRuns: 4 });
    expect(result.warnings).toBeUndefined();
    expect(cleanup).toEqual({ killed: 0, confirmed: true });
    expect(readFileSync(join(work, "log"), "utf8")).toBe("123");
    expect(stage.steps).toEqual([
      "start 1 append_file (call 1)",
      "end 1 succeeded",
      "start 2 append_file (call 1)",
      "end 2 succeeded",
      "start 3 append_file (call 2)",
      "end 3 succeeded",
      "start 4 read_file (call 2)",
      "end 4 succeeded",
    ]);
    // What the tool gave reached the model, and what the model said went back as it came, signature and all.
    const last = JSON.stringify(stage.bodies.at(-1));
    expect(last).toContain("123");
    expect(last).toMatch(asItCame[dialect]);
  });

  it("a failing and a refused tool are told to the model, warned about, and do not end the turn", async () => {
    stage = await toolStage({ dialect, work, tools: { ...files, ...shell(["ls"]) } });
    const { result } = await stage.run([
      {
        toolCalls: [call("read_file", { path: "missing" }), call("shell", { argv: ["cat", "/etc/passwd"] }), call("nothing", {})],
      },
    ]);
    expect(result).toMatchObject({ status: "answered", toolRuns: 1 });
    expect(result.warnings).toEqual([
      "tool read_file failed: ENOENT: there is no such file or folder",
      'tool shell refused: "cat" is not allowed; allowed are: ls',
      expect.stringMatching(/^tool nothing refused: there is no tool of this name; there are read_file, /),
    ]);
    const said = JSON.stringify(stage.bodies.at(-1));
    expect(said).toContain("is not allowed");
    expect(said).not.toContain("root:");
  });

  it("counts each tool once however often its answer has to be asked for again", async () => {
    const simulation = parseSimulation("stream_order:0.4,stream_shape:0.3,stream_broken:0.1", 7);
    stage = await toolStage({ dialect, work, tools: files, simulation });
    const rounds = Array.from({ length: 12 }, (_, round) => ({
      thinking: `round ${round}`,
      text: "on",
      toolCalls: ["a", "b"].map((letter) => call("append_file", { path: "count", content: `${round}${letter}\n` })),
    }));
    const { result } = await stage.run(rounds);
    expect(result).toMatchObject({ status: "answered", toolRuns: 24 });
    expect(stage.bodies.length).toBeGreaterThan(13);
    const counted = readFileSync(join(work, "count"), "utf8").trim().split("\n");
    expect(counted).toEqual(rounds.flatMap((_, round) => [`${round}a`, `${round}b`]));
  });

  it("ends by maxTurns with what there is, and does not run what no answer could follow", async () => {
    stage = await toolStage({ dialect, work, tools: files, maxTurns: 2 });
    const { result } = await stage.run(["one", "two", "three"].map(appending));
    expect(result).toMatchObject({ status: "failed", fault: "budget", partial: "two", toolRuns: 1 });
    expect(readFileSync(join(work, "log"), "utf8")).toBe("x");
  });

  it("runs nothing of an answer that was cut off or refused", async () => {
    for (const stopReason of ["max_tokens", "refusal"]) {
      stage = await toolStage({ dialect, work, tools: files });
      const { result } = await stage.run([
        { text: "x", stopReason, toolCalls: [call("write_file", { path: "never", content: "x" })] },
      ]);
      expect(result).toMatchObject({ status: "failed", toolRuns: 0 });
      expect(existsSync(join(work, "never"))).toBe(false);
      if (stopReason === "max_tokens") await stage.close();
    }
  });
});

it("half a character that a tool gives does not make the next question unreadable", async () => {
  writeFileSync(join(work, "emoji"), `${"x".repeat(32 * 1024 - 1)}${"🙂".repeat(20_000)}`);
  stage = await toolStage({ dialect: "anthropic-messages", work, tools: files });
  const { result } = await stage.run([{ toolCalls: [call("read_file", { path: "emoji" })] }]);
  expect(result).toMatchObject({ status: "answered", toolRuns: 1 });
  const [text = ""] = stage.toolTexts();
  expect(text).toContain("characters are left out");
  expect(text.isWellFormed()).toBe(true);
});

it("a turn without grants has no tools and is not asked with any", async () => {
  stage = await toolStage({ dialect: "anthropic-messages", work });
  const { result } = await stage.run([{ text: "x", toolCalls: [call("shell", { argv: ["id"] })] }]);
  expect(result).toMatchObject({ status: "failed", fault: "bad_request", toolRuns: 0 });
  expect(stage.bodies[0]).not.toHaveProperty("tools");
});

it("a tool whose start cannot be recorded does not run, and the turn ends", async () => {
  stage = await toolStage({ dialect: "anthropic-messages", work, tools: files, failAt: 2 });
  const append = call("append_file", { path: "log", content: "x" });
  const { result } = await stage.run([{ toolCalls: [append, append, append] }]);
  expect(result).toMatchObject({
    status: "failed",
    fault: "internal",
    error: expect.stringContaining("the ledger is full"),
    toolRuns: 1,
  });
  expect(readFileSync(join(work, "log"), "utf8")).toBe("x");
});

it("kill -9 of the process in the middle of a tool: the count is the truth, and the tool is dead", async () => {
  stage = await toolStage({ dialect: "anthropic-messages", work, tools: strings });
  const running = stage.run([{ toolCalls: [call("shell", { command: "echo begun > mark; exec sleep 1000" })] }]);
  await eventually(() => existsSync(join(work, "mark")) && stage.commands().includes("sleep 1000"));
  stage.killAgent();
  const { result, cleanup } = await running;
  expect(result).toMatchObject({ status: "failed", fault: "turn_died", error: expect.stringContaining("killed"), toolRuns: 1 });
  expect(cleanup.confirmed).toBe(true);
  expect(stage.carriers()).toEqual([]);
  expect(stage.steps).toEqual(["start 1 shell (call 1)"]);
});

it("knows what earlier attempts have done, its number and its key", async () => {
  stage = await toolStage({
    dialect: "anthropic-messages",
    work,
    tools: strings,
    attempt: 2,
    idempotencyKey: "key-of-the-run",
    done: [
      { attempt: 1, name: "send_mail", input: '{"to":"a@example.com"}', status: "succeeded" },
      { attempt: 1, name: "shell", input: "{}", status: "unknown" },
    ],
  });
  const { result } = await stage.run([
    { toolCalls: [call("shell", { command: "echo $IDEMPOTENCY_KEY $ATTEMPT $RUNNER_ATTEMPT" })] },
  ]);
  expect(result.status).toBe("answered");
  const said = JSON.stringify(stage.bodies.at(-1));
  expect(said).toContain("key-of-the-run 2 2");
  expect(said).toContain("Already done in an earlier attempt");
  expect(said).toContain('send_mail {\\"to\\":\\"a@example.com\\"}: done');
  expect(said).toContain("whether it was done is not known");
});

it("is looked at when everything is dead and its folder is still there", async () => {
  stage = await toolStage({ dialect: "anthropic-messages", tools: { ...files, ...strings } });
  let seen: unknown;
  const background = call("shell", { command: "sleep 1000 >/dev/null 2>&1 & echo started" });
  const { result } = await stage.run([{ toolCalls: [call("write_file", { path: "out.txt", content: "made" }), background] }], {
    inspect: async (own, folder) => {
      seen = { file: readFileSync(join(folder, "out.txt"), "utf8"), carriers: stage.carriers() };
      return { ...own, warnings: ["looked at"] };
    },
  });
  expect(seen).toEqual({ file: "made", carriers: [] });
  expect(result.warnings).toEqual(["looked at"]);
});

it("a work folder that is not there is said before anything is started", async () => {
  stage = await toolStage({ dialect: "anthropic-messages", work: join(work, "missing") });
  const { result } = await stage.run([]);
  expect(result).toMatchObject({ status: "failed", error: expect.stringContaining("ENOENT") });
});

const oneCall = async (tools: ToolGrants, input: Readonly<Record<string, unknown>>) => {
  stage = await toolStage({ dialect: "anthropic-messages", work, tools });
  const { result } = await stage.run([{ toolCalls: [call("shell", input)] }]);
  return { result, said: stage.toolTexts().join("\n") };
};

describe("shell", () => {
  it("gives exit code and both streams; anything but 0 is a failure", async () => {
    const { result, said } = await oneCall(strings, { command: "echo out; echo err >&2; exit 3" });
    expect(said).toBe("exit code 3\nstdout:\nout\n\nstderr:\nerr\n");
    expect(result.warnings).toEqual(["tool shell failed: exit code 3"]);
  });

  it("an allowed program does not find the work folder's own programs by name either", async () => {
    const bin = join(work, "node_modules/.bin");
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, "helper"), "#!/bin/sh\necho the wrong one\n", { mode: 0o755 });
    const outside = mkdtempSync(join(tmpdir(), "turn-bin-"));
    writeFileSync(join(outside, "tool"), "#!/usr/bin/env helper\n", { mode: 0o755 });
    stage = await toolStage({ dialect: "anthropic-messages", work, tools: shell(["tool"]) });
    const env = { ...process.env, PATH: `${bin}:${outside}:${process.env["PATH"] ?? ""}` };
    await stage.run([{ toolCalls: [call("shell", { argv: ["tool"] })] }], { env });
    expect(stage.toolTexts().join("")).toMatch(/^exit code 127/);
    rmSync(outside, { recursive: true });
  });

  it("takes no shell string unless that is granted", async () => {
    const { result, said } = await oneCall(shell(["echo"]), { command: "echo hi" });
    expect(result).toMatchObject({ toolRuns: 0 });
    expect(said).toContain("argv must be a list of texts");
  });

  it.each([
    ["by a path of another program of this name", ["./ls"], "refused"],
    ["by a link in the work folder", ["./link"], "refused"],
    ["by its own path", ["/bin/ls"], "exit code 0"],
    ["by a path with detours", ["/bin/../bin/ls"], "exit code 0"],
    ["by a shell word", ["ls; id"], "refused"],
    ["by nothing", [""], "refused"],
  ])("is reached %s: %j", async (_name, argv, expected) => {
    writeFileSync(join(work, "ls"), "#!/bin/sh\necho own ls\n", { mode: 0o755 });
    const { symlinkSync } = await import("node:fs");
    symlinkSync("/bin/sh", join(work, "link"));
    const { said } = await oneCall(shell(["ls"]), { argv });
    expect(said).toContain(expected);
    expect(said).not.toContain("own ls");
  });

  it("ends what takes too long, with all that it started and tried to hide", async () => {
    const hidden = "(trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ > pid; sleep 1000' &) ; sleep 1000";
    const { result, said } = await oneCall(
      { shell: { allow: [], shellStrings: true, timeoutMs: 700 } },
      { command: `echo begun; ${hidden}` },
    );
    expect(said).toMatch(/^it took longer than 0.7 s and was ended\nstdout:\nbegun/);
    expect(result).toMatchObject({ status: "answered", toolRuns: 1 });
    expect(stage.killed).toBe(0);
  });

  it("keeps the beginning and the end of a long output, and all of it out of memory", async () => {
    const { said } = await oneCall(strings, { command: "echo first; head -c 50000000 /dev/zero | tr '\\0' x; echo last" });
    expect(said.length).toBeLessThan(70_000);
    expect(said).toMatch(/^exit code 0\nstdout:\nfirst\n[\s\S]*bytes are left out here[\s\S]*last\n$/);
  });

  it("does not wait for what it leaves in the background", async () => {
    const began = performance.now();
    const { said } = await oneCall(strings, { command: "sleep 1000 & echo gone" });
    expect(said).toContain("gone");
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(stage.carriers()).toEqual([]);
  });
});
