import { isEnding, isMove, transition } from "../../run/run.ts";
import { endedWithoutRecord } from "../ledger.ts";
import type { ClaimResult, Ledger, RunFinish, RunRow, RunStart } from "../ledger.ts";
import type { Connection } from "./connection.ts";
import { integer, whole, wholeIf, type Values } from "./columns.ts";
import { isPruneDue, prune, pruneInTheWake } from "./prune.ts";
import { fromRuns, queries } from "./queries.ts";
import { finishValues, runRow } from "./rows.ts";

type RunMethods = Pick<Ledger, "claimRun" | "recordRun" | "finishRun" | "renewLease" | "prune">;

export function runMethods(connection: Connection): RunMethods {
  return {
    claimRun: (start) => connection.write("power_loss", () => claim(connection, start)),
    recordRun: (start, finish) =>
      connection.write("power_loss", () => {
        if (!isMove("due", finish.status))
          throw new Error(`broken invariant: a run that never started cannot be ${finish.status}`);
        insertRun(connection, start, finish);
      }),
    async finishRun(runId, finish, onlyIf) {
      const { closed, due } = await connection.write("power_loss", () => ({
        closed: finishRun(connection, runId, finish, onlyIf),
        due: isPruneDue(connection, finish.finishedAt),
      }));
      if (due) await pruneInTheWake(connection, finish.finishedAt);
      return closed;
    },
    renewLease: (runId, until) =>
      connection.write("process_death", () => {
        const renew = connection.sql("UPDATE runs SET lease_until = ? WHERE id = ? AND status = 'running'");
        return renew.run(whole(until), runId).changes === 1;
      }),
    prune: (now, keep) => connection.write("process_death", () => prune(connection, now, keep)),
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
    owner_pid_namespace: start.owner.pidNamespace,
    owner_host: start.owner.host,
    lease_until: wholeIf(start.leaseUntil),
    model_asked: start.modelAsked,
    simulated: start.simulated ? 1 : 0,
    job_hash: start.jobHash,
    payload_kind: start.payloadKind ?? "agentTurn",
    rerun_of: start.rerunOf ?? null,
    ...(finish === undefined ? {} : finishValues(finish)),
  };
  const columns = Object.keys(values);
  const insert = `INSERT INTO runs (${columns.join(", ")}) VALUES (${columns.map((column) => `:${column}`).join(", ")}) ON CONFLICT DO NOTHING`;
  const { changes, lastInsertRowid } = connection.sql(insert).run(values);
  if (changes === 0) return false;
  if (finish !== undefined) keepOutput(connection, Number(lastInsertRowid), finish);
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
  const { runId, owner, startedAt, leaseUntil, status } = runRow(blocker);
  const facts = { runId, owner, startedAt, status, ...(leaseUntil === undefined ? {} : { leaseUntil }) };
  return { won: false, because: taken === undefined ? "open_run" : "slot_taken", blocker: facts };
}

function isSameClaim(recorded: RunRow, start: RunStart): boolean {
  return (
    !isEnding(recorded.status) &&
    recorded.jobId === start.jobId &&
    recorded.slotAt === start.slotAt &&
    recorded.owner.pid === start.owner.pid &&
    recorded.owner.startedAt === start.owner.startedAt &&
    recorded.owner.bootId === start.owner.bootId &&
    recorded.owner.pidNamespace === start.owner.pidNamespace &&
    recorded.owner.host === start.owner.host
  );
}

function finishRun(
  connection: Connection,
  runId: string,
  finish: RunFinish,
  onlyIf?: { leaseUntil: number | undefined },
): boolean {
  const row = connection.sql(`${fromRuns} WHERE r.id = ?`).get(runId);
  if (row === undefined) throw new Error(`broken invariant: there is no run ${runId} to finish`);
  const { status, leaseUntil } = runRow(row);
  if (isEnding(status) || (onlyIf !== undefined && leaseUntil !== onlyIf.leaseUntil)) return false;
  if (!isMove(status, finish.status))
    throw new Error(`broken invariant: run ${runId} is ${status} and cannot become ${finish.status}`);
  const key = integer(row, "key");
  const values = finishValues(finish);
  const assignments = Object.keys(values).map((column) => `${column} = :${column}`);
  connection.sql(`UPDATE runs SET ${assignments.join(", ")} WHERE key = :key`).run({ ...values, key });
  keepOutput(connection, key, finish);
  for (const close of closeSteps) connection.sql(close).run(endedWithoutRecord, key);
  return true;
}

/** What is still open under a run that has ended: it failed as far as anyone knows, and when is not known. */
const closeSteps = [
  "UPDATE attempts SET status = 'failed', unrecorded = 1, error = ? WHERE run = ? AND status = 'running'",
  "UPDATE calls SET status = 'failed', unrecorded = 1, reason = ? WHERE run = ? AND status = 'running'",
  "UPDATE tries SET status = 'failed', unrecorded = 1, error = ? WHERE run = ? AND status = 'running'",
  "UPDATE tool_runs SET status = 'failed', unrecorded = 1, error = ? WHERE run = ? AND status = 'running'",
];

function keepOutput(connection: Connection, run: number, { output, value }: RunFinish): void {
  if (output === undefined && value === undefined) return;
  // A value is made from an output, so there is no value without one.
  connection.sql("INSERT INTO outputs (run, text, value) VALUES (?, ?, ?)").run(run, output ?? "", value ?? null);
}
