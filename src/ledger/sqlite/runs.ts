import { isEnding, isMove, transition } from "../../run/run.ts";
import { endedWithoutRecord } from "../ledger.ts";
import type { ClaimResult, Ledger, RunFinish, RunRow, RunStart, SlotClaim, StillIs } from "../ledger.ts";
import type { Connection } from "./connection.ts";
import { integer, integerIf, whole, wholeIf, type Row, type Values } from "./columns.ts";
import { isPruneDue, prune, pruneInTheWake } from "./prune.ts";
import { finishValues, ownerValues, runRow } from "./rows.ts";
import { fromRuns } from "./run-columns.ts";
import { schedulingOf, schedulingOfStart, schedulingValue } from "./scheduling-column.ts";
import { isInRange, openOfJob, recordOfSlot } from "./scheduling-queries.ts";
import { statusOf, type Phase } from "./status-columns.ts";

type RunMethods = Pick<Ledger, "claimRun" | "recordRun" | "finishRun" | "renewLease" | "prune">;

export function runMethods(connection: Connection): RunMethods {
  return {
    claimRun: (start) => connection.write("power_loss", () => claim(connection, start)),
    recordRun: (start, finish) =>
      connection.write("power_loss", () => {
        // A caller without types may ask for anything.
        if (!isMove("due", finish.status) || !isEnding(finish.status))
          throw new Error(`broken invariant: a run that never started cannot be ${finish.status}`);
        if (start.slotAt === undefined || !isInRange(connection, start.jobId, start.slotAt))
          insertRun(connection, start, { finish });
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
        const renew = connection.sql("UPDATE runs SET lease_until = ? WHERE id = ? AND status = 'running' AND phase = 'active'");
        return renew.run(whole(until), runId).changes === 1;
      }),
    prune: (now, keep) => prune(connection, now, keep),
  };
}

function jobKey(connection: Connection, id: string): number {
  const found = connection.sql("SELECT key FROM jobs WHERE id = ?").get(id);
  return found === undefined
    ? Number(connection.sql("INSERT INTO jobs (id) VALUES (?)").run(id).lastInsertRowid)
    : integer(found, "key");
}

interface Inserted {
  /** It is recorded with its ending. */
  readonly finish?: RunFinish;
  /** It is claimed and not begun. */
  readonly queued?: boolean;
  /** The job's key, where it is known. */
  readonly job?: number | undefined;
  /** It stands for so many slots, of which `slotAt` is the last. */
  readonly range?: { readonly from: number; readonly slots: number };
}

/** By place: to find each of two dozen names costs more than the rest of a claim's preparation. */
function insertOf(values: Values): string {
  const columns = Object.keys(values);
  return `INSERT INTO runs (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")}) ON CONFLICT DO NOTHING`;
}

/** Of a run that is recorded without an end: always of the same columns, and often. */
let insertOpen: string | undefined;

/** Returns whether the row is new. The unique indexes on id, open run, queued run, slot, retry and boot are what decides a race. */
export function insertRun(
  connection: Connection,
  start: RunStart & Pick<SlotClaim, "boot">,
  { finish, queued = false, job, range }: Inserted = {},
): boolean {
  const phase: Phase = queued ? "queued" : "active";
  const values: Values = {
    id: start.runId,
    job: job ?? jobKey(connection, start.jobId),
    job_name: start.jobName,
    trigger: start.trigger,
    slot_at: wholeIf(start.slotAt),
    status: transition("due", "start"),
    phase,
    started_at: whole(start.startedAt),
    ...ownerValues(start.owner),
    lease_until: wholeIf(start.leaseUntil),
    model_asked: start.modelAsked,
    simulated: start.simulated ? 1 : 0,
    job_hash: start.jobHash,
    payload_kind: start.payloadKind ?? "agentTurn",
    rerun_of: start.rerunOf ?? null,
    slot_from: wholeIf(range?.from),
    scheduling: schedulingValue({
      ...schedulingOfStart(start, finish),
      queuedAt: queued ? start.startedAt : undefined,
      slots: range?.slots,
    }),
    ...(finish === undefined ? {} : finishValues(finish)),
  };
  const insert = finish === undefined ? (insertOpen ??= insertOf(values)) : insertOf(values);
  const { changes, lastInsertRowid } = connection.sql(insert).run(...Object.values(values));
  if (changes === 0) return false;
  if (finish !== undefined) keepOutput(connection, Number(lastInsertRowid), finish);
  return true;
}

