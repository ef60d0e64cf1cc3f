/**
 * How late jobs are fired that are all due on one second: `node bench/lateness.ts [rounds] [jobs…]`.
 *
 * Each subject is a process of its own with 1, 100, 1,000 and 10,000 jobs, one process at a time, in turns. Ours is the scheduler as the daemon uses it,
 * with a real ledger: a job counts as fired when its claim is durable on the disk. For croner's own timers and for node-cron it is when the callback is
 * called, with nothing written. Every job has an expression of its own, so that nobody computes one for all. Debian's cron is measured where it is
 * installed and this is run by root, with at most 1,000 jobs, each of which starts a shell: its jobs stand in a mount namespace of their own.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Cron } from "croner";
import { schedule as scheduleByNodeCron } from "node-cron";
import { systemClock } from "../src/engine/clock.ts";
import { ownerState, thisOwner } from "../src/engine/owner.ts";
import { createScheduler } from "../src/engine/scheduler.ts";
import type { Job } from "../src/job/job.ts";
import { openLedger } from "../src/ledger/index.ts";
import { jobHash, scheduleHash } from "../src/load/job-hash.ts";
import { scheduledJob } from "./scheduled-job.ts";

type Subject = "runner" | "croner" | "node-cron" | "cron";

/** `node bench/lateness.ts ROUNDS SIZE…`. */
const given = process.argv.slice(3).map(Number);
const sizes = given.length > 0 ? given : [1, 100, 1_000, 10_000];
const self = fileURLToPath(import.meta.url);

/** Milliseconds since the epoch, finer than whole ones. */
const now = (): number => performance.timeOrigin + performance.now();

/** As many different expressions as wanted that are all due at this instant (UTC), and next some hours later. */
function expressions(at: number, count: number): string[] {
  const due = new Date(at);
  const [second, minute, hour] = [due.getUTCSeconds(), due.getUTCMinutes(), due.getUTCHours()];
  return Array.from({ length: count }, (_, number) => {
    const otherMinute = (minute + 1 + (number % 59)) % 60;
    const otherHour = (hour + 2 + (Math.floor(number / 59) % 20)) % 24;
    const weekdays = ["*", "0-6", "0-7", "1-7", "0,1-6", "0-5,6", "0-4,5,6", "0-3,4-6", "0-2,3-6"][
      Math.floor(number / 1_180) % 9
    ];
    return `${second} ${minute},${otherMinute} ${hour},${otherHour} * * ${weekdays}`;
  });
}

async function ours(all: readonly string[], at: number): Promise<number[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "runner-lateness-"));
  const ledger = await openLedger({ stateDir: folder });
  const late: number[] = [];
  const { promise: fired, resolve } = Promise.withResolvers<void>();
  const { promise: leading, resolve: leads } = Promise.withResolvers<void>();
  const scheduler = createScheduler({
    ledger,
    // What begins is another matter (a rate of starts, places): here it is the claim that counts.
    carrier: { carryOn: () => new Promise(() => {}) },
    clock: systemClock,
    random: Math.random,
    owner: thisOwner(),
    ownerState,
    sweep: async () => true,
    settings: { maxRuns: 1, groups: new Map(), providers: new Map(), startsPerSecond: 10, shutdownGraceMs: 0, killGraceMs: 0 },
    zone: "UTC",
    projectDir: folder,
    version: "bench",
    hash: jobHash,
    scheduleHash: (job: Job) => scheduleHash(job, "UTC"),
    providersOf: () => [],
    modelOf: () => "simulated/model",
    simulated: false,
    listen(event) {
      if (event.type === "leading") leads();
      if (event.type !== "slot_claimed") return;
      late.push(now() - event.slotAt);
      if (late.length === all.length) resolve();
    },
  });
  await scheduler.replaceJobs(
    all.map((expr, number) => scheduledJob(number, { kind: "cron", expr, tz: "UTC" })),
    true,
  );
  void scheduler.run({ stop: new AbortController().signal, now: new AbortController().signal });
  await leading;
  if (now() > at) throw new Error("too slow: the jobs were due before they were armed");
  await fired;
  rmSync(folder, { recursive: true });
  return late;
}

/** A library with a timer a job. */
async function library(
  all: readonly string[],
  at: number,
  schedule: (expr: string, fire: () => void) => void,
): Promise<number[]> {
  const late: number[] = [];
  const { promise: fired, resolve } = Promise.withResolvers<void>();
  for (const expr of all) {
    schedule(expr, () => {
      late.push(now() - at);
      if (late.length === all.length) resolve();
    });
  }
  if (now() > at) throw new Error("too slow: the jobs were due before they were scheduled");
  await fired;
  return late;
}

