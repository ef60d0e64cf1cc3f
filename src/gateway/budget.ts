/**
 * What a run may still spend, shared by all its attempts. Each try is billed, also one that failed: the provider bills it as well. Nothing
 * that is under way is thrown away for money already spent: tokens, dollars, calls and turns are looked at before a call and before each
 * try of it, and an answer that came is handed over even if it went over a limit. Time alone ends a try that is under way.
 */
import type { Budget } from "../job/job.ts";
import { timeBudget } from "../run/call-time.ts";
import { modelName } from "../run/ladder.ts";
import type { Meter } from "../run/cost.ts";
import type { RunBudget } from "./gateway.ts";

/** With less time than this nothing can be asked any more; also what a timer may fire too early. */
const leastMs = 50;

export interface BudgetOptions {
  readonly meter: Meter;
  /** Milliseconds that only ever grow. The run's time counts from now on. */
  readonly monotonic: () => number;
  /** Of the run's time, used before now: it is carried on after a wait, which does not count. Default 0. */
  readonly ranMs?: number;
}

/** Opens the budget of a run that begins now, or is carried on. */
export function createBudget(limits: Budget, { meter, monotonic, ranMs = 0 }: BudgetOptions): RunBudget {
  const endsAt = limits.ms === undefined ? Infinity : monotonic() + limits.ms - ranMs;
  let calls = 0;
  let tokens = 0;
  let microUsd = 0;
  const unpriced = new Set<string>();
  const spentTime = (): string | undefined =>
    endsAt - monotonic() < leastMs ? `${timeBudget}: the run's ${Number(limits.ms) / 1_000} s have passed` : undefined;
  return {
    exhausted(before) {
      const spent =
        used("limits.tokens", tokens, limits.tokens, count) ??
        used("limits.usd", microUsd / 1e6, limits.usd, dollars) ??
        spentTime();
      if (before === "try" || spent !== undefined) return spent;
      return used("limits.calls", calls, limits.calls, count) ?? used("limits.turns", calls, limits.turns, count);
    },
    countCall() {
      calls += 1;
    },
    spend(rung, usage) {
      const { tokens: more, costMicroUsd } = meter(rung, usage);
      tokens += more;
      microUsd += costMicroUsd ?? 0;
      if (costMicroUsd === undefined && more > 0) unpriced.add(modelName(rung));
    },
    leftMs: () => endsAt - monotonic(),
    notes: () => (limits.usd === undefined ? [] : [...unpriced].map(noteOf)),
  };
}

function noteOf(model: string): string {
  return `the price of ${model} is not known, so limits.usd does not count it: set it in the configuration, or limit tokens`;
}

function used(name: string, spent: number, limit: number | undefined, words: (value: number) => string): string | undefined {
  return limit !== undefined && spent >= limit ? `${name}: ${words(spent)} of ${words(limit)} used` : undefined;
}

const count = (value: number): string => value.toLocaleString("en-US");
const dollars = (value: number): string =>
  `$${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 6 })}`;
