/** What a run has cost and what was healed in it, counted as it goes. */
import type { Fault, Usage } from "../errors.ts";
import type { GateRecord } from "../ledger/ledger.ts";
import type { Rung } from "../run/ladder.ts";
import type { DoneTool } from "../turn/turn.ts";

export interface Tally {
  attempts: number;
  calls: number;
  tries: number;
  repairs: number;
  faults: Partial<Record<Fault, number>>;
  usage: Usage;
  /** Of the tries whose price is known; undefined while there is none. */
  costMicroUsd: number | undefined;
  /** For the run's record, one line each, without secrets. */
  warnings: string[];
  /** What the turn's tools have done in the attempts so far, oldest first. */
  done: DoneTool[];
  /** What the gate said. */
  gate: GateRecord | undefined;
  /** The rung that answered last. */
  answeredBy: Rung | undefined;
  modelUsed: string | undefined;
}

/** Characters of a tool's input that a later attempt is told. */
export const keptInput = 1_000;

export function newTally(): Tally {
  return {
    attempts: 0,
    calls: 0,
    tries: 0,
    repairs: 0,
    faults: {},
    usage: {},
    costMicroUsd: undefined,
    warnings: [],
    done: [],
    gate: undefined,
    answeredBy: undefined,
    modelUsed: undefined,
  };
}

const counters = ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens"] as const;

/** Tokens of several tries added up: each try is billed, also one that failed. */
export function addUsage(a: Usage, b: Usage): Usage {
  const sum: { -readonly [key in keyof Usage]: number } = {};
  for (const counter of counters) {
    const [left, right] = [a[counter], b[counter]];
    if (left !== undefined || right !== undefined) sum[counter] = (left ?? 0) + (right ?? 0);
  }
  return sum;
}

/** `answered by kimi-coding/k2p5 with streaming off; healed: 2 × stream_order, 1 repair`. */
export function successWords(tally: Tally): string {
  const { answeredBy, faults, repairs } = tally;
  const by =
    answeredBy === undefined
      ? "answered"
      : `answered by ${answeredBy.provider}/${answeredBy.model}${answeredBy.stream ? "" : " with streaming off"}`;
  const healed = Object.entries(faults).map(([fault, count]) => `${count} × ${fault}`);
  if (repairs > 0) healed.push(`${repairs} stream repair${repairs === 1 ? "" : "s"}`);
  return healed.length === 0 ? by : `${by}; healed: ${healed.join(", ")}`;
}
