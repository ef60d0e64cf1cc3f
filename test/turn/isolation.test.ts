import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAgentTurn } from "../../src/turn/agent.ts";
import type { TurnResult, TurnSpec } from "../../src/turn/turn.ts";
import { behave, carriersOf, isRunning, scriptedGateway, specFor, type ScriptedGateway } from "./harness.ts";

const turn = createAgentTurn({ entry: behave });
let gateway: ScriptedGateway;
let temporary: string;

beforeEach(async () => {
  gateway = await scriptedGateway();
  temporary = mkdtempSync(join(tmpdir(), "turn-test-"));
});
afterEach(async () => {
  await gateway.close();
  rmSync(temporary, { recursive: true, force: true });
});

const env = () => ({ ...process.env, TMPDIR: temporary });
const never = new AbortController().signal;

async function carryOut(spec: TurnSpec, signal: AbortSignal = never) {
  const end = await turn.run(spec, { signal, env: env() });
  // Whatever the case is about: nothing of the attempt runs, and none of its files is left.
  expect(carriersOf(spec.runId)).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
  return end;
}

const behaving = (message: string, limits: Partial<TurnSpec["limits"]> = {}) =>
  carryOut(specFor(gateway.url, { message, limits }));

function textOf(result: TurnResult): string {
  if (result.status !== "answered") throw new Error(`not answered: ${JSON.stringify(result)}`);
  return result.text;
}

describe("what a process leaves behind is dead before the turn is over", () => {
  it.each([
    ["tenChildren", 10],
    ["ownSession", 1],
    ["doubleFork", 1],
    ["holdsPipe", 1],
  ])("%s", async (message, count) => {
    const { result, cleanup } = await behaving(message);
    const pids: number[] = JSON.parse(textOf(result));
    expect(pids).toHaveLength(count);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(cleanup).toEqual({ killed: count, confirmed: true });
  });

  it("also one in its own session without the marker, which only its parent names", async () => {
    const { result, cleanup } = await behaving("clearedEnvironment", { killGraceMs: 200 });
    const pids: number[] = JSON.parse(textOf(result));
    expect(pids).toHaveLength(1);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(cleanup.confirmed).toBe(true);
  });

  it("a process and a grandchild in its own session that both ignore TERM are killed after the grace", async () => {
    const spec = specFor(gateway.url, { message: "stubborn", limits: { killGraceMs: 200 } });
    const controller = new AbortController();
    const ended = carryOut(spec, controller.signal);
    const pids = await gateway.ready;
    expect(pids.filter(isRunning)).toHaveLength(2);
    const began = performance.now();
    controller.abort();
    const { result, cleanup } = await ended;
    expect(performance.now() - began).toBeGreaterThanOrEqual(199);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(result).toMatchObject({ status: "failed", fault: "aborted", toolRuns: 0 });
    expect(cleanup.confirmed).toBe(true);
  });
});

function start(url: string, signal: AbortSignal) {
  return turn.run(specFor(url, { message: "forever" }), { signal, env: env() });
}

it("a turn that ends leaves those alone that run beside it, started before or after it", async () => {
  const ends = new AbortController();
  const stays = new AbortController();
  const [before, after] = await Promise.all([scriptedGateway(), scriptedGateway()]);
  const first = start(before.url, stays.signal);
  const firstPids = await before.ready;
  const ending = start(gateway.url, ends.signal);
  const endingPids = await gateway.ready;
  const last = start(after.url, stays.signal);
  const lastPids = await after.ready;
  ends.abort();
  expect((await ending).cleanup).toEqual({ killed: 0, confirmed: true });
  expect(endingPids.filter(isRunning)).toEqual([]);
  expect([...firstPids, ...lastPids].filter(isRunning)).toHaveLength(2);
  stays.abort();
  await Promise.all([first, last]);
  expect([...firstPids, ...lastPids].filter(isRunning)).toEqual([]);
  await Promise.all([before.close(), after.close()]);
});

describe("the first cause of its end wins", () => {
  it("a process that never ends is a timeout", async () => {
    const { result, cleanup } = await behaving("forever", { attemptMs: 300 });
    expect(result).toMatchObject({
      status: "failed",
      fault: "timeout",
      error: expect.stringContaining("0.3 s (payload.timeoutSeconds)"),
      toolRuns: 0,
    });
    expect(cleanup).toEqual({ killed: 0, confirmed: true });
  });

  it("an abort in the middle is an abort, although the process then exits", async () => {
    const controller = new AbortController();
    const ended = carryOut(specFor(gateway.url, { message: "forever" }), controller.signal);
    await gateway.ready;
    controller.abort();
    expect((await ended).result).toMatchObject({ status: "failed", fault: "aborted" });
  });

  it("an abort beforehand starts nothing", async () => {
    const spec = specFor(gateway.url, { message: "forever" });
    const { result, cleanup } = await carryOut(spec, AbortSignal.abort());
    expect(result).toMatchObject({ status: "failed", fault: "aborted" });
    expect(cleanup).toEqual({ killed: 0, confirmed: true });
    expect(gateway.seen).toEqual([]);
  });

  it("a result stands although its process stays and has to be ended", async () => {
    const { result, cleanup } = await behaving("answersAndStays", { killGraceMs: 100 });
    expect(textOf(result)).toBe("said, and stays");
    expect(cleanup.confirmed).toBe(true);
  });

  it("a time limit longer than a timer can be is not no time at all", async () => {
    expect(textOf((await behaving("answers", { attemptMs: 2 ** 40 })).result)).toBe("an answer");
  });
});

