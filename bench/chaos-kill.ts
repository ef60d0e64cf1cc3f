/**
 * `kill -9` of `runner run` at random instants: `node bench/chaos-kill.ts [kills]`.
 *
 * Each round starts a whole run against a provider that breaks streams, kills it after a random time, and then runs the job once
 * to its end. Afterwards the ledger must be truthful: no run open, each killed run closed as interrupted (or ended before the
 * kill), no process of any turn alive, no key in any file, the database intact.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { judgeText, parseSimulation, startSimulatedProvider } from "../src/provider/script.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const kills = Number(process.argv[2] ?? 200);
const key = "sk-planted-chaos-0123456789abcdef";

const provider = await startSimulatedProvider({
  simulation: parseSimulation("stream_order:0.5,truncate:0.2,slow:0.2", 5),
  delays: { slowMs: 5 },
});
const home = mkdtempSync(path.join(os.tmpdir(), "runner-chaos-"));
const stateDir = path.join(home, "state");
mkdirSync(path.join(home, "jobs"));
writeFileSync(
  path.join(home, "runner.config.json"),
  JSON.stringify({ providers: { test: { baseUrl: provider.url, dialect: "anthropic-messages", apiKey: "${TEST_API_KEY}" } } }),
);
const job = {
  payload: { kind: "agentTurn", message: "Say something.", model: "test/model" },
  retry: { delay: "20ms", maxDelay: "50ms" },
};
writeFileSync(path.join(home, "jobs/chaos.json"), JSON.stringify(job));

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly text: string;
}

function runner(killAfterMs: number | undefined): Promise<Ended> {
  const args = [path.join(root, "bin/runner.js"), "run", "chaos", "-q", "--state-dir", stateDir];
  const env = { PATH: process.env["PATH"], HOME: home, TMPDIR: home, TEST_API_KEY: key };
  const child = spawn(process.execPath, args, { cwd: home, env, stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  return new Promise((resolve) => {
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, text });
    });
  });
}

function markedProcesses(): number {
  return readdirSync("/proc").filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        readFileSync(`/proc/${pid}/environ`, "latin1").includes(home) &&
        readFileSync(`/proc/${pid}/environ`, "latin1").includes("RUNNER_RUN_ID=")
      );
    } catch {
      return false;
    }
  }).length;
}

const tally = { killed: 0, endedBefore: 0, next: 0, nextFailed: 0, wrong: 0, orphans: 0 };
const started = performance.now();
for (let round = 0; round < kills; round++) {
  const first = await runner(20 + Math.random() * 330);
  if (first.signal === "SIGKILL") tally.killed += 1;
  else tally.endedBefore += 1;
  const next = await runner(undefined);
  tally.next += 1;
  if (next.code !== 0) tally.nextFailed += 1;
  else if (judgeText(next.text.trimEnd()) !== "right") tally.wrong += 1;
  tally.orphans += markedProcesses();
}
await provider.close();

const database = new DatabaseSync(path.join(stateDir, "ledger.sqlite"));
const count = (sql: string): number => Number(Object.values(database.prepare(sql).get() ?? {})[0]);
const integrity = String(Object.values(database.prepare("PRAGMA integrity_check").get() ?? {})[0]);
const statuses = database.prepare("SELECT status, count(*) AS n FROM runs GROUP BY status ORDER BY status").all();
const open = count("SELECT count(*) FROM runs WHERE status = 'running'");
database.close();
const leaks = readdirSync(home, { recursive: true, withFileTypes: true }).filter(
  (entry) => entry.isFile() && readFileSync(path.join(entry.parentPath, entry.name), "latin1").includes(key),
).length;
rmSync(home, { recursive: true, force: true });

console.log(
  `${kills} kills at random instants of 20 to 350 ms after the start, ${((performance.now() - started) / 1000).toFixed(0)} s, Node ${process.versions.node}\n`,
);
console.log("| what | count |\n|---|---|");
console.log(`| runs killed / ended before their kill | ${tally.killed} / ${tally.endedBefore} |`);
console.log(`| runs afterwards: all / failed / WRONG | ${tally.next} / ${tally.nextFailed} / ${tally.wrong} |`);
console.log(`| runs in the ledger | ${statuses.map((row) => `${String(row["n"])} ${String(row["status"])}`).join(", ")} |`);
console.log(`| runs left open / processes left / files with the key | ${open} / ${tally.orphans} / ${leaks} |`);
console.log(`| integrity_check | ${integrity} |`);
process.exitCode = open + tally.orphans + leaks + tally.wrong + tally.nextFailed === 0 && integrity === "ok" ? 0 : 1;
