/**
 * Fifty whole `runner run` processes against a provider that breaks four of five streams, and the official SDK against the
 * same provider with the same faults: `node bench/fifty-runs.ts [runs]`.
 *
 * Every run is a process of its own with the shipped job, the shipped waits and a fresh ledger, so that nothing is remembered
 * from run to run. The strict judge of the simulated provider decides: a text counts only if it is one whole generation.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import Anthropic from "@anthropic-ai/sdk";
import { judgeText, parseSimulation, startSimulatedProvider } from "../src/provider/script.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const runs = Number(process.argv[2] ?? 50);
const workers = 4;
/** Requests are cheap where processes are not, and a rate needs many. */
const sdkRequests = runs * 10;

interface Tally {
  right: number;
  failed: number;
  wrong: number;
  requests: number;
  seconds: number[];
}

const newTally = (): Tally => ({ right: 0, failed: 0, wrong: 0, requests: 0, seconds: [] });

async function inParallel(count: number, one: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let number = next++; number < count; number = next++) await one(number);
  };
  await Promise.all(Array.from({ length: workers }, work));
}

async function sdkAlone(faults: string): Promise<Tally> {
  const tally = newTally();
  const provider = await startSimulatedProvider({ simulation: parseSimulation(faults, 11) });
  const client = new Anthropic({ baseURL: provider.url, apiKey: "simulated", maxRetries: 0 });
  await inParallel(sdkRequests, async () => {
    try {
      const message = await client.messages
        .stream({ model: "k2p5", max_tokens: 8192, messages: [{ role: "user", content: "Run FPL check..." }] })
        .finalMessage();
      const text = message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
      tally[judgeText(text)] += 1;
    } catch {
      tally.failed += 1;
    }
  });
  tally.requests = provider.requests;
  await provider.close();
  return tally;
}

async function wholeRuns(faults: string): Promise<Tally> {
  const tally = newTally();
  const provider = await startSimulatedProvider({ simulation: parseSimulation(faults, 11) });
  const home = mkdtempSync(path.join(os.tmpdir(), "runner-fifty-"));
  cpSync(path.join(root, "jobs"), path.join(home, "jobs"), { recursive: true });
  writeFileSync(
    path.join(home, "runner.config.json"),
    JSON.stringify({ providers: { "kimi-coding": { baseUrl: provider.url } } }),
  );
  await inParallel(runs, async (number) => {
    const started = performance.now();
    const args = [
      path.join(root, "bin/runner.js"),
      "run",
      "fpl-daily-check",
      "-q",
      "--state-dir",
      path.join(home, `state-${number}`),
    ];
    const child = spawn(process.execPath, args, {
      cwd: home,
      env: { PATH: process.env["PATH"], HOME: home },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    const code = await new Promise((resolve) => child.once("close", resolve));
    tally[code === 0 ? judgeText(text.trimEnd()) : "failed"] += 1;
    tally.seconds.push((performance.now() - started) / 1000);
  });
  tally.requests = provider.requests;
  await provider.close();
  rmSync(home, { recursive: true, force: true });
  return tally;
}

const at = (values: readonly number[], share: number): string =>
  (values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0).toFixed(1);

console.log(
  `${runs} whole runs and ${sdkRequests} requests of the SDK each, ${workers} at a time, seed 11, Node ${process.versions.node}\n`,
);
console.log("| fault at 0.8 | who | right | failed | WRONG | requests | seconds p50 / max |\n|---|---|---|---|---|---|---|");
for (const fault of ["dup_start_29:0.8", "restart_new_id:0.8", "stream_order:0.8", "stream_order:0.4,stream_broken:0.4"]) {
  const alone = await sdkAlone(fault);
  console.log(
    `| ${fault} | official SDK alone | ${alone.right} | ${alone.failed} (${((alone.failed / alone.requests) * 100).toFixed(0)} %) | ${alone.wrong} | ${alone.requests} | |`,
  );
  const healed = await wholeRuns(fault);
  console.log(
    `| | \`runner run\` | ${healed.right} | ${healed.failed} | ${healed.wrong} | ${healed.requests} | ${at(healed.seconds, 0.5)} / ${at(healed.seconds, 1)} |`,
  );
}
