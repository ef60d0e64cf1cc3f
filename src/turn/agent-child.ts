/**
 * The built-in agent turn's process: reads its spec from stdin, works with the gateway, writes one result, exits 0. Bundled to
 * `dist/agent-child.cjs`; it is started for every attempt, so it loads as little as it can. It holds no key: the token in the
 * spec opens the gateway for this attempt alone.
 */
import { readFileSync, writeSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { agentLoop } from "./agent-loop.ts";
import { linuxTable } from "./processes.ts";
import { formatResult, resultDescriptor } from "./result.ts";
import type { OpenSpec, TurnResult } from "./turn.ts";

/** Between two looks at who is still there, in ms. */
const lookMs = 20;

const stopped = new AbortController();

async function main(): Promise<void> {
  if (process.pid === 1) process.on("SIGTERM", () => void lastOut());
  let result: TurnResult;
  try {
    // Written by the parent of the same release, so its shape is not checked again.
    const spec: OpenSpec = JSON.parse(readFileSync(0, "utf8"));
    result = await agentLoop(spec, stopped.signal);
  } catch (error) {
    result = { status: "failed", fault: "internal", error: error instanceof Error ? error.message : String(error), toolRuns: 0 };
  }
  writeWhole(formatResult(result));
  process.exit(0);
}

/**
 * The first process of a PID namespace gets no signal that it has no handler for, and takes all others with it when it ends. So at TERM,
 * which they got as well, it begins nothing more and lets them go first; whoever sent it ends what stays.
 */
async function lastOut(): Promise<void> {
  stopped.abort();
  while (linuxTable.list().some(({ pid, zombie }) => pid !== 1 && !zombie)) await wait(lookMs);
  process.exit(143);
}

/** `writeSync` may write a part only. */
function writeWhole(line: string): void {
  let rest = Buffer.from(line);
  while (rest.length > 0) rest = rest.subarray(writeSync(resultDescriptor, rest));
}

void main();
