import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { OpenLedgerOptions } from "../ledger.ts";
import { Reader } from "./reader.ts";

/** How a ledger is, as `runner doctor` tells it. */
export interface LedgerExamination {
  /** What SQLite's quick_check finds, at most 10 lines; empty for a whole one. */
  readonly problems: readonly string[];
  readonly runs: number;
  readonly bytes: number;
  /** When the newest run began, epoch ms. */
  readonly newestRun: number | undefined;
}

/**
 * Looks at every page of the ledger and changes nothing; `undefined` where there is none. Takes about a second for a gigabyte.
 * @throws LedgerError as `openToRead` does
 */
export async function examine({ stateDir, busyTimeoutMs }: Required<OpenLedgerOptions>): Promise<LedgerExamination | undefined> {
  const file = join(resolve(stateDir), "ledger.sqlite");
  const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes === 0) return undefined;
  const reader = new Reader(file, busyTimeoutMs);
  try {
    if ((await reader.version()) === 0) return undefined;
    return await reader.read(() => {
      const found = reader
        .sql("PRAGMA quick_check(10)")
        .all()
        .map((row) => String(Object.values(row)[0]));
      const counted = reader.sql("SELECT count(*) AS runs, max(started_at) AS newest FROM runs").get();
      const newest = counted?.["newest"];
      return {
        problems: found.filter((line) => line !== "ok"),
        runs: Number(counted?.["runs"] ?? 0),
        bytes,
        newestRun: typeof newest === "number" ? newest : undefined,
      };
    });
  } finally {
    reader.close();
  }
}
