/**
 * Who owns a run: pid, start time and boot id together. A pid alone is reused by the system, which has left schedulers
 * "already running" for ever (jhuckaby/Cronicle#789, openclaw/openclaw#57058).
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import type { Owner } from "../ledger/ledger.ts";

/** This process as an owner. */
export function thisOwner(): Owner {
  return { pid: process.pid, startedAt: startTime(process.pid) ?? "", bootId: bootId(), host: os.hostname() };
}

export type OwnerState = "alive" | "dead" | "elsewhere";

/**
 * Whether the very process that claimed a run still lives. An owner on another host cannot be judged from here and counts
 * as `elsewhere`.
 */
export function ownerState(owner: Owner): OwnerState {
  if (owner.host !== os.hostname()) return "elsewhere";
  if (owner.bootId !== bootId()) return "dead";
  const started = startTime(owner.pid);
  if (started === undefined) return "dead";
  return owner.startedAt === "" || started === owner.startedAt ? "alive" : "dead";
}

function bootId(): string {
  if (process.platform === "linux") {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  }
  return read("sysctl", ["-n", "kern.boottime"]) ?? "";
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
    const text = execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    return text === "" ? undefined : text;
  } catch {
    return undefined;
  }
}
