/** The state folder and the ledger in it: permissions, room, health. Changes nothing. */
import { accessSync, constants, existsSync, statSync, statfsSync } from "node:fs";
import path from "node:path";
import { LedgerError } from "../../errors.ts";
import { examineLedger, type LedgerExamination } from "../../ledger/index.ts";
import type { Check } from "./check.ts";
import { codeOf } from "./providers.ts";

const MiB = 1024 * 1024;
const roomWarnBytes = 200 * MiB;
const roomFailBytes = 20 * MiB;
/** A run makes some tens of files for a while. */
const filesWarn = 1_000;

/** File systems on which SQLite's locks or its shared memory cannot be relied on: numbers of statfs(2). */
const remoteFileSystems: Readonly<Record<number, string>> = {
  0x6969: "NFS",
  0x517b: "SMB",
  0xff534d42: "CIFS",
  0xfe534d42: "SMB2",
};

export interface StateFindings {
  readonly checks: readonly Check[];
  readonly newestRun: number | undefined;
}

export async function checkState(stateDir: string): Promise<StateFindings> {
  const there = existsSync(stateDir);
  const folder = there ? stateDir : nearestParent(stateDir);
  const checks = [checkFolder(stateDir, folder, there), ...checkRoom(folder)];
  const { check, examination } = await checkLedger(stateDir);
  return { checks: [...checks, check], newestRun: examination?.newestRun };
}

function nearestParent(dir: string): string {
  let at = path.dirname(dir);
  while (!existsSync(at) && path.dirname(at) !== at) at = path.dirname(at);
  return at;
}

function checkFolder(stateDir: string, folder: string, there: boolean): Check {
  const base = { area: "state", name: "state folder" } as const;
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const message = `${folder} cannot be written by this user (${codeOf(error)})`;
    const remedy = `Give it to this user (chown), or name another one with "stateDir" in the configuration or --state-dir.`;
    return { ...base, status: "fail", exitCode: 77, message, remedy };
  }
  if (!there) return { ...base, status: "ok", message: `${stateDir} will be made by the first run` };
  const { mode, uid } = statSync(stateDir);
  const me = process.getuid?.();
  if (me !== undefined && uid !== me) {
    const message = `${stateDir} belongs to user ${uid}, and this is user ${me}: each leaves files the other may not be able to change`;
    return { ...base, status: "warn", message, remedy: "Run the jobs as one user, or give each its own --state-dir." };
  }
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    const message = `${stateDir} can be read by others (mode ${(mode & 0o777).toString(8)}): answers and prompts lie there`;
    return { ...base, status: "warn", message, remedy: `chmod 700 ${stateDir}` };
  }
  return { ...base, status: "ok", message: stateDir };
}

function checkRoom(folder: string): Check[] {
  const { bavail, bsize, type, files, ffree } = statfsSync(folder);
  const free = bavail * bsize;
  const base = { area: "state", name: "disk" } as const;
  const message = `${Math.floor(free / MiB).toLocaleString("en")} MiB free at ${folder}`;
  const remedy = "Make room; runner prune removes old runs.";
  const room: Check =
    free < roomFailBytes
      ? { ...base, status: "fail", message: `${message}: too little for a run to be recorded`, remedy }
      : free < roomWarnBytes
        ? { ...base, status: "warn", message, remedy }
        : { ...base, status: "ok", message };
  const checks = [room];
  // Some file systems count no files and say 0.
  if (files > 0 && ffree < filesWarn) {
    const few = `only ${ffree.toLocaleString("en")} more files can be made at ${folder}`;
    checks.push({
      ...base,
      name: "files",
      status: "warn",
      message: few,
      remedy: "Remove files there; a full disk is not only one of bytes.",
    });
  }
  const remote = remoteFileSystems[type];
  if (remote === undefined) return checks;
  const told = `the ledger lies on ${remote}, where SQLite's locks cannot be relied on between machines`;
  const remedyRemote = `Keep it on a local disk: "stateDir" in the configuration.`;
  return [...checks, { area: "state", name: "file system", status: "warn", message: told, remedy: remedyRemote }];
}

async function checkLedger(stateDir: string): Promise<{ check: Check; examination?: LedgerExamination }> {
  const base = { area: "state", name: "ledger" } as const;
  try {
    const examination = await examineLedger({ stateDir });
    if (examination === undefined) return { check: { ...base, status: "ok", message: "none yet; the first run makes it" } };
    const { problems, runs, bytes } = examination;
    const size = `${runs.toLocaleString("en")} ${runs === 1 ? "run" : "runs"}, ${(bytes / MiB).toFixed(1)} MiB`;
    if (problems.length === 0) return { check: { ...base, status: "ok", message: `whole; ${size}` }, examination };
    const message = `damaged: ${problems.slice(0, 3).join("; ")}`;
    const remedy = "Move ledger.sqlite* away and keep it; the next run begins a new one. Jobs and configuration are not in it.";
    return { check: { ...base, status: "fail", message, remedy }, examination };
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const exitCode = error.reason === "permission" ? 77 : 78;
    return { check: { ...base, status: error.reason === "locked" ? "warn" : "fail", exitCode, message: error.message } };
  }
}
