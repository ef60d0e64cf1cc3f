/** Claims runs and ends them, one after the other, until it is told to stop; then says how long each claim took, in ms, as JSON. For `ledger.ts`. */
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { openLedger } from "../src/ledger/index.ts";
import { runFinish, runStart } from "../test/ledger/records.ts";

const [stateDir = "", name = ""] = process.argv.slice(2);
const stop = new AbortController();
void once(process.stdin, "data").then(() => stop.abort());
const ledger = await openLedger({ stateDir });
const waits: number[] = [];
process.stdout.write("ready\n");
for (let number = 0; !stop.signal.aborted; number++) {
  const runId = `${name}-${number}`;
  const begin = performance.now();
  await ledger.claimRun(runStart({ runId, jobId: name }));
  waits.push(performance.now() - begin);
  // An hour has not passed since the last pruning, so its end prunes nothing itself.
  await ledger.finishRun(runId, runFinish());
  await pause(2);
}
await ledger.close();
process.stdout.write(`${JSON.stringify(waits)}\n`);
process.stdin.destroy();
