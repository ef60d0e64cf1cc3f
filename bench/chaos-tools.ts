/**
 * `kill -9` of any process of a run with tools, at random instants: `node bench/chaos-tools.ts [--kills 200] [--seed 1]`.
 *
 * Each round starts a whole run whose turn uses a shell tool and an MCP server against a provider that breaks streams, kills one of its
 * processes (runner, the turn, the shell's program, the MCP server), waits for the end, and then carries the job out once more to its
 * end. Tools append the run, the attempt and an id to a file, so what is compared with the ledger is what really ran.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { judgeText, parseSimulation, startSimulatedProvider, type SimulatedProvider } from "../src/provider/script.ts";
import { filesWith, planned, readMarks, writeCounter, writeMcpCounter, type PlannedCall } from "./tool-turns.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const key = "sk-planted-chaos-0123456789abcdef";

export const victims = ["runner", "turn", "shell", "mcp"] as const;
export type Victim = (typeof victims)[number];

export interface ChaosTally {
  rounds: number;
  /** Processes killed, by kind; a round whose victim was gone before its instant came kills nobody. */
  readonly killed: Record<Victim, number>;
  missed: number;
  /** The runs afterwards: each must end well, with the right answer. */
  next: number;
  nextFailed: string[];
  wrong: number;
  /** Processes of a turn that live after the next run. */
  orphans: number;
  tools: number;
  /** Tools that ran twice within one run. */
  doubled: readonly string[];
  /** Tools that ran and were not begun in the record. */
  unrecorded: readonly string[];
  /** Runs, attempts, calls, tries and tools without an end. */
  open: number;
  leaks: readonly string[];
  integrity: string;
  statuses: string;
}

interface Stage {
  readonly home: string;
  readonly stateDir: string;
  readonly marks: string;
  readonly provider: SimulatedProvider;
}

