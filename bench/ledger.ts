/**
 * The ledger's speed. `node bench/ledger.ts` (200,000 runs with their steps; `--million` for 1,000,000; `--lists` without what `cost`
 * and `reliability` count, which takes minutes of a million; `--looks` for what `status` asks alone).
 *
 * Writes: durable claims and steps a second, in one process, one after the other, as a run does them. Reads: the whole process
 * of a command that opens the ledger and reads, against a bare `node -e 0`, interleaved, medians. Absolute times depend on the
 * machine and its disk; the ratios carry over.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { openLedger } from "../src/ledger/index.ts";
import type { Ledger, LedgerReader } from "../src/ledger/ledger.ts";
import { fillHistory, fillSteps, startOfRun } from "../test/ledger/history.ts";
import { attemptStart, callStart, runFinish, runStart, slotClaim, tryFinish, tryStart } from "../test/ledger/records.ts";
import { pruning } from "./ledger-pruning.ts";

const runs = process.argv.includes("--million") ? 1_000_000 : 200_000;
const jobs = 50;
const rounds = 15;
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "runner-bench-ledger-"));

/** Writes done one after the other for about a second; how many a second. */
async function rate(write: (number: number) => Promise<unknown>, writesEach: number): Promise<number> {
  const begin = performance.now();
  let number = 0;
  while (performance.now() - begin < 1000) await write(number++);
  return (number * writesEach * 1000) / (performance.now() - begin);
}

async function writes(ledger: Ledger): Promise<readonly (readonly [string, number])[]> {
  const claims = await rate((number) => ledger.claimRun(runStart({ runId: `claim-${number}`, jobId: `claim-job-${number}` })), 1);
  await ledger.claimRun(runStart({ runId: "steps", jobId: "steps" }));
  await ledger.startAttempt(attemptStart({ runId: "steps" }));
  await ledger.startCall(callStart({ runId: "steps" }));
  const steps = await rate(async (number) => {
    const key = tryStart({ runId: "steps", try: number + 1 });
    await ledger.startTry(key);
    await ledger.finishTry(key, tryFinish({ status: "failed", fault: "stream_order", error: "e".repeat(300) }));
  }, 2);
  const whole = await rate(async (number) => {
    const runId = `whole-${number}`;
    await ledger.claimRun(runStart({ runId, jobId: "whole" }));
    await ledger.startAttempt(attemptStart({ runId }));
    await ledger.startCall(callStart({ runId }));
    await ledger.startTry(tryStart({ runId }));
    await ledger.finishTry(tryStart({ runId }), tryFinish());
    await ledger.finishCall(callStart({ runId }), { finishedAt: 1, status: "answered", httpStatus: 200 });
    await ledger.finishAttempt({ runId, attempt: 1 }, { finishedAt: 1, status: "succeeded", toolRuns: 0 });
    await ledger.finishRun(runId, runFinish({ output: "o".repeat(500) }));
  }, 1);
  return [
    ["claims a second", claims],
    ["steps a second (start or end of a try)", steps],
    ["whole runs a second (8 writes each)", whole],
  ];
}

/** Slots claimed in one transaction: how many a second, and how long such a batch takes, which is how late its last one is. */
async function batches(ledger: Ledger): Promise<readonly (readonly string[])[]> {
  const rows: (readonly string[])[] = [];
  for (const size of [1, 10, 100, 500, 1000]) {
    const took: number[] = [];
    for (let round = 0, begin = performance.now(); performance.now() - begin < 1000; round++) {
      const claims = Array.from({ length: size }, (_, at) => {
        const name = `${size}-${round}-${at}`;
        return slotClaim({ runId: `slot-${name}`, jobId: `job-${name}` });
      });
      const start = performance.now();
      await ledger.claimSlots(claims);
      took.push(performance.now() - start);
    }
    const typical = median(took);
    rows.push([String(size), ((size * 1000) / typical).toFixed(0), typical.toFixed(2), Math.max(...took).toFixed(1)]);
  }
  return rows;
}

