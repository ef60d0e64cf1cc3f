/**
 * What one agent turn costs in processor time, in the daemon and in the processes it starts:
 *
 *     npm run build && node bench/turn-cpu.ts [--turns 200] [--rounds 3] [--rate 10] [--against FOLDER]
 *
 * A daemon with a simulated provider, which works in the daemon itself, catches up with jobs that are all overdue, so many a second. The first
 * turns are not counted; from then on utime and stime of the daemon and of its children that have ended (proc_pid_stat(5)) are divided by the runs
 * that ended meanwhile. What the daemon takes while nothing is due is taken off. With `--against` another built checkout is measured in turns
 * with this one, for a comparison on a machine that others work on. Linux only.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ask, stop } from "./daemon-process.ts";

const { values } = parseArgs({
  options: {
    turns: { type: "string", default: "200" },
    rounds: { type: "string", default: "3" },
    rate: { type: "string", default: "10" },
    against: { type: "string" },
  },
});
const [turns, rounds, rate] = [values.turns, values.rounds, values.rate].map(Number) as [number, number, number];
/** What is compiled and cached by then is what a daemon has done all day. */
const warmUp = 30;
const overdueMs = 2 * 3_600_000;
/** How long a daemon is looked at that has nothing to do. */
const idleMs = 4_000;
const here = fileURLToPath(new URL("..", import.meta.url));
const trees = [here, ...(values.against === undefined ? [] : [path.resolve(values.against)])];

interface Cpu {
  readonly own: number;
  readonly children: number;
}

/** In ms since the process began; the system counts in hundredths of a second. */
function cpuOf(pid: number): Cpu {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system, childUser, childSystem] = fields.slice(11, 15).map((ticks) => Number(ticks) * 10) as [
    number,
    number,
    number,
    number,
  ];
  return { own: user + system, children: childUser + childSystem };
}

function writeProject(folder: string): void {
  // Half an hour ago, so that each job is overdue once it was armed two hours ago and none is due while the daemon is idle.
  const then = new Date(Date.now() - 1_800_000);
  const schedule = { kind: "cron", expr: `${then.getUTCMinutes()} ${then.getUTCHours()} * * *`, tz: "UTC" };
  const jobs = Array.from({ length: turns + warmUp + 3 * rate }, (_, number) => ({
    id: `id-${number}`,
    name: `job-${number}`,
    schedule,
    payload: { message: `Say the number ${number}, and nothing else.`, model: "kimi-coding/k2p5", timeoutSeconds: 120 },
  }));
  mkdirSync(path.join(folder, "jobs"), { recursive: true });
  writeFileSync(path.join(folder, "jobs/all.json"), JSON.stringify({ jobs }));
  writeFileSync(path.join(folder, "runner.config.json"), JSON.stringify({ scheduler: { startsPerSecond: rate } }));
}

function start(tree: string, home: string): { readonly daemon: ChildProcess; readonly pid: number } {
  const env = { PATH: process.env["PATH"], HOME: home, XDG_STATE_HOME: path.join(home, "state") };
  const args = [path.join(tree, "bin/runner.js"), "start", "--simulate", "none", "-q", "--state-dir", path.join(home, "ledger")];
  const daemon = spawn(process.execPath, args, { cwd: path.join(home, "project"), env, stdio: "ignore" });
  if (daemon.pid === undefined) throw new Error("the daemon was not started");
  return { daemon, pid: daemon.pid };
}

interface Cost extends Cpu {
  readonly turns: number;
  readonly failed: number;
}

async function measure(tree: string): Promise<Cost> {
  const home = mkdtempSync(path.join(os.tmpdir(), "runner-bench-turn-"));
  try {
    writeProject(path.join(home, "project"));
    // A simulated daemon keeps a ledger of its own below the one that is named.
    const file = path.join(home, "ledger/simulated/ledger.sqlite");
    const first = start(tree, home);
    while (ask(file, "SELECT count(*) FROM armed") === 0) await wait(50);
    await wait(1_000);
    const quiet = cpuOf(first.pid);
    await wait(idleMs);
    const idle = (cpuOf(first.pid).own - quiet.own) / idleMs;
    await stop(first.daemon);
    const database = new DatabaseSync(file);
    database.exec(`UPDATE armed SET since = since - ${overdueMs}`);
    database.close();
    const ended = (): number => ask(file, "SELECT count(*) FROM runs WHERE status <> 'running'");
    const { daemon, pid } = start(tree, home);
    while (ended() < warmUp) await wait(100);
    const [before, began, from] = [ended(), performance.now(), cpuOf(pid)];
    while (ended() < before + turns) await wait(100);
    const [after, until, to] = [ended(), performance.now(), cpuOf(pid)];
    await stop(daemon);
    const done = after - before;
    const failed = ask(
      file,
      "SELECT count(*) FROM runs WHERE status NOT IN ('running', 'succeeded', 'cancelled', 'interrupted')",
    );
    const own = (to.own - from.own - idle * (until - began)) / done;
    return { own, children: (to.children - from.children) / done, turns: done, failed };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

console.log(
  `Node ${process.versions.node}, ${turns} agent turns a round, ${rate} a second; load ${os.loadavg()[0]?.toFixed(1)}\n`,
);
console.log("| round | checkout | turns | daemon, ms a turn | its children, ms a turn |\n|---:|---|---:|---:|---:|");
const all = new Map<string, Cost[]>(trees.map((tree) => [tree, []]));
for (let round = 1; round <= rounds; round += 1) {
  for (const tree of round % 2 === 1 ? trees : trees.toReversed()) {
    const cost = await measure(tree);
    all.get(tree)?.push(cost);
    const name = tree === here ? "this" : "the other";
    console.log(`| ${round} | ${name} | ${cost.turns} | ${cost.own.toFixed(1)} | ${cost.children.toFixed(1)} |`);
    if (cost.failed > 0) process.exitCode = 1;
    if (cost.failed > 0) console.log(`\n${cost.failed} runs did not end well.\n`);
  }
}
const median = (costs: readonly Cost[], of: (cost: Cost) => number): string =>
  (costs.map(of).toSorted((a, b) => a - b)[Math.floor(costs.length / 2)] ?? Number.NaN).toFixed(1);
for (const [tree, costs] of all)
  console.log(
    `| median | ${tree === here ? "this" : "the other"} | | ${median(costs, ({ own }) => own)} | ${median(costs, ({ children }) => children)} |`,
  );
