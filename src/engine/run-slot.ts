/**
 * A run from claim to end; the first script to read. Every step is written to the ledger before the next one begins, so that
 * `kill -9` at any instant leaves a record that says what was under way.
 *
 * By hand (`runSlot`) a run is claimed and goes to its end. Under the scheduler (`carryOn`) its slot is claimed already; it is begun, and where it
 * would have to wait it is parked: a row with a time and no process, carried on in the same way when the time has come.
 */
import { randomUUID } from "node:crypto";
import { ConfigError, LedgerError, UsageError } from "../errors.ts";
import type { Job } from "../job/job.ts";
import type { RunRow, RunStart } from "../ledger/ledger.ts";
import { exitCodes } from "../run/exit-code.ts";
import { simulatedJobId, verifyJobId } from "../run/run.ts";
import { attemptUntilEnd } from "./attempts.ts";
import { begin, claim, recordSkip } from "./claim.ts";
import type { RunListener } from "./events.ts";
import { askGate } from "./gate.ts";
import { toFinish, toOutcome, type CarriedOn, type Parked, type RunEnd, type RunOutcome } from "./outcome.ts";
import { leaseMs, underLease } from "./lease.ts";
import { openContext, type RunState } from "./open-context.ts";
import type { CarryOnRequest, EngineParts, RunRequest } from "./parts.ts";
import { noPast, pastOf, type Past } from "./past.ts";
import { patience, type Patiently } from "./patience.ts";
import { planRun, type RunPlan } from "./plan.ts";
import { preflight } from "./preflight.ts";
import { preparePrompt } from "./prompt.ts";
import { redactedEnd, redactedListener } from "./redacted.ts";
import { referencesOf } from "./references.ts";
import type { RunContext } from "./run-context.ts";
import { strictly } from "./strict.ts";
import { tooLate } from "./waiting.ts";

export async function runSlot(parts: EngineParts, asWritten: Job, request: RunRequest): Promise<RunOutcome> {
  const job = parts.strict === true ? strictly(asWritten) : asWritten;
  const plan = await planRun(parts, job, request);
  const start = describeRun(parts, asWritten, request, plan.modelAsked);
  const blocker = await claim(parts, start, request.listen);
  if (blocker !== undefined) return recordSkip(parts, start, blocker, request);
  const carried = await carry(parts, stateOf(parts, { job, start, plan, past: noPast() }), request);
  if ("wait" in carried) throw new Error("broken invariant: a run by hand waits without a process");
  return carried;
}

export async function carryOn(parts: EngineParts, asWritten: Job, row: RunRow, asked: CarryOnRequest): Promise<CarriedOn> {
  const job = parts.strict === true ? strictly(asWritten) : asWritten;
  const planned: Planned = await planRun(parts, job, {}).catch(unplanned);
  const { runId } = row;
  const at = parts.clock.now();
  const { owner } = parts;
  const how = { owner, leaseUntil: at + leaseMs, at, modelAsked: planned.modelAsked, jobHash: parts.hash(asWritten) };
  const begun = await begin(parts, runId, how, asked.listen);
  if (begun === "gone") return { kind: "gone" };
  if (begun !== "begun") return { kind: "in_the_way", blocker: begun };
  const { start, past } = await readBack(parts, runId);
  const state = stateOf(parts, { job, start, plan: planned, past });
  const request = { trigger: row.trigger, ...asked, mayWaitUntil: asked.mayWaitUntil() };
  const carried = await carry(parts, state, request, planned.problem);
  return "wait" in carried ? { kind: "waiting", wait: carried.wait } : { kind: "ended", outcome: carried };
}

/** From the claim, or from where the run waited, to its end or its next wait. */
async function carry(parts: EngineParts, state: RunState, request: RunRequest, problem?: RunEnd): Promise<RunOutcome | Parked> {
  const { start, redaction } = state;
  const listen = redactedListener(request.listen, redaction);
  listen(beginning(parts, state));
  const heedsRequests = request.mayWaitUntil === undefined;
  const end = await underLease(parts, start.runId, { heedsRequests }, async (lost): Promise<RunEnd | Parked> => {
    if (problem !== undefined) return problem;
    // Without its lease the run has been closed already, and `finish` says so.
    const held = { ...request, listen, signal: AbortSignal.any([request.signal, lost]) };
    return openContext(parts, held, state).then(carryOut).catch(internalEnd);
  });
  const patiently = patience(parts.clock, request);
  if (!("wait" in end)) return finish(parts, state, redactedEnd(end, redaction), { listen, patiently });
  const wait = { ...end.wait, why: redaction.known(end.wait.why) };
  const parked = await patiently(() => parts.ledger.parkRun(start.runId, wait));
  return parked ? { wait } : finish(parts, state, takenForDead(), { listen, patiently });
}

