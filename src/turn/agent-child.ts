/**
 * The built-in agent turn's process: reads its spec from stdin, works with the gateway, writes one result, exits 0. Bundled to
 * `dist/agent-child.cjs`; it is started for every attempt, so it loads as little as it can. It holds no key: the token in the
 * spec opens the gateway for this attempt alone.
 */
import { readFileSync, writeSync } from "node:fs";
import { agentLoop } from "./agent-loop.ts";
import { formatResult, resultDescriptor } from "./result.ts";
import type { OpenSpec, TurnResult } from "./turn.ts";

async function main(): Promise<void> {
  let result: TurnResult;
  try {
    // Written by the parent of the same release, so its shape is not checked again.
    const spec: OpenSpec = JSON.parse(readFileSync(0, "utf8"));
    result = await agentLoop(spec);
  } catch (error) {
    result = { status: "failed", fault: "internal", error: error instanceof Error ? error.message : String(error), toolRuns: 0 };
  }
  writeWhole(formatResult(result));
  process.exit(0);
}

/** `writeSync` may write a part only. */
function writeWhole(line: string): void {
  let rest = Buffer.from(line);
  while (rest.length > 0) rest = rest.subarray(writeSync(resultDescriptor, rest));
}

void main();
