/** What a tool can learn of runner itself. Each way is tried by a real shell in a real turn, under a runner whose environment holds a key. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sandboxFor, sandboxWords } from "../../src/turn/sandbox.ts";
import { programFile } from "../fixtures/programs.ts";
import { eventually, isRunning } from "./harness.ts";
import { toolStage } from "./tool-stage.ts";

const program = programFile("turn-with-tools");
const server = programFile("mcp-server");
const planted = "sk-planted-9f8e7d6c5b4a";
const granted = "granted-to-the-server-1234";
const shell = { allow: [], shellStrings: true, timeoutMs: 20_000 };
const sandbox = await sandboxFor(process.env);

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "turn-sandbox-"));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const call = (name: string, input: Readonly<Record<string, unknown>>) => ({ name, input });
const sh = (command: string) => call("shell", { command });

/** Every way to somebody else's environment, memory, files or life that a shell has. */
const ways = [
  "cat /proc/[0-9]*/environ",
  "cat /proc/RUNNER_PID/environ /proc/$PPID/environ /proc/1/environ",
  "cat /proc/[0-9]*/task/*/environ",
  "ps auxeww",
  "ps eww -p RUNNER_PID",
  "cat /proc/self/root/proc/RUNNER_PID/environ",
  "ls -l /proc/RUNNER_PID/fd; cat /proc/RUNNER_PID/fd/*; cat /proc/RUNNER_PID/cwd/.env",
  "umount /proc; umount -l /proc; cat /proc/[0-9]*/environ",
  "mkdir -p p; mount -t proc proc p; cat p/[0-9]*/environ",
  "mkdir -p p; mount --bind /proc p; cat p/[0-9]*/environ",
  "unshare --user --map-root-user --mount sh -c 'umount -l /proc; cat /proc/[0-9]*/environ; mount -t proc proc /proc; cat /proc/*/environ'",
  "unshare --user --map-root-user --pid --fork --mount-proc sh -c 'cat /proc/*/environ'",
  "nsenter -t 1 -a cat /proc/RUNNER_PID/environ; nsenter -t RUNNER_PID -p -m -U env",
  "grep -a PLANTED_KEY /proc/[0-9]*/mem; dd if=/proc/RUNNER_PID/mem bs=1 count=1",
  "for p in /proc/[0-9]*; do cat $p/root/proc/RUNNER_PID/environ; done",
  "cat /proc/sys/kernel/core_pattern > /dev/null; env; set; export -p",
  "cat /proc/keys /proc/self/environ /proc/self/auxv | tr '\\0' '\\n'",
];

async function attack(commands: readonly string[], tools: object) {
  const plan = [{ toolCalls: commands.map(sh) }];
  const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(plan), JSON.stringify(tools)], {
    env: { ...process.env, TMPDIR: base, PLANTED_KEY: planted, MAIL_PASSWORD: granted },
    maxBuffer: 64 * 1024 * 1024,
  });
  return { stdout, told: JSON.parse(stdout) };
}

