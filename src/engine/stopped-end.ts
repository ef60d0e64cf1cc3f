/** The end of a run that was stopped from outside or whose time is up. */
import type { Job } from "../job/job.ts";
import { exitCodeOf } from "../run/exit-code.ts";
import type { RunEnd } from "./outcome.ts";
import type { RunContext } from "./run-context.ts";
import { Stopped } from "./stopped.ts";

/** `undefined` while it is neither. */
export function stoppedEnd({ request, outOfTime, job }: RunContext): RunEnd | undefined {
  if (request.signal.aborted) return stopped(request.signal.reason);
  return outOfTime.aborted ? timedOut(job) : undefined;
}

function stopped(reason: unknown): RunEnd {
  const why = reason instanceof Stopped ? reason.reason : undefined;
  const status = why?.kind === "daemon" ? "interrupted" : "cancelled";
  const signal = why?.kind === "signal" ? why.signal : undefined;
  const words = reason instanceof Error ? reason.message : "cancelled";
  return { status, exitCode: exitCodeOf({ status, signal, fault: "aborted" }), reason: words, fault: "aborted" };
}

function timedOut(job: Job): RunEnd {
  const reason = `the run's time limit of ${job.limits.runMs / 1000} s passed (limits.run)`;
  return { status: "timed_out", exitCode: exitCodeOf({ status: "timed_out" }), reason, fault: "timeout" };
}