async function child(subject: Subject, size: number): Promise<void> {
  const at = Math.ceil((now() + 4_000 + size * 4) / 1_000) * 1_000;
  const all = expressions(at, size);
  const late =
    subject === "runner"
      ? await ours(all, at)
      : await library(all, at, (expr, fire) =>
          subject === "croner" ? new Cron(expr, { timezone: "UTC" }, fire) : scheduleByNodeCron(expr, fire, { timezone: "UTC" }),
        );
  // Timers of the libraries keep the process alive; a pipe takes more than one write for as much as this.
  process.stdout.write(JSON.stringify({ late, rss: process.memoryUsage().rss }), () => process.exit(0));
}

/** Debian's cron: each job is a shell that notes when it runs. In its own mounts, so that nothing of this machine's crontabs runs. */
async function debianCron(size: number): Promise<number[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "runner-cron-"));
  const noted = path.join(folder, "noted");
  mkdirSync(path.join(folder, "cron.d"));
  mkdirSync(path.join(folder, "spool"));
  writeFileSync(noted, "");
  writeFileSync(path.join(folder, "crontab"), "");
  const line = `* * * * * root echo $EPOCHREALTIME >> ${noted}\n`;
  writeFileSync(path.join(folder, "cron.d/bench"), `SHELL=/bin/bash\nPATH=/usr/bin:/bin\n${line.repeat(size)}`, { mode: 0o644 });
  const mounts = [
    `mount --bind ${folder}/cron.d /etc/cron.d`,
    `mount --bind ${folder}/crontab /etc/crontab`,
    `mount --bind ${folder}/spool /var/spool/cron`,
    "mount -t tmpfs none /run",
    "exec /usr/sbin/cron -f",
  ];
  const cron = spawn("unshare", ["--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", mounts.join(" && ")], {
    stdio: "ignore",
  });
  const at = Math.ceil((now() + 3_000) / 60_000) * 60_000;
  let times: number[] = [];
  while (times.length < size && now() < at + 50_000) {
    await wait(500);
    times = readFileSync(noted, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((time) => Number(time) * 1_000);
    times = times.filter((time) => time >= at);
  }
  cron.kill("SIGKILL");
  rmSync(folder, { recursive: true });
  return times.slice(0, size).map((time) => time - at);
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

function ms(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0).padStart(7);
}

function report(subject: Subject, size: number, late: readonly number[], rss?: number): void {
  const sorted = late.toSorted((a, b) => a - b);
  const memory = rss === undefined ? "" : `${Math.round(rss / 2 ** 20)} MiB`.padStart(9);
  const fired = late.length === size ? "" : `  (only ${late.length} fired)`;
  console.log(
    `${subject.padEnd(10)} ${String(size).padStart(6)}  p50 ${ms(percentile(sorted, 0.5))}  p99 ${ms(percentile(sorted, 0.99))}  max ${ms(sorted.at(-1) ?? Number.NaN)} ms${memory}${fired}`,
  );
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 1);
  const hasCron = existsSync("/usr/sbin/cron") && process.getuid?.() === 0;
  console.log(
    `Node ${process.version}, ${os.cpus().length} cores, load ${os.loadavg()[0]?.toFixed(1)}; lateness in ms, one row a process`,
  );
  for (const size of sizes) {
    for (let round = 0; round < rounds; round++) {
      for (const subject of ["runner", "croner", "node-cron"] as const) {
        const { stdout, stderr, status } = spawnSync(
          process.execPath,
          ["--disable-warning=ExperimentalWarning", self, "child", subject, String(size)],
          { encoding: "utf8", maxBuffer: 2 ** 28, timeout: 300_000 },
        );
        if (status !== 0) {
          console.log(
            `${subject.padEnd(10)} ${String(size).padStart(6)}  failed: ${
              stderr
                .trim()
                .split("\n")
                .find((line) => /Error/.test(line)) ?? status
            }`,
          );
          continue;
        }
        const { late, rss }: { late: number[]; rss: number } = JSON.parse(stdout);
        report(subject, size, late, rss);
      }
      if (hasCron && size <= 1_000) report("cron", size, await debianCron(size));
    }
  }
}

const [, , mode, subject, size] = process.argv;
if (mode === "child" && (subject === "runner" || subject === "croner" || subject === "node-cron"))
  await child(subject, Number(size));
else await main();
