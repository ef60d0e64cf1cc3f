/**
 * `kill -9` of the daemon at random instants: `node bench/chaos-daemon.ts [--hours 24] [--factor 120] [--jobs 50] [--seed 1]
 * [--daemons 1]`.
 *
 * One daemon, then two of them on one state folder, each a process of its own on a clock that runs `factor` times as fast, is killed every
 * 3 to 7 s of real time and started again at once. Each job appends the slot it answers to a file, so what is compared with the ledger, and
 * both with the slots that the schedules name, is what really ran.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadProject, type Project } from "../src/compose/project.ts";
import { openLedger } from "../src/ledger/index.ts";
import type { LedgerReader } from "../src/ledger/ledger.ts";
import { nextSlots } from "../src/schedule/slot.ts";

export interface ChaosOptions {
  readonly hours: number;
  /** How much faster the clock runs than the world's. */
  readonly factor: number;
  readonly jobs: number;
  readonly daemons: 1 | 2;
  readonly seed: number;
  /** Real time between two kills. */
  readonly killEveryMs: readonly [least: number, most: number];
}

export interface ChaosTally {
  readonly kills: number;
  /** Instants that the schedules name, from each job's arming to the end. */
  readonly slots: number;
  /** How the ledger says they were answered. */
  readonly byStatus: Readonly<Record<string, number>>;
  /** Instants without a record, or that succeeded and whose job did not run. */
  readonly lost: readonly string[];
  /** Instants for which a job ran twice, or that have two records. */
  readonly doubled: readonly string[];
  /** Runs of an instant that no schedule names. */
  readonly invented: readonly string[];
  /** Why runs were interrupted, and how often. */
  readonly interruptions: Readonly<Record<string, number>>;
  /** Runs without an end that no process carries. */
  readonly open: number;
  readonly orphans: readonly string[];
}

const simulatedStart = Date.parse("2026-11-01T00:00:00Z");

/** The time on the fast clock. */
export function fastNow(realStart: number, factor: number): number {
  return simulatedStart + Math.round((Date.now() - realStart) * factor);
}

/** Minutes and fields of which no two jobs have quite the same, in zones with and without a change of the clocks that night. */
function scheduleOf(at: number): object {
  const zone = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"][at % 4] ?? "UTC";
  const minute = (at * 7) % 60;
  if (at % 3 === 0) return { kind: "every", everyMs: (30 + minute) * 60_000 };
  if (at % 3 === 1) return { kind: "cron", expr: `${minute % 30}-59/30 * * * *`, tz: zone };
  return { kind: "cron", expr: `${minute} * * * *`, tz: zone };
}

function writeProject(dir: string, jobs: number): void {
  mkdirSync(path.join(dir, "jobs"), { recursive: true });
  mkdirSync(path.join(dir, "out"));
  const scheduler = { maxRuns: 20, startsPerSecond: 1_000, shutdownGrace: "10m", killGrace: "5s" };
  writeFileSync(path.join(dir, "runner.config.json"), JSON.stringify({ stateDir: "state", timezone: "UTC", scheduler }));
  for (let at = 0; at < jobs; at++) {
    const name = `job-${String(at).padStart(3, "0")}`;
    const job = {
      name,
      schedule: scheduleOf(at),
      payload: { kind: "command", argv: ["sh", "-c", `echo "$SLOT" >> ${dir}/out/${name}; sleep 0.1`] },
      // Of half the jobs each slot that passed is answered, however late; of the others the latest, and the rest are recorded as missed.
      ...(at % 2 === 0 ? { catchUp: { policy: "all", max: 1_000, maxAge: "24h" } } : {}),
      overlap: "queue",
      retry: { maxAttempts: 3 },
    };
    writeFileSync(path.join(dir, `jobs/${name}.json`), JSON.stringify(job));
  }
}

export async function chaos(options: ChaosOptions): Promise<ChaosTally> {
  const { hours, factor, jobs, daemons, seed, killEveryMs } = options;
  const dir = mkdtempSync(path.join(os.tmpdir(), "runner-chaos-"));
  writeProject(dir, jobs);
  const realStart = Date.now();
  const end = simulatedStart + hours * 3_600_000;
  const random = randomOf(seed);
  const living: ChildProcess[] = [];
  let kills = 0;
  try {
    for (let at = 0; at < daemons; at++) living.push(startDaemon(dir, factor, realStart));
    while (fastNow(realStart, factor) < end) {
      await wait(killEveryMs[0] + random() * (killEveryMs[1] - killEveryMs[0]));
      const at = Math.floor(random() * daemons);
      await ended(living[at], "SIGKILL");
      kills++;
      living[at] = startDaemon(dir, factor, realStart);
    }
    const stoppedAt = fastNow(realStart, factor);
    await untilAnswered(dir, stoppedAt);
    await Promise.all(living.splice(0).map((child) => ended(child, "SIGTERM")));
    return { kills, ...(await compare(dir, stoppedAt)), orphans: orphansOf(dir) };
  } finally {
    for (const child of living) child.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  }
}

function startDaemon(dir: string, factor: number, realStart: number): ChildProcess {
  const program = fileURLToPath(new URL("chaos-daemon-program.ts", import.meta.url));
  return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, dir, String(factor), String(realStart)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

async function ended(child: ChildProcess | undefined, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) throw new Error("a daemon ended by itself");
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await exited;
}

interface Instant {
  readonly jobId: string;
  readonly at: number;
}

