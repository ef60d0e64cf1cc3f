/**
 * Agent turns that use tools, against a provider that breaks four of five answers:
 *
 *     node bench/agent-turns.ts [--turns 1000] [--processes 100] [--seed 1]
 *
 * Each turn thinks, writes, and calls two tools, twice; then it answers. The tools count: each run of one adds its id to a file. A turn is
 * right if its answer is exactly one whole text of the provider, each of its ids was counted exactly once, and each count was begun in
 * the record. WRONG is an answer that is not whole; LOST a turn without an answer or a tool that did not run; DOUBLED a tool that ran
 * twice. `--turns` are carried out in this process by the turn's own loop, through the gateway over real HTTP; `--processes` are whole
 * `runner run`s with a shell tool and an MCP server. The exit code is 1 if there is one wrong, lost or doubled.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { CallObserver } from "../src/gateway/gateway.ts";
import { createGateway } from "../src/gateway/server.ts";
import { createProvider } from "../src/provider/index.ts";
import { judgeText, parseSimulation, startSimulatedProvider } from "../src/provider/script.ts";
import { buildLadder } from "../src/run/ladder.ts";
import { agentLoop } from "../src/turn/agent-loop.ts";
import { countsById, planned, readMarks, recordedCounts, writeCounter, writeMcpCounter, type PlannedCall } from "./tool-turns.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
export const mixedFaults = "stream_order:0.3,stream_shape:0.3,stream_broken:0.2";

export const dialects = ["anthropic-messages", "openai-completions"] as const;

export interface TurnTally {
  turns: number;
  right: number;
  wrong: number;
  /** Turns without an answer, and tools of answered turns that did not run. */
  lost: number;
  doubled: number;
  /** Tools that ran and were not begun in the record. */
  unrecorded: number;
  toolRuns: number;
  requests: number;
  faulted: number;
  /** Why turns were lost. */
  readonly reasons: Record<string, number>;
  ms: number;
}

const newTally = (): TurnTally => ({
  turns: 0,
  right: 0,
  wrong: 0,
  lost: 0,
  doubled: 0,
  unrecorded: 0,
  toolRuns: 0,
  requests: 0,
  faulted: 0,
  reasons: {},
  ms: 0,
});

const idsOf = (turn: number): string[] => ["a", "b", "c", "d"].map((letter) => `turn-${turn}-${letter}`);

interface Asked {
  readonly turns: number;
  readonly seed: number;
  readonly faults?: string;
  readonly dialect?: (typeof dialects)[number];
}

const limits = {
  firstByteMs: 2_000,
  idleMs: 2_000,
  tryMs: 4_000,
  callMs: 120_000,
  triesPerCall: 12,
  callsPerAttempt: 50,
  maxWaitMs: 10_000,
};
const retry = { maxAttempts: 1, delayMs: 1, factor: 2, maxDelayMs: 10, jitter: 0.25, set: ["delay", "maxDelay"] as const };

/** The turns' own loop in this process, a few at a time. */
export async function loopedTurns({
  turns,
  seed,
  faults = mixedFaults,
  dialect = "anthropic-messages",
}: Asked): Promise<TurnTally> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "runner-agent-turns-"));
  const counter = writeCounter(folder);
  const marksFile = path.join(folder, "marks");
  const provider = await startSimulatedProvider({ simulation: parseSimulation(faults, seed) });
  const config = { id: "test", dialect, baseUrl: baseUrlFor(provider.url, dialect), apiKey: undefined, headers: {} };
  const quirks = { sseQuirks: { tolerateOutOfOrderEvents: true } };
  const gateway = await createGateway({ providers: new Map([["test", createProvider({ ...config, ...quirks })]]) });
  const { rungs } = buildLadder({ models: [{ provider: "test", model: "m" }], stream: "auto", memories: [], now: Date.now() });
  const tally = newTally();
  const started = performance.now();
  const begun = new Map<string, number>();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let turn = next++; turn < turns; turn = next++) {
      const ended = new AbortController();
      const observer = noting(begun);
      const runId = `turn-${turn}`;
      const door = gateway.open({ runId, attempt: 1, ladder: rungs, retry, limits, signal: ended.signal, observer });
      const calls = idsOf(turn).map((id): PlannedCall => ({ name: "shell", input: { argv: [counter, marksFile, id] } }));
      const result = await agentLoop({
        runId,
        jobName: "bench",
        attempt: 1,
        sessionId: runId,
        system: "",
        message: planned(`Question ${turn}`, [calls.slice(0, 2), calls.slice(2)]),
        model: "test/m",
        dialect,
        stream: false,
        maxTokens: 8_192,
        tools: { shell: { allow: [counter], shellStrings: false, timeoutMs: 20_000 } },
        gateway: { url: gateway.url, token: door.token },
        limits: { attemptMs: 120_000, killGraceMs: 1_000, outputBytes: 1 << 20 },
      });
      door.close();
      count(tally, result.status === "answered" ? { text: result.text } : { why: `${result.fault}: ${result.error}` });
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  tally.ms = performance.now() - started;
  await gateway.close();
  compare(tally, marksFile, turns, begun);
  await closeProvider(provider, tally);
  rmSync(folder, { recursive: true, force: true });
  return tally;
}

