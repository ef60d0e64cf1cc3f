/** The ladder of a call: which models are asked, in which order, with streaming on or off. Pure. */
import type { Fault } from "../errors.ts";
import { faultPolicies } from "./fault.ts";

/** A way to get a call answered: one model of one provider, streamed or not. */
export interface Rung {
  readonly provider: string;
  /** Model id as the provider knows it. */
  readonly model: string;
  readonly stream: boolean;
}

/** That streaming broke for a model, as the ledger keeps it. Times are epoch milliseconds. */
export interface BrokenStream {
  readonly provider: string;
  readonly model: string;
  readonly fault: Fault;
  readonly notedAt: number;
  readonly expiresAt: number;
}

export interface LadderPlan {
  /** Best first. Empty only if `models` is. */
  readonly rungs: readonly Rung[];
  /** What is unusual about it, in words, for `run --dry-run` and the trace. */
  readonly notes: readonly string[];
}

/**
 * Builds the ladder of a job's calls.
 *
 * `stream: "auto"`: each model streamed, then with streaming off. A model whose stream broke lately starts with streaming off; its
 * streamed rung comes after that, for a provider that refuses requests without streaming. `false`: streaming off on the wire from the
 * first try, no streamed rung at all. `true`: streamed only; what is remembered changes nothing, a note says so.
 * A model named twice has its first place.
 */
export function buildLadder(input: {
  readonly models: readonly { readonly provider: string; readonly model: string }[];
  readonly stream: boolean | "auto";
  readonly memories: readonly BrokenStream[];
  readonly now: number;
}): LadderPlan {
  const rungs: Rung[] = [];
  const notes: string[] = [];
  const seen = new Set<string>();
  for (const { provider, model } of input.models) {
    const name = `${provider}/${model}`;
    if (seen.has(name)) {
      notes.push(`${name} is named more than once; its first place counts`);
      continue;
    }
    seen.add(name);
    const broken = input.memories.find((memory) => modelName(memory) === name && memory.expiresAt > input.now);
    const on: Rung = { provider, model, stream: true };
    const off: Rung = { provider, model, stream: false };
    if (input.stream === false) rungs.push(off);
    else if (input.stream === true) rungs.push(on);
    else rungs.push(...(broken === undefined ? [on, off] : [off, on]));
    if (broken !== undefined && input.stream !== false) notes.push(noteOf(name, broken, input.stream, input.now));
  }
  return { rungs, notes };
}

function noteOf(name: string, broken: BrokenStream, stream: true | "auto", now: number): string {
  const told = `${name}: the stream broke (${broken.fault}) on ${new Date(broken.notedAt).toISOString()}`;
  if (stream === true) return `${told}; streamed all the same, because the job says stream: true`;
  return `${told}; starts with streaming off for another ${inWords(broken.expiresAt - now)}`;
}

/** What to remember of a failed try, or `undefined`: only of a streamed rung, and only for faults whose row says so. */
export function brokenStream(rung: Rung, fault: Fault, now: number): BrokenStream | undefined {
  const { rememberMs } = faultPolicies[fault];
  if (!rung.stream || rememberMs === 0) return undefined;
  return { provider: rung.provider, model: rung.model, fault, notedAt: now, expiresAt: now + rememberMs };
}

/** `provider/model`, as in job files. */
export function modelName(of: { readonly provider: string; readonly model: string }): string {
  return `${of.provider}/${of.model}`;
}

/** `provider/model, streamed` or `provider/model, stream off`. */
export function rungName(rung: Rung): string {
  return `${modelName(rung)}, ${rung.stream ? "streamed" : "stream off"}`;
}

export function isSameRung(one: Rung, other: Rung): boolean {
  return isSameModel(one, other) && one.stream === other.stream;
}

export function isSameModel(one: Rung, other: Rung): boolean {
  return one.provider === other.provider && one.model === other.model;
}

/** A duration for people: `250 ms`, `2.5 s`, `20 min`, `3 h`, `6 d`. */
export function inWords(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${rounded(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${rounded(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${rounded(ms / 3_600_000)} h`;
  return `${rounded(ms / 86_400_000)} d`;
}

function rounded(value: number): string {
  return (Math.round(value * 10) / 10).toString();
}