async function instantsOf(project: Project, ledger: LedgerReader, until: number): Promise<Instant[]> {
  const armed = await ledger.armed();
  return project.jobs.flatMap(({ id, schedule }) => {
    const since = armed.get(id)?.since ?? Number.POSITIVE_INFINITY;
    const found: Instant[] = [];
    for (let after = since; after < until;) {
      const slots = nextSlots(schedule, new Date(after), 100, project.zone).map((slot) => slot.getTime());
      found.push(...slots.filter((at) => at <= until).map((at) => ({ jobId: id, at })));
      after = slots.at(-1) ?? until;
    }
    return found;
  });
}

async function open(dir: string): Promise<{ readonly project: Project; readonly ledger: LedgerReader }> {
  const project = await loadProject({ dir, configFile: undefined, stateDir: undefined, env: process.env });
  const ledger = await openLedger({ stateDir: project.stateDir, create: false });
  if (ledger === undefined) throw new Error("there is no ledger");
  return { project, ledger };
}

/** How long nothing more may be answered before it is given up, in ms. */
const noProgressMs = 60_000;

/** After the last kill the daemons go on until every slot so far is answered; that they do not is found out by the comparison. */
async function untilAnswered(dir: string, until: number): Promise<void> {
  const { project, ledger } = await open(dir);
  try {
    let left = await instantsOf(project, ledger, until);
    for (let progressAt = Date.now(); left.length > 0 && Date.now() - progressAt < noProgressMs;) {
      await wait(100);
      const records = await Promise.all(left.map(async ({ jobId, at }) => ledger.slotRecord(jobId, at)));
      const still = left.filter((_, at) => ["queued", "running", "waiting"].includes(records[at]?.status ?? "queued"));
      if (still.length < left.length) progressAt = Date.now();
      left = still;
    }
  } finally {
    await ledger.close();
  }
}

async function compare(dir: string, until: number): Promise<Omit<ChaosTally, "kills" | "orphans">> {
  const { project, ledger } = await open(dir);
  try {
    const instants = await instantsOf(project, ledger, until);
    const byStatus: Record<string, number> = {};
    const interruptions: Record<string, number> = {};
    const lost: string[] = [];
    const doubled: string[] = [];
    const known = new Set<string>();
    const ran = new Map(project.jobs.map(({ id, name }) => [id, slotsWritten(dir, name)]));
    for (const { jobId, at } of instants) {
      const slot = new Date(at).toISOString();
      known.add(`${jobId} ${slot}`);
      const row = await ledger.slotRecord(jobId, at);
      const times = ran.get(jobId)?.filter((one) => one === slot).length ?? 0;
      const status = row?.status ?? "none";
      const reason = (row?.reason ?? "").replaceAll(/\d+/g, "#");
      if (status === "interrupted") interruptions[reason] = (interruptions[reason] ?? 0) + 1;
      byStatus[status] = (byStatus[status] ?? 0) + 1;
      if (row === undefined || (status === "succeeded" && times === 0)) lost.push(`${jobId} ${slot} ${status}`);
      if (times > 1) doubled.push(`${jobId} ${slot} ran ${times} times`);
    }
    for (const [jobId] of ran) {
      const rows = (await ledger.history({ jobId, limit: 100_000 })).filter(
        ({ slotAt, trigger }) => slotAt !== undefined && trigger === "slot",
      );
      const seen = new Set<number>();
      for (const { slotAt = 0 } of rows) {
        if (seen.has(slotAt)) doubled.push(`${jobId} ${new Date(slotAt).toISOString()} has two records`);
        seen.add(slotAt);
      }
    }
    // A slot that is claimed and was not begun waits for the next start; nothing may be taken for running.
    const running = (await ledger.openRuns()).filter(({ status }) => status === "running").length;
    const last = new Date(until).toISOString();
    const invented = [...ran].flatMap(([jobId, slots]) =>
      slots.filter((slot) => slot <= last && !known.has(`${jobId} ${slot}`)).map((slot) => `${jobId} ${slot}`),
    );
    return { slots: instants.length, byStatus, lost, doubled, invented, interruptions, open: running };
  } finally {
    await ledger.close();
  }
}

function slotsWritten(dir: string, name: string): string[] {
  const file = path.join(dir, "out", name);
  return existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
    : [];
}

function orphansOf(dir: string): string[] {
  const listed = execFileSync("ps", ["-eo", "pid=,stat=,args="], { encoding: "utf8" });
  return listed.split("\n").filter((line) => line.includes(dir) && !/^\s*\d+\s+Z/.test(line));
}

/** Mulberry32: the same kills for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hours: { type: "string", default: "24" },
      factor: { type: "string", default: "120" },
      jobs: { type: "string", default: "50" },
      seed: { type: "string", default: "1" },
      daemons: { type: "string" },
    },
  });
  const [hours, factor, jobs, seed] = [values.hours, values.factor, values.jobs, values.seed].map(Number);
  console.log(`${hours} simulated hours, ${jobs} jobs, kill -9 every 3 to 7 s, clock ${factor} times as fast`);
  for (const daemons of [1, 2] as const) {
    if (values.daemons !== undefined && values.daemons !== String(daemons)) continue;
    const options = { hours: hours ?? 24, factor: factor ?? 120, jobs: jobs ?? 50, seed: seed ?? 1 };
    const tally = await chaos({ ...options, daemons, killEveryMs: [3_000, 7_000] });
    const { kills, slots, byStatus, lost, doubled, invented, open: left, orphans } = tally;
    console.table([
      {
        daemons,
        kills,
        slots,
        ...byStatus,
        lost: lost.length,
        doubled: doubled.length,
        invented: invented.length,
        open: left,
        orphans: orphans.length,
      },
    ]);
    console.log(tally.interruptions);
    for (const one of [...lost, ...doubled, ...invented, ...orphans].slice(0, 20)) console.log(one);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
