/**
 * What a command costs beside a bare Node: `node bench/startup.ts [rounds]`.
 * Whole processes, interleaved so that a noisy machine is noisy for all of them; medians and their ratio to `node -e 0`.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const rounds = Number(process.argv[2] ?? 21);
const home = mkdtempSync(path.join(os.tmpdir(), "runner-bench-"));
cpSync(path.join(root, "jobs"), path.join(home, "jobs"), { recursive: true });
const runner = path.join(root, "bin/runner.js");
const env = {
  PATH: process.env["PATH"],
  HOME: home,
  XDG_STATE_HOME: path.join(home, "state"),
  NODE_COMPILE_CACHE: path.join(home, "cache"),
};

const commands: readonly { name: string; args: readonly string[]; bar: number | undefined }[] = [
  { name: "node -e 0", args: ["-e", "0"], bar: undefined },
  { name: "runner --version", args: [runner, "--version"], bar: 1.3 },
  { name: "runner list", args: [runner, "list"], bar: 1.5 },
  { name: "runner next", args: [runner, "next"], bar: undefined },
  { name: "runner run, simulated, nothing broken", args: [runner, "run", "fpl-daily-check", "--simulate", "none", "-q"], bar: 5 },
];

function once(args: readonly string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: home, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${args.join(" ")} exited ${status}: ${stderr}`);
  return performance.now() - start;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const times = commands.map((): number[] => []);
try {
  // The first round fills the compile cache and makes the ledger.
  for (let round = -2; round < rounds; round++) {
    for (const [index, { args }] of commands.entries()) {
      const took = once(args);
      if (round >= 0) times[index]?.push(took);
    }
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
const bare = median(times[0] ?? []);
console.log(`Node ${process.versions.node}, ${rounds} interleaved rounds, medians\n`);
console.log("| command | ms | × bare node | bar |\n|---|---|---|---|");
for (const [index, { name, bar }] of commands.entries()) {
  const value = median(times[index] ?? []);
  console.log(`| \`${name}\` | ${value.toFixed(1)} | ${(value / bare).toFixed(2)} | ${bar ?? ""} |`);
}
