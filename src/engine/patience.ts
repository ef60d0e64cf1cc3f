/**
 * What a run has done already is to be recorded, whatever becomes of the ledger meanwhile (a full disk, a lock that is not let go): under the
 * scheduler it is tried until it can be, so that a turn that went well is not taken for one that died, and paid for twice.
 */
import { LedgerError } from "../errors.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Clock } from "./clock.ts";
import type { RunRequest } from "./parts.ts";
import type { StepLedger } from "./redacted.ts";

const firstPauseMs = 750;
const longestPauseMs = 30_000;

/** Does the work, and does it again while the ledger cannot be written. Who runs a job by hand is told at once; so is whoever ends the run. */
export type Patiently = <T>(work: () => Promise<T>) => Promise<T>;

export function patience(clock: Clock, { mayWaitUntil, signal }: Pick<RunRequest, "mayWaitUntil" | "signal">): Patiently {
  if (mayWaitUntil === undefined) return (work) => work();
  return async (work) => {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      const last = signal.aborted;
      try {
        return await work();
      } catch (error) {
        if (last || !(error instanceof LedgerError)) throw error;
      }
      await clock.sleep(pauseMs, signal).catch(() => {});
    }
  };
}

/** Nothing new is begun while it cannot be recorded; only what has been done waits. */
export function patientSteps(ledger: Ledger, patiently: Patiently): StepLedger {
  return {
    startAttempt: (start) => ledger.startAttempt(start),
    finishAttempt: (key, finish) => patiently(() => ledger.finishAttempt(key, finish)),
    startCall: (start) => ledger.startCall(start),
    finishCall: (key, finish) => patiently(() => ledger.finishCall(key, finish)),
    startTry: (start) => ledger.startTry(start),
    finishTry: (key, finish) => patiently(() => ledger.finishTry(key, finish)),
    startTool: (start) => ledger.startTool(start),
    finishTool: (key, finish) => patiently(() => ledger.finishTool(key, finish)),
    rememberRung: (memory) => ledger.rememberRung(memory),
  };
}