/** What stands between the claim and the end, one step after the other; each may be the last. */
async function carryOut(context: RunContext): Promise<RunEnd | Parked> {
  const late = tooLate(context);
  if (late !== undefined) return late;
  const blocked = await preflight(context);
  if (blocked !== undefined) return blocked;
  const gate = await askGate(context);
  if ("end" in gate) return gate.end;
  const end = await attemptUntilEnd(context, await preparePrompt(context, gate.facts));
  if ("wait" in end) return end;
  return { ...end, warnings: [...(end.warnings ?? []), ...(context.budget?.notes() ?? [])] };
}

function describeRun(parts: EngineParts, job: Job, request: RunRequest, modelAsked: string): RunStart {
  const startedAt = parts.clock.now();
  const { slotAt, rerunOf, verifyLane } = request;
  const jobId = verifyLane === undefined ? job.id : verifyJobId(job.id, verifyLane);
  return {
    runId: randomUUID(),
    jobId: parts.simulated ? simulatedJobId(jobId) : jobId,
    jobName: job.name,
    trigger: request.trigger,
    ...(slotAt === undefined ? {} : { slotAt }),
    ...(rerunOf === undefined ? {} : { rerunOf }),
    startedAt,
    owner: parts.owner,
    leaseUntil: startedAt + leaseMs,
    modelAsked,
    simulated: parts.simulated,
    jobHash: parts.hash(job),
    payloadKind: job.payload.kind,
  };
}

/** The run as it is recorded, and what it has behind it. */
async function readBack({ ledger, clock }: EngineParts, runId: string): Promise<{ start: RunStart; past: Past }> {
  const detail = await ledger.run(runId);
  if (detail === undefined || "ambiguous" in detail)
    throw new Error(`broken invariant: the run ${runId} was begun and is not there`);
  const behind = clock.now() - clock.monotonic();
  return { start: detail.run, past: pastOf(detail, (at) => at - behind) };
}

function stateOf(parts: EngineParts, known: Pick<RunState, "job" | "start" | "plan" | "past">): RunState {
  const secrets = referencesOf(known.job).flatMap(({ variable }) => parts.env[variable] ?? []);
  return { ...known, tally: known.past.tally, redaction: parts.redaction(secrets) };
}

function beginning({ clock }: EngineParts, { start, plan, past }: RunState): Parameters<RunListener>[0] {
  const { wait, tally } = past;
  if (wait === undefined) return { type: "run_started", at: start.startedAt, run: start, ladder: plan.ladder, notes: plan.notes };
  const at = clock.now();
  const waitedMs = Math.max(0, at - wait.since);
  return { type: "run_carried_on", at, run: start, attempts: tally.attempts, waitedMs, why: wait.why };
}

interface Planned extends RunPlan {
  readonly problem?: RunEnd;
}

/** A plan that cannot be made is told by hand at once; here the slot is claimed already, and its run ends with it. */
function unplanned(error: unknown): Planned {
  const forPeople = error instanceof UsageError || error instanceof ConfigError;
  const problem = forPeople
    ? ({ status: "blocked", exitCode: exitCodes.config, reason: error.message } as const)
    : internalEnd(error);
  return { modelAsked: "", ladder: [], dialect: "anthropic-messages", notes: [], problem };
}

/**
 * A broken invariant ends the run as `internal`. A ledger that cannot be written is not one: nothing more could be recorded,
 * so the error goes up as it is and the run stays open in the record until the next one finds its process dead.
 */
function internalEnd(error: unknown): RunEnd {
  if (error instanceof LedgerError) throw error;
  const message = error instanceof Error ? error.message : String(error);
  return {
    status: "failed",
    exitCode: 1,
    reason: `internal: ${message}`,
    fault: "internal",
  };
}

async function finish(
  { clock, ledger }: EngineParts,
  { start, tally }: RunState,
  end: RunEnd,
  { listen, patiently }: { readonly listen: RunListener; readonly patiently: Patiently },
): Promise<RunOutcome> {
  const finishedAt = clock.now();
  const closed = await patiently(() => ledger.finishRun(start.runId, toFinish(end, tally, finishedAt)));
  const outcome = toOutcome(start, closed ? end : takenForDead(), tally, finishedAt);
  listen({ type: "run_finished", at: finishedAt, outcome });
  return outcome;
}

/** The first ending stays. Another process has closed this run, and what the ledger says is what is told. */
function takenForDead(): RunEnd {
  return {
    status: "interrupted",
    exitCode: 1,
    reason: "another process took this run for dead and closed it",
    fault: "turn_died",
  };
}
