/** `runner verify`: the same job many times, as runner does it and, beside it, as the provider alone would have done. */
import type { Engine } from "../engine/engine.ts";
import type { RunEvent } from "../engine/events.ts";
import type { Job } from "../job/job.ts";
import type { Rung } from "../run/ladder.ts";
import { healingsOf, type Healing, type VerifiedRun } from "../run/verification.ts";
import type { Project } from "./project.ts";
import { openRuntime, type Simulate } from "./runtime.ts";

/** As runner does it, or without everything that makes it runner: no repair, no retry, no fallback. */
export type Way = "runner" | "alone";

export interface VerifyRequest {
  readonly job: Job;
  readonly runs: number;
  /** Runs at the same time. */
  readonly concurrency: number;
  readonly ways: readonly Way[];
  readonly model: string | undefined;
  readonly simulate: Simulate | undefined;
  readonly signal: AbortSignal;
  /** Told of each run that has ended. */
  readonly onRun: (way: Way, run: VerifiedRun) => void;
}

/**
 * Carries the runs out, the ways by turns so that each meets the same provider. A stop ends the runs that are under way; what has
 * ended by then is returned.
 * @throws UsageError, LedgerError as a run does.
 */
export async function verifyRuns(project: Project, request: VerifyRequest): Promise<ReadonlyMap<Way, readonly VerifiedRun[]>> {
  const arms = await Promise.all(request.ways.map((way) => openArm(project, request, way)));
  const found = new Map<Way, VerifiedRun[]>(request.ways.map((way) => [way, []]));
  const left = Array.from({ length: request.runs }, () => arms).flat();
  // A lane does one run at a time, under an id of its own: of each id at most one run is open.
  const lane = async (number: number): Promise<void> => {
    for (let arm = left.shift(); arm !== undefined && !request.signal.aborted; arm = left.shift()) {
      const run = await carryOut(arm, request, number);
      found.get(arm.way)?.push(run);
      request.onRun(arm.way, run);
    }
  };
  try {
    const lanes = await Promise.allSettled(Array.from({ length: request.concurrency }, (_, number) => lane(number + 1)));
    for (const one of lanes) if (one.status === "rejected") throw one.reason;
    return found;
  } finally {
    for (const arm of arms) await arm.close();
  }
}

interface Arm {
  readonly way: Way;
  readonly engine: Engine;
  close(): Promise<void>;
}

async function openArm(project: Project, { simulate }: VerifyRequest, way: Way): Promise<Arm> {
  const runtime = await openRuntime(project, { strict: way === "alone", ...(simulate === undefined ? {} : { simulate }) });
  return { way, engine: runtime.engine, close: () => runtime.close() };
}

async function carryOut({ engine, way }: Arm, { job, model, signal }: VerifyRequest, lane: number): Promise<VerifiedRun> {
  const healing = watchHealing();
  const verifyLane = `${way}-${lane}`;
  const asked = model === undefined ? {} : { model };
  const outcome = await engine.run(job, { trigger: "manual", verifyLane, signal, listen: healing.listen, ...asked });
  const { runId, status, exitCode, reason, startedAt, finishedAt, usage, costMicroUsd, faults } = outcome;
  const took = { tookMs: finishedAt - startedAt, usage, costMicroUsd, healedBy: healing.found, faults };
  return { runId, status, exitCode, reason, ...took };
}

/** What a run is healed by, seen while it happens. */
function watchHealing(): { readonly found: readonly Healing[]; readonly listen: (event: RunEvent) => void } {
  const found: Healing[] = [];
  const firsts = new Map<string, Rung>();
  return {
    found,
    listen(event) {
      if (event.type === "attempt_started" && event.attempt > 1) found.push("new_attempt");
      if (event.type !== "try_started" && event.type !== "try_answered") return;
      const { attempt, plan } = event;
      const call = `${attempt}.${plan.call}`;
      const first = firsts.get(call) ?? plan.rung;
      firsts.set(call, first);
      if (event.type === "try_answered")
        found.push(...healingsOf({ rung: plan.rung, first, tries: plan.try, repairs: event.answer.repairs.length }));
    },
  };
}
