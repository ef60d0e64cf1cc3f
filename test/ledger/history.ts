import { DatabaseSync } from "node:sqlite";

/**
 * Fills a ledger file with ended runs, `runs` of them spread evenly over `jobs` jobs: what years of use leave behind, written
 * at the speed of one statement. Run n (from 1) is `run-<n, 8 digits>` of job `job-<n mod jobs>`.
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
