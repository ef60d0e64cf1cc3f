/** Slots that were recorded as unanswered while the clock was ahead, and whose instants are yet to come, have no record once more. */
import { recordedAheadMs, withdrawnAtOnce } from "../ledger.ts";
import type { KeptOfRow, RowAhead } from "../ledger.ts";
import { integer, integerIf, text, whole, word, type Row } from "./columns.ts";
import type { Connection } from "./connection.ts";
import { removeRun } from "./prune.ts";
import { schedulingOf, schedulingValue } from "./scheduling-column.ts";
import { rangeQueries } from "./slot-ranges.ts";

const dayMs = 86_400_000;

export const withdrawalQueries = {
  /** Some steps into the index of slots for each job: what lies ahead of the clock is little, and mostly nothing. */
  rowsAhead: `SELECT r.key, r.job, j.id AS job_id, r.job_name, r.status, r.slot_from, r.slot_at, r.finished_at, r.simulated, r.scheduling
    FROM jobs j CROSS JOIN runs r ON r.job = j.key WHERE r.slot_at > :after AND r.status IN ('missed', 'skipped')
    ORDER BY j.key, r.slot_at LIMIT :limit`,
  /** Runs that began while the clock was ahead of their slots. */
  ranEarly: `UPDATE runs SET scheduling = json_set(coalesce(scheduling, '{}'), '$.earlyAt', :now) WHERE key IN (
    SELECT r.key FROM jobs j CROSS JOIN runs r ON r.job = j.key WHERE r.slot_at > :after AND r.status NOT IN ('missed', 'skipped'))`,
};

export function withdrawSlots(
  connection: Connection,
  now: number,
  keep: (row: RowAhead) => KeptOfRow | undefined,
): readonly RowAhead[] {
  const after = now + recordedAheadMs;
  connection.sql("UPDATE armed SET since = :now WHERE since > :after").run({ now, after });
  endPausesNow(connection, now, after);
  connection.sql(withdrawalQueries.ranEarly).run({ now, after });
  const rows = connection.sql(withdrawalQueries.rowsAhead).all({ after, limit: withdrawnAtOnce });
  return rows.map((row) => {
    const found = rowAhead(row);
    cutRow(connection, row, found, found.from > now ? undefined : keep(found), now);
    return found;
  });
}

/** A pause that ended while the clock was ahead is over: what is yet to come is not in it. */
function endPausesNow(connection: Connection, now: number, after: number): void {
  connection.sql("UPDATE ended_pauses SET ended_at = :now WHERE ended_at > :after AND paused_at < :now").run({ now, after });
  connection.sql("DELETE FROM ended_pauses WHERE ended_at > :after").run({ after });
}

function rowAhead(row: Row): RowAhead {
  const to = integer(row, "slot_at");
  return {
    jobId: text(row, "job_id"),
    jobName: text(row, "job_name"),
    status: word(row, "status", ["missed", "skipped"]),
    from: integerIf(row, "slot_from") ?? to,
    to,
    slots: schedulingOf(row).slots ?? 1,
    recordedAt: integer(row, "finished_at"),
  };
}

/** A slot that has a row of its own keeps it, as when the range was recorded: what is left ends just before it. */
function cutRow(connection: Connection, row: Row, found: RowAhead, kept: KeptOfRow | undefined, now: number): void {
  const key = integer(row, "key");
  const to = kept === undefined ? found.from - 1 : Math.min(whole(kept.to), now);
  const singles = connection
    .sql(rangeQueries.singlesWithin)
    .all({ job: found.jobId, from: found.from, to })
    .map((single) => integer(single, "slot_at"));
  const slots = kept === undefined ? 0 : Math.min(whole(kept.slots) - singles.length, found.slots);
  const end = singles.includes(to) ? to - 1 : to;
  if (slots < 1 || end < found.from) removeRun(connection, key);
  else
    connection
      .sql("UPDATE runs SET slot_at = ?, scheduling = ? WHERE key = ?")
      .run(end, schedulingValue({ ...schedulingOf(row), slots }), key);
  if (integer(row, "simulated") === 0) uncount(connection, row, found.slots - Math.max(0, slots));
}

/** A row that grew over some days was counted on each of them; how much on which is not kept, so the newest go first. */
function uncount(connection: Connection, row: Row, slots: number): void {
  const job = integer(row, "job");
  const status = text(row, "status");
  const day = Math.floor(integer(row, "finished_at") / dayMs);
  const counted = connection
    .sql("SELECT day, runs FROM endings WHERE job = ? AND status = ? AND day <= ? ORDER BY day DESC")
    .all(job, status, day);
  let left = slots;
  for (const one of counted) {
    if (left < 1) break;
    const runs = integer(one, "runs") - left;
    left = Math.max(0, -runs);
    if (runs > 0)
      connection
        .sql("UPDATE endings SET runs = ? WHERE job = ? AND day = ? AND status = ?")
        .run(runs, job, integer(one, "day"), status);
    else connection.sql("DELETE FROM endings WHERE job = ? AND day = ? AND status = ?").run(job, integer(one, "day"), status);
  }
}
