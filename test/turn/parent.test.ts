import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { turnKinds, endLeftovers } from "../../src/turn/index.ts";
import { psTable } from "../../src/turn/ps.ts";
import { programFile } from "../fixtures/programs.ts";
import { behave, carriersOf, eventually, isRunning, scriptedGateway, type ScriptedGateway } from "./harness.ts";

const parentProgram = programFile("turn-parent");
let gateway: ScriptedGateway;
let asked: Promise<void>;
let temporary: string;

beforeEach(async () => {
  temporary = mkdtempSync(join(tmpdir(), "turn-test-"));
  const question = Promise.withResolvers<void>();
  asked = question.promise;
  // Never answers: the turn is in the middle of its question.
  gateway = await scriptedGateway(() => question.resolve());
});
afterEach(async () => {
  await gateway.close();
  rmSync(temporary, { recursive: true, force: true });
});

function startParent(runId: string, entry: string, ...rest: string[]) {
  return spawn(process.execPath, [parentProgram, gateway.url, runId, entry, ...rest], {
    stdio: ["pipe", "ignore", "inherit"],
    env: { ...process.env, TMPDIR: temporary },
  });
}

describe("when the runner's own process ends in the middle of a turn", () => {
  it("by exit: the tree is dead with it, although it ignores TERM", async () => {
    const parent = startParent(`run-${randomUUID()}`, behave, "exit");
    const pids = await gateway.ready;
    expect(pids.filter(isRunning)).toHaveLength(2);
    parent.stdin.end();
    expect(await once(parent, "exit")).toEqual([7, null]);
    await eventually(() => !pids.some(isRunning));
  });

  it("by kill -9: what it leaves is found by its marker and ended later", async () => {
    const runId = `run-${randomUUID()}`;
    const parent = startParent(runId, behave);
    const pids = await gateway.ready;
    parent.kill("SIGKILL");
    await once(parent, "exit");
    expect(pids.filter(isRunning)).toHaveLength(2);
    expect(await endLeftovers({ runId: `${runId}0` }, 50)).toEqual({ killed: 0, confirmed: true });
    expect(await endLeftovers({ runId, attempt: 2 }, 50)).toEqual({ killed: 0, confirmed: true });
    expect(pids.filter(isRunning)).toHaveLength(2);
    expect(await endLeftovers({ runId, attempt: 1 }, 50, { TMPDIR: temporary })).toEqual({ killed: 2, confirmed: true });
    expect(pids.filter(isRunning)).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it("by kill -9: the built-in agent ends by itself, for its gateway was in the runner", async () => {
    const runId = `run-${randomUUID()}`;
    const parent = startParent(runId, "");
    await asked;
    const carriers = carriersOf(runId);
    expect(carriers).toHaveLength(process.platform === "linux" ? 1 : 0);
    parent.kill("SIGKILL");
    await gateway.close();
    await eventually(() => !carriers.some(isRunning));
  });
});

it.runIf(process.platform === "linux")("a descriptor that everything has inherited makes nobody a part of a turn", async () => {
  const program = programFile("turn-beside");
  // Shells and supervisors leave such ones open; above a gap Node lets them through to every child.
  const inherited = [...Array.from({ length: 37 }, () => "ignore" as const), "pipe" as const];
  const child = spawn(process.execPath, [program, gateway.url, behave], {
    stdio: ["ignore", "pipe", "inherit", ...inherited],
    env: { ...process.env, TMPDIR: temporary },
  });
  const [said] = await once(child.stdout ?? child, "data");
  expect(JSON.parse(String(said))).toEqual({ cleanup: { killed: 1, confirmed: true }, fault: "aborted" });
});

it.runIf(process.platform === "linux")("a marked process that shares its group with others is ended without them", async () => {
  const runId = `run-${randomUUID()}`;
  // The leader stands for a person's shell: it is not marked, and starts one that is, in its own group.
  const program = `
    const { spawn } = require("node:child_process");
    const env = { RUNNER_RUN_ID: ${JSON.stringify(runId)}, RUNNER_ATTEMPT: "1" };
    spawn(process.execPath, ["-e", "console.log('ready'); setInterval(() => {}, 1e9)"], { env, stdio: ["ignore", "inherit", "inherit"] });
    process.stdin.resume();
  `;
  const shell = spawn(process.execPath, ["-e", program], { stdio: ["pipe", "pipe", "inherit"], detached: true });
  await once(shell.stdout, "data");
  expect(await endLeftovers({ runId }, 1_000)).toEqual({ killed: 1, confirmed: true });
  expect(isRunning(shell.pid ?? 0)).toBe(true);
  shell.kill();
  expect(await once(shell, "exit")).toEqual([null, "SIGTERM"]);
});

describe("on a system that shows no environments", () => {
  it("what lives is not confirmed dead while a directory says that an attempt was not seen to its end", async () => {
    const runId = `run-${randomUUID()}`;
    const parent = startParent(runId, behave);
    const pids = await gateway.ready;
    parent.kill("SIGKILL");
    await once(parent, "exit");
    expect(await endLeftovers({ runId }, 50, { TMPDIR: temporary, RUNNER_CGROUP: "off" }, psTable)).toEqual({
      killed: 0,
      confirmed: false,
    });
    expect(pids.filter(isRunning)).toHaveLength(2);
    expect(readdirSync(temporary)).toHaveLength(1);
    for (const pid of pids) process.kill(pid, "SIGKILL");
    // A person has looked, and removed the directory.
    for (const name of readdirSync(temporary)) rmSync(join(temporary, name), { recursive: true });
    expect(await endLeftovers({ runId }, 50, { TMPDIR: temporary, RUNNER_CGROUP: "off" }, psTable)).toEqual({
      killed: 0,
      confirmed: true,
    });
  });

  it("directories of other runs say nothing about this one", async () => {
    mkdirSync(join(temporary, "runner-turn-run-1-2-abcdef"));
    expect(await endLeftovers({ runId: "run-1" }, 50, { TMPDIR: temporary, RUNNER_CGROUP: "off" }, psTable)).toEqual({
      killed: 0,
      confirmed: true,
    });
    expect(await endLeftovers({ runId: "run-1-2" }, 50, { TMPDIR: temporary, RUNNER_CGROUP: "off" }, psTable)).toEqual({
      killed: 0,
      confirmed: false,
    });
  });
});

it("directories of other runs are not touched, not even of one whose name goes on", async () => {
  const runId = "run-1";
  mkdirSync(join(temporary, "runner-turn-run-1-abcdef"));
  const others = ["runner-turn-run-1-2-abcdef", "runner-turn-run-12-abcdef", "elsewhere"];
  for (const name of others) mkdirSync(join(temporary, name));
  await endLeftovers({ runId }, 50, { TMPDIR: temporary });
  expect(readdirSync(temporary).toSorted()).toEqual(others.toSorted());
  await endLeftovers({ runId }, 50, { TMPDIR: join(temporary, "missing") });
});

it("there are two kinds of turn, named as the job's payload names them", () => {
  expect([...turnKinds().keys()]).toEqual(["agentTurn", "command"]);
});
