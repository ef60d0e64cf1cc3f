/**
 * What the system says about its processes. On Linux from /proc, synchronously: nothing of ours runs between looking and
 * acting, and a child that has ended cannot be reaped in between either. Elsewhere from `ps`.
 */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from "node:fs";
import type { Marker, ProcessEntry, ProcessTable } from "./process-table.ts";

/** The table of this system. */
export async function processTable(): Promise<ProcessTable> {
  return process.platform === "linux" ? linuxTable : (await import("./ps.ts")).psTable;
}

export const linuxTable: ProcessTable = {
  list(notBefore = 0) {
    const pids = processIds();
    return notBefore === 0 ? pids.flatMap((pid) => linuxTable.entry(pid) ?? []) : startedSince(notBefore, pids);
  },
  entry(pid) {
    const stat = readStat(pid);
    return stat === undefined ? undefined : parseStat(stat);
  },
  seesEnvironments: true,
  carries(pid, marker) {
    try {
      return environmentCarries(readFileSync(`/proc/${pid}/environ`, "utf8"), marker);
    } catch {
      return false;
    }
  },
  openFiles(pid, descriptors) {
    try {
      return (descriptors ?? readdirSync(`/proc/${pid}/fd`)).flatMap((fd) => linkTarget(`/proc/${pid}/fd/${fd}`) ?? []);
    } catch {
      return [];
    }
  },
};

function processIds(): number[] {
  const pids: number[] = [];
  for (const name of readdirSync("/proc")) {
    const first = name.charCodeAt(0);
    if (first >= 48 && first <= 57) pids.push(Number(name));
  }
  return pids;
}

/** When a process started, by what the system calls its folder. */
interface Seen {
  readonly folder: number;
  readonly madeAt: number;
  readonly start: number;
}

/** The processes of the last look, by pid. */
let seen = new Map<number, Seen>();

/**
 * Nearly every process of a machine is older than a turn, and its start is all that is asked of it; reading that takes the kernel five times
 * as long as naming its folder. The folder of a process is its own: one of the same pid that comes later has another inode (Linux,
 * fs/proc/base.c: a folder is let go with the process it was made for). So what was read of an inode is not read again.
 */
function startedSince(notBefore: number, pids: readonly number[]): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  const now = new Map<number, Seen>();
  for (const pid of pids) {
    // Before it is read: should the pid be given out anew in between, this inode is gone and is met no more.
    const folder = folderOf(pid);
    if (folder === undefined) continue;
    const before = seen.get(pid);
    const isSame = before !== undefined && before.folder === folder.ino && before.madeAt === folder.ctimeMs;
    if (isSame && before.start < notBefore) {
      now.set(pid, before);
      continue;
    }
    const entry = linuxTable.entry(pid);
    if (entry === undefined) continue;
    now.set(pid, { folder: folder.ino, madeAt: folder.ctimeMs, start: entry.start });
    if (entry.start >= notBefore) entries.push(entry);
  }
  seen = now;
  return entries;
}

function folderOf(pid: number): { readonly ino: number; readonly ctimeMs: number } | undefined {
  try {
    return statSync(`/proc/${pid}`, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** One line of /proc/PID/stat (proc_pid_stat(5)). The command's name stands in brackets and may itself hold spaces and brackets. */
export function parseStat(stat: string): ProcessEntry | undefined {
  const nameEnd = stat.lastIndexOf(")");
  if (nameEnd === -1) return undefined;
  const fields = stat.slice(nameEnd + 2).split(" ", 20);
  const [state, ppid, pgid, sid] = fields;
  const entry = {
    pid: Number.parseInt(stat, 10),
    ppid: Number(ppid),
    pgid: Number(pgid),
    sid: Number(sid),
    // Field 22 of the line; the state is field 3.
    start: Number(fields[19]),
    // X is a process that is just going away.
    zombie: state === "Z" || state === "X",
  };
  return [entry.pid, entry.ppid, entry.pgid, entry.sid, entry.start].every((value) => Number.isSafeInteger(value))
    ? entry
    : undefined;
}

/** Whether an environment, as NUL-separated `NAME=value`, holds the marker whole. */
export function environmentCarries(environ: string, marker: Marker): boolean {
  // Padded, so that neither a longer value nor a longer name can match.
  const padded = `\0${environ}\0`;
  if (!padded.includes(`\0RUNNER_RUN_ID=${marker.runId}\0`)) return false;
  if (marker.tool !== undefined && !padded.includes(`\0RUNNER_TOOL=${marker.tool}\0`)) return false;
  return marker.attempt === undefined || padded.includes(`\0RUNNER_ATTEMPT=${marker.attempt}\0`);
}

/** A line of stat has about 300 bytes. */
const statBuffer = Buffer.alloc(4096);

/**
 * A process may be gone between any two looks at it, and another user's is not always ours to read: both are "nothing to see".
 * Half the time of `readFileSync`, and it is asked for every process of the machine.
 */
function readStat(pid: number): string | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(`/proc/${pid}/stat`, "r");
    return statBuffer.toString("latin1", 0, readSync(descriptor, statBuffer, 0, statBuffer.length, 0));
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
