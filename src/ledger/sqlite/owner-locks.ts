/**
 * How a process says that it lives to whoever cannot see it: it holds a lock on a file of its own, `owners/<name>.lock` in the state folder, and
 * the kernel drops the lock at its death, however it dies. SQLite takes the lock (`fcntl`, https://www.man7.org/linux/man-pages/man2/F_SETLK.2const.html),
 * so no native module is needed, and a child does not inherit it.
 *
 * Why that may be trusted: one kernel has the locks of all of its containers. That it is the same kernel the boot id says; a ledger in WAL mode
 * must not be shared by several anyway, because they do not share its memory ("All processes using a database must be on the same host
 * computer", https://sqlite.org/wal.html). So a lock that is held means a process that lives, and one that is free, of the same boot, means
 * one that has died. After another boot, or under another kernel (a virtual machine, gVisor), nothing is concluded from a free lock. Bind
 * mounts and volumes are the same file, and overlayfs locks its own. On file systems whose locks may be those of another machine or
 * another daemon (NFS, SMB, 9p, FUSE) no lock is taken and none is asked.
 *
 * Wherever there is no answer, the lease decides.
 */
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Owner, OwnerLock } from "../ledger.ts";
import { isLocked } from "./failures.ts";

/** More files than this, and no further one is made. */
const mostFiles = 1_000;
/** Those of the dead are removed when all leases of theirs are over, so many at each start. */
const keptMs = 600_000;
const removedAtOnce = 50;

/** `f_type` of statfs(2): NFS, SMB (three), 9p, FUSE, Ceph, AFS, GPFS, Lustre, OCFS2, GFS2. */
const foreign = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x65735546, 0x00c36400, 0x5346414f, 0x47504653, 0x0bd00bd0, 0x7461636f,
  0x01161970,
]);

interface Held {
  readonly database: DatabaseSync;
  /** Connections of this process that want it held. */
  users: number;
}

/** Of this process, by file: it may have several connections to one ledger. */
const held = new Map<string, Held>();

/** The lock's file; undefined for an owner that is not sure to be the only one of this description. */
export function lockFile(ledger: string, { pid, startedAt, bootId, pidNamespace }: Owner): string | undefined {
  if (startedAt === "" || bootId === "") return undefined;
  const name = [bootId, pidNamespace, pid, startedAt].join("-").replaceAll(/[^\w-]/g, "_");
  return join(dirname(ledger), "owners", `${name}.lock`);
}

/**
 * Takes the lock of this process, if it can be taken, and returns how to let it go. To be called before anything that names the owner is
 * recorded: whoever finds the record finds the lock. Never fails.
 */
export function holdLock(ledger: string, owner: Owner): (() => void) | undefined {
  const file = lockFile(ledger, owner);
  if (file === undefined) return undefined;
  const known = held.get(file);
  if (known !== undefined) {
    known.users += 1;
    return () => letGo(file, known);
  }
  try {
    const folder = dirname(file);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (foreign.has(statfsSync(folder).type) || clean(folder) >= mostFiles) return undefined;
    closeSync(openSync(file, "a", 0o600));
    const own = lock(file);
    // A file that nobody holds would say of this process that it has died.
    if (own === undefined) rmSync(file, { force: true });
    else held.set(file, own);
    return own && (() => letGo(file, own));
  } catch {
    return undefined;
  }
}

function lock(file: string): Held | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    // Nothing is ever written, so there is no journal of it.
    database.exec("PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE");
    return { database, users: 1 };
  } catch {
    database?.close();
    return undefined;
  }
}

function letGo(file: string, own: Held): void {
  own.users -= 1;
  if (own.users > 0) return;
  held.delete(file);
  // While it is locked nobody else can have taken it for that of a dead one and put another in its place.
  rmSync(file, { force: true });
  own.database.close();
}

export function lookAtLock(ledger: string, owner: Owner): OwnerLock {
  const file = lockFile(ledger, owner);
  return file === undefined ? "unknown" : lookAt(file);
}

/** A reader's lock is refused while another process holds the file alone; nothing is made or changed. */
function lookAt(file: string): OwnerLock {
  if (held.has(file)) return "held";
  try {
    if (foreign.has(statfsSync(file).type)) return "unknown";
    const database = new DatabaseSync(file, { readOnly: true, timeout: 0 });
    try {
      database.prepare("SELECT 1 FROM sqlite_schema").get();
      return "free";
    } catch (error) {
      return isLocked(error) ? "held" : "unknown";
    } finally {
      database.close();
    }
  } catch {
    return "unknown";
  }
}

/** Removes what the dead have left; returns how many files there are. */
function clean(folder: string): number {
  const names = readdirSync(folder).filter((name) => name.endsWith(".lock"));
  let left = removedAtOnce;
  const before = Date.now() - keptMs;
  for (const name of names) {
    const file = join(folder, name);
    if (left < 1) break;
    if ((statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > before || lookAt(file) !== "free") continue;
    rmSync(file, { force: true });
    left -= 1;
  }
  return names.length - (removedAtOnce - left);
}
