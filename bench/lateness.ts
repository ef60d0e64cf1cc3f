/**
 * How late jobs are fired that are all due on one second: `node bench/lateness.ts [rounds] [jobs…] [--at-the-instant]`.
 *
 * Each subject is a process of its own with 1, 100, 1,000 and 10,000 jobs, one process at a time, in turns. Ours is the scheduler as the daemon uses it,
 * with a real ledger, places without end and no limit to the rate of starts: a job counts as fired when its carrier is called, and by then its claim
 * is durable on the disk, which is looked at. For croner's own timers and for node-cron it is when the callback is called, with nothing
 * written. Every job has an expression of its own, so that nobody computes one for all; up to 100 jobs are due on every other
 * second of a minute, so that there is something to take a percentile of. Debian's cron is measured where it is installed and this is run by root, with at most
 * 1,000 jobs, each of which starts a shell: its jobs stand in a mount namespace of their own.
 *
 * `--at-the-instant`: ours once more with every claim refused that comes before its slot is due, so that each is written when it is: what
 * claiming ahead gains.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Cron } from "croner";
import { schedule as scheduleByNodeCron } from "node-cron";
import type { RunCarrier } from "../src/engine/engine.ts";
import { createScheduler } from "../src/engine/scheduler.ts";
import { openLedger } from "../src/ledger/index.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import { scheduledJob } from "./scheduled-job.ts";
import { schedulerParts } from "./scheduler-parts.ts";

type Subject = "runner" | "at-instant" | "croner" | "node-cron" | "cron";

/** `node bench/lateness.ts ROUNDS SIZE…`. */
const atTheInstant = process.argv.includes("--at-the-instant");
const given = process.argv
  .slice(3)
  .filter((word) => !word.startsWith("--"))
  .map(Number);
const sizes = given.length > 0 ? given : [1, 100, 1_000, 10_000];
const self = fileURLToPath(import.meta.url);

/** Milliseconds since the epoch, finer than whole ones. */
const now = (): number => performance.timeOrigin + performance.now();

/** So many slots each job has, one every other second. */
function slotsOf(size: number): number {
  return size <= 100 ? 30 : 1;
}

/** As many different expressions as wanted that are all due at this instant (UTC), or in the minute that it begins, and next some hours later. */
function expressions(at: number, count: number): string[] {
  const due = new Date(at);
  const [second, minute, hour] = [due.getUTCSeconds(), due.getUTCMinutes(), due.getUTCHours()];
  const seconds = slotsOf(count) === 1 ? String(second) : "*/2";
  return Array.from({ length: count }, (_, number) => {
    const otherMinute = (minute + 1 + (number % 59)) % 60;
    const otherHour = (hour + 2 + (Math.floor(number / 59) % 20)) % 24;
    const weekdays = ["*", "0-6", "0-7", "1-7", "0,1-6", "0-5,6", "0-4,5,6", "0-3,4-6", "0-2,3-6"][
      Math.floor(number / 1_180) % 9
    ];
    return `${seconds} ${minute},${otherMinute} ${hour},${otherHour} * * ${weekdays}`;
  });
}

interface Measured {
  /** Milliseconds, of each slot. */
  readonly late: readonly number[];
  readonly rss: number;
  /** Of ours: what the claims have cost. */
  readonly claims?: { readonly eachUs: number; readonly atOnce: number; readonly aheadMs: number };
  /** Of ours, where all are due on one second: processor time of each begin, in microseconds. */
  readonly beginUs?: number;
}

async function ours(all: readonly string[], at: number, refuseEarly: boolean): Promise<Omit<Measured, "rss">> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "runner-lateness-"));
  const ledger = await openLedger({ stateDir: folder });
  const late: number[] = [];
  const durable = new Set<string>();
  const cost = { ms: 0, claims: 0, times: 0, firstAt: Infinity };
  const wanted = all.length * slotsOf(all.length);
  let begins: NodeJS.CpuUsage | undefined;
  const { promise: fired, resolve } = Promise.withResolvers<void>();
  const { promise: leading, resolve: leads } = Promise.withResolvers<void>();
  const noted: Ledger = {
    ...ledger,
    async claimSlots(claimed) {
      const begin = now();
      if (refuseEarly && claimed.some(({ slotAt = 0 }) => slotAt > begin))
        return claimed.map(({ runId }) => ({ won: false, because: "queued_run", blocker: { runId, status: "queued" } }));
      const results = await ledger.claimSlots(claimed);
      cost.ms += now() - begin;
      cost.claims += claimed.length;
      cost.times += 1;
      if (claimed.some(({ slotAt = 0 }) => slotAt >= at)) cost.firstAt = Math.min(cost.firstAt, begin);
      for (const [index, { runId }] of claimed.entries()) if (results[index]?.won === true) durable.add(runId);
      return results;
    },
  };
  const carrier: RunCarrier = {
    // The turn itself is another matter; its row is ended at once, so that the job's next slot finds it free.
    async carryOn(_job, run) {
      if (run.slotAt === undefined || !durable.has(run.runId)) throw new Error("it has no durable claim");
      // Some expressions name the minute before as well.
      if (run.slotAt >= at) late.push(now() - run.slotAt);
      if (late.length === 1) begins = process.cpuUsage();
      if (late.length === wanted) {
        begins = process.cpuUsage(begins);
        resolve();
      }
      if (slotsOf(all.length) === 1) return new Promise(() => {});
      await wait(50);
      await ledger.finishRun(run.runId, { status: "skipped", finishedAt: Date.now(), reason: "", exitCode: 0, usage: {} });
      return { kind: "gone" };
    },
  };
  const scheduler = createScheduler(schedulerParts({ folder, ledger: noted, carrier, leads }));
  await scheduler.replaceJobs(
    all.map((expr, number) => scheduledJob(number, { kind: "cron", expr, tz: "UTC" })),
    true,
  );
  void scheduler.run({ stop: new AbortController().signal, now: new AbortController().signal });
  await leading;
  if (now() > at) throw new Error("too slow: the jobs were due before they were armed");
  await fired;
  rmSync(folder, { recursive: true });
  const { ms: tookMs, claims, times, firstAt } = cost;
  const beginUs = ((begins?.user ?? Number.NaN) + (begins?.system ?? Number.NaN)) / wanted;
  return {
    late,
    claims: { eachUs: (tookMs * 1_000) / claims, atOnce: claims / times, aheadMs: at - firstAt },
    ...(slotsOf(all.length) === 1 ? { beginUs } : {}),
  };
}

