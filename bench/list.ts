/**
 * How long `runner list` takes while a daemon starts with 1,000 jobs that are all overdue and catches up: `node bench/list.ts [rounds] [jobs]`,
 * with `--commands` as jobs that are plain programs in place of agent turns, of which ten in a second take all of two cores.
 * Build first: it is the built command line that is measured, as whole processes, with the jobs as YAML files, as JSON files and in one file.
 * The daemon leaves what it has read in its state folder, and `list` takes it (src/load/job-cache.ts); with `--files` it is taken away, so that
 * `list` reads the files. The daemon's provider is simulated. CPU time stands beside the wall's, because the daemon works on the same machine meanwhile.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ask, stop } from "./daemon-process.ts";

const runner = fileURLToPath(new URL("../bin/runner.js", import.meta.url));
const commands = process.argv.includes("--commands");
const fromFiles = process.argv.includes("--files");
const [rounds = 15, count = 1_000] = process.argv
  .slice(2)
  .filter((word) => /^\d+$/.test(word))
  .map(Number);
const overdueMs = 2 * 3_600_000;

interface Written {
  readonly name: string;
  readonly write: (jobsDir: string) => void;
}

const jobOf = (number: number) => ({
  name: `job-${number}`,
  schedule: { kind: "cron", expr: `${number % 60} * * * *`, tz: ["Europe/London", "UTC", "America/New_York"][number % 3] },
  payload: commands
    ? { kind: "command", command: ["true", String(number)], timeoutSeconds: 120 }
    : { message: `Say the number ${number}, and nothing else.`, model: "kimi-coding/k2p5", timeoutSeconds: 120 },
  retry: { maxAttempts: 2 },
});

const yamlOf = (number: number): string => {
  const { name, schedule, payload } = jobOf(number);
  return `# Job ${number}
name: ${name}
schedule:
  kind: cron
  expr: "${schedule.expr}"
  tz: ${schedule.tz}
payload:
${Object.entries(payload)
  .map(([key, value]) => (key === "message" ? `  message: |\n    ${String(value)}` : `  ${key}: ${JSON.stringify(value)}`))
  .join("\n")}
retry:
  maxAttempts: 2
`;
};

const numbers = Array.from({ length: count }, (_, number) => number);
const formats: readonly Written[] = [
  {
    name: "YAML files",
    write: (dir) => numbers.forEach((number) => writeFileSync(path.join(dir, `job-${number}.yaml`), yamlOf(number))),
  },
  {
    name: "JSON files",
    write: (dir) =>
      numbers.forEach((number) =>
        writeFileSync(path.join(dir, `job-${number}.json`), JSON.stringify(jobOf(number), undefined, 2)),
      ),
  },
  {
    name: "one JSON file",
    write: (dir) =>
      writeFileSync(
        path.join(dir, "all.json"),
        JSON.stringify({ jobs: numbers.map((number) => ({ id: `id-${number}`, ...jobOf(number) })) }, undefined, 2),
      ),
  },
];

interface Took {
  readonly wall: number;
  readonly cpu: number;
}

/** One `runner list` in a process of its own. The CPU time is that of the child, as the kernel counts it once it has ended. */
async function list(dir: string, stateDir: string, env: NodeJS.ProcessEnv): Promise<Took> {
  if (fromFiles) rmSync(path.join(stateDir, "job-cache.json"), { force: true });
  const begin = performance.now();
  const child = spawn(
    "/bin/bash",
    ["-c", 'TIMEFORMAT="%U %S"; time "$@" > /dev/null', "list", process.execPath, runner, "list", "--state-dir", stateDir],
    {
      cwd: dir,
      env,
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [code] = (await once(child, "close")) as [number];
  const wall = performance.now() - begin;
  const [user, system] = said.trim().split("\n").at(-1)?.split(" ").map(Number) ?? [];
  if (code !== 0) throw new Error(said);
  return { wall, cpu: ((user ?? Number.NaN) + (system ?? Number.NaN)) * 1_000 };
}

function startDaemon(dir: string, stateDir: string, env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [runner, "start", ...(commands ? [] : ["--simulate", "none"]), "-q", "--state-dir", stateDir], {
    cwd: dir,
    env,
    stdio: "ignore",
  });
}

/** Arms all jobs once, and makes all of them overdue since. */
async function makeOverdue(daemon: ChildProcess, file: string): Promise<void> {
  while (ask(file, "SELECT count(*) FROM armed") < count) await wait(50);
  await stop(daemon);
  const database = new DatabaseSync(file);
  database.exec(`UPDATE armed SET since = since - ${overdueMs}`);
  database.close();
}

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(Math.floor(values.length * share), values.length - 1)] ?? Number.NaN;

function row(name: string, took: readonly Took[]): string {
  const [walls, cpus] = [took.map(({ wall }) => wall), took.map(({ cpu }) => cpu)];
  const cells = [quantile(walls, 0.5), Math.max(...walls), quantile(cpus, 0.5)].map((ms) => ms.toFixed(0));
  return `| ${[name, took.length, ...cells].join(" | ")} |`;
}

console.log(`Node ${process.versions.node}, ${count} jobs, all overdue; load ${os.loadavg()[0]?.toFixed(1)}\n`);
console.log("| `runner list` | times | wall p50 ms | wall max ms | CPU p50 ms |\n|---|---:|---:|---:|---:|");
for (const { name, write } of formats) {
  const home = mkdtempSync(path.join(os.tmpdir(), "runner-bench-list-"));
  const env = { PATH: process.env["PATH"], HOME: home, XDG_STATE_HOME: path.join(home, "state") };
  const dir = path.join(home, "project");
  mkdirSync(path.join(dir, "jobs"), { recursive: true });
  try {
    write(path.join(dir, "jobs"));
    const stateDir = path.join(home, "ledger");
    // A simulated daemon keeps a ledger of its own below the one that is named.
    const kept = commands ? stateDir : path.join(stateDir, "simulated");
    const file = path.join(kept, "ledger.sqlite");
    await makeOverdue(startDaemon(dir, stateDir, env), file);
    await list(dir, kept, env);
    const alone: Took[] = [];
    for (let round = 0; round < rounds; round += 1) alone.push(await list(dir, kept, env));
    const before = ask(file, "SELECT count(*) FROM runs");
    const daemon = startDaemon(dir, stateDir, env);
    // From here on it has read its files and begins ten runs a second.
    while (ask(file, "SELECT count(*) FROM runs") <= before) await wait(10);
    const beside: Took[] = [];
    for (let round = 0; round < rounds; round += 1) beside.push(await list(dir, kept, env));
    const claimed = ask(file, "SELECT count(*) FROM runs");
    await stop(daemon);
    console.log(row(`${name}, nothing else running`, alone));
    console.log(row(`${name}, a daemon catching up (${claimed} runs claimed by then)`, beside));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