describe.runIf(sandbox.kind === "namespaces")("where the machine allows namespaces", () => {
  it("no way leads a shell tool to runner's environment", async () => {
    const { stdout, told } = await attack([...ways, "head -c 100 /proc/1/mem; cat /proc/1/maps | head -3"], { shell });
    expect(told.result).toMatchObject({ status: "answered", toolRuns: ways.length + 1 });
    expect(told.texts).toHaveLength(ways.length + 1);
    expect(told.texts.at(-1)).toContain("Permission denied");
    expect(stdout).not.toContain(planted);
    // The commands did look: their own environment is there.
    expect(told.texts[0]).toContain("RUNNER_RUN_ID=");
    expect(told.cleanup).toEqual({ killed: 0, confirmed: true });
  });

  it("nor to what an MCP server was granted, nor into the turn's own memory", async () => {
    const mcp = {
      mail: {
        transport: "stdio",
        argv: [process.execPath, server, ""],
        env: { PASSWORD: "${MAIL_PASSWORD}" },
        timeoutMs: 10_000,
      },
    };
    const { stdout, told } = await attack([...ways, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"], { shell, mcp });
    expect(told.result.status).toBe("answered");
    expect(stdout).not.toContain(granted);
    expect(stdout).not.toContain(planted);
    // It sees neither of them; its own first process is the shell.
    expect(told.texts.at(-1)).toContain("/bin/sh -c");
    expect(told.texts.at(-1)).not.toMatch(/agent-child|mcp-server/);
  });

  it("nor is a debugger opened on anything by a signal", async () => {
    const ask =
      "const at = Date.now(); for (;;) { try { console.log(await (await fetch('http://127.0.0.1:9229/json')).text()); break; } " +
      "catch { if (Date.now() > at + 1500) { console.log('closed'); break; } } }";
    const look = `'${process.execPath}' --input-type=module -e "${ask}"`;
    const mcp = { mail: { transport: "stdio", argv: [process.execPath, server, ""], env: {}, timeoutMs: 10_000 } };
    const signals = "for p in /proc/[0-9]*; do p=${p#/proc/}; [ $p = $$ ] || kill -USR1 $p; done; kill -USR1 1";
    for (const tools of [{ shell }, { shell, mcp }]) {
      const { told } = await attack([`trap '' USR1; ${signals}; ${look}`], tools);
      expect(told.result).toMatchObject({ status: "answered" });
      expect(told.texts).toEqual([expect.stringMatching(/closed\n$/)]);
    }
  });

  it("runner cannot be signalled by the number it has outside", async () => {
    const { told } = await attack(["kill -9 RUNNER_PID; kill -TERM -1; true", "echo still here"], { shell });
    expect(told.result.status).toBe("answered");
  });

  it("at the attempt's time limit what heeds TERM gets its grace, and what does not is killed", async () => {
    const work = base;
    const script =
      "trap 'echo saved > saved; exit 0' TERM; (trap '' TERM; exec setsid sleep 1000) & echo up > up; while :; do sleep 0.05; done";
    const stage = await toolStage({
      dialect: "anthropic-messages",
      work,
      tools: { shell },
      limits: { attemptMs: 3_000, killGraceMs: 1_000, outputBytes: 10_000 },
    });
    const { result, cleanup } = await stage.run([{ toolCalls: [sh(script), sh("echo never > never")] }]);
    expect(result).toMatchObject({ status: "failed", fault: "timeout", toolRuns: 1 });
    expect(cleanup.confirmed).toBe(true);
    expect(stage.carriers()).toEqual([]);
    const { readdirSync } = await import("node:fs");
    expect(readdirSync(base).toSorted()).toEqual(["saved", "up"]);
    await stage.close();
  });

  it("kill -9 of runner in the middle of a tool leaves nothing, not even what hides", async () => {
    const script = `(trap '' TERM HUP; exec setsid env -i /bin/sleep 1000) >/dev/null 2>&1 </dev/null & echo $! > ${base}/up; sleep 1000`;
    const plan = JSON.stringify([{ toolCalls: [sh(script)] }]);
    const runner = spawn(process.execPath, [program, plan, JSON.stringify({ shell }), "ready"], {
      env: { ...process.env, TMPDIR: base },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const { existsSync } = await import("node:fs");
    await eventually(() => existsSync(join(base, "up")));
    const family = await descendantsOf(runner.pid ?? 0);
    expect(family.length).toBeGreaterThan(3);
    runner.kill("SIGKILL");
    await once(runner, "exit");
    const began = performance.now();
    await eventually(() => !family.some(isRunning));
    // Long before the tool's own limit.
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

async function descendantsOf(pid: number): Promise<number[]> {
  const { linuxTable } = await import("../../src/turn/processes.ts");
  const entries = linuxTable.list();
  const children = (parent: number): number[] =>
    entries.filter(({ ppid }) => ppid === parent).flatMap((entry) => [entry.pid, ...children(entry.pid)]);
  return children(pid);
}

it("where it is not to be had the run says so, and works", async () => {
  const stage = await toolStage({ dialect: "anthropic-messages", work: base, tools: { shell } });
  const { result } = await stage.run([{ toolCalls: [sh("echo $$; echo hi")] }], {
    env: { ...process.env, RUNNER_SANDBOX: "off" },
  });
  expect(result).toMatchObject({
    status: "answered",
    warnings: [
      "sandbox: none: it is switched off by RUNNER_SANDBOX=off; its tools can read what this user can, see docs/isolation.md",
    ],
  });
  await stage.close();
});

it("a turn whose tools start no programs needs none", async () => {
  const stage = await toolStage({ dialect: "anthropic-messages", work: base, tools: { files: { access: "ro" } } });
  const { result } = await stage.run([], { env: { ...process.env, RUNNER_SANDBOX: "off" } });
  expect(result.warnings).toBeUndefined();
  await stage.close();
});

it("says in words what there is", () => {
  expect(sandboxWords(sandbox)).toMatch(/^(?:namespaces|none: .+)$/);
  expect(sandboxWords({ kind: "none", why: "x" })).toBe("none: x");
});
