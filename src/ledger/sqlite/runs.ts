import { isEnding, isMove, transition } from "../../run/run.ts";
import { endedWithoutRecord } from "../ledger.ts";
import type { ClaimResult, HistoryQuery, Ledger, RunDetail, RunFinish, RunRow, RunStart } from "../ledger.ts";
import type { Connection } from "./connection.ts";
import { integer, text, whole, type Row, type Values } from "./columns.ts";
import { attemptRow, callRow, finishValues, runRow, tryRow } from "./rows.ts";

type RunMethods = Pick<Ledger, "claimRun" | "recordRun" | "finishRun" | "openRuns" | "history" | "lastRuns" | "run">;

const runColumns = `r.key, r.id, j.id AS job_id, r.job_name, r.trigger, r.slot_at, r.status, r.started_at, r.finished_at,
  r.owner_pid, r.owner_started_at, r.owner_boot_id, r.owner_host, r.model_asked, r.model_used, r.simulated, r.job_hash,
  r.fault, r.exit_code, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reason`;
const fromRuns = `SELECT ${runColumns} FROM runs r JOIN jobs j ON j.key = r.job`;

/** Shortest beginning of an id that is looked up: shorter ones are typing mistakes more often than meant. */
const shortestPrefix = 4;
const ambiguousIds = 20;

/** Every query of more than one run goes along an index; a test holds their plans to that. */
export const queries = {
  // Named, because the planner would rather read every run in order than sort the few open ones.
  open: `SELECT ${runColumns} FROM runs r INDEXED BY one_open_run_a_job JOIN jobs j ON j.key = r.job WHERE r.status = 'running' ORDER BY r.key`,
  openOfJob: `${fromRuns} WHERE r.job = (SELECT key FROM jobs WHERE id = ?) AND r.status = 'running'`,
  ofSlot: `${fromRuns} WHERE r.job = (SELECT key FROM jobs WHERE id = ?) AND r.slot_at = ?`,
  ofJob: `${fromRuns} WHERE r.job = (SELECT key FROM jobs WHERE id = :job) ORDER BY r.key DESC LIMIT :limit`,
  ofAll: `${fromRuns} ORDER BY r.key DESC LIMIT :limit`,
  // One step into the index for each job; CROSS JOIN keeps the planner from starting at the runs.
  last: `SELECT ${runColumns} FROM jobs j CROSS JOIN runs r ON r.key = (SELECT max(l.key) FROM runs l WHERE l.job = j.key)`,
};

export function runMethods(connection: Connection): RunMethods {
  return {
    claimRun: (start) => connection.write("power_loss", () => claim(connection, start)),
    recordRun: (start, finish) =>
      connection.write("power_loss", () => {
        if (!isMove("due", finish.status))
          throw new Error(`broken invariant: a run that never started cannot be ${finish.status}`);
        insertRun(connection, start, finish);
      }),
    finishRun: (runId, finish) => connection.write("power_loss", () => finishRun(connection, runId, finish)),
    openRuns: () => connection.read(() => connection.sql(queries.open).all().map(runRow)),
    history: (query) => connection.read(() => history(connection, query)),
    lastRuns: () =>
      connection.read(
        () =>
          new Map(
            connection
              .sql(queries.last)
              .all()
              .map(runRow)
              .map((run): [string, RunRow] => [run.jobId, run]),
          ),
      ),
    run: (idOrPrefix) => connection.read(() => find(connection, idOrPrefix)),
  };
}

function jobKey(connection: Connection, id: string): number {
  const found = connection.sql("SELECT key FROM jobs WHERE id = ?").get(id);
  return found === undefined
    ? Number(connection.sql("INSERT INTO jobs (id) VALUES (?)").run(id).lastInsertRowid)
    : integer(found, "key");
}

/** Returns whether the row is new. The unique indexes on id, open run and slot are what decides a race. */
function insertRun(connection: Connection, start: RunStart, finish?: RunFinish): boolean {
  const values: Values = {
    id: start.runId,
    job: jobKey(connection, start.jobId),
    job_name: start.jobName,
    trigger: start.trigger,
    slot_at: start.slotAt === undefined ? null : whole(start.slotAt),
    status: transition("due", "start"),
    started_at: whole(start.startedAt),
    owner_pid: start.owner.pid,
    owner_started_at: start.owner.startedAt,
    owner_boot_id: start.owner.bootId,
    owner_host: start.owner.host,
    model_asked: start.modelAsked,
    simulated: start.simulated ? 1 : 0,
    job_hash: start.jobHash,
    ...(finish === undefined ? {} : finishValues(finish)),
  };
  const columns = Object.keys(values);
  const insert = `INSERT INTO runs (${columns.join(", ")}) VALUES (${columns.map((column) => `:${column}`).join(", ")}) ON CONFLICT DO NOTHING`;
  const { changes, lastInsertRowid } = connection.sql(insert).run(values);
  if (changes === 0) return false;
  if (finish?.output !== undefined) keepOutput(connection, Number(lastInsertRowid), finish.output);
  return true;
}