/** A project with one job whose turn runs four counting tools; each takes long enough to be met at work. */
async function setUp(seed: number): Promise<Stage> {
  const provider = await startSimulatedProvider({
    simulation: parseSimulation("stream_order:0.3,truncate:0.1,slow:0.2", seed),
    delays: { slowMs: 5 },
  });
  const home = mkdtempSync(path.join(os.tmpdir(), "runner-chaos-"));
  const marks = path.join(home, "marks");
  const counter = writeCounter(home);
  const server = writeMcpCounter(home);
  const calls = ["a", "b", "c", "d"].map((id, at): PlannedCall =>
    at % 2 === 0
      ? { name: "shell", input: { argv: [counter, marks, id, "0.1"] } }
      : { name: "mcp__counter__count", input: { id } },
  );
  const tools = { shell: { allow: [counter] }, mcp: { counter: { command: [process.execPath, server, marks, "100"] } } };
  const message = planned("Count.", [calls.slice(0, 2), calls.slice(2)]);
  const job = { payload: { message, model: "test/model", tools }, retry: { delay: "20ms", maxDelay: "50ms" } };
  const test = { baseUrl: provider.url, dialect: "anthropic-messages", apiKey: "${TEST_API_KEY}" };
  mkdirSync(path.join(home, "jobs"));
  writeFileSync(path.join(home, "runner.config.json"), JSON.stringify({ providers: { test } }));
  writeFileSync(path.join(home, "jobs/chaos.json"), JSON.stringify(job));
  return { home, stateDir: path.join(home, "state"), marks, provider };
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start({ home, stateDir }: Stage): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const args = [path.join(root, "bin/runner.js"), "run", "chaos", "-q", "--state-dir", stateDir];
  const env = { PATH: process.env["PATH"], HOME: home, TMPDIR: home, TEST_API_KEY: key };
  const child = spawn(process.execPath, args, { cwd: home, env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve) => {
    // A turn that outlives a killed runner may hold its stderr, so the exit is the end.
    child.once("exit", (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

interface Seen {
  readonly pid: number;
  readonly kind: Victim | "other";
}

/** Living processes of turns of this project. */
function turnProcesses(home: string): Seen[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid): Seen[] => {
      try {
        const environ = readFileSync(`/proc/${pid}/environ`, "latin1");
        if (!environ.includes(home) || !environ.includes("RUNNER_RUN_ID=")) return [];
        return [{ pid: Number(pid), kind: kindOf(readFileSync(`/proc/${pid}/cmdline`, "latin1")) }];
      } catch {
        return [];
      }
    });
}

function kindOf(commandLine: string): Seen["kind"] {
  if (commandLine.includes("agent-child")) return "turn";
  if (commandLine.includes("count-mcp.cjs")) return "mcp";
  return commandLine.includes("/count\0") || commandLine.startsWith("sleep\0") ? "shell" : "other";
}

/** Kills the victim at a random instant of its life, if the run still has one by then. */
async function killOne({ home }: Stage, child: ChildProcess, victim: Victim, random: () => number): Promise<boolean> {
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  // A run takes about two seconds; the others are waited for.
  await wait(random() * (victim === "runner" ? 2_000 : 900));
  if (victim === "runner") return alive() && child.kill("SIGKILL");
  for (;;) {
    const one = turnProcesses(home).find(({ kind }) => kind === victim);
    if (one !== undefined) {
      await wait(random() * 40);
      try {
        return process.kill(one.pid, "SIGKILL");
      } catch {
        return false;
      }
    }
    if (!alive()) return false;
    await wait(3);
  }
}

/** `victims` in turn, or the given ones. */
export async function chaos(kills: number, seed: number, chosen: readonly Victim[] = victims): Promise<ChaosTally> {
  const stage = await setUp(seed);
  const random = randomFrom(seed);
  const tally: ChaosTally = {
    rounds: kills,
    killed: { runner: 0, turn: 0, shell: 0, mcp: 0 },
    missed: 0,
    next: 0,
    nextFailed: [],
    wrong: 0,
    orphans: 0,
    tools: 0,
    doubled: [],
    unrecorded: [],
    open: 0,
    leaks: [],
    integrity: "",
    statuses: "",
  };
  try {
    for (let round = 0; round < kills; round++) {
      const victim = chosen[round % chosen.length] ?? "runner";
      const first = start(stage);
      const killed = await killOne(stage, first.child, victim, random);
      if (killed) tally.killed[victim] += 1;
      else tally.missed += 1;
      await first.ended;
      const next = await start(stage).ended;
      tally.next += 1;
      if (next.code !== 0) tally.nextFailed.push(`exit ${next.code}: ${next.stderr.slice(-500)}`);
      else if (judgeText(next.stdout.trimEnd()) !== "right") tally.wrong += 1;
      tally.orphans += turnProcesses(stage.home).length;
    }
    readAfterwards(stage, tally);
  } finally {
    await stage.provider.close();
    rmSync(stage.home, { recursive: true, force: true });
  }
  return tally;
}

/** What the tools left, beside what the ledger says. */
function readAfterwards({ home, stateDir, marks }: Stage, tally: ChaosTally): void {
  const database = new DatabaseSync(path.join(stateDir, "ledger.sqlite"));
  const rows = (sql: string): Record<string, unknown>[] => database.prepare(sql).all();
  const begun = rows("SELECT runs.id AS run_id, attempt, input FROM tool_runs JOIN runs ON runs.key = tool_runs.run");
  const { counts } = readMarks(marks);
  const ofRun = new Map<string, number>();
  for (const [mark, times] of counts) {
    const [run = "", , id = ""] = mark.split(" ");
    ofRun.set(`${run} ${id}`, (ofRun.get(`${run} ${id}`) ?? 0) + times);
  }
  tally.tools = [...counts.values()].reduce((sum, times) => sum + times, 0);
  tally.doubled = [...ofRun].filter(([, times]) => times > 1).map(([mark]) => mark);
  tally.unrecorded = [...counts.keys()].filter((mark) => {
    const [run, attempt, id] = mark.split(" ");
    return !begun.some(
      (row) =>
        row["run_id"] === run && Number(row["attempt"]) === Number(attempt) && String(row["input"]).includes(JSON.stringify(id)),
    );
  });
  for (const table of ["runs", "attempts", "calls", "tries", "tool_runs"])
    tally.open += rows(`SELECT 1 FROM ${table} WHERE status = 'running'`).length;
  tally.integrity = String(rows("PRAGMA integrity_check")[0]?.["integrity_check"]);
  tally.statuses = rows("SELECT status, count(*) AS n FROM runs GROUP BY status ORDER BY status")
    .map((row) => `${String(row["n"])} ${String(row["status"])}`)
    .join(", ");
  database.close();
  tally.leaks = filesWith(home, key);
}

/** Whether everything is as it must be. */
export function isClean(tally: ChaosTally): boolean {
  const { nextFailed, wrong, orphans, doubled, unrecorded, open, leaks, integrity } = tally;
  const bad = nextFailed.length + wrong + orphans + doubled.length + unrecorded.length + open + leaks.length;
  return bad === 0 && integrity === "ok";
}

/** Park and Miller's generator: the instants of a run can be had again. */
function randomFrom(seed: number): () => number {
  let state = (seed * 48_271) % 2_147_483_647 || 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { kills: { type: "string", default: "200" }, seed: { type: "string", default: "1" } },
  });
  const started = performance.now();
  const tally = await chaos(Number(values.kills), Number(values.seed));
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(
    `node bench/chaos-tools.ts --kills ${values.kills} --seed ${values.seed}: ${seconds} s, Node ${process.versions.node}\n`,
  );
  console.log("| what | count |\n|---|---|");
  const { killed } = tally;
  console.log(`| killed: runner / turn / shell tool / MCP server | ${victims.map((victim) => killed[victim]).join(" / ")} |`);
  console.log(`| victims that had ended before | ${tally.missed} |`);
  console.log(`| runs afterwards: all / failed / WRONG | ${tally.next} / ${tally.nextFailed.length} / ${tally.wrong} |`);
  console.log(`| runs in the ledger | ${tally.statuses} |`);
  console.log(
    `| tools that ran / DOUBLED in a run / not in the record | ${tally.tools} / ${tally.doubled.length} / ${tally.unrecorded.length} |`,
  );
  console.log(`| left open / processes left / files with the key | ${tally.open} / ${tally.orphans} / ${tally.leaks.length} |`);
  console.log(`| integrity_check | ${tally.integrity} |`);
  for (const line of [...tally.nextFailed, ...tally.doubled, ...tally.unrecorded, ...tally.leaks]) console.log(`  ${line}`);
  process.exitCode = isClean(tally) ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
