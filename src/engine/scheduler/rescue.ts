/**
 * Runs of dead processes: what they left behind is ended, they are closed as `interrupted`, and those that have done nothing yet are
 * repeated, under the side-effect rule. Nothing else of the job is begun meanwhile.
 */
import { randomUUID } from "node:crypto";
import { LedgerError } from "../../errors.ts";
import type { RunRow, SlotClaim } from "../../ledger/ledger.ts";
import { followUp } from "../../run/follow-up.ts";
import { isLeaseOver } from "../lease.ts";
import { giveBack } from "./claim-ahead.ts";
import { closed, enlist } from "./standing.ts";
import { endOf, openOf, shortId, slotOf, type State } from "./state.ts";
import { mayWaitUntil } from "./window.ts";

/** Trees that are ended at once. */
const atOnce = 16;

/**
 * Interrupted runs that are looked at for a repetition: those of before were looked at before. As many as were under way may be interrupted at
 * once, and once more before the first of them are repeated.
 */
const lookedBack = ({ settings }: State): number => Math.max(200, 2 * settings.maxRuns);

/** Rows of one transaction. */
const rowsAtOnce = 500;

/** Closes dead runs, many at once. Returns those that are closed now; the others are tried again at the next look. */
export async function rescue(state: State, dead: readonly RunRow[]): Promise<readonly RunRow[]> {
  const left = dead.filter(({ jobId }) => !state.rescuing.has(jobId));
  for (const { jobId } of left) state.rescuing.add(jobId);
  const rescued: RunRow[] = [];
  const next = left.values();
  const work = async (): Promise<void> => {
    for (const run of next) {
      try {
        if (await close(state, run)) rescued.push(run);
      } catch (error) {
        // Whatever else it is, it is tried again at the next look.
        if (error instanceof LedgerError) state.hold.trouble(error);
      } finally {
        state.rescuing.delete(run.jobId);
        closed(state, run);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, left.length) }, work));
  if (rescued.length > 0) await tell(state, rescued);
  return rescued;
}

/** Only when nothing of it lives may anything follow: its turn may still be at work. */
async function close({ parts, others, cancelRequests }: State, run: RunRow): Promise<boolean> {
  const { ledger, sweep, ownerState, clock } = parts;
  if (!(await sweep(run.runId))) return false;
  const elsewhere = ownerState(run.owner) === "elsewhere" && isLeaseOver(run, clock.now());
  const how = elsewhere ? ` on ${run.owner.host} let its lease run out` : " died";
  const died = `its process (pid ${run.owner.pid})${how} without an end`;
  // Somebody wanted it to end, so it is not repeated.
  const cancelled = cancelRequests.get(run.runId);
  const end =
    cancelled === undefined
      ? { ...endOf("interrupted", died, clock.now()), fault: "turn_died" as const, exitCode: 1 }
      : endOf("cancelled", `${cancelled}; ${died}`, clock.now());
  // Whoever cannot be seen may have renewed its lease since it was looked at.
  const onlyIf = elsewhere ? { leaseUntil: run.leaseUntil } : undefined;
  others.delete(run.runId);
  return ledger.finishRun(run.runId, end, onlyIf);
}

async function tell({ parts }: State, rescued: readonly RunRow[]): Promise<void> {
  const runIds = rescued.map(({ runId }) => runId);
  const at = parts.clock.now();
  parts.listen({ type: "rescued", at, runIds });
  const more = runIds.length > 10 ? ` and ${runIds.length - 10} more` : "";
  const text = `closed as interrupted: ${runIds.slice(0, 10).map(shortId).join(", ")}${more}`;
  await parts.ledger.noteEvent({ at, kind: "rescued", text });
}

/** Repeats what of these is closed by now, when that is known. */
export async function repeatRescued(state: State, rescuing: Promise<readonly RunRow[]>): Promise<void> {
  const rescued = await rescuing;
  if (rescued.length > 0) await repeatInterrupted(state);
  state.alarm.ring();
}

interface FollowUp {
  readonly claim: SlotClaim;
  readonly of: RunRow;
}

/**
 * Repeats what was interrupted and has done nothing, at a start and after a rescue. A run that was ended with its daemon counts as well, and so does one
 * that was closed just before the process that closed it died; that nothing is repeated twice is the ledger's matter.
 */
export async function repeatInterrupted(state: State): Promise<void> {
  const { ledger } = state.parts;
  const found = await ledger.history({ statuses: ["interrupted"], limit: lookedBack(state) });
  const claims: FollowUp[] = [];
  for (const run of found) {
    const claim = await followUpOf(state, run);
    if (claim !== undefined) claims.push({ claim, of: run });
  }
  if (claims.length === 0) return;
  const jobIds = new Set(claims.map(({ claim }) => claim.jobId));
  // At most one run of a job is queued, and this one is due before a slot that is still to come.
  await giveBack(state, ({ jobId }) => jobIds.has(jobId));
  for (let at = 0; at < claims.length; at += rowsAtOnce) await claimTogether(state, claims.slice(at, at + rowsAtOnce));
}

async function claimTogether(state: State, claims: readonly FollowUp[]): Promise<void> {
  const results = await state.parts.ledger.claimSlots(claims.map(({ claim }) => claim));
  for (const [at, { claim, of }] of claims.entries()) {
    if (results[at]?.won !== true) continue;
    const { runId, jobName, startedAt } = claim;
    enlist(state, { ...claim, status: "queued", queuedAt: startedAt });
    state.parts.listen({ type: "slot_claimed", at: startedAt, jobName, runId, slotAt: slotOf(of) });
  }
}

async function followUpOf(state: State, run: RunRow): Promise<SlotClaim | undefined> {
  const { parts, roster, line } = state;
  const entry = roster.get(run.jobId);
  if (entry === undefined || run.trigger === "manual" || run.simulated !== parts.simulated) return undefined;
  const { job, hash } = entry;
  const now = parts.clock.now();
  const mayBeginUntil = mayWaitUntil(state, run, slotOf(run));
  // The cheap questions first: most of what is found is old.
  if (now >= mayBeginUntil || line.queuedOf(job.id) !== undefined || openOf(state, job.id) !== undefined) return undefined;
  const detail = await parts.ledger.run(run.runId);
  if (detail === undefined || "ambiguous" in detail) return undefined;
  const { idempotent, retry } = job;
  const chain = await lengthOfChain(state, run, retry.maxAttempts);
  const decision = followUp(detail, chain, { idempotent, maxAttempts: retry.maxAttempts, mayBeginUntil }, now);
  if (!decision.may) return undefined;
  return {
    runId: randomUUID(),
    jobId: job.id,
    jobName: job.name,
    trigger: "retry",
    rerunOf: run.runId,
    scheduledFor: slotOf(run),
    dueAt: now,
    startedAt: now,
    owner: parts.owner,
    modelAsked: parts.modelOf(job),
    simulated: parts.simulated,
    jobHash: hash,
    payloadKind: job.payload.kind,
  };
}

/** How many runs the slot has had up to this one, counted no further than matters. */
async function lengthOfChain({ parts }: State, last: RunRow, most: number): Promise<number> {
  let length = 1;
  for (let run = last; length < most && run.trigger === "retry" && run.rerunOf !== undefined; length++) {
    const before = await parts.ledger.run(run.rerunOf);
    if (before === undefined || "ambiguous" in before) break;
    run = before.run;
  }
  return length;
}
