/** What the ledger counts for `reliability` and `cost`: questions and rows. */
import type { Fault, Usage } from "../errors.ts";

/**
 * Tries of a time, counted: one row for each provider, model and way of asking. Simulated runs are left out unless asked for, and
 * so is a try without a recorded end, because it says nothing about its provider.
 */
export interface RungCount {
  readonly provider: string;
  readonly model: string;
  readonly stream: boolean;
  readonly tries: number;
  readonly answered: number;
  /** First tries of a call, and how many of them were answered. */
  readonly firstTries: number;
  readonly firstAnswered: number;
  readonly repaired: number;
  /** Failed tries by fault. */
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  readonly usage: Usage;
  /** Of tries whose price is known. */
  readonly costMicroUsd: number;
  /** Tries that were answered or are known to have used tokens, whose price is not known. */
  readonly unpriced: number;
}

/** How a call got its answer: at once, by a repair alone, by another try, with streaming off, from another model; or it got none. */
export const waysToAnswer = ["first", "repair", "again", "stream_off", "fallback", "none"] as const;
export type WayToAnswer = (typeof waysToAnswer)[number];

/** Ended calls of a time, counted by what they asked first and what it took: one row for each provider, model, way of asking and way to the answer. */
export interface HealingCount {
  /** Of the first try. */
  readonly provider: string;
  readonly model: string;
  readonly stream: boolean;
  readonly by: WayToAnswer;
  readonly calls: number;
  /** Runs whose first call of all is among them. */
  readonly runs: number;
  /** Tries beyond the first of each call. */
  readonly extraTries: number;
  /** Time from the start of the first try to the start of the last. */
  readonly lostMs: number;
  /** What the tries that failed are known to have used. */
  readonly lost: Usage;
  /** Of failed tries whose price is known. */
  readonly lostMicroUsd: number;
}

/**
 * Runs of a time, counted: one row for each job, day (UTC, `2026-11-25`) and model (the one used, or else asked for). What was
 * skipped or missed started nothing and is left out.
 */
export interface CostRow {
  readonly jobId: string;
  readonly jobName: string;
  readonly day: string;
  readonly model: string;
  readonly runs: number;
  /** Ended as `failed`, `timed_out`, `interrupted`, `blocked` or `unknown`. */
  readonly failed: number;
  readonly usage: Usage;
  readonly costMicroUsd: number;
  /** Runs that were answered or are known to have used tokens, none of whose tries has a known price. */
  readonly unpriced: number;
}

export interface CountQuery {
  /** Started at or after, epoch ms. */
  readonly since: number;
  readonly jobId?: string;
  /** Simulated runs as well. Default false. */
  readonly simulated?: boolean;
}
