/** What the ledger is asked: the same for whoever also writes and for whoever only reads. */
import type { RunStatus } from "../../run/run.ts";
import type { HistoryQuery, LastState, LedgerReader, RunDetail, RunRow } from "../ledger.ts";
import { readBreakers } from "./breakers.ts";
import { integer, text, whole, type Row } from "./columns.ts";
import { costs, healings, rungCounts } from "./counts.ts";
import { openQueries } from "./open-look.ts";
import { prunable, pruneQueries } from "./prune.ts";
import { unpacked } from "./recordings.ts";
import { attemptRow, callRow, runRow, rungMemory, toolRow, tryRow } from "./rows.ts";
import { fromRuns, runColumns } from "./run-columns.ts";
import { schedulingQueries, schedulingReadMethods } from "./scheduling-queries.ts";
import type { Source } from "./source.ts";
import { stateValues, statusOf } from "./status-columns.ts";

const fromRunsWithOutput = `SELECT ${runColumns}, o.text AS output, o.value FROM runs r JOIN jobs j ON j.key = r.job LEFT JOIN outputs o ON o.run = r.key`;

/** Shortest beginning of an id that is looked up: shorter ones are typing mistakes more often than meant. */
const shortestPrefix = 4;
const ambiguousIds = 20;

/** Every query of more than one run goes along an index; a test holds their plans to that. */
export const queries = {
  ofJob: `${fromRuns} WHERE r.job = (SELECT key FROM jobs WHERE id = :job) AND r.key < :before ORDER BY r.key DESC LIMIT :limit`,
  ofAll: `${fromRuns} WHERE r.key < :before ORDER BY r.key DESC LIMIT :limit`,
  // One ending at a time, because the index gives only the runs of one in their order.
  keysOfStatus:
    "SELECT key FROM runs WHERE status = :status AND (:phase IS NULL OR phase = :phase) AND key < :before ORDER BY key DESC LIMIT :limit",
  keysOfJobAndStatus:
    "SELECT key FROM runs WHERE job = (SELECT key FROM jobs WHERE id = :job) AND status = :status AND (:phase IS NULL OR phase = :phase) AND key < :before ORDER BY key DESC LIMIT :limit",
  withOutput: `${fromRunsWithOutput} WHERE r.key = ?`,
  recordingsOf: "SELECT * FROM recordings WHERE run = (SELECT key FROM runs WHERE id = ?) ORDER BY attempt, call, try",
  // One step into the index for each job; CROSS JOIN keeps the planner from starting at the runs.
  last: `SELECT ${runColumns} FROM jobs j CROSS JOIN runs r ON r.key = (SELECT max(l.key) FROM runs l WHERE l.job = j.key)`,
  lastStates:
    "SELECT j.id AS job_id, r.key, r.status, r.phase, r.started_at, r.simulated FROM jobs j CROSS JOIN runs r ON r.key = (SELECT max(l.key) FROM runs l WHERE l.job = j.key)",
  ...schedulingQueries,
  ...openQueries,
  ...pruneQueries,
};

export function readMethods(source: Source): Omit<LedgerReader, "close" | "ownerLock"> {
  return {
    ...schedulingReadMethods(source),
    history: (query) => source.read(() => history(source, query)),
    lastRuns: () =>
      source.read(
        () =>
          new Map(
            source
              .sql(queries.last)
              .all()
              .map(runRow)
              .map((run): [string, RunRow] => [run.jobId, run]),
          ),
      ),
    lastStates: () => source.read(() => lastStates(source)),
    run: (idOrPrefix) => source.read(() => find(source, idOrPrefix)),
    lastRun: (jobId, statuses, before) => source.read(() => lastRun(source, jobId, statuses, before)),
    async recordings(runId) {
      return unpacked(await source.read(() => source.sql(queries.recordingsOf).all(runId)));
    },
    breakers: () => source.read(() => readBreakers(source)),
    rungCounts: (query) => source.read(() => rungCounts(source, query)),
    healings: (query) => source.read(() => healings(source, query)),
    prunable: (now, keep) => source.read(() => prunable(source, now, keep)),
    costs: (query) => source.read(() => costs(source, query)),
    rungMemories: (now) =>
      source.read(() =>
        source.sql("SELECT * FROM rung_memories WHERE expires_at > ? ORDER BY provider, model").all(whole(now)).map(rungMemory),
      ),
  };
}

