/** The tables of every version of the ledger, and how a reader sees an older one. */
import { nothingOfVersion4, runsOfVersion4, schedulingStep } from "./schema-scheduling.ts";

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
  // What hangs under a run here is removed with it (CASCADE), because an older process that is still alive prunes without knowing of it.
  `
  ALTER TABLE runs ADD COLUMN payload_kind TEXT NOT NULL DEFAULT 'agentTurn';
  ALTER TABLE runs ADD COLUMN rerun_of TEXT;
  ALTER TABLE runs ADD COLUMN cost_microusd INTEGER;
  ALTER TABLE runs ADD COLUMN deferred_until INTEGER;
  ALTER TABLE runs ADD COLUMN warnings TEXT;
  ALTER TABLE runs ADD COLUMN gate TEXT;
  ALTER TABLE outputs ADD COLUMN value TEXT;
  ALTER TABLE tries ADD COLUMN cost_microusd INTEGER;
  CREATE INDEX runs_of_status ON runs (status);
  CREATE INDEX runs_of_job_and_status ON runs (job, status);
  CREATE INDEX runs_of_job_by_start ON runs (job, started_at);

  CREATE TABLE tool_runs (
    run INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    tool INTEGER NOT NULL,
    call INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'running',
    unrecorded INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    name TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    output_bytes INTEGER,
    input TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY (run, attempt, tool),
    FOREIGN KEY (run, attempt) REFERENCES attempts (run, attempt) ON DELETE CASCADE,
    CHECK (status <> 'running' OR finished_at IS NULL)
  ) STRICT;

  CREATE TABLE recordings (
    run INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    call INTEGER NOT NULL,
    try INTEGER NOT NULL,
    mode TEXT NOT NULL,
    cut INTEGER NOT NULL,
    deflated INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run, attempt, call, try),
    FOREIGN KEY (run, attempt, call, try) REFERENCES tries (run, attempt, call, try) ON DELETE CASCADE
  ) STRICT;

  CREATE TABLE breakers (
    key TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    open_until INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    probing_until INTEGER NOT NULL,
    fault TEXT NOT NULL,
    why TEXT NOT NULL,
    changed_at INTEGER NOT NULL
  ) STRICT;
  `,
  schedulingStep,
  // Pauses that are over: a slot that was due in one of them is not made up for, whenever that is found.
  `
  CREATE TABLE ended_pauses (
    key INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL,
    paused_at INTEGER NOT NULL,
    paused_by TEXT NOT NULL,
    reason TEXT,
    ended_at INTEGER NOT NULL
  ) STRICT;
  `,
];

const nothingOfVersion5 = "CREATE TEMP TABLE ended_pauses (job_id, paused_at, paused_by, reason, ended_at);";

/** What version 3 added, for a reader of a file that has none of it. */
const runsOfVersion3 =
  "'agentTurn' AS payload_kind, NULL AS rerun_of, NULL AS cost_microusd, NULL AS deferred_until, NULL AS warnings, NULL AS gate";
const nothingOfVersion3 = `
  CREATE TEMP VIEW outputs AS SELECT *, NULL AS value FROM main.outputs;
  CREATE TEMP VIEW tries AS SELECT *, NULL AS cost_microusd FROM main.tries;
  CREATE TEMP TABLE tool_runs (run, attempt, tool);
  CREATE TEMP TABLE recordings (run, attempt, call, try);
  CREATE TEMP TABLE breakers (key);`;

/**
 * How a reader, who may not migrate, sees a file of an older version as one of the newest: entry n for version n, a view of the
 * connection's own in the place of each table that has got more columns since, and an empty table in the place of a newer one.
 * Without an entry the version cannot be read.
 */
export const bridges: Readonly<Record<number, string>> = {
  1: `CREATE TEMP VIEW runs AS
      SELECT *, '' AS owner_pid_namespace, NULL AS lease_until, ${runsOfVersion3}, ${runsOfVersion4} FROM main.runs;
    ${nothingOfVersion3} ${nothingOfVersion4} ${nothingOfVersion5}`,
  2: `CREATE TEMP VIEW runs AS SELECT *, ${runsOfVersion3}, ${runsOfVersion4} FROM main.runs;
    ${nothingOfVersion3} ${nothingOfVersion4} ${nothingOfVersion5}`,
  3: `CREATE TEMP VIEW runs AS SELECT *, ${runsOfVersion4} FROM main.runs; ${nothingOfVersion4} ${nothingOfVersion5}`,
  4: nothingOfVersion5,
};
