import { chmodSync, closeSync, existsSync, fchmodSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Ledger, LedgerBackend, LedgerReader, OpenLedgerOptions } from "../ledger.ts";
import { breakerMethods } from "./breakers.ts";
import { Connection } from "./connection.ts";
import { classify } from "./failures.ts";
import { memoryMethods } from "./memory.ts";
import { migrate } from "./migrations.ts";
import { holdLock, lockFile, lookAtLock } from "./owner-locks.ts";
import { readMethods } from "./queries.ts";
import { Reader } from "./reader.ts";
import { runMethods } from "./runs.ts";
import { schedulerMethods } from "./scheduler.ts";
import { slotMethods } from "./slots.ts";
import { stepMethods } from "./steps.ts";

const fileName = "ledger.sqlite";

function ledgerFile(stateDir: string): string {
  return join(resolve(stateDir), fileName);
}

/** One file on this machine's disk, shared by any number of processes: `node:sqlite` in WAL mode. */
export const sqliteBackend: LedgerBackend = {
  async open({ stateDir, busyTimeoutMs }: Required<OpenLedgerOptions>): Promise<Ledger> {
    const file = ledgerFile(stateDir);
    try {
      makePrivate(file);
    } catch (error) {
      throw classify(error, file);
    }
    const connection = new Connection(file, busyTimeoutMs);
    try {
      await migrate(connection);
    } catch (error) {
      connection.close();
      throw error;
    }
    return sqliteLedger(connection);
  },
  async openToRead({ stateDir, busyTimeoutMs }: Required<OpenLedgerOptions>): Promise<LedgerReader | undefined> {
    const file = ledgerFile(stateDir);
    try {
      if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) return undefined;
    } catch (error) {
      throw classify(error, file);
    }
    const reader = new Reader(file, busyTimeoutMs);
    if ((await reader.version()) === 0) {
      reader.close();
      return undefined;
    }
    return {
      ...readMethods(reader),
      ownerLock: (owner) => lookAtLock(file, owner),
      async close() {
        reader.close();
      },
    };
  },
};

/** The ledger on a connection whose schema is up to date. */
export function sqliteLedger(connection: Connection): Ledger {
  const locks = new Map<string, () => void>();
  return {
    ...readMethods(connection),
    async holdOwner(owner) {
      const name = lockFile(connection.file, owner);
      if (name === undefined || locks.has(name)) return;
      const letGo = holdLock(connection.file, owner);
      if (letGo !== undefined) locks.set(name, letGo);
    },
    ownerLock: (owner) => lookAtLock(connection.file, owner),
    ...runMethods(connection),
    ...slotMethods(connection),
    ...schedulerMethods(connection),
    ...stepMethods(connection),
    ...memoryMethods(connection),
    ...breakerMethods(connection),
    async close() {
      for (const letGo of locks.values()) letGo();
      locks.clear();
      connection.close();
    },
  };
}

/**
 * Makes folder and file with the modes they must have, whatever the umask is, before SQLite sees them; SQLite gives its
 * `-wal` and `-shm` files the mode of the main file. A folder that was there before keeps its mode: it may be shared, or
 * somebody's home.
 */
function makePrivate(file: string): void {
  const folder = dirname(file);
  if (!existsSync(folder)) {
    makeFolders(folder);
    chmodSync(folder, 0o700);
  }
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) {
    const descriptor = openSync(file, "a", 0o600);
    fchmodSync(descriptor, 0o600);
    closeSync(descriptor);
    return;
  }
  if (process.platform === "win32" || (found.mode & 0o077) === 0) return;
  for (const name of [file, `${file}-wal`, `${file}-shm`]) if (existsSync(name)) chmodSync(name, 0o600);
}

/** One by one, for `recursive: true` never comes back from a place that is none for files, such as /proc (Node 24). */
function makeFolders(folder: string): void {
  const missing: string[] = [];
  for (let at = folder; !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const one of missing) {
    try {
      mkdirSync(one, { mode: 0o700 });
    } catch (error) {
      // Another runner that starts at the same time makes the same folder.
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
}
