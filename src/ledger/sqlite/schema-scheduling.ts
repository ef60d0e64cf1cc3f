/**
 * Version 4: what the scheduler needs. A run that is `queued` or `waiting` has `status = 'running'`, as every open run has for the table's
 * check and for older processes, and says in `phase` which of them it is; `phase` means nothing once the run has ended.
 *
 * Each new column of a strict table costs a look at all of its rows, about a second for a million runs, so there are three: two that
 * indexes need, and one for the rest (`scheduling`, JSON). The index of a job's runs says how each of them is, so that a look at the newest
 * of a thousand jobs reads no run; building it anew takes another second.
 */
const millisecondsOfDay = 86_400_000;

/** The insert into the roll-up, for a row of `runs` that is called `new` there. */
const count = (slots: string): string => `
    INSERT INTO endings (job, day, status, runs) VALUES (new.job, new.finished_at / ${millisecondsOfDay}, new.status, ${slots})
      ON CONFLICT (job, day, status) DO UPDATE SET runs = runs + excluded.runs;`;

/**
 * Counts what has ended already. Sorting a million rows by one number takes a third of the time that sorting them by job, day and
 * status does.
 */
const countAll = `
  WITH words (code, word) AS (VALUES (0, 'succeeded'), (1, 'quiet'), (2, 'failed'), (3, 'timed_out'), (4, 'skipped'), (5, 'missed'),
    (6, 'cancelled'), (7, 'interrupted'), (8, 'deferred'), (9, 'blocked'), (10, 'unknown'))
  INSERT INTO endings (job, day, status, runs)
    SELECT number >> 28, (number >> 4) & 16777215, words.word, runs FROM (
      SELECT (job << 28) | ((finished_at / ${millisecondsOfDay}) << 4) | CASE status WHEN 'succeeded' THEN 0 WHEN 'quiet' THEN 1 WHEN 'failed' THEN 2
        WHEN 'timed_out' THEN 3 WHEN 'skipped' THEN 4 WHEN 'missed' THEN 5 WHEN 'cancelled' THEN 6 WHEN 'interrupted' THEN 7
        WHEN 'deferred' THEN 8 WHEN 'blocked' THEN 9 ELSE 10 END AS number, count(*) AS runs
      FROM runs WHERE status <> 'running' AND simulated = 0 GROUP BY 1
    ) CROSS JOIN words ON words.code = (number & 15);`;

/** The roll-up is kept by triggers, so that it is right whoever writes: an older process knows nothing of it. */
export const schedulingStep = `
  ALTER TABLE runs ADD COLUMN phase TEXT NOT NULL DEFAULT 'active';
  ALTER TABLE runs ADD COLUMN slot_from INTEGER;
  ALTER TABLE runs ADD COLUMN scheduling TEXT;
  DROP INDEX one_open_run_a_job;
  CREATE UNIQUE INDEX one_open_run_a_job ON runs (job) WHERE status = 'running' AND phase <> 'queued';
  CREATE UNIQUE INDEX one_queued_run_a_job ON runs (job) WHERE status = 'running' AND phase = 'queued';
  CREATE UNIQUE INDEX one_retry_a_run ON runs (rerun_of) WHERE trigger = 'retry';
  CREATE UNIQUE INDEX one_run_a_boot ON runs (job, scheduling ->> '$.boot') WHERE trigger = 'boot';
  DROP INDEX runs_of_job;
  CREATE INDEX runs_of_job ON runs (job, key, status);
  CREATE INDEX ranges_of_job ON runs (job, slot_from) WHERE slot_from IS NOT NULL;
  ALTER TABLE upkeep ADD COLUMN next_job INTEGER;

  CREATE TABLE endings (
    job INTEGER NOT NULL,
    day INTEGER NOT NULL,
    status TEXT NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (job, day, status)
  ) STRICT, WITHOUT ROWID;
  ${countAll}
  CREATE TRIGGER count_recorded AFTER INSERT ON runs WHEN new.status <> 'running' AND new.simulated = 0 BEGIN
    ${count("iif(new.slot_from IS NULL, 1, new.scheduling ->> '$.slots')")}
  END;
  CREATE TRIGGER count_ended AFTER UPDATE OF status ON runs
    WHEN old.status = 'running' AND new.status <> 'running' AND new.simulated = 0 BEGIN
    ${count("1")}
  END;

  CREATE TABLE armed (
    job_id TEXT PRIMARY KEY,
    job_name TEXT NOT NULL,
    since INTEGER NOT NULL,
    schedule_hash TEXT NOT NULL
  ) STRICT;

  CREATE TABLE leader (
    key INTEGER PRIMARY KEY CHECK (key = 1),
    owner_pid INTEGER NOT NULL,
    owner_started_at TEXT NOT NULL,
    owner_boot_id TEXT NOT NULL,
    owner_pid_namespace TEXT NOT NULL,
    owner_host TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    version TEXT NOT NULL,
    report TEXT NOT NULL
  ) STRICT;

  CREATE TABLE pauses (
    job_id TEXT PRIMARY KEY,
    paused_at INTEGER NOT NULL,
    paused_by TEXT NOT NULL,
    reason TEXT,
    paused_until INTEGER
  ) STRICT;

  CREATE TABLE cancel_requests (
    run INTEGER PRIMARY KEY REFERENCES runs (key) ON DELETE CASCADE,
    requested_at INTEGER NOT NULL,
    reason TEXT NOT NULL
  ) STRICT;

  CREATE TABLE scheduler_events (
    key INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    job_id TEXT,
    text TEXT NOT NULL
  ) STRICT;
  `;

/** What version 4 added to a run, for a reader of a file that has none of it. */
export const runsOfVersion4 = "'active' AS phase, NULL AS slot_from, NULL AS scheduling";

/** The other tables of version 4 for such a reader: empty, but for the roll-up, which is counted from the runs. */
export const nothingOfVersion4 = `
  CREATE TEMP VIEW endings AS SELECT job, finished_at / ${millisecondsOfDay} AS day, status, count(*) AS runs
    FROM main.runs WHERE status <> 'running' AND simulated = 0 GROUP BY 1, 2, 3;
  CREATE TEMP TABLE armed (job_id, job_name, since, schedule_hash);
  CREATE TEMP TABLE leader (key);
  CREATE TEMP TABLE pauses (job_id, paused_at, paused_by, reason, paused_until);
  CREATE TEMP TABLE cancel_requests (run, requested_at, reason);
  CREATE TEMP TABLE scheduler_events (key, at, kind, job_id, text);`;
