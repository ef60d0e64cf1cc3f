/** Slots: claimed, begun, parked, and those that nobody answered. */
import { isEnding, transition } from "../../run/run.ts";
import type { BeginResult, BeginRun, Ledger, RunRow, SlotClaim, SlotClaimResult, Wait } from "../ledger.ts";
import { integer, integerIf, whole, wholeIf, type Row } from "./columns.ts";
import type { Connection } from "./connection.ts";
import { ownerValues, runRow } from "./rows.ts";
import { fromRuns } from "./run-columns.ts";
import { blockerFacts, closeStepsOf, insertRun, isRepeatedClaim } from "./runs.ts";
import { schedulingOf, schedulingValue } from "./scheduling-column.ts";
import { openOfJob, recordOfSlot, schedulingQueries } from "./scheduling-queries.ts";
import { isFirstBlock, recordSlots } from "./slot-ranges.ts";
import { statusOf } from "./status-columns.ts";
import { withdrawSlots } from "./withdrawals.ts";

type SlotMethods = Pick<
  Ledger,
  "claimSlots" | "giveBackClaims" | "beginRun" | "parkRun" | "recordSlots" | "withdrawSlots" | "isFirstBlock"
>;

export function slotMethods(connection: Connection): SlotMethods {
  return {
    claimSlots: (claims) => connection.write("power_loss", () => claims.map((claim) => claimSlot(connection, claim))),
    giveBackClaims: (runIds) =>
      connection.write("power_loss", () => {
        const giveBack = connection.sql(
          "DELETE FROM runs WHERE id = ? AND status = 'running' AND phase = 'queued' AND trigger = 'slot'",
        );
        for (const runId of runIds) giveBack.run(runId);
      }),
    beginRun: (runId, begin) => connection.write("power_loss", () => beginRun(connection, runId, begin)),
    parkRun: (runId, wait) => connection.write("power_loss", () => parkRun(connection, runId, wait)),
    recordSlots: (ranges) => connection.write("power_loss", () => ranges.map((range) => recordSlots(connection, range))),
    withdrawSlots: (now, keep) => connection.write("power_loss", () => withdrawSlots(connection, whole(now), keep)),
    isFirstBlock: (runId) => connection.write("power_loss", () => isFirstBlock(connection, runId)),
  };
}

/** The ranges of a job do not meet, so only the last one that begins before an instant can hold it. */
const jobAndRange = `SELECT key, (SELECT slot_at FROM runs WHERE job = jobs.key AND slot_from <= ? ORDER BY slot_from DESC LIMIT 1) AS range_to
  FROM jobs WHERE id = ?`;

/** The unique indexes decide; what stands in the way is looked for only where they refused. */
function claimSlot(connection: Connection, claim: SlotClaim): SlotClaimResult {
  const { jobId, slotAt } = claim;
  // Asked at once: a herd of claims is written together, and each question costs a tenth of a claim.
  const known = connection.sql(jobAndRange).get(wholeIf(slotAt), jobId);
  const jobKey = known === undefined ? undefined : integer(known, "key");
  const rangeTo = known === undefined ? undefined : integerIf(known, "range_to");
  const inRange = slotAt !== undefined && rangeTo !== undefined && rangeTo >= whole(slotAt);
  if (!inRange && insertRun(connection, claim, { queued: true, job: jobKey })) return { won: true };
  if (isRepeatedClaim(connection, claim)) return { won: true };
  const taken = claim.slotAt === undefined ? undefined : recordOfSlot(connection, claim.jobId, claim.slotAt);
  if (taken !== undefined) return lost("slot_taken", taken);
  const find = (query: string, values: Record<string, string>): RunRow | undefined => {
    const row = connection.sql(query).get(values);
    return row === undefined ? undefined : runRow(row);
  };
  const { rerunOf, owner } = claim;
  const retried =
    claim.trigger === "retry" && rerunOf !== undefined ? find(schedulingQueries.retryOf, { run: rerunOf }) : undefined;
  if (retried !== undefined) return lost("retried", retried);
  const booted =
    claim.trigger === "boot" ? find(schedulingQueries.ofBoot, { job: jobId, boot: claim.boot ?? owner.bootId }) : undefined;
  if (booted !== undefined) return lost("booted", booted);
  const queued = find(schedulingQueries.queuedOfJob, { job: jobId });
  if (queued !== undefined) return lost("queued_run", queued);
  throw new Error(`broken invariant: nothing stands in the way of run ${claim.runId}`);
}

type Lost = Extract<SlotClaimResult, { readonly won: false }>;

function lost(because: Lost["because"], { runId, status }: RunRow): Lost {
  return { won: false, because, blocker: { runId, status } };
}

function findRun(connection: Connection, runId: string): Row | undefined {
  return connection.sql(`${fromRuns} WHERE r.id = ?`).get(runId);
}

function beginRun(connection: Connection, runId: string, begin: BeginRun): BeginResult {
  const row = findRun(connection, runId);
  if (row === undefined) return { begun: false, because: "gone", status: undefined };
  const status = statusOf(row);
  if (status !== "queued" && status !== "waiting") return { begun: false, because: "gone", status };
  const run = runRow(row);
  const blocker = openOfJob(connection, run.jobId);
  if (blocker !== undefined && blocker.runId !== runId)
    return { begun: false, because: "open_run", blocker: blockerFacts(blocker) };
  const values = {
    status: transition(status, status === "queued" ? "start" : "carry_on"),
    ...ownerValues(begin.owner),
    lease_until: whole(begin.leaseUntil),
    model_asked: begin.modelAsked,
    job_hash: begin.jobHash,
    started_at: status === "queued" ? whole(begin.at) : whole(run.startedAt),
  };
  const assignments = Object.keys(values).map((column) => `${column} = :${column}`);
  connection
    .sql(`UPDATE runs SET ${assignments.join(", ")}, phase = 'active' WHERE key = :key`)
    .run({ ...values, key: integer(row, "key") });
  return { begun: true };
}

function parkRun(connection: Connection, runId: string, wait: Wait): boolean {
  const row = findRun(connection, runId);
  if (row === undefined) return false;
  const status = statusOf(row);
  if (isEnding(status) || status !== "running") return false;
  const key = integer(row, "key");
  connection
    .sql("UPDATE runs SET phase = ?, lease_until = NULL, scheduling = ? WHERE key = ?")
    .run(transition(status, "wait"), schedulingValue({ ...schedulingOf(row), wait }), key);
  closeStepsOf(connection, key);
  return true;
}
