/** What several runs of one job say about it: how often it fails, what healed it, what it takes. Pure. */
import { isFault, type Fault, type Usage } from "../errors.ts";
import type { RunStatus } from "./run.ts";
import type { Rung } from "./ladder.ts";
import { quantile, wilsonInterval } from "./statistics.ts";

/** What a run was healed by; it may have needed several. */
export const healings = ["repair", "asked_again", "stream_off", "next_model", "new_attempt"] as const;
export type Healing = (typeof healings)[number];

/** The same in words. */
export const healingWords: Readonly<Record<Healing, string>> = {
  repair: "stream repaired",
  asked_again: "same model asked again",
  stream_off: "streaming switched off",
  next_model: "next model asked",
  new_attempt: "new attempt",
};

/** One try that was answered, and the first rung of its call. */
export interface AnsweredTry {
  readonly rung: Rung;
  readonly first: Rung;
  readonly tries: number;
  readonly repairs: number;
}

/** By what one answer came about. */
export function healingsOf({ rung, first, tries, repairs }: AnsweredTry): Healing[] {
  const found: Healing[] = repairs > 0 ? ["repair"] : [];
  if (tries <= 1) return found;
  if (rung.provider !== first.provider || rung.model !== first.model) found.push("next_model");
  else found.push(rung.stream === first.stream ? "asked_again" : "stream_off");
  return found;
}

/** A run that came to its end. */
export interface VerifiedRun {
  readonly runId: string;
  readonly status: RunStatus;
  readonly exitCode: number;
  readonly reason: string;
  readonly tookMs: number;
  readonly usage: Usage;
  readonly costMicroUsd: number | undefined;
  readonly healedBy: readonly Healing[];
  /** Failed tries by fault. */
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
}

export interface Verification {
  readonly runs: number;
  readonly failed: number;
  /** Share of runs that failed; 95 % interval by Wilson. */
  readonly failureRate: number;
  readonly interval: { readonly low: number; readonly high: number };
  readonly outcomes: Readonly<Partial<Record<RunStatus, number>>>;
  /** Runs that succeeded and needed this. */
  readonly healedBy: Readonly<Partial<Record<Healing, number>>>;
  /** Runs that succeeded without needing anything. */
  readonly unaided: number;
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  readonly tookMs: Spread;
  readonly tokens: Spread;
  /** Over all runs; `unpriced` of them have no known price. */
  readonly cost: Spread & { readonly totalMicroUsd: number; readonly unpriced: number };
}

interface Spread {
  readonly p50: number | undefined;
  readonly p95: number | undefined;
}

/** A run that was skipped or stopped by a person says nothing about the job. */
export function counts({ status }: Pick<VerifiedRun, "status">): boolean {
  return status !== "skipped" && status !== "cancelled" && status !== "running";
}

export function succeeded({ status }: Pick<VerifiedRun, "status">): boolean {
  return status === "succeeded" || status === "quiet";
}

export function verification(all: readonly VerifiedRun[]): Verification {
  const runs = all.filter(counts);
  const good = runs.filter(succeeded);
  const failed = runs.length - good.length;
  const costs = runs.map(({ costMicroUsd }) => costMicroUsd).filter((cost) => cost !== undefined);
  return {
    runs: runs.length,
    failed,
    failureRate: runs.length === 0 ? 0 : failed / runs.length,
    interval: wilsonInterval(failed, runs.length),
    outcomes: count(runs.map(({ status }) => status)),
    healedBy: count(good.flatMap(({ healedBy }) => [...new Set(healedBy)])),
    unaided: good.filter(({ healedBy }) => healedBy.length === 0).length,
    faults: addUp(runs.map(({ faults }) => faults)),
    tookMs: spread(runs.map(({ tookMs }) => tookMs)),
    tokens: spread(runs.map(({ usage }) => (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0))),
    cost: { ...spread(costs), totalMicroUsd: costs.reduce((sum, cost) => sum + cost, 0), unpriced: runs.length - costs.length },
  };
}

function spread(values: readonly number[]): Spread {
  return { p50: quantile(values, 0.5), p95: quantile(values, 0.95) };
}

function count<Name extends string>(names: readonly Name[]): Partial<Record<Name, number>> {
  const counted: Partial<Record<Name, number>> = {};
  for (const name of names) counted[name] = (counted[name] ?? 0) + 1;
  return counted;
}

function addUp(all: readonly Readonly<Partial<Record<Fault, number>>>[]): Partial<Record<Fault, number>> {
  const sum: Partial<Record<Fault, number>> = {};

  for (const [fault, more] of all.flatMap((counted) => Object.entries(counted))) {
    if (isFault(fault)) sum[fault] = (sum[fault] ?? 0) + more;
  }
  return sum;
}