/** Whole `runner run`s, two at a time, each a job with a ledger of its own, so that what one has learnt of a stream helps no other. */
export async function wholeTurns({
  turns,
  seed,
  faults = mixedFaults,
  dialect = "anthropic-messages",
}: Asked): Promise<TurnTally> {
  const home = mkdtempSync(path.join(os.tmpdir(), "runner-agent-turns-"));
  const stateDir = path.join(home, "state");
  const marksFile = path.join(home, "marks");
  const counter = writeCounter(home);
  const server = writeMcpCounter(home);
  mkdirSync(path.join(home, "jobs"));
  const provider = await startSimulatedProvider({ simulation: parseSimulation(faults, seed) });
  const test = { baseUrl: baseUrlFor(provider.url, dialect), dialect, apiKey: "${TEST_API_KEY}" };
  writeFileSync(path.join(home, "runner.config.json"), JSON.stringify({ providers: { test } }));
  for (let turn = 0; turn < turns; turn++) {
    const calls = idsOf(turn).map((id, at): PlannedCall =>
      at % 2 === 0
        ? { name: "shell", input: { argv: [counter, marksFile, id] } }
        : { name: "mcp__counter__count", input: { id } },
    );
    const message = planned(`Question ${turn}`, [calls.slice(0, 2), calls.slice(2)]);
    const mcp = { counter: { command: [process.execPath, server, marksFile] } };
    const payload = { message, model: "test/model", tools: { shell: { allow: [counter] }, mcp } };
    const job = { payload, retry: { delay: "20ms", maxDelay: "50ms" } };
    writeFileSync(path.join(home, `jobs/turn-${turn}.json`), JSON.stringify(job));
  }
  const tally = newTally();
  const started = performance.now();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let turn = next++; turn < turns; turn = next++)
      count(tally, await wholeRun(home, path.join(stateDir, `turn-${turn}`), `turn-${turn}`));
  };
  await Promise.all([work(), work()]);
  tally.ms = performance.now() - started;
  compare(tally, marksFile, turns, recordsOf(stateDir, marksFile));
  await closeProvider(provider, tally);
  rmSync(home, { recursive: true, force: true });
  return tally;
}

function recordsOf(stateDir: string, marksFile: string): ReadonlyMap<string, number> {
  const ids = [...countsById(readMarks(marksFile)).keys()];
  const begun = new Map<string, number>();
  if (!existsSync(stateDir)) return begun;
  for (const folder of readdirSync(stateDir)) {
    const database = new DatabaseSync(path.join(stateDir, folder, "ledger.sqlite"));
    for (const [id, times] of recordedCounts(database, ids)) begun.set(id, (begun.get(id) ?? 0) + times);
    database.close();
  }
  return begun;
}

type Ended = { readonly text: string } | { readonly why: string };

function wholeRun(home: string, stateDir: string, job: string): Promise<Ended> {
  const args = [path.join(root, "bin/runner.js"), "run", job, "--json", "--state-dir", stateDir];
  const env = { PATH: process.env["PATH"], HOME: home, TMPDIR: home, TEST_API_KEY: "sk-planted-0123456789abcdef" };
  const child = spawn(process.execPath, args, { cwd: home, env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve) => {
    child.once("close", (code) => {
      const text = code === 0 ? outputIn(stdout) : undefined;
      resolve(text === undefined ? { why: `exit ${code}: ${`${stderr}${stdout}`.slice(-300)}` } : { text });
    });
  });
}

