/** Many runs in few numbers: what models did, what healing took, what it cost. */
import type { Usage } from "../../errors.ts";
import { waysToAnswer } from "../ledger.ts";
import type { CostRow, CountQuery, HealingCount, RungCount } from "../ledger.ts";
import { faultIf, integer, text, whole, word, type Row } from "./columns.ts";
import type { Source } from "./source.ts";
import { usageOf } from "./rows.ts";

/** The runs that count. Their number in a time is small beside all of a job's, so each job's are sought by their start. */
const counted = `FROM jobs j CROSS JOIN runs r ON r.job = j.key AND r.started_at >= :since AND r.simulated <= :simulated
  AND (:job IS NULL OR j.id = :job)`;

const usage = (table: string): string =>
  ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"]
    .map((column) => `sum(${table}.${column}) AS ${column}`)
    .join(", ");

/** Whether tokens are known to have been used, or must have been, and nobody knows at what price. */
const unpriced = (table: string, answered: string): string =>
  `(${table}.cost_microusd IS NULL AND (${answered} OR ${table}.input_tokens IS NOT NULL OR ${table}.output_tokens IS NOT NULL))`;

/** Ended calls with their first try `f`, and their last one `l` where that is another. */
const calls = `${counted} CROSS JOIN calls c ON c.run = r.key AND c.status <> 'running' AND c.unrecorded = 0`;
const firstAndLast = `CROSS JOIN tries f ON f.run = c.run AND f.attempt = c.attempt AND f.call = c.call AND f.try = 1
  LEFT JOIN tries l ON l.run = c.run AND l.attempt = c.attempt AND l.call = c.call
    AND l.try = nullif((SELECT max(m.try) FROM tries m WHERE m.run = c.run AND m.attempt = c.attempt AND m.call = c.call), 1)`;
/** How they came to their answer. */
const by = `CASE WHEN c.status <> 'answered' THEN 'none'
  WHEN l.try IS NULL THEN iif(f.repairs IS NULL, 'first', 'repair')
  WHEN l.provider <> f.provider OR l.model <> f.model THEN 'fallback'
  WHEN l.stream <> f.stream THEN 'stream_off' ELSE 'again' END AS by`;
const byFirstAsked = "GROUP BY f.provider, f.model, f.stream, by";

/** Each goes along an index; only the few groups that come out are sorted. A test holds their plans to that. */
export const countQueries = {
  rungs: `SELECT t.provider, t.model, t.stream, t.fault, count(*) AS tries, sum(t.status = 'answered') AS answered,
    sum(t.try = 1) AS first_tries, sum(t.try = 1 AND t.status = 'answered') AS first_answered, sum(t.repairs IS NOT NULL) AS repaired,
    ${usage("t")}, ifnull(sum(t.cost_microusd), 0) AS cost, sum(${unpriced("t", "t.status = 'answered'")}) AS unpriced
    ${counted} CROSS JOIN tries t ON t.run = r.key AND t.status <> 'running' AND t.unrecorded = 0
    GROUP BY t.provider, t.model, t.stream, t.fault`,
  healings: `SELECT f.provider, f.model, f.stream, ${by}, count(*) AS calls, sum(c.attempt = 1 AND c.call = 1) AS runs,
    ifnull(sum(l.try - 1), 0) AS extra_tries, ifnull(sum(l.started_at - f.started_at), 0) AS lost_ms
    ${calls} ${firstAndLast} ${byFirstAsked}`,
  /** What the failed tries of those calls used. */
  losses: `SELECT f.provider, f.model, f.stream, ${by}, ${usage("x")}, ifnull(sum(x.cost_microusd), 0) AS cost
    ${calls} CROSS JOIN tries x ON x.run = c.run AND x.attempt = c.attempt AND x.call = c.call AND x.status = 'failed'
    ${firstAndLast} ${byFirstAsked}`,
  costs: `SELECT j.id AS job_id, max(r.job_name) AS job_name, r.started_at / 86400000 AS day, ifnull(r.model_used, r.model_asked) AS model,
    count(*) AS runs, sum(r.status IN ('failed', 'timed_out', 'interrupted', 'blocked', 'unknown')) AS failed,
    ${usage("r")}, ifnull(sum(r.cost_microusd), 0) AS cost, sum(${unpriced("r", "r.model_used IS NOT NULL")}) AS unpriced
    ${counted} WHERE r.status NOT IN ('skipped', 'missed') GROUP BY j.id, day, model ORDER BY day DESC, j.id, model`,
};

