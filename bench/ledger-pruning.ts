/** Whether pruning keeps others from writing. For `ledger.ts`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openLedger } from "../src/ledger/index.ts";

/** How long another process's claims take, alone and while one round of `prune` removes all that it may of each job. */
export async function pruning(stateDir: string, now: number): Promise<readonly (readonly string[])[]> {
  const rows: (readonly string[])[] = [];
  const ledger = await openLedger({ stateDir });
  for (const name of ["alone", "while `prune` works"]) {
    const child = spawn(process.execPath, [fileURLToPath(new URL("ledger-claimer.ts", import.meta.url)), stateDir, name], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    await lines.next();
    const begin = performance.now();
    let removed = 0;
    if (name === "alone") await pause(8000);
    else removed = await ledger.prune(now, { runs: 100, ms: 1 });
    const seconds = (performance.now() - begin) / 1000;
    child.stdin.write("stop\n");
    const waits: number[] = JSON.parse((await lines.next()).value ?? "[]");
    await once(child, "close");
    const at = (part: number): string => (waits.toSorted((a, b) => a - b)[Math.floor((waits.length - 1) * part)] ?? 0).toFixed(1);
    rows.push([name, String(waits.length), at(0.5), at(0.99), at(1), (removed / seconds).toFixed(0)]);
  }
  await ledger.close();
  return rows;
}