/** A library with a timer a job. */
async function library(
  all: readonly string[],
  at: number,
  schedule: (expr: string, fire: () => void) => void,
): Promise<Omit<Measured, "rss">> {
  const late: number[] = [];
  const wanted = all.length * slotsOf(all.length);
  const { promise: fired, resolve } = Promise.withResolvers<void>();
  for (const expr of all) {
    let slot = at;
    schedule(expr, () => {
      // Some expressions name the minute before as well; no timer is so early.
      if (now() < at - 500) return;
      late.push(now() - slot);
      slot += 2_000;
      if (late.length === wanted) resolve();
    });
  }
  if (now() > at) throw new Error("too slow: the jobs were due before they were scheduled");
  await fired;
  return { late };
}

async function child(subject: Subject, size: number): Promise<void> {
  let at = Math.ceil((now() + 4_000 + size * 4) / 1_000) * 1_000;
  if (slotsOf(size) > 1) at = Math.ceil(at / 60_000) * 60_000;
  const all = expressions(at, size);
  const measured =
    subject === "runner" || subject === "at-instant"
      ? await ours(all, at, subject === "at-instant")
      : await library(all, at, (expr, fire) =>
          subject === "croner" ? new Cron(expr, { timezone: "UTC" }, fire) : scheduleByNodeCron(expr, fire, { timezone: "UTC" }),
        );
  // Timers of the libraries keep the process alive; a pipe takes more than one write for as much as this.
  process.stdout.write(JSON.stringify({ ...measured, rss: process.memoryUsage().rss }), () => process.exit(0));
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

type Reported = Omit<Measured, "rss"> & { readonly rss?: number };

function report(subject: Subject, size: number, { late, rss, claims, beginUs }: Reported): void {
  const sorted = late.toSorted((a, b) => a - b);
  const memory = rss === undefined ? "" : `${Math.round(rss / 2 ** 20)} MiB`.padStart(9);
  const wanted = subject === "cron" ? size : size * slotsOf(size);
  const fired = late.length === wanted ? "" : `  (only ${late.length} fired)`;
  const cost =
    claims === undefined
      ? ""
      : `  a claim ${claims.eachUs.toFixed(0)} µs, ${claims.atOnce.toFixed(0)} at once, the first ${Math.round(Math.abs(claims.aheadMs))} ms ${claims.aheadMs > 0 ? "before" : "after"} the second${beginUs === undefined ? "" : `; a begin ${beginUs.toFixed(1)} µs of CPU`}`;
  console.log(
    `${subject.padEnd(10)} ${String(size).padStart(6)}  p50 ${ms(percentile(sorted, 0.5))}  p99 ${ms(percentile(sorted, 0.99))}  max ${ms(sorted.at(-1) ?? Number.NaN)} ms${memory}${fired}${cost}`,
  );
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 1);
  const hasCron = existsSync("/usr/sbin/cron") && process.getuid?.() === 0;
  console.log(
    `Node ${process.version}, ${os.cpus().length} cores, load ${os.loadavg()[0]?.toFixed(1)}; lateness in ms, one row a process; up to 100 jobs have 30 slots each`,
  );
  for (const size of sizes) {
    for (let round = 0; round < rounds; round++) {
      for (const subject of ["runner", ...(atTheInstant ? ["at-instant" as const] : []), "croner", "node-cron"] as const) {
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
        const measured: Measured = JSON.parse(stdout);
        report(subject, size, measured);
      }
      if (hasCron && size <= 1_000) report("cron", size, { late: await debianCron(size) });
    }
  }
}

const [, , mode, subject, size] = process.argv;
if (mode === "child" && (subject === "runner" || subject === "at-instant" || subject === "croner" || subject === "node-cron"))
  await child(subject, Number(size));
else await main();