function claim(connection: Connection, start: RunStart): ClaimResult {
  if (insertRun(connection, start)) return { won: true };
  const same = connection.sql(`${fromRuns} WHERE r.id = ?`).get(start.runId);
  if (same !== undefined) {
    if (isSameClaim(runRow(same), start)) return { won: true };
    throw new Error(`broken invariant: run ${start.runId} is recorded already`);
  }
  const slot = start.slotAt === undefined ? null : whole(start.slotAt);
  const taken = connection.sql(queries.ofSlot).get(start.jobId, slot);
  const blocker = taken ?? connection.sql(queries.openOfJob).get(start.jobId);
  if (blocker === undefined) throw new Error(`broken invariant: nothing stands in the way of run ${start.runId}`);
  const { runId, owner, startedAt, status } = runRow(blocker);
  return { won: false, because: taken === undefined ? "open_run" : "slot_taken", blocker: { runId, owner, startedAt, status } };
}

function isSameClaim(recorded: RunRow, start: RunStart): boolean {
  return (
    !isEnding(recorded.status) &&
    recorded.jobId === start.jobId &&
    recorded.slotAt === start.slotAt &&
    recorded.owner.pid === start.owner.pid &&
    recorded.owner.startedAt === start.owner.startedAt &&
    recorded.owner.bootId === start.owner.bootId &&
    recorded.owner.host === start.owner.host
  );
}

function finishRun(connection: Connection, runId: string, finish: RunFinish): boolean {
  const row = connection.sql(`${fromRuns} WHERE r.id = ?`).get(runId);
  if (row === undefined) throw new Error(`broken invariant: there is no run ${runId} to finish`);
  const { status } = runRow(row);
  if (isEnding(status)) return false;
  if (!isMove(status, finish.status))
    throw new Error(`broken invariant: run ${runId} is ${status} and cannot become ${finish.status}`);
  const key = integer(row, "key");
  const values = finishValues(finish);
  const assignments = Object.keys(values).map((column) => `${column} = :${column}`);
  connection.sql(`UPDATE runs SET ${assignments.join(", ")} WHERE key = :key`).run({ ...values, key });
  if (finish.output !== undefined) keepOutput(connection, key, finish.output);
  for (const close of closeSteps) connection.sql(close).run(endedWithoutRecord, key);
  return true;
}

/** What is still open under a run that has ended: it failed as far as anyone knows, and when is not known. */
const closeSteps = [
  "UPDATE attempts SET status = 'failed', unrecorded = 1, error = ? WHERE run = ? AND status = 'running'",
  "UPDATE calls SET status = 'failed', unrecorded = 1, reason = ? WHERE run = ? AND status = 'running'",
  "UPDATE tries SET status = 'failed', unrecorded = 1, error = ? WHERE run = ? AND status = 'running'",
];

function keepOutput(connection: Connection, run: number, output: string): void {
  connection.sql("INSERT INTO outputs (run, text) VALUES (?, ?)").run(run, output);
}

function history(connection: Connection, query: HistoryQuery): readonly RunRow[] {
  const limit = query.limit ?? 20;
  if (!Number.isInteger(limit) || limit < 0) throw new Error(`broken invariant: a history of ${limit} runs was asked for`);
  const rows =
    query.jobId === undefined
      ? connection.sql(queries.ofAll).all({ limit })
      : connection.sql(queries.ofJob).all({ job: query.jobId, limit });
  return rows.map(runRow);
}

function find(connection: Connection, idOrPrefix: string): RunDetail | { readonly ambiguous: readonly string[] } | undefined {
  const exact = connection.sql("SELECT key, id FROM runs WHERE id = ?").get(idOrPrefix);
  if (exact !== undefined) return detail(connection, exact);
  if (idOrPrefix.length < shortestPrefix) return undefined;
  // A range of the index on ids; U+10FFFF is behind every character that can follow.
  const range = connection.sql("SELECT key, id FROM runs WHERE id >= ? AND id < ? ORDER BY id LIMIT ?");
  const found = range.all(idOrPrefix, `${idOrPrefix}\u{10FFFF}`, ambiguousIds);
  const [first, second] = found;
  if (first === undefined) return undefined;
  return second === undefined ? detail(connection, first) : { ambiguous: found.map((row) => text(row, "id")) };
}

function detail(connection: Connection, found: Row): RunDetail {
  const key = integer(found, "key");
  const runId = text(found, "id");
  const withOutput = `SELECT ${runColumns}, o.text AS output FROM runs r JOIN jobs j ON j.key = r.job LEFT JOIN outputs o ON o.run = r.key WHERE r.key = ?`;
  const run = connection.sql(withOutput).get(key);
  if (run === undefined) throw new Error(`broken invariant: run ${runId} vanished`);
  const under = (table: string, order: string): Row[] =>
    connection.sql(`SELECT * FROM ${table} WHERE run = ? ORDER BY ${order}`).all(key);
  return {
    run: runRow(run),
    attempts: under("attempts", "attempt").map((row) => attemptRow(row, runId)),
    calls: under("calls", "attempt, call").map((row) => callRow(row, runId)),
    tries: under("tries", "attempt, call, try").map((row) => tryRow(row, runId)),
  };
}
