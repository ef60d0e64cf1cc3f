import { accessSync, closeSync, constants, openSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { LedgerError, type LedgerFaultReason } from "../../errors.ts";

/** Primary result codes of SQLite (https://sqlite.org/rescode.html) that come from outside and not from our own statements. */
const reasons: Readonly<Record<number, LedgerFaultReason>> = {
  3: "permission", // SQLITE_PERM
  5: "locked", // SQLITE_BUSY
  6: "locked", // SQLITE_LOCKED
  8: "permission", // SQLITE_READONLY
  10: "unavailable", // SQLITE_IOERR
  11: "corrupt", // SQLITE_CORRUPT
  13: "full", // SQLITE_FULL
  14: "unavailable", // SQLITE_CANTOPEN
  23: "permission", // SQLITE_AUTH
  26: "corrupt", // SQLITE_NOTADB
};
const constraint = 19;

/** What a person can do about it, after the place and the cause. */
const remedies: Readonly<Record<LedgerFaultReason, string>> = {
  newer_schema: "update runner, or name another folder with --state-dir",
  older_schema: "the next `runner run` of any job updates it, where the folder can be written",
  locked: "another process holds it for too long; find it with `fuser` or `lsof` and try again",
  full: "the disk or the quota is full; free some space and try again. Nothing was half written",
  corrupt: "it was left untouched; move it away or restore it from a backup, then run again",
  permission: "make the folder and the files in it readable and writable for this user, or name another folder with --state-dir",
  misplaced: "no folder can be there; name another with --state-dir",
  removed: "start runner again: it goes on with what is there then",
  unavailable: "check that the folder exists on a working local disk, or name another folder with --state-dir",
};

export function ledgerError(reason: LedgerFaultReason, location: string, cause: string, original?: unknown): LedgerError {
  return new LedgerError(reason, `ledger ${location}: ${cause} (${remedies[reason]})`, { location, cause: original });
}

/** The primary result code of an error of SQLite; `undefined` for any other error. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

export function isLocked(error: unknown): boolean {
  const code = resultCode(error);
  return code !== undefined && reasons[code] === "locked";
}

/**
 * SQLite says no more than "unable to open" or "disk I/O error" for a missing permission, and for a full disk while it grows
 * its shared-memory file; so the disk itself is asked.
 */
function whyUnavailable(location: string): LedgerFaultReason {
  try {
    const { bavail, bsize } = statfsSync(dirname(location));
    if (bavail * bsize < 65_536) return "full";
    accessSync(dirname(location), constants.W_OK | constants.X_OK);
    closeSync(openSync(location, "r+"));
  } catch (error) {
    if (error instanceof Error) return fileReason(error) ?? "unavailable";
  }
  return "unavailable";
}

/** Classifies, once, what SQLite or the file system threw. What is none of the outside troubles is thrown on as a bug of ours. */
export function classify(error: unknown, location: string): unknown {
  if (!(error instanceof Error) || error instanceof LedgerError) return error;
  const code = resultCode(error);
  if (code === constraint) return new Error(`broken invariant: the ledger refused a record: ${error.message}`, { cause: error });
  const reason = code === undefined ? fileReason(error) : reasons[code];
  if (reason === undefined) return error;
  const precise = reason === "unavailable" && code !== undefined ? whyUnavailable(location) : reason;
  return ledgerError(precise, location, error.message, error);
}

function fileReason(error: Error): LedgerFaultReason | undefined {
  const code = "code" in error ? error.code : undefined;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return "permission";
  if (typeof code === "string" && ["ENOTDIR", "ENAMETOOLONG", "ELOOP", "EISDIR", "EINVAL"].includes(code)) return "misplaced";
  // A folder in a folder that is there, and yet there is no such: not a place for files, as /proc is none.
  if (code === "ENOENT" && "syscall" in error && error.syscall === "mkdir") return "misplaced";
  if (code === "ENOSPC" || code === "EDQUOT") return "full";
  return "syscall" in error ? "unavailable" : undefined;
}