describe("a process that does not hand over a result has died", () => {
  it.each([
    ["exitsSilently", "exited without a result"],
    ["exitsOne", "exited with code 1"],
    ["throws", "exited with code"],
    ["killsItself", "killed by SIGKILL"],
    ["garbage", "invalid result: the result is not JSON"],
    ["halfResult", "exited without a result"],
    ["wrongShape", "invalid result"],
    ["answersAndFails", "exited with code 1"],
    ["hugeResult", "too large for limits.outputBytes"],
  ])("%s: %s", async (message, words) => {
    const { result, cleanup } = await behaving(message, { outputBytes: 1000 });
    expect(result).toMatchObject({ status: "failed", fault: "turn_died", error: expect.stringContaining(words), toolRuns: 0 });
    expect(cleanup).toEqual({ killed: 0, confirmed: true });
  });

  it("a program that is not there has died, with what Node says about it", async () => {
    const missing = createAgentTurn({ entry: join(temporary, "missing.cjs") });
    const { result } = await missing.run(specFor(gateway.url), { signal: never, env: env() });
    expect(result).toMatchObject({ status: "failed", fault: "turn_died", stderr: expect.stringContaining("Cannot find module") });
  });

  it("a temporary directory that is not there is a failure, not an exception", async () => {
    const { result, cleanup } = await turn.run(specFor(gateway.url), {
      signal: never,
      env: { ...env(), TMPDIR: join(temporary, "missing") },
    });
    expect(result).toMatchObject({
      status: "failed",
      fault: "turn_died",
      error: expect.stringContaining("directory cannot be made"),
    });
    expect(cleanup).toEqual({ killed: 0, confirmed: true });
  });
});

describe("what it prints", () => {
  it("does not disturb the result", async () => {
    expect(textOf((await behaving("noise")).result)).toBe("the real one");
  });

  it("is kept to its last 4,000 characters, of a hundred megabytes", async () => {
    const { result } = await behaving("hundredMegabytes");
    expect(result).toMatchObject({ status: "failed", fault: "turn_died", stderr: expect.stringMatching(/^x{3993}the end$/) });
  });

  it("loses the token and the parent's keys", async () => {
    const spec = specFor(gateway.url, { message: "printsSecrets" });
    const { result } = await turn.run(spec, { signal: never, env: { ...env(), SOME_API_KEY: "sk-planted-0123456789" } });
    expect(result).toEqual({
      status: "failed",
      fault: "server",
      error: "bad token [removed]",
      toolRuns: 0,
      stderr: "token [removed] and key [removed] in the end\n",
    });
  });
});

describe("the room it is in", () => {
  const planted = "sk-planted-0123456789abcdef";
  const secrets = Object.fromEntries(
    [
      "ANTHROPIC_API_KEY",
      "LC_API_KEY",
      "RUNNER_SECRET",
      "AWS_SESSION_TOKEN",
      "NODE_OPTIONS",
      "SSH_AUTH_SOCK",
      "HTTPS_PROXY",
      "lc_all",
    ].map((name) => [name, planted]),
  );
  // Put into our own environment as well: what is given must come from the list, not from what is inherited.
  beforeEach(() => {
    process.env["PLANTED_PROVIDER_KEY"] = planted;
  });
  afterEach(() => {
    delete process.env["PLANTED_PROVIDER_KEY"];
  });

  it("holds no key, and only what is on the list", async () => {
    const spec = specFor(gateway.url, { message: "showsItself" });
    const parent = { ...env(), ...secrets, LANG: "C.UTF-8", TZ: "Europe/London", TERM: "dumb" };
    const { result } = await turn.run(spec, { signal: never, env: parent });
    const text = textOf(result);
    expect(text).not.toContain(planted);
    expect(text).not.toContain(spec.gateway.token);
    const seen = JSON.parse(text);
    expect(Object.keys(seen.env).toSorted()).toEqual(
      [
        "ATTEMPT",
        "HOME",
        "LANG",
        "PATH",
        "RUNNER_ATTEMPT",
        "RUNNER_RUN_ID",
        "RUNNER_SESSION_ID",
        "TERM",
        "TMPDIR",
        "TZ",
        ...["LC_ALL", "LC_CTYPE", "LANGUAGE"].filter((name) => name in process.env),
      ].toSorted(),
    );
    expect(seen.env).toMatchObject({
      RUNNER_RUN_ID: spec.runId,
      RUNNER_ATTEMPT: "1",
      RUNNER_SESSION_ID: spec.sessionId,
      TZ: "Europe/London",
    });
    // Node's debugger is not opened by a signal that a tool could send.
    expect(seen.execArgv).toEqual(["--disable-sigusr1"]);
    expect(seen.files).toEqual([]);
    expect(seen.modes).toEqual([0o700, 0o700, 0o700, 0o700]);
    expect([seen.env.HOME, seen.env.TMPDIR, seen.cwd].map((place: string) => dirname(dirname(place)))).toEqual([
      temporary,
      temporary,
      temporary,
    ]);
  });

  it("is the one that is announced, but for its directories and session", () => {
    const announced = turn.environment({ runId: "r", attempt: 2 }, { ...secrets, PATH: "/bin", LC_TIME: "C" });
    expect(announced).toEqual({
      ATTEMPT: "2",
      PATH: "/bin",
      LC_TIME: "C",
      HOME: "<fresh directory>/home",
      TMPDIR: "<fresh directory>/tmp",
      RUNNER_RUN_ID: "r",
      RUNNER_ATTEMPT: "2",
      RUNNER_SESSION_ID: "<fresh for every attempt>",
    });
  });

  it("is removed, whatever rights it was left with, and nothing outside of it", async () => {
    const { result } = await behaving("leavesLockedFiles");
    expect(existsSync(textOf(result))).toBe(false);
    expect(existsSync("/bin")).toBe(true);
  });
});
