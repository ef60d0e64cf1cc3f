/** A look at the open runs that reads the rows of a few, and of the others no more than that they are open. */
import { openStatuses, type OpenStatus } from "../../run/run.ts";
import type { OpenLook } from "../ledger.ts";
import { integer, text, word, type Row } from "./columns.ts";
import { runRow } from "./rows.ts";
import { fromRuns } from "./run-columns.ts";
import type { Source } from "./source.ts";

/**
 * The ids come as one text, because ten thousand of them as rows take ten times as long. Each from the index that holds the open runs of its
 * kind and nothing else: by itself the planner takes that of all states, and looks at each run to tell them apart.
 */
export const openQueries = {
  idsOfQueued: `SELECT json_group_array(q.id) AS ids FROM runs q INDEXED BY one_queued_run_a_job WHERE q.status = 'running' AND q.phase = 'queued'`,
  idsOfBegun: `SELECT json_group_array(b.id) AS ids, json_group_array(iif(b.phase = 'active', b.status, b.phase)) AS states
    FROM runs b INDEXED BY one_open_run_a_job WHERE b.status = 'running' AND b.phase <> 'queued'`,
  ofIds: `${fromRuns} WHERE r.id IN (SELECT k.value FROM json_each(:ids) k)`,
};

export function lookAtOpen(source: Source, wantsRow: (runId: string, status: OpenStatus) => boolean): OpenLook {
  const states = new Map<string, OpenStatus>();
  const wanted: string[] = [];
  const note = (runId: string, status: OpenStatus): void => {
    states.set(runId, status);
    if (wantsRow(runId, status)) wanted.push(runId);
  };
  for (const runId of texts(source.sql(openQueries.idsOfQueued).get(), "ids")) note(runId, "queued");
  const begun = source.sql(openQueries.idsOfBegun).get();
  const how = texts(begun, "states");
  for (const [at, runId] of texts(begun, "ids").entries()) note(runId, word({ state: how[at] ?? null }, "state", openStatuses));
  const rows = wanted.length === 0 ? [] : source.sql(openQueries.ofIds).all({ ids: JSON.stringify(wanted) });
  rows.sort((one, other) => integer(one, "key") - integer(other, "key"));
  return { states, rows: rows.map(runRow) };
}

function texts(row: Row | undefined, column: string): readonly string[] {
  const list: unknown = JSON.parse(row === undefined ? "[]" : text(row, column));
  return Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
}
