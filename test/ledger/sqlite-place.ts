/** What the tests of the ledger in a file have in common. */
import { statSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { openLedger } from "../../src/ledger/index.ts";
import { runStart } from "./records.ts";

/** A folder in which a test makes a ledger in a file. */
export interface Place {
  readonly folder: string;
  /** Below `folder`, and not there yet. */
  readonly stateDir: string;
  /** The ledger's file in `stateDir`. */
  readonly file: string;
}

export async function newPlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "runner-ledger-"));
  const stateDir = join(folder, "deep", "state");
  return { folder, stateDir, file: join(stateDir, "ledger.sqlite") };
}

export const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

/** A ledger with one run, closed. */
export async function makeLedger(stateDir: string): Promise<void> {
  const ledger = await openLedger({ stateDir });
  await ledger.claimRun(runStart({ runId: "kept" }));
  await ledger.close();
}

/** The refusal that opening must end in. */
export function refusal(file: string, reason: string, words: string): object {
  return { name: "LedgerError", reason, location: file, message: expect.stringContaining(words) };
}
export const opening = (stateDir: string): Promise<unknown> => openLedger({ stateDir }).catch((error: unknown) => error);

/** Opens, reads everything and claims; the error that came of it, if any. */
export async function writing(place: string): Promise<unknown> {
  try {
    const ledger = await openLedger({ stateDir: place });
    try {
      await ledger.history({});
      await ledger.lastRuns();
      await ledger.run("kept");
      return await ledger.claimRun(runStart({ runId: "another", jobId: "another" }));
    } finally {
      await ledger.close();
    }
  } catch (error) {
    return error;
  }
}