function claim(connection: Connection, start: RunStart): ClaimResult {
  const inRange = start.slotAt !== undefined && isInRange(connection, start.jobId, start.slotAt);
  if (!inRange && insertRun(connection, start)) return { won: true };
  if (isRepeatedClaim(connection, start)) return { won: true };
  const taken = start.slotAt === undefined ? undefined : recordOfSlot(connection, start.jobId, start.slotAt);
  const blocker = taken ?? openOfJob(connection, start.jobId);
  if (blocker === undefined) throw new Error(`broken invariant: nothing stands in the way of run ${start.runId}`);
  return { won: false, because: blocker === taken ? "slot_taken" : "open_run", blocker: blockerFacts(blocker) };
}

/** Whether this very claim was won before. @throws broken invariant for an id that is another run's */
export function isRepeatedClaim(connection: Connection, start: Omit<RunStart, "leaseUntil">): boolean {
  const same = connection.sql(`${fromRuns} WHERE r.id = ?`).get(start.runId);
  if (same === undefined) return false;
  if (isSameClaim(runRow(same), start)) return true;
  throw new Error(`broken invariant: run ${start.runId} is recorded already`);
}

export function blockerFacts({ runId, owner, startedAt, leaseUntil, status }: RunRow): OpenRunFacts {
  return { runId, owner, startedAt, status, ...(leaseUntil === undefined ? {} : { leaseUntil }) };
}
type OpenRunFacts = Pick<RunRow, "runId" | "owner" | "startedAt" | "leaseUntil" | "status">;

function isSameClaim(recorded: RunRow, start: Omit<RunStart, "leaseUntil">): boolean {
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

function stillIs(row: Row, is: StillIs): boolean {
  return "status" in is ? statusOf(row) === is.status : integerIf(row, "lease_until") === is.leaseUntil;
}

function finishRun(connection: Connection, runId: string, finish: RunFinish, onlyIf?: StillIs): boolean {
  const row = connection.sql(`${fromRuns} WHERE r.id = ?`).get(runId);
  if (row === undefined) throw new Error(`broken invariant: there is no run ${runId} to finish`);
  const status = statusOf(row);
  if (isEnding(status) || (onlyIf !== undefined && !stillIs(row, onlyIf))) return false;
  if (!isMove(status, finish.status) || !isEnding(finish.status))
    throw new Error(`broken invariant: run ${runId} is ${status} and cannot become ${finish.status}`);
  const key = integer(row, "key");
  const { blockedBy, obstacle } = finish;
  const isBlocked = blockedBy !== undefined || obstacle !== undefined;
  const blocked = isBlocked ? { scheduling: schedulingValue({ ...schedulingOf(row), blockedBy, obstacle }) } : {};
  // A slot that was claimed ahead of its time may end before that has come: it was never begun, and took no time.
  const early = status === "queued" && finish.finishedAt < integer(row, "started_at");
  const values = { ...finishValues(finish), ...blocked, ...(early ? { started_at: whole(finish.finishedAt) } : {}) };
  const assignments = Object.keys(values).map((column) => `${column} = :${column}`);
  connection.sql(`UPDATE runs SET ${assignments.join(", ")} WHERE key = :key`).run({ ...values, key });
  keepOutput(connection, key, finish);
  closeStepsOf(connection, key);
  connection.sql("DELETE FROM cancel_requests WHERE run = ?").run(key);
  return true;
}

/** What is still open under a run that has ended: it failed as far as anyone knows, and when is not known. */
const closeSteps = [
  "UPDATE attempts SET status = 'failed', unrecorded = 1, error = ? WHERE run = ? AND status = 'running'",
  "UPDATE calls SET status = 'failed', unrecorded = 1, reason = ? WHERE run = ? AND status = 'running'",
  "UPDATE tries SET status = 'failed', unrecorded = 1, error = ? WHERE run = ? AND status = 'running'",
  "UPDATE tool_runs SET status = 'failed', unrecorded = 1, error = ? WHERE run = ? AND status = 'running'",
];

export function closeStepsOf(connection: Connection, run: number): void {
  for (const close of closeSteps) connection.sql(close).run(endedWithoutRecord, run);
}

function keepOutput(connection: Connection, run: number, { output, value }: RunFinish): void {
  if (output === undefined && value === undefined) return;
  // A value is made from an output, so there is no value without one.
  connection.sql("INSERT INTO outputs (run, text, value) VALUES (?, ?, ?)").run(run, output ?? "", value ?? null);
}
