/** What the benchmarks of the whole daemon do with it: they end it, and look into its ledger. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** What is under way is ended a second after the first signal. */
export async function stop(daemon: ChildProcess): Promise<void> {
  const closed = once(daemon, "close");
  daemon.kill("SIGTERM");
  const timer = setTimeout(() => daemon.kill("SIGTERM"), 1_000);
  await closed;
  clearTimeout(timer);
}

/** The one number that is asked for; 0 where there is no ledger yet. */
export function ask(file: string, sql: string): number {
  if (!existsSync(file)) return 0;
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    return Number(Object.values(database.prepare(sql).get() ?? {})[0] ?? 0);
  } catch {
    // The daemon is about to make its tables.
    return 0;
  } finally {
    database.close();
  }
}