/** One program a read, bundled and cached as the command line is, so that loading our sources is no part of the figure. */
function program(name: string, work: string): string {
  const file = join(folder, `${name}.cjs`);
  const contents = `import { openLedger } from "./src/ledger/index.ts";
    (async () => { const ledger = await openLedger({ stateDir: process.argv[2], create: false }); ${work} await ledger.close(); })();`;
  buildSync({
    stdin: { contents, resolveDir: root, loader: "ts" },
    bundle: true,
    platform: "node",
    format: "cjs",
    banner: { js: 'require("node:module").enableCompileCache();' },
    outfile: file,
    logLevel: "error",
  });
  return file;
}

function milliseconds(...args: string[]): number {
  const begin = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return performance.now() - begin;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Whole processes, interleaved so that a slow moment of the machine hits all of them. */
function processes(stateDir: string): readonly (readonly [string, number])[] {
  const programs: readonly (readonly [string, readonly string[]])[] = [
    ["bare `node -e 0`", ["-e", "0"]],
    ["open and close", [program("open", ""), stateDir]],
    ["open, last 20 runs of a job", [program("history", `await ledger.history({ jobId: "job-7" });`), stateDir]],
    ["open, last run of each of 50 jobs (`list`)", [program("last", "await ledger.lastRuns();"), stateDir]],
    ["open, one run by 8 characters of its id", [program("show", `await ledger.run("run-00054321");`), stateDir]],
  ];
  const times = programs.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [at, [, args]] of programs.entries()) times[at]?.push(milliseconds(...args));
  return programs.map(([name], at) => [name, median(times[at] ?? [])]);
}

/** CPU time, median, of which what else the machine does is no part; and wall time. */
type Time = readonly [cpu: number, wall: number];
async function time(work: () => Promise<unknown>, times = 200): Promise<Time> {
  const samples: number[] = [];
  const walls: number[] = [];
  for (let sample = 0; sample < times; sample++) {
    const before = process.cpuUsage();
    const begin = performance.now();
    await work();
    walls.push(performance.now() - begin);
    const { user, system } = process.cpuUsage(before);
    samples.push((user + system) / 1000);
  }
  return [median(samples), median(walls)];
}

/** All that `runner status` asks the ledger. */
async function askAsStatus(ledger: LedgerReader): Promise<void> {
  const now = startOfRun(runs);
  await ledger.openRuns();
  await ledger.leader();
  await ledger.recentRuns(20);
  await ledger.lastSlots();
  await ledger.armed();
  await ledger.pauses(now);
  await ledger.statusCounts({ since: now - 30 * 86_400_000 });
  await ledger.events({ since: now - 30 * 86_400_000, limit: 200 });
}

/** The same number of runs, of few jobs and of many: `status` looks at each job. Every tenth of the jobs has failed always, if there are so many. */
async function lookAtJobs(number: number): Promise<readonly (readonly [string, Time])[]> {
  const stateDir = join(folder, `of-${number}`);
  await (await openLedger({ stateDir })).close();
  fillHistory(join(stateDir, "ledger.sqlite"), runs, number);
  const ledger = await openLedger({ stateDir, create: false });
  if (ledger === undefined) throw new Error("the ledger was just made");
  const since = startOfRun(runs) - 30 * 86_400_000;
  const rows = [
    ["all that `status` asks", await time(() => askAsStatus(ledger), 30)],
    ["how the last 20 runs of each ended", await time(() => ledger.recentRuns(20), 30)],
    ["failure rate of 30 days of each", await time(() => ledger.statusCounts({ since }), 30)],
    ["last 20 runs of one", await time(() => ledger.history({ jobId: "job-7" }))],
  ] as const;
  await ledger.close();
  rmSync(stateDir, { recursive: true });
  return rows.map(([name, took]) => [`${name}, of ${number.toLocaleString("en")} jobs`, took]);
}

/** The counts look at every run of their time: one day, thirty, and all there is; of all jobs and of one. */
async function counts(ledger: Ledger): Promise<readonly (readonly [string, Time])[]> {
  const times = [1, 30, Math.ceil(runs / 1440)].map((days) => ({ days, since: startOfRun(runs) - days * 86_400_000 }));
  const rows: (readonly [string, Time])[] = [];
  for (const what of ["costs", "rungCounts", "healings"] as const)
    for (const { days, since } of times) {
      rows.push([`${what}, ${days} days`, await time(() => ledger[what]({ since }), 5)]);
      rows.push([`${what}, ${days} days, one job`, await time(() => ledger[what]({ since, jobId: "job-7" }), 5)]);
    }
  return rows;
}

