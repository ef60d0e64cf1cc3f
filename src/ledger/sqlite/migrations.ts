import { chmodSync, closeSync, openSync, renameSync, rmSync } from "node:fs";
import type { Connection } from "./connection.ts";
import { classify, ledgerError } from "./failures.ts";

/** Marks a file as a ledger of ours: "runr". */
const applicationId = 0x72_75_6e_72;

/**
 * The schema's history: entry n leads from version n to n + 1 and is never edited once it was released. A migration may add,
 * and must leave what an older process of the same machine still writes usable.
 *
 * Rowid tables with integer keys: a text key in every index costs 40 % in size. `runs.key` is the order of recording. What a
 * history lists stays in `runs`; the long output lies apart. `unrecorded` marks what was closed by its run's ending.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE jobs (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
  ) STRICT;

  CREATE TABLE runs (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    job INTEGER NOT NULL REFERENCES jobs (key),
    job_name TEXT NOT NULL,
    trigger TEXT NOT NULL,
    slot_at INTEGER,
    status TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    owner_pid INTEGER NOT NULL,
    owner_started_at TEXT NOT NULL,
    owner_boot_id TEXT NOT NULL,
    owner_host TEXT NOT NULL,
    model_asked TEXT NOT NULL,
    model_used TEXT,
    simulated INTEGER NOT NULL,
    job_hash TEXT NOT NULL,
    fault TEXT,
    exit_code INTEGER,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    reason TEXT,
    CHECK ((status = 'running') = (finished_at IS NULL))
  ) STRICT;
  CREATE INDEX runs_of_job ON runs (job);
  CREATE UNIQUE INDEX one_open_run_a_job ON runs (job) WHERE status = 'running';
  CREATE UNIQUE INDEX one_run_a_slot ON runs (job, slot_at) WHERE slot_at IS NOT NULL;

  CREATE TABLE outputs (
    run INTEGER PRIMARY KEY REFERENCES runs (key),
    text TEXT NOT NULL
  ) STRICT;

  CREATE TABLE attempts (
    run INTEGER NOT NULL REFERENCES runs (key),
    attempt INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'running',
    unrecorded INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    session_id TEXT NOT NULL,
    tool_runs INTEGER,
    fault TEXT,
    why TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY (run, attempt),
    CHECK (status <> 'running' OR finished_at IS NULL)
  ) STRICT;

  CREATE TABLE calls (
    run INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    call INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'running',
    unrecorded INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    dialect TEXT NOT NULL,
    model_asked TEXT NOT NULL,
    model_used TEXT,
    stream INTEGER NOT NULL,
    http_status INTEGER,
    fault TEXT,
    reason TEXT,
    PRIMARY KEY (run, attempt, call),
    FOREIGN KEY (run, attempt) REFERENCES attempts (run, attempt),
    CHECK (status <> 'running' OR finished_at IS NULL)
  ) STRICT;

  CREATE TABLE tries (
    run INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    call INTEGER NOT NULL,
    try INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'running',
    unrecorded INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    model_used TEXT,
    stream INTEGER NOT NULL,
    waited_ms INTEGER NOT NULL,
    fault TEXT,
    reason TEXT,
    http_status INTEGER,
    request_id TEXT,
    retry_after_ms INTEGER,
    first_byte_ms INTEGER,
    stop_reason TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    why TEXT NOT NULL,
    repairs TEXT,
    error TEXT,
    PRIMARY KEY (run, attempt, call, try),
    FOREIGN KEY (run, attempt, call) REFERENCES calls (run, attempt, call),
    CHECK (status <> 'running' OR finished_at IS NULL)
  ) STRICT;

  CREATE TABLE rung_memories (
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    fault TEXT NOT NULL,
    noted_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (provider, model)
  ) STRICT;
  `,
  `
  ALTER TABLE runs ADD COLUMN owner_pid_namespace TEXT NOT NULL DEFAULT '';
  ALTER TABLE runs ADD COLUMN lease_until INTEGER;

  CREATE TABLE upkeep (
    name TEXT PRIMARY KEY,
    done_at INTEGER NOT NULL
  ) STRICT;
  `,
];

/**
 * How a reader, who may not migrate, sees a file of an older version as one of the newest: entry n for version n, a view of the
 * connection's own in the place of each table that has got more columns since. Without an entry the version cannot be read.
 */
export const bridges: Readonly<Record<number, string>> = {
  1: "CREATE TEMP VIEW runs AS SELECT *, '' AS owner_pid_namespace, NULL AS lease_until FROM main.runs",
};

function version(connection: Pick<Connection, "sql">): number {
  return Number(connection.sql("PRAGMA user_version").get()?.["user_version"]);
}

/**
 * The version of the file's schema, 0 for a file in which nothing is yet.
 * @throws LedgerError `newer_schema` if it is ahead of `known`, `corrupt` if it is no ledger
 */
export function ledgerVersion(connection: Pick<Connection, "sql" | "file">, known: number): number {
  const at = version(connection);
  if (at > known) throw newerSchema(connection.file, at, known);
  const application = connection.sql("PRAGMA application_id").get()?.["application_id"];
  const tables = at === 0 ? Number(connection.sql("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"]) : 0;
  if (tables > 0 || (at > 0 && application !== applicationId))
    throw ledgerError("corrupt", connection.file, "it is a database of another program");
  return at;
}

/**
 * Brings the file to the newest schema. Each step is one transaction with its version number in it, so that a `kill -9`
 * leaves the old schema or the new one; of several processes one migrates and the others find it done.
 * @throws LedgerError `newer_schema` if the file is ahead of this program, `corrupt` if it is no ledger
 */
export async function migrate(connection: Connection, steps: readonly string[] = migrations): Promise<void> {
  const found = await connection.read(() => ledgerVersion(connection, steps.length));
  if (found === steps.length) return;
  if (found === 0) await connection.alone(() => connection.database.exec("PRAGMA journal_mode=WAL"));
  else await backUp(connection, found);
  for (const [from, step] of steps.entries()) {
    await connection.write("power_loss", () => {
      if (version(connection) !== from) return;
      connection.database.exec(`${step}; PRAGMA application_id=${applicationId}; PRAGMA user_version=${from + 1}`);
    });
  }
}

function newerSchema(file: string, found: number, known: number): Error {
  return ledgerError("newer_schema", file, `its schema is version ${found} and this runner knows up to ${known}`);
}

/**
 * A copy of the ledger as it was, beside it, before a migration changes it. Written under a name of its own and then moved,
 * so that the copy's name always means a whole copy.
 */
async function backUp(connection: Connection, from: number): Promise<void> {
  const whole = `${connection.file}.schema-${from}`;
  const partial = `${whole}.${process.pid}-${process.hrtime.bigint()}`;
  try {
    closeSync(openSync(partial, "w", 0o600));
    chmodSync(partial, 0o600);
    await connection.alone(() => connection.sql("VACUUM INTO ?").run(partial));
    // If another process has migrated meanwhile, this copy may be of the new schema, and the other one has made its own before.
    const late = (await connection.read(() => version(connection))) !== from;
    if (late) rmSync(partial);
    else renameSync(partial, whole);
  } catch (error) {
    rmSync(partial, { force: true });
    throw classify(error, connection.file);
  }
}
