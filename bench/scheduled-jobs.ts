/**
 * What many scheduled jobs cost: `node bench/scheduled-jobs.ts [jobs] [idle seconds]`, by default 100,000 and 60.
 *
 * A process holds the scheduler as the daemon uses it, with its jobs armed in a real ledger and none of them due: its memory (VmRSS and VmHWM of
 * proc_pid_status(5)) when it has been idle for so long, how long it took to arm them, and its CPU while nothing happens. Jobs are kept, and
 * garbage is given back, by what the daemon does that with, and it allocates as the daemon does (bin/allocator.js). `--same` gives all jobs one of 60 expressions instead of one each,
 * `--zones` has them in four zones and not in UTC.
 * scheduled-jobs-daemon.ts measures the daemon itself, with its files.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { giveBackMemory } from "../src/compose/daemon/memory.ts";
import { createScheduler } from "../src/engine/scheduler.ts";
import type { Job } from "../src/job/job.ts";
import { jobKeeper } from "../src/job/keeper.ts";
import { openLedger } from "../src/ledger/index.ts";
import { scheduledJob } from "./scheduled-job.ts";
import { asByDefault, schedulerParts } from "./scheduler-parts.ts";

const same = process.argv.includes("--same");
const zones = process.argv.includes("--zones")
  ? ["Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
  : ["UTC"];
const [jobs = 100_000, idleSeconds = 60] = process.argv
  .slice(2)
  .filter((word) => /^\d+$/.test(word))
  .map(Number);

/** Different times of one day, half a year away, so that nothing is due meanwhile. */
function expression(number: number): string {
  const month = ((new Date().getUTCMonth() + 6) % 12) + 1;
  if (same) return `${number % 60} 4 1 ${month} *`;
  return `${number % 60} ${Math.floor(number / 60) % 60} ${Math.floor(number / 3_600) % 24} ${1 + (Math.floor(number / 86_400) % 28)} ${month} *`;
}

/** As a project's files are read by the daemon. */
function madeJobs(): Job[] {
  const keep = jobKeeper();
  return Array.from({ length: jobs }, (_, number) =>
    keep(scheduledJob(number, { kind: "cron", expr: expression(number), tz: zones[number % zones.length] ?? "UTC" })),
  );
}

/** What the system says this process has in memory, in bytes: now, and at most so far. */
function resident(): { readonly rss: number; readonly peak: number } {
  const status = readFileSync("/proc/self/status", "utf8");
  const field = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN) * 1024;
  return { rss: field("VmRSS"), peak: field("VmHWM") };
}

async function hold(): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "runner-jobs-"));
  const ledger = await openLedger({ stateDir: folder });
  const { promise: leading, resolve: leads } = Promise.withResolvers<void>();
  const carrier = { carryOn: () => new Promise<never>(() => {}) };
  const scheduler = createScheduler(
    schedulerParts({ folder, ledger, carrier, settings: asByDefault, settled: giveBackMemory, leads }),
  );
  const begun = performance.now();
  const atStart = process.cpuUsage();
  await scheduler.replaceJobs(madeJobs(), true);
  const stop = new AbortController();
  const ended = scheduler.run({ stop: stop.signal, now: stop.signal });
  await leading;
  const armedMs = performance.now() - begun;
  const arming = process.cpuUsage(atStart);
  const armCpuMs = (arming.user + arming.system) / 1_000;
  // What arming took goes back to the system as soon as nothing is due, and V8 itself collects once more some 10 s later.
  await wait(15_000);
  const before = process.cpuUsage();
  const from = performance.now();
  await wait(idleSeconds * 1_000);
  const { user, system } = process.cpuUsage(before);
  const cpu = (user + system) / 1_000 / (performance.now() - from);
  process.stdout.write(JSON.stringify({ armedMs, armCpuMs, ...resident(), heap: process.memoryUsage().heapUsed, cpu }));
  stop.abort();
  await ended;
  await ledger.close();
  rmSync(folder, { recursive: true });
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

interface Held {
  readonly armedMs: number;
  readonly armCpuMs: number;
  readonly rss: number;
  readonly heap: number;
  readonly peak: number;
  readonly cpu: number;
}

if (process.argv.includes("child")) await hold();
else {
  // Bundled, as the command line is: what reads TypeScript takes memory of its own.
  const folder = mkdtempSync(path.join(os.tmpdir(), "runner-bundle-"));
  const outfile = path.join(folder, "scheduled-jobs.mjs");
  const { buildSync } = await import("esbuild");
  const entryPoints = [fileURLToPath(import.meta.url)];
  buildSync({ entryPoints, bundle: true, platform: "node", format: "esm", target: "node22", external: ["esbuild"], outfile });
  // It allocates as the daemon does.
  const how: { readonly environment: Readonly<Record<string, string>>; readonly options: readonly string[] } = createRequire(
    import.meta.url,
  )("../bin/allocator.js");
  const args = ["--disable-warning=ExperimentalWarning", ...how.options, outfile, "child", ...process.argv.slice(2)];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env: { ...process.env, ...how.environment } });
  rmSync(folder, { recursive: true });
  if (stdout === "") throw new Error(stderr);
  const { armedMs, armCpuMs, rss, heap, peak, cpu }: Held = JSON.parse(stdout);
  console.log(
    `${jobs} jobs, ${same ? "60 expressions" : "an expression each"} in ${zones.join(", ")}: armed in ${(armedMs / 1_000).toFixed(1)} s, ${(armCpuMs / 1_000).toFixed(1)} s of CPU`,
  );
  console.log(`memory: ${mib(rss)} (heap ${mib(heap)}, most while arming ${mib(peak)})`);
  console.log(`CPU while nothing is due, over ${idleSeconds} s: ${(cpu * 100).toFixed(3)} %`);
}
