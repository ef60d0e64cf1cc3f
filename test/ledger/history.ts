import { DatabaseSync } from "node:sqlite";

/**
 * Fills a ledger file with ended runs, `runs` of them spread evenly over `jobs` jobs: what years of use leave behind, written
 * at the speed of one statement. Run n (from 1) is `run-<n, 8 digits>` of job `job-<n mod jobs>`, a minute after the one before it.
 */
export function fillHistory(file: string, runs: number, jobs: number): void {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA synchronous=OFF; BEGIN IMMEDIATE");
  database
    .prepare(
      `INSERT INTO jobs (id)
       WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) SELECT 'job-' || i FROM n`,
    )
    .run(jobs);
  const first = Number(database.prepare("SELECT key FROM jobs WHERE id = 'job-0'").get()?.["key"]);
  database
    .prepare(
      `INSERT INTO runs (id, job, job_name, trigger, slot_at, status, started_at, finished_at, owner_pid, owner_started_at,
         owner_boot_id, owner_host, model_asked, model_used, simulated, job_hash, exit_code, input_tokens, output_tokens, reason)
       WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < :runs)
       SELECT printf('run-%08d-4b6d-bb97-7f584eb0ef83', i), i % :jobs + :first, 'fpl-daily-check', 'slot', 1700000000000 + i * 60000,
         iif(i % 10 = 0, 'failed', 'succeeded'), 1700000000000 + i * 60000, 1700000030000 + i * 60000, 4711, '1234567',
         '6f0c8bd2-94c6-4ad5-8a3e-000000000000', 'host', 'kimi-coding/k2p5', 'k2p5', 0, '0123456789abcdef', 0, 1200, 300,
         'the turn ended well'
       FROM n`,
    )
    .run({ runs, jobs, first });
  database.exec("COMMIT");
  database.close();
}

/** When run n of `fillHistory` started, epoch ms. */
export function startOfRun(n: number): number {
  return 1_700_000_000_000 + n * 60_000;
}

/**
 * Gives every run of a filled ledger its steps: one attempt with one call, and three tries of it in every fourth run, of which two
 * failed with an error text of usual length, else one.
 */
export function fillSteps(file: string): void {
  const database = new DatabaseSync(file);
  database.exec(`PRAGMA synchronous=OFF; BEGIN IMMEDIATE;
    INSERT INTO attempts (run, attempt, status, started_at, finished_at, session_id, tool_runs, why)
      SELECT key, 1, 'succeeded', started_at, finished_at, 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6', 0, 'the first attempt' FROM runs;
    INSERT INTO calls (run, attempt, call, status, started_at, finished_at, dialect, model_asked, model_used, stream, http_status)
      SELECT key, 1, 1, 'answered', started_at, finished_at, 'anthropic-messages', 'kimi-coding/k2p5', 'k2p5', 1, 200 FROM runs;
    INSERT INTO tries (run, attempt, call, try, status, started_at, finished_at, provider, model, stream, waited_ms, fault, reason,
        http_status, input_tokens, output_tokens, why, error, cost_microusd)
      WITH n (i) AS (VALUES (1), (2), (3))
      SELECT key, 1, 1, i, iif(i = 1 AND key % 4 > 0 OR i = 3, 'answered', 'failed'), started_at + i * 1000, started_at + i * 1000 + 900,
        'kimi-coding', 'k2p5', i < 3, 100, iif(i = 1 AND key % 4 > 0 OR i = 3, NULL, 'stream_order'), NULL, 200, 1200, 300,
        'same rung again after stream_order (restarted_message)',
        iif(i = 1 AND key % 4 > 0 OR i = 3, NULL, printf('%.300c', 'e')), 1470
      FROM runs CROSS JOIN n WHERE i = 1 OR key % 4 = 0;
    COMMIT`);
  database.close();
}