function rowsOf(source: Source, query: string, { since, jobId, simulated = false }: CountQuery): Row[] {
  return source.sql(query).all({ since: whole(since), job: jobId ?? null, simulated: simulated ? 1 : 0 });
}

function added(a: Usage, b: Usage): Usage {
  const keys = ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens"] as const;
  return Object.fromEntries(
    keys.flatMap((key) => (a[key] === undefined && b[key] === undefined ? [] : [[key, (a[key] ?? 0) + (b[key] ?? 0)]])),
  );
}

function rungOf(row: Row): { provider: string; model: string; stream: boolean } {
  return { provider: text(row, "provider"), model: text(row, "model"), stream: integer(row, "stream") === 1 };
}

export function rungCounts(source: Source, query: CountQuery): readonly RungCount[] {
  const counts = new Map<string, RungCount>();
  for (const row of rowsOf(source, countQueries.rungs, query)) {
    const rung = rungOf(row);
    const key = JSON.stringify(rung);
    const before = counts.get(key);
    const [tries, answered] = [integer(row, "tries"), integer(row, "answered")];
    const fault = faultIf(row) ?? (tries > answered ? "unknown" : undefined);
    const failed = fault === undefined ? {} : { [fault]: (before?.faults[fault] ?? 0) + tries - answered };
    counts.set(key, {
      ...rung,
      tries: (before?.tries ?? 0) + tries,
      answered: (before?.answered ?? 0) + answered,
      firstTries: (before?.firstTries ?? 0) + integer(row, "first_tries"),
      firstAnswered: (before?.firstAnswered ?? 0) + integer(row, "first_answered"),
      repaired: (before?.repaired ?? 0) + integer(row, "repaired"),
      faults: { ...before?.faults, ...failed },
      usage: added(before?.usage ?? {}, usageOf(row)),
      costMicroUsd: (before?.costMicroUsd ?? 0) + integer(row, "cost"),
      unpriced: (before?.unpriced ?? 0) + integer(row, "unpriced"),
    });
  }
  return [...counts.values()];
}

/** What a row of healings or losses is about. */
function group(row: Row): Pick<HealingCount, "provider" | "model" | "stream" | "by"> {
  return { ...rungOf(row), by: word(row, "by", waysToAnswer) };
}

export function healings(source: Source, query: CountQuery): readonly HealingCount[] {
  const losses = new Map(
    rowsOf(source, countQueries.losses, query).map((row) => [
      JSON.stringify(group(row)),
      { usage: usageOf(row), cost: integer(row, "cost") },
    ]),
  );
  return rowsOf(source, countQueries.healings, query).map((row) => {
    const loss = losses.get(JSON.stringify(group(row)));
    return {
      ...group(row),
      calls: integer(row, "calls"),
      runs: integer(row, "runs"),
      extraTries: integer(row, "extra_tries"),
      lostMs: integer(row, "lost_ms"),
      lost: loss?.usage ?? {},
      lostMicroUsd: loss?.cost ?? 0,
    };
  });
}

export function costs(source: Source, query: CountQuery): readonly CostRow[] {
  return rowsOf(source, countQueries.costs, query).map((row) => ({
    jobId: text(row, "job_id"),
    jobName: text(row, "job_name"),
    day: new Date(integer(row, "day") * 86_400_000).toISOString().slice(0, 10),
    model: text(row, "model"),
    runs: integer(row, "runs"),
    failed: integer(row, "failed"),
    usage: usageOf(row),
    costMicroUsd: integer(row, "cost"),
    unpriced: integer(row, "unpriced"),
  }));
}