function lastStates(source: Source): ReadonlyMap<string, LastState> {
  const rows = source.sql(queries.lastStates).all();
  return new Map(
    rows.map((row): [string, LastState] => {
      const state = { status: statusOf(row), startedAt: integer(row, "started_at"), simulated: integer(row, "simulated") === 1 };
      const run = state.status === "running" ? source.sql(`${fromRuns} WHERE r.key = ?`).get(integer(row, "key")) : undefined;
      return [text(row, "job_id"), run === undefined ? state : { ...state, run: runRow(run) }];
    }),
  );
}

function history(source: Source, query: HistoryQuery): readonly RunRow[] {
  const limit = query.limit ?? 20;
  if (!Number.isInteger(limit) || limit < 0) throw new Error(`broken invariant: a history of ${limit} runs was asked for`);
  const before = keyBefore(source, query.before);
  const { jobId, statuses } = query;
  if (statuses !== undefined) {
    const keys = keysOf(source, { jobId, statuses, before, limit });
    return keys.map((key) => runRow(source.sql(`${fromRuns} WHERE r.key = ?`).get(key) ?? {}));
  }
  const rows =
    jobId === undefined
      ? source.sql(queries.ofAll).all({ before, limit })
      : source.sql(queries.ofJob).all({ job: jobId, before, limit });
  return rows.map(runRow);
}

/** The key that all runs before this one are below; without one, of all runs. */
function keyBefore(source: Source, runId: string | undefined): number {
  if (runId === undefined) return Number.MAX_SAFE_INTEGER;
  const found = source.sql("SELECT key FROM runs WHERE id = ?").get(runId);
  return found === undefined ? 0 : integer(found, "key");
}

interface KeysQuery {
  readonly jobId: string | undefined;
  readonly statuses: readonly RunStatus[];
  readonly before: number;
  readonly limit: number;
}

/** Newest first. */
function keysOf(source: Source, { jobId, statuses, before, limit }: KeysQuery): readonly number[] {
  const rows = [...new Set(statuses)].flatMap((status) =>
    jobId === undefined
      ? source.sql(queries.keysOfStatus).all({ ...stateValues(status), before, limit })
      : source.sql(queries.keysOfJobAndStatus).all({ job: jobId, ...stateValues(status), before, limit }),
  );
  return rows
    .map((row) => integer(row, "key"))
    .toSorted((a, b) => b - a)
    .slice(0, limit);
}

function lastRun(source: Source, jobId: string, statuses: readonly RunStatus[], beforeRun?: string): RunRow | undefined {
  const [key] = keysOf(source, { jobId, statuses, before: keyBefore(source, beforeRun), limit: 1 });
  const row = key === undefined ? undefined : source.sql(queries.withOutput).get(key);
  return row === undefined ? undefined : runRow(row);
}

function find(source: Source, idOrPrefix: string): RunDetail | { readonly ambiguous: readonly string[] } | undefined {
  const exact = source.sql("SELECT key, id FROM runs WHERE id = ?").get(idOrPrefix);
  if (exact !== undefined) return detail(source, exact);
  if (idOrPrefix.length < shortestPrefix) return undefined;
  // A range of the index on ids; U+10FFFF is behind every character that can follow.
  const range = source.sql("SELECT key, id FROM runs WHERE id >= ? AND id < ? ORDER BY id LIMIT ?");
  const found = range.all(idOrPrefix, `${idOrPrefix}\u{10FFFF}`, ambiguousIds);
  const [first, second] = found;
  if (first === undefined) return undefined;
  return second === undefined ? detail(source, first) : { ambiguous: found.map((row) => text(row, "id")) };
}

function detail(source: Source, found: Row): RunDetail {
  const key = integer(found, "key");
  const runId = text(found, "id");
  const run = source.sql(queries.withOutput).get(key);
  if (run === undefined) throw new Error(`broken invariant: run ${runId} vanished`);
  const under = (table: string, order: string): Row[] =>
    source.sql(`SELECT * FROM ${table} WHERE run = ? ORDER BY ${order}`).all(key);
  return {
    run: runRow(run),
    attempts: under("attempts", "attempt").map((row) => attemptRow(row, runId)),
    calls: under("calls", "attempt, call").map((row) => callRow(row, runId)),
    tries: under("tries", "attempt, call, try").map((row) => tryRow(row, runId)),
    tools: under("tool_runs", "attempt, tool").map((row) => toolRow(row, runId)),
  };
}