function outputIn(stdout: string): string | undefined {
  const found: unknown = JSON.parse(stdout);
  if (typeof found !== "object" || found === null || !("run" in found)) return undefined;
  const { run } = found;
  return typeof run === "object" && run !== null && "output" in run && typeof run.output === "string" ? run.output : undefined;
}

function baseUrlFor(url: string, dialect: (typeof dialects)[number]): string {
  return dialect === "openai-completions" ? `${url}/v1` : url;
}

const nothing = async (): Promise<void> => {};

/** Notes what was begun, by the id in the tool's input. */
function noting(begun: Map<string, number>): CallObserver {
  return {
    callStarted: nothing,
    waiting: () => {},
    tryStarted: nothing,
    tryAnswered: nothing,
    tryFailed: nothing,
    callFinished: nothing,
    toolFinished: nothing,
    toolStarted: async ({ input }) => {
      const id = /"(?<id>turn-\d+-[a-d])"/.exec(input)?.groups?.["id"];
      if (id !== undefined) begun.set(id, (begun.get(id) ?? 0) + 1);
    },
  };
}

function count(tally: TurnTally, ended: Ended): void {
  tally.turns += 1;
  if ("text" in ended) {
    if (judgeText(ended.text) === "right") tally.right += 1;
    else tally.wrong += 1;
    return;
  }
  tally.lost += 1;
  tally.reasons[ended.why] = (tally.reasons[ended.why] ?? 0) + 1;
}

/** What was counted, beside what should have been and what the record says. */
function compare(tally: TurnTally, marksFile: string, turns: number, begun: ReadonlyMap<string, number>): void {
  const counts = countsById(readMarks(marksFile));
  const expected = Array.from({ length: turns }, (_, turn) => idsOf(turn)).flat();
  const missing = expected.filter((id) => !counts.has(id)).length;
  tally.doubled = [...counts.values()].filter((times) => times > 1).length;
  tally.toolRuns = [...counts.values()].reduce((sum, one) => sum + one, 0);
  tally.unrecorded = [...counts].filter(([id, one]) => begun.get(id) !== one).length;
  // The tools of a turn that was lost are counted with it.
  if (tally.lost === 0) tally.lost += missing;
}

async function closeProvider(provider: Awaited<ReturnType<typeof startSimulatedProvider>>, tally: TurnTally): Promise<void> {
  tally.requests = provider.requests;
  tally.faulted = provider.faulted;
  await provider.close();
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      turns: { type: "string", default: "1000" },
      processes: { type: "string", default: "100" },
      seed: { type: "string", default: "1" },
    },
  });
  const [turns, processes, seed] = [values.turns, values.processes, values.seed].map(Number);
  if (turns === undefined || processes === undefined || seed === undefined) return;
  console.log(
    `node bench/agent-turns.ts --turns ${turns} --processes ${processes} --seed ${seed}   Node ${process.versions.node}`,
  );
  console.log(`${mixedFaults}; per turn: thinking, text, two tools; again; then the answer\n`);
  console.log(
    "| what | dialect | turns | right | WRONG | LOST | DOUBLED | unrecorded | tool runs | requests | faulted | seconds |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|---|---|---|");
  for (const dialect of dialects) {
    if (turns > 0) await show("the turn's loop", dialect, await loopedTurns({ turns: turns / 2, seed, dialect }));
    if (processes > 0) await show("whole runs", dialect, await wholeTurns({ turns: processes / 2, seed, dialect }));
  }
}

async function show(what: string, dialect: string, tally: TurnTally): Promise<void> {
  const { turns, right, wrong, lost, doubled, unrecorded, toolRuns, requests, faulted } = tally;
  const figures = [turns, right, wrong, lost, doubled, unrecorded, toolRuns, requests];
  const share = `${((100 * faulted) / requests).toFixed(0)} %`;
  console.log(`| ${[what, dialect, ...figures, share, (tally.ms / 1000).toFixed(0)].join(" | ")} |`);
  for (const [reason, times] of Object.entries(tally.reasons)) console.log(`  ${times} × ${reason}`);
  if (wrong + lost + doubled + unrecorded > 0) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