async function queries(ledger: Ledger): Promise<readonly (readonly [string, Time])[]> {
  const days30 = startOfRun(runs) - 30 * 86_400_000;
  const newest = (await ledger.history({ jobId: "job-7", limit: 1 }))[0]?.runId ?? "";
  return [
    ["last 20 runs of a job", await time(() => ledger.history({ jobId: "job-7" }))],
    ["last 20 runs of all", await time(() => ledger.history({}))],
    ["failure rate of 30 days, all jobs", await time(() => ledger.statusCounts({ since: days30 }))],
    ["failure rate of 30 days, one job", await time(() => ledger.statusCounts({ since: days30, jobId: "job-7" }))],
    ["last run of each of 50 jobs", await time(() => ledger.lastRuns())],
    ["last 20 that failed, of all", await time(() => ledger.history({ statuses: ["failed", "timed_out"] }))],
    ["last 20 of an ending nobody had, of a job", await time(() => ledger.history({ jobId: "job-7", statuses: ["blocked"] }))],
    ["last success of a job, before its newest run", await time(() => ledger.lastRun("job-7", ["succeeded"], newest))],
    ["one run by a beginning of its id", await time(() => ledger.run("run-00054321"))],
    ["how much `prune` would remove", await time(() => ledger.prunable(startOfRun(runs)), 20)],
    ...(process.argv.includes("--lists") ? [] : await counts(ledger)),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  console.log(`\n| ${head.join(" | ")} |\n|${head.map((_, at) => (at === 0 ? "---" : "---:")).join("|")}|`);
  for (const row of rows) console.log(`| ${row.join(" | ")} |`);
}

async function looks(): Promise<void> {
  const rows = [...(await lookAtJobs(50)), ...(await lookAtJobs(1000))];
  table(
    ["a look at all jobs, median", "CPU ms", "wall ms"],
    rows.map(([name, [cpu, wall]]) => [name, cpu.toFixed(2), wall.toFixed(2)]),
  );
}

async function everything(): Promise<void> {
  const fresh = await openLedger({ stateDir: join(folder, "fresh") });
  table(
    ["write, one process, durable", "per second"],
    (await writes(fresh)).map(([name, value]) => [name, value.toFixed(0)]),
  );
  table(["slots claimed at once", "a second", "ms, median", "ms, longest"], await batches(fresh));
  await fresh.close();

  const stateDir = join(folder, "old");
  mkdirSync(stateDir);
  await (await openLedger({ stateDir })).close();
  const begin = performance.now();
  fillHistory(join(stateDir, "ledger.sqlite"), runs, jobs);
  fillSteps(join(stateDir, "ledger.sqlite"));
  const size = statSync(join(stateDir, "ledger.sqlite")).size / 2 ** 20;
  console.log(
    `\n${runs.toLocaleString("en")} runs of ${jobs} jobs, one a minute, with their steps: ${size.toFixed(0)} MiB, filled in ${((performance.now() - begin) / 1000).toFixed(1)} s`,
  );
  const whole = processes(stateDir);
  const bare = whole[0]?.[1] ?? Number.NaN;
  table(
    [`whole process, median of ${rounds}`, "ms", "× bare node"],
    whole.map(([name, value]) => [name, value.toFixed(1), (value / bare).toFixed(2)]),
  );
  const ledger = await openLedger({ stateDir });
  table(
    ["query on the open ledger, median", "CPU ms", "wall ms"],
    (await queries(ledger)).map(([name, [cpu, wall]]) => [name, cpu.toFixed(3), wall.toFixed(3)]),
  );
  await ledger.close();
  table(
    ["claims of another process", "claims", "p50 ms", "p99 ms", "longest ms", "runs removed a second"],
    await pruning(stateDir, startOfRun(runs) + 86_400_000),
  );
}

try {
  if (!process.argv.includes("--looks")) await everything();
  await looks();
} finally {
  rmSync(folder, { recursive: true });
}
