/** A run that waits without a process: how long it may, what is written down for whoever carries it on, and its end if nobody does in time. */
import type { Wait } from "../ledger/ledger.ts";
import { endTooLate, type AttemptStep, type WaitWindow } from "../run/next-attempt.ts";
import { keptWarnings, type RunEnd } from "./outcome.ts";
import type { RunContext } from "./run-context.ts";

/** How long the run may still wait; `undefined` by hand, where its process sleeps. */
export function waitWindow(context: RunContext): WaitWindow | undefined {
  const { mayWaitUntil } = context.request;
  if (mayWaitUntil === undefined) return undefined;
  return { leftMs: mayWaitUntil - context.parts.clock.now(), limit: limitOf(context, mayWaitUntil) };
}

/** Which of the two ends the window: the job's next slot, if that comes before `limits.defer` is over. */
function limitOf({ start, job }: RunContext, mayWaitUntil: number): string {
  const slot = start.scheduledFor ?? start.slotAt ?? start.startedAt;
  return mayWaitUntil < slot + job.limits.deferMs ? "the job's next slot" : "limits.defer";
}

type Waiting = Exclude<AttemptStep, { kind: "end" }>;

/** A model that is told what was wrong with its answer is asked again at once. */
export function waitsWithoutProcess({ request }: RunContext, step: Waiting): boolean {
  return step.kind === "later" || (request.mayWaitUntil !== undefined && step.waitMs > 0);
}

/** What of the run stands in no row under it is carried over in this one. */
export function waitOf({ parts, tally, past, runStartedAt, budget }: RunContext, step: Waiting): Wait {
  const now = parts.clock.now();
  const warnings = keptWarnings([...tally.warnings, ...(budget?.notes() ?? [])]);
  return {
    until: now + step.waitMs,
    why: step.why,
    kind: step.kind,
    since: now,
    ranMs: Math.round(parts.clock.monotonic() - runStartedAt),
    uncounted: step.kind === "later" ? tally.attempts : past.uncounted,
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

/** The end of a run that is carried on after its window has closed: nothing more is asked, for what it was to answer has passed. */
export function tooLate(context: RunContext): RunEnd | undefined {
  const { past, request, parts, job } = context;
  const { wait, history } = past;
  const { mayWaitUntil } = request;
  const now = parts.clock.now();
  if (wait === undefined || mayWaitUntil === undefined || now <= mayWaitUntil) return undefined;
  const limit = limitOf(context, mayWaitUntil);
  const why = `${wait.why}; it waited until ${instant(wait.until)} and was carried on at ${instant(now)}, after ${instant(mayWaitUntil)} (${limit})`;
  const last = history.at(-1);
  const fault = last?.fault === undefined ? {} : { fault: last.fault };
  return { ...endTooLate(last, job.idempotent), reason: why, ...fault };
}

const instant = (at: number): string => new Date(at).toISOString();
