/**
 * What a run has behind it when it is carried on after a wait, read back from the ledger, so that it goes on as if its process had slept:
 * the same decisions, the same sums, the same words to the turn. Pure.
 */
import type { Usage } from "../errors.ts";
import type { AttemptRow, RunDetail, TryRow, Wait } from "../ledger/ledger.ts";
import type { Rung } from "../run/ladder.ts";
import type { AttemptRecord } from "../run/next-attempt.ts";
import type { DoneTool } from "../turn/turn.ts";
import { addUsage, keptInput, newTally, type Tally } from "./tally.ts";

export interface Past {
  /** What it waited for; absent for a run that begins. */
  readonly wait?: Wait;
  /** The attempts that count, oldest first. */
  readonly history: readonly AttemptRecord[];
  /** Those before them, that do not. */
  readonly uncounted: number;
  /** How long it has had a process, in ms. */
  readonly ranMs: number;
  /** What the last attempt's answer lacked. */
  readonly unmet: readonly string[];
  /** What was wrong with the last attempt, one line. */
  readonly lastError?: string;
  /** What it has spent of its budget. */
  readonly spent: { readonly calls: number; readonly tries: readonly { readonly rung: Rung; readonly usage: Usage }[] };
  /** Counted on by the run. */
  readonly tally: Tally;
}

/** Of a run that begins. */
export function noPast(): Past {
  return { history: [], uncounted: 0, ranMs: 0, unmet: [], spent: { calls: 0, tries: [] }, tally: newTally() };
}

/** @param toMonotonic from epoch ms to the clock on which the run's limits count. */
export function pastOf(detail: RunDetail, toMonotonic: (at: number) => number): Past {
  const { run, attempts, calls, tries } = detail;
  const uncounted = run.wait?.uncounted ?? 0;
  const last = attempts.at(-1);
  return {
    ...(run.wait === undefined ? {} : { wait: run.wait }),
    history: attempts.slice(uncounted).map((attempt) => recordOf(attempt, detail, toMonotonic)),
    uncounted,
    ranMs: run.wait?.ranMs ?? 0,
    unmet: last !== undefined && isUnmet(last) ? (last.error ?? "").split("\n") : [],
    ...(last?.error === undefined ? {} : { lastError: last.error.split("\n")[0] ?? "" }),
    spent: { calls: calls.length, tries: tries.map((one) => ({ rung: rungOf(one), usage: one.usage })) },
    tally: tallyOf(detail),
  };
}

/** The turn answered, and not what the job expects: a failure that no fault names. */
const isUnmet = ({ status, fault }: AttemptRow): boolean => status === "failed" && fault === undefined;

function recordOf(row: AttemptRow, { tools }: RunDetail, toMonotonic: (at: number) => number): AttemptRecord {
  const begun = tools.filter(({ attempt, status }) => attempt === row.attempt && status !== "refused").length;
  return {
    startedAt: toMonotonic(row.startedAt),
    finishedAt: toMonotonic(row.finishedAt ?? row.startedAt),
    ...(isUnmet(row) ? { expectationFailed: true } : { fault: row.fault }),
    toolRuns: Math.max(row.toolRuns ?? 0, begun),
    // A run waits only when everything that it started is confirmed dead.
    confirmedDead: true,
  };
}

function rungOf({ provider, model, stream }: TryRow): Rung {
  return { provider, model, stream };
}

function tallyOf({ run, attempts, calls, tries, tools }: RunDetail): Tally {
  const tally = newTally();
  tally.attempts = attempts.length;
  tally.calls = calls.length;
  tally.tries = tries.length;
  tally.warnings = [...(run.wait?.warnings ?? [])];
  tally.done = tools.map(({ attempt, name, input, status }): DoneTool => ({
    attempt,
    name,
    input: input.slice(0, keptInput),
    status: status === "running" ? "unknown" : status,
  }));
  for (const one of tries) {
    tally.usage = addUsage(tally.usage, one.usage);
    if (one.costMicroUsd !== undefined) tally.costMicroUsd = (tally.costMicroUsd ?? 0) + one.costMicroUsd;
    if (one.fault !== undefined) tally.faults[one.fault] = (tally.faults[one.fault] ?? 0) + 1;
    if (one.status !== "answered") continue;
    tally.repairs += one.repairs.length;
    tally.answeredBy = rungOf(one);
  }
  tally.modelUsed = calls.findLast(({ modelUsed }) => modelUsed !== undefined)?.modelUsed;
  return tally;
}
