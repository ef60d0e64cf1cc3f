/** What every query of runs selects, for `runRow`. */
export const runColumns = `r.key, r.id, j.id AS job_id, r.job_name, r.trigger, r.slot_at, r.status, r.started_at, r.finished_at,
  r.owner_pid, r.owner_started_at, r.owner_boot_id, r.owner_pid_namespace, r.owner_host, r.lease_until, r.model_asked, r.model_used, r.simulated, r.job_hash, r.payload_kind, r.rerun_of, r.cost_microusd, r.deferred_until, r.warnings, r.gate,
  r.phase, r.slot_from, r.scheduling, r.fault, r.exit_code, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reason`;
export const fromRuns = `SELECT ${runColumns} FROM runs r JOIN jobs j ON j.key = r.job`;
