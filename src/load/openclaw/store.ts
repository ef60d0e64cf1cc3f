/**
 * A store of OpenClaw's of any generation: a folder, `jobs.json` with or without its state beside it, `*.migrated`, a bare list, or the
 * SQLite store of versions from 2026.6.1 on. It is read and never written: see sqlite.ts for what that takes.
 */
import { existsSync, openSync, readSync, closeSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { UsageError, type Issue } from "../../errors.ts";
import { isRecord } from "../../job/shape.ts";
import { displayName } from "../display-name.ts";
import { readDocument, readText } from "../document.ts";
import type { Environment } from "../folders.ts";
import { resolveFolder } from "../folders.ts";
import { maxJobFiles } from "../find-files.ts";
import type { OpenClawStore, Stored, StoredJob } from "./stored.ts";

/** Where a store lies in a folder of OpenClaw's, the newest kind first. */
const places = [
  "state/openclaw.sqlite",
  "openclaw.sqlite",
  "cron/jobs.json",
  "jobs.json",
  "cron/jobs.json.migrated",
  "jobs.json.migrated",
] as const;

/** OpenClaw's folder: OPENCLAW_STATE_DIR, else `~/.openclaw`. */
export function openClawDir(env: Environment, cwd: string): string {
  const set = env["OPENCLAW_STATE_DIR"];
  return resolveFolder(set === undefined || set === "" ? "~/.openclaw" : set, cwd, env);
}

/**
 * @param given A folder or a file; absent: OpenClaw's own folder.
 * @throws UsageError if there is no store.
 */
export async function readOpenClawStore(given: string | undefined, cwd: string, env: Environment): Promise<OpenClawStore> {
  const path = given === undefined ? openClawDir(env, cwd) : resolve(cwd, given);
  const facts = statSync(path, { throwIfNoEntry: false });
  const shown = displayName(path, cwd);
  if (facts === undefined)
    throw new UsageError(`there is no ${shown}`, { suggestion: "Name OpenClaw's folder or store: runner import openclaw PATH." });
  if (!facts.isDirectory()) return { ...(await readStore(path, cwd)), stateDir: stateDirOf(path) };
  const found = places.map((place) => join(path, place)).filter((file) => existsSync(file));
  if (found.length === 0)
    throw new UsageError(`${shown} holds no store of OpenClaw's`, {
      suggestion: `Looked for ${places.join(", ")}. Name the store itself: runner import openclaw FILE.`,
    });
  const passed: Issue[] = [];
  for (const [at, file] of found.entries()) {
    const read = await readStore(file, cwd);
    // A store that a newer one has taken over from, or that has not taken over yet, is empty.
    if (read.jobs.length === 0 && read.issues.length === 0 && at < found.length - 1) continue;
    for (const other of found.slice(at + 1))
      passed.push({
        file: displayName(other, cwd),
        path: "",
        message: `is not read: ${read.file} is newer`,
        suggestion: "name it to read it",
      });
    return { ...read, warnings: [...passed, ...read.warnings], stateDir: path };
  }
  return { file: shown, jobs: [], issues: [], warnings: [], stateDir: path };
}

function stateDirOf(path: string): string {
  const folder = dirname(path);
  return ["cron", "state"].includes(basename(folder)) ? dirname(folder) : folder;
}

type Read = Omit<OpenClawStore, "stateDir">;

async function readStore(path: string, cwd: string): Promise<Read> {
  const file = displayName(path, cwd);
  if (isSqlite(path)) {
    const { readSqliteStore } = await import("./sqlite.ts");
    return readSqliteStore(path, file);
  }
  const read = await readLoose(path, file);
  if ("issues" in read) return { file, jobs: [], issues: read.issues, warnings: [] };
  const { value, locate } = read.document;
  const list = listOf(value);
  if (list === undefined) {
    const message = "is no store of OpenClaw's: expected a list of jobs, or { version, jobs }";
    return { file, jobs: [], issues: [{ file, path: "", message }], warnings: [] };
  }
  const warnings: Issue[] = [];
  const states = await statesBeside(path, cwd, warnings);
  if (isRecord(value) && value["version"] !== undefined && value["version"] !== 1)
    warnings.push({
      file,
      ...locate(["version"], "value"),
      path: "version",
      message: "a version that is not known; read as version 1",
    });
  const prefix = Array.isArray(value) ? [] : ["jobs"];
  const jobs = list.slice(0, maxJobFiles).map((one, at): StoredJob => {
    const { line } = locate([...prefix, at], "value");
    return { value: one, state: stateOf(one, states), origin: `jobs[${at}]`, ...(line === undefined ? {} : { line }) };
  });
  const issues: Issue[] = [];
  if (list.length > maxJobFiles)
    issues.push({ file, path: "jobs", message: `holds ${list.length} jobs, the first ${maxJobFiles} are read` });
  return { file, jobs, issues, warnings };
}

function isSqlite(path: string): boolean {
  const head = Buffer.alloc(16);
  let open: number | undefined;
  try {
    // Opening a named pipe would wait for its other end for ever.
    if (!statSync(path).isFile()) return false;
    open = openSync(path, "r");
    readSync(open, head, 0, 16, 0);
  } catch {
    return false;
  } finally {
    if (open !== undefined) closeSync(open);
  }
  return head.toString("latin1") === "SQLite format 3\0";
}

/** As OpenClaw does: JSON, and where that fails JSON5. What is wrong is told by the reader of JSON. */
async function readLoose(path: string, file: string): ReturnType<typeof readDocument> {
  const text = readText(path, file);
  if ("issues" in text) return text;
  const read = await readDocument(text.text, "json", file);
  if (!("issues" in read)) return read;
  const loose = await readDocument(text.text, "json5", file);
  return "document" in loose ? loose : read;
}

function listOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  return isRecord(value) && Array.isArray(value["jobs"]) ? value["jobs"] : undefined;
}

/** `jobs-state.json` beside `jobs.json`, from 2026.4.20 on; and what was put aside because it could not be read there. */
async function statesBeside(path: string, cwd: string, warnings: Issue[]): Promise<Stored> {
  const [, stem = path, more = ""] = /^(.*)\.json(\.\w+)?$/.exec(path) ?? [];
  const aside = `${stem}-quarantine.json`;
  if (existsSync(aside))
    warnings.push({
      file: displayName(aside, cwd),
      path: "",
      message: "holds jobs that OpenClaw itself could not read; they are not imported",
    });
  const beside = [`${stem}-state.json${more}`, `${stem}-state.json`].find((one) => existsSync(one));
  if (beside === undefined) return {};
  const file = displayName(beside, cwd);
  const read = await readLoose(beside, file);
  if ("issues" in read) {
    warnings.push(...read.issues.map((issue) => ({ ...issue, message: `${issue.message}; what OpenClaw recorded is not told` })));
    return {};
  }
  const { value } = read.document;
  return isRecord(value) && isRecord(value["jobs"]) ? value["jobs"] : {};
}

function stateOf(job: unknown, states: Stored): Stored {
  if (!isRecord(job)) return {};
  const written = job["id"] ?? job["jobId"];
  const id = typeof written === "string" || typeof written === "number" ? String(written) : "";
  const beside = Object.hasOwn(states, id) ? states[id] : undefined;
  const own = isRecord(job["state"]) ? job["state"] : {};
  return isRecord(beside) && isRecord(beside["state"]) ? { ...own, ...beside["state"] } : own;
}
