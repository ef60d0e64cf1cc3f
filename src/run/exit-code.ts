/**
 * The exit codes of the command line and which ending gets which: the one place that decides it. The numbers follow sysexits(3) and
 * timeout(1) where those have a word for it, so that a crontab line, systemd (`RestartForceExitStatus=75`) or `timeout` reads them right.
 */
import type { Fault } from "../errors.ts";
import type { RunStatus } from "./run.ts";
import { faultPolicies } from "./fault.ts";

export const exitCodes = {
  /** Done, or nothing to report. */
  ok: 0,
  /** The job failed, and neither waiting nor configuration is known to help. */
  failed: 1,
  /** The command line was used wrongly. */
  usage: 2,
  /** The model answered and an expectation of the job does not hold. */
  expectation: 65,
  /** Every model of the ladder was asked and none is available now. */
  unavailable: 69,
  /** It may pass by itself, later: a limit or a plan's window. */
  later: 75,
  /** A key, an account or a permission; a person has to act. */
  denied: 77,
  /** The job or the configuration asks for what cannot be. */
  config: 78,
  /** The job's budget is used up. */
  budget: 80,
  /** A time limit. */
  timeout: 124,
  /** Ended by SIGINT. */
  interrupted: 130,
  /** Ended by SIGTERM. */
  terminated: 143,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface Ending {
  readonly status: RunStatus;
  readonly fault?: Fault | undefined;
  /** The signal that cancelled the run, if one did. */
  readonly signal?: "SIGINT" | "SIGTERM" | "SIGHUP" | undefined;
  /** An expectation of the job did not hold. */
  readonly expectationFailed?: boolean | undefined;
  /** `--fail-on-skip`: a skipped run exits 1. */
  readonly failOnSkip?: boolean | undefined;
}

/** The exit code of a run's ending. */
export function exitCodeOf(ending: Ending): ExitCode {
  const terminated = ending.signal === "SIGTERM" || ending.signal === "SIGHUP";
  const notDone = ending.failOnSkip === true ? exitCodes.failed : exitCodes.ok;
  const byFault = ending.fault === undefined ? exitCodes.failed : faultPolicies[ending.fault].exitCode;
  const byReason = ending.expectationFailed === true ? exitCodes.expectation : byFault;
  const codes: Record<RunStatus, ExitCode> = {
    succeeded: exitCodes.ok,
    quiet: exitCodes.ok,
    skipped: notDone,
    missed: notDone,
    cancelled: terminated ? exitCodes.terminated : exitCodes.interrupted,
    timed_out: exitCodes.timeout,
    deferred: exitCodes.later,
    // Mostly a key or an account; what the preflight finds has a code of its own.
    blocked: ending.fault === undefined ? exitCodes.denied : byFault,
    failed: byReason,
    interrupted: byReason,
    running: exitCodes.failed,
    queued: exitCodes.later,
    waiting: exitCodes.later,
    unknown: exitCodes.failed,
  };
  return codes[ending.status];
}
