/**
 * What the daemon itself takes for many jobs: `npm run build && node bench/scheduled-jobs-daemon.ts [jobs] [idle seconds]`, by default 100,000
 * and 60.
 *
 * `runner start` over job files with 5,000 commands each, all of them due half a year from now: how long until it leads, and what the system
 * says that the process has in memory (VmRSS, VmHWM of proc_pid_status(5)) and takes of the CPU while nothing is due. Linux only.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const [jobs = 100_000, idleSeconds = 60] = process.argv.slice(2).map(Number);
const perFile = 5_000;

/** From when it leads until what reading and arming took is given back, in ms. */
const settledMs = 15_000;

function writeProject(folder: string): void {
  mkdirSync(path.join(folder, "jobs"));
  writeFileSync(path.join(folder, "runner.config.json"), JSON.stringify({ timezone: "UTC" }));
  const month = ((new Date().getUTCMonth() + 6) % 12) + 1;
  for (let first = 0; first < jobs; first += perFile) {
    const several = Array.from({ length: Math.min(perFile, jobs - first) }, (_, more) => {
      const number = first + more;
      const time = `${number % 60} ${Math.floor(number / 60) % 60} ${Math.floor(number / 3_600) % 24} ${1 + (Math.floor(number / 86_400) % 28)}`;
      const payload = { kind: "command", argv: ["true", `${number}`] };
      return JSON.stringify({ name: `job-${number}`, schedule: `${time} ${month} *`, payload });
    });
    writeFileSync(path.join(folder, "jobs", `many-${first}.json`), `[\n${several.join(",\n")}\n]\n`);
  }
}

function mib(pid: number, name: string): string {
  const found = new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return `${Math.round(Number(found?.[1]) / 1024)} MiB`;
}

/** Of the whole process so far, in seconds; the system counts in hundredths. */
function cpuSeconds(pid: number): number {
  const [user, system] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ").slice(11, 13) ?? [];
  return (Number(user) + Number(system)) / 100;
}

/** Of the threads that it has now, in seconds, as exact as the kernel knows it: hundredths are too coarse for a process that is idle. */
function threadSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]));
  return ns.reduce((sum, one) => sum + one, 0) / 1e9;
}

const folder = mkdtempSync(path.join(os.tmpdir(), "runner-many-"));
writeProject(folder);
const begun = performance.now();
const runner = fileURLToPath(new URL("../bin/runner.js", import.meta.url));
const state = path.join(folder, "state");
const daemon = spawn(process.execPath, [runner, "start", "--json", "-C", folder, "--state-dir", state], {
  stdio: ["ignore", "pipe", "inherit"],
});
const { pid } = daemon;
if (pid === undefined) throw new Error("the daemon was not started");
for await (const line of readline.createInterface({ input: daemon.stdout })) if (line.includes('"leading"')) break;
daemon.stdout.resume();
const leadingMs = performance.now() - begun;
console.log(`${jobs} jobs: leads after ${(leadingMs / 1_000).toFixed(1)} s, ${cpuSeconds(pid).toFixed(1)} s of CPU`);
await wait(settledMs);
const before = threadSeconds(pid);
await wait(idleSeconds * 1_000);
const share = (threadSeconds(pid) - before) / idleSeconds;
console.log(`memory: ${mib(pid, "VmRSS")} (most so far ${mib(pid, "VmHWM")})`);
console.log(`CPU while nothing is due, over ${idleSeconds} s: ${(share * 100).toFixed(3)} %`);
daemon.kill("SIGTERM");
await new Promise((resolve) => daemon.once("exit", resolve));
rmSync(folder, { recursive: true });
