/** What is known of models and providers across runs that keeps a dead one from being asked again and again. */
import type { BreakerState } from "../../run/breaker.ts";
import type { Ledger } from "../ledger.ts";
import { cut, faultIf, integer, text, whole, type Row } from "./columns.ts";
import type { Connection } from "./connection.ts";
import type { Source } from "./source.ts";

/**
 * Reading, deciding and writing hold the write lock together, so that of many processes that find a model half open one alone probes
 * it. Losing a change to a power cut costs a try, so these writes do not wait for the disk.
 */
export function breakerMethods(connection: Connection): Pick<Ledger, "changeBreaker"> {
  return {
    changeBreaker: (key, change) =>
      connection.write("process_death", () => {
        const found = connection.sql("SELECT * FROM breakers WHERE key = ?").get(key);
        const before = found === undefined ? undefined : breakerState(found);
        const after = change(before);
        if (after !== undefined && after !== before) keep(connection, key, after);
        if (after === undefined && before !== undefined) connection.sql("DELETE FROM breakers WHERE key = ?").run(key);
        return after;
      }),
  };
}

function keep(connection: Connection, key: string, state: BreakerState): void {
  connection
    .sql(
      `INSERT INTO breakers (key, failures, open_until, opened, probing_until, fault, why, changed_at)
        VALUES (:key, :failures, :open_until, :opened, :probing_until, :fault, :why, :changed_at)
        ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, open_until = excluded.open_until, opened = excluded.opened,
        probing_until = excluded.probing_until, fault = excluded.fault, why = excluded.why, changed_at = excluded.changed_at`,
    )
    .run({
      key,
      failures: whole(state.failures),
      open_until: whole(state.openUntil),
      opened: whole(state.opened),
      probing_until: whole(state.probingUntil),
      fault: state.fault,
      why: cut(state.why),
      changed_at: whole(state.changedAt),
    });
}

export function readBreakers(source: Source): ReadonlyMap<string, BreakerState> {
  const rows = source.sql("SELECT * FROM breakers ORDER BY key").all();
  return new Map(rows.map((row): [string, BreakerState] => [text(row, "key"), breakerState(row)]));
}

function breakerState(row: Row): BreakerState {
  return {
    failures: integer(row, "failures"),
    openUntil: integer(row, "open_until"),
    opened: integer(row, "opened"),
    probingUntil: integer(row, "probing_until"),
    fault: faultIf(row) ?? "unknown",
    why: text(row, "why"),
    changedAt: integer(row, "changed_at"),
  };
}
