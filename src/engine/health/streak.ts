/** What the newest runs of a job say together: how many ended badly in a row, and how often it succeeds. Pure. */
import type { RecentRun, StatusCount } from "../../ledger/ledger.ts";
import type { RunStatus } from "../../run/run.ts";

/** What an ending says of the job: `neither` of those that were wanted, or that a later run answers. */
type Judgement = "good" | "bad" | "blocked" | "neither" | "open";

const judgements: Readonly<Record<RunStatus, Judgement>> = {
  queued: "open",
  running: "open",
  waiting: "open",
  succeeded: "good",
  quiet: "good",
  failed: "bad",
  timed_out: "bad",
  interrupted: "bad",
  unknown: "bad",
  blocked: "blocked",
  skipped: "neither",
  missed: "neither",
  cancelled: "neither",
  deferred: "neither",
};

function judgementOf(status: RunStatus): Judgement {
  return judgements[status];
}

/** Runs that ended alike, the newest of the job's that say anything of it. */
export interface Streak {
  readonly judgement: "bad" | "blocked";
  readonly inARow: number;
  /** There may be more: the list of runs ended before the streak did. */
  readonly atLeast: boolean;
  /** When the first of them began. */
  readonly since: number;
  /** The newest of them. */
  readonly runId: string;
  readonly status: RunStatus;
}

/** @param recent newest first. `undefined` if the newest ending was good, or there is none. */
export function streakOf(recent: readonly RecentRun[]): Streak | undefined {
  const telling = recent.filter(({ status }) => judgementOf(status) !== "neither" && judgementOf(status) !== "open");
  const [newest] = telling;
  if (newest?.told === undefined) return undefined;
  const judgement = judgementOf(newest.status);
  if (judgement !== "bad" && judgement !== "blocked") return undefined;
  const end = telling.findIndex(({ status }) => judgementOf(status) !== judgement);
  const streak = end < 0 ? telling : telling.slice(0, end);
  const first = streak.at(-1)?.told ?? newest.told;
  return {
    judgement,
    inARow: streak.reduce((sum, { told }) => sum + (told?.slots ?? 1), 0),
    atLeast: end < 0 && recent.length >= 20,
    since: first.since,
    runId: newest.told.runId,
    status: newest.status,
  };
}

/** Of the runs that were carried out: what was skipped, missed, cancelled, put off or blocked says nothing of how it would have ended. */
export interface SuccessRate {
  readonly good: number;
  readonly all: number;
}

export function successRate(counts: readonly StatusCount[]): SuccessRate {
  const sum = (judgement: Judgement): number =>
    counts.reduce((total, { status, runs }) => total + (judgementOf(status) === judgement ? runs : 0), 0);
  const good = sum("good");
  return { good, all: good + sum("bad") };
}
