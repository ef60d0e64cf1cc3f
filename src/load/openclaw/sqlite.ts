/**
 * OpenClaw's SQLite store. Even a connection that only reads writes beside a database in WAL mode (its shared memory), and one that does
 * not would miss what is in the log. So a copy is read, in a folder of its own, and the original is not opened by SQLite at all.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Issue } from "../../errors.ts";
import { isRecord } from "../../job/shape.ts";
import { maxJobFiles } from "../find-files.ts";
import { receiptsOf } from "./receipts.ts";
import type { OpenClawStore, StoredJob } from "./stored.ts";

/** The largest store, with its log, that is copied. */
const maxBytes = 1_073_741_824;
/** A store that is being written is copied anew so many times. */
const mostCopies = 5;

export function readSqliteStore(path: string, file: string): Omit<OpenClawStore, "stateDir"> {
  const refuse = (message: string, suggestion?: string) => ({
    file,
    jobs: [],
    issues: [{ file, path: "", message, ...(suggestion === undefined ? {} : { suggestion }) }],
    warnings: [],
  });
  const bytes = sizeOf(path) + sizeOf(`${path}-wal`);
  // A link to a device has no size and no end.
  if (statSync(`${path}-wal`, { throwIfNoEntry: false })?.isFile() === false)
    return refuse("its log (-wal) is not a regular file");
  if (bytes > maxBytes) return refuse(`has ${bytes} bytes, at most ${maxBytes} are read`);
  const folder = mkdtempSync(join(tmpdir(), "runner-openclaw-"));
  try {
    const copy = join(folder, "store.sqlite");
    if (!copyWhole(path, copy))
      return refuse("is being written all the time, so no copy of it is whole", "stop OpenClaw's gateway and try again");
    const db = new DatabaseSync(copy);
    try {
      return { file, ...rowsOf(db, file) };
    } finally {
      db.close();
    }
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return refuse(`cannot be read as OpenClaw's store: ${words}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Whether nobody wrote while it was copied. */
function copyWhole(path: string, copy: string): boolean {
  const seen = (): string =>
    ["", "-wal"]
      .map((end) => statSync(`${path}${end}`, { throwIfNoEntry: false, bigint: true }))
      .map((one) => `${one?.size ?? ""} ${one?.mtimeNs ?? ""}`)
      .join();
  for (let count = 0; count < mostCopies; count += 1) {
    const before = seen();
    copyFileSync(path, copy);
    rmSync(`${copy}-wal`, { force: true });
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
    if (seen() === before) return true;
  }
  return false;
}

function rowsOf(db: DatabaseSync, file: string): { jobs: StoredJob[]; issues: Issue[]; warnings: Issue[] } {
  // A view may compute for ever.
  const kinds = db.prepare("SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = 'cron_jobs'").all();
  if (kinds.some(({ type }) => type !== "table"))
    return { jobs: [], issues: [{ file, path: "", message: "its cron_jobs is no table" }], warnings: [] };
  const columns = db
    .prepare("SELECT name FROM pragma_table_info('cron_jobs')")
    .all()
    .map(({ name }) => String(name));
  if (!columns.includes("job_json")) {
    const message = columns.length === 0 ? "holds no table cron_jobs" : "its table cron_jobs has no column job_json";
    return { jobs: [], issues: [], warnings: [{ file, path: "", message, suggestion: "is it a store of OpenClaw's?" }] };
  }
  const state = columns.includes("state_json") ? "state_json" : "NULL";
  const rows = db
    .prepare(`SELECT rowid AS number, job_json AS job, ${state} AS state FROM cron_jobs ORDER BY rowid LIMIT ${maxJobFiles + 1}`)
    .all();
  const receipts = receiptsOf(db);
  const jobs: StoredJob[] = [];
  const issues: Issue[] = [];
  for (const { number, job, state: written } of rows.slice(0, maxJobFiles)) {
    const origin = `cron_jobs, row ${String(number)}`;
    const value = parsed(job);
    if (value === undefined) {
      issues.push({
        file,
        path: origin,
        message: "job_json is not JSON, so this job is left out",
        suggestion: "the others are read",
      });
      continue;
    }
    const recorded = parsed(written) ?? (isRecord(value) ? value["state"] : undefined);
    const runs = isRecord(value) && typeof value["id"] === "string" ? receipts.get(value["id"]) : undefined;
    jobs.push({ value, state: isRecord(recorded) ? recorded : {}, origin, ...(runs === undefined ? {} : { receipts: runs }) });
  }
  if (rows.length > maxJobFiles)
    issues.push({ file, path: "cron_jobs", message: `holds more than ${maxJobFiles} jobs, the first are read` });
  return { jobs, issues, warnings: [] };
}

function parsed(text: unknown): unknown {
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
