/**
 * Who owns a run: pid, start time, PID namespace and boot id together. A pid alone is reused by the system, which has left
 * schedulers "already running" for ever (jhuckaby/Cronicle#789, openclaw/openclaw#57058), and means another process in another
 * container. By the host's name alone nothing is judged: containers get a new one at each start, and two machines may have the same.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import os from "node:os";
import { readableEnvironment } from "../job/chosen-environment.ts";
import type { Owner, OwnerLock, RunRow } from "../ledger/ledger.ts";
import { isLeaseOver } from "./lease.ts";

/** This process as an owner. */
export function thisOwner(): Owner {
  return {
    pid: process.pid,
    startedAt: seesItself() ? (startTime(process.pid) ?? "") : "",
    bootId: bootId(),
    pidNamespace: pidNamespace(),
    host: os.hostname(),
  };
}

export type OwnerState = "alive" | "dead" | "elsewhere";

/** The namespace that the machine itself starts with, PROC_PID_INIT_INO of the kernel: whoever is in it is in no container. */
const machineNamespace = "4026531836";

/**
 * Whether the very process that claimed a run still lives. An owner of another boot or in another PID namespace cannot be seen
 * from here and counts as `elsewhere`: its lease decides. But a machine that was started anew has none of its earlier processes: an owner
 * of another boot of this machine, it and we in no container, is dead.
 */
export function ownerState(owner: Owner): OwnerState {
  const boot = bootId();
  const onMachine = owner.pidNamespace === machineNamespace && pidNamespace() === machineNamespace;
  if (onMachine && boot !== "" && owner.bootId !== "" && owner.bootId !== boot && owner.host === os.hostname()) return "dead";
  if (boot === "" || owner.bootId !== boot || owner.pidNamespace !== pidNamespace() || !seesItself()) return "elsewhere";
  const started = startTime(owner.pid);
  if (started === undefined) return "dead";
  return owner.startedAt === "" || started === owner.startedAt ? "alive" : "dead";
}

/**
 * Of an owner that cannot be seen, its lock in the ledger is asked: one that is held is held by a process that lives, however late its lease
 * is, and one that is free, of the same boot and so of the same kernel, was dropped by its death. Else the lease decides.
 */
export function ownerStateBy(lockOf: (owner: Owner) => OwnerLock): (owner: Owner) => OwnerState {
  return (owner) => {
    const state = ownerState(owner);
    if (state !== "elsewhere") return state;
    const lock = lockOf(owner);
    if (lock === "held") return "alive";
    return lock === "free" && owner.bootId !== "" && owner.bootId === bootId() ? "dead" : "elsewhere";
  };
}

/** Whether a run that is recorded as running has died and was not closed yet; a daemon or the job's next run closes it. For whoever only reads. */
export function hasDied(
  run: Pick<RunRow, "status" | "owner" | "startedAt" | "leaseUntil">,
  now: number,
  stateOf: (owner: Owner) => OwnerState = ownerState,
): boolean {
  if (run.status !== "running") return false;
  const state = stateOf(run.owner);
  return state === "dead" || (state === "elsewhere" && isLeaseOver(run, now));
}

function pidNamespace(): string {
  if (process.platform !== "linux") return "";
  try {
    // "pid:[4026531836]": the number of the namespace's inode. No two that exist have the same.
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "";
  } catch {
    return "";
  }
}

/** Whether /proc shows the namespace of this process; `unshare --pid` without a /proc of its own shows another one's processes. */
function seesItself(): boolean {
  if (process.platform !== "linux") return true;
  try {
    return readlinkSync("/proc/self") === String(process.pid);
  } catch {
    return false;
  }
}

function bootId(): string {
  if (process.platform === "linux") {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  }
  return read("sysctl", ["-n", "kern.boottime"]) ?? "";
}

/**
 * The start of the container that this process is in, told apart from the others of the machine's boot: its first process began then. `undefined`
 * outside of a container, where the boot id says it all, and where that process cannot be seen.
 */
export function containerBoot(): string | undefined {
  if ([machineNamespace, ""].includes(pidNamespace()) || !seesItself()) return undefined;
  const began = startTime(1);
  return began === undefined ? undefined : `${bootId()}:${began}`;
}

/** When a process started, as the system counts it; undefined if there is no such process (a zombie has ended too). */
function startTime(pid: number): string | undefined {
  if (process.platform !== "linux") return read("ps", ["-o", "lstart=", "-p", String(pid)]);
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The program's name stands in parentheses and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function read(command: string, args: readonly string[]): string | undefined {
  try {
    // What it prints is compared with what it printed to another process: in a fixed language and zone.
    const text = execFileSync(command, args, {
      env: readableEnvironment(process.env),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
    return text === "" ? undefined : text;
  } catch {
    return undefined;
  }
}
