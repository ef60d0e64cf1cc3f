/**
 * Which failures open a breaker, after how many, for how long. Only what says that the next run would fare the same: a request that is
 * refused for what is in it, an answer that is cut, or a stream that breaks where the same model answers without streaming, opens nothing.
 */
import type { Fault } from "../errors.ts";
import type { Wait } from "./fault.ts";

/** What is left alone: one model; every model at the provider's address; every model of the quota (the key or plan). */
export type BreakerScope = "model" | "provider" | "quota";

export interface BreakerRule {
  readonly scope: BreakerScope;
  /** Failures in a row, with nothing answered, that open it. */
  readonly after: number;
  /** How long it is open the first time, and how that grows. A time that the provider names takes its place. */
  readonly open: Wait;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const doubling = (baseMs: number, maxMs: number): Wait => ({ baseMs, factor: 2, maxMs });

/**
 * What fails quickly: more failures than the table of `fault.ts` gives one rung in a row (a try and three more), so that one bad minute of
 * one call opens nothing. OpenRouter leaves a provider alone for the 30 s after an outage; the ceiling keeps a daily job's model within
 * reach of the same hour.
 */
const quick = { after: 5, open: doubling(30 * SECOND, 30 * MINUTE) } as const;
/** What fails after minutes of waiting is not asked as often: LiteLLM allows 3 failures. */
const slow = { after: 3, open: doubling(2 * MINUTE, 30 * MINUTE) } as const;
/** What a person has to mend opens at once; somebody looks every hour. An answer that comes then closes it for everybody. */
const hourly: Wait = { baseMs: HOUR, factor: 1, maxMs: HOUR };

const rules: Readonly<Partial<Record<Fault, BreakerRule>>> = {
  overloaded: { scope: "model", ...quick },
  server: { scope: "model", ...quick },
  empty: { scope: "model", ...quick },
  stream_order: { scope: "model", ...quick },
  stream_broken: { scope: "model", ...quick },
  stream_stall: { scope: "model", ...slow },
  timeout: { scope: "model", ...slow },
  /** An address that nobody answers at costs nothing to try, so it is tried again within 5 minutes. */
  network: { scope: "provider", after: quick.after, open: doubling(30 * SECOND, 5 * MINUTE) },
  rate_limit: { scope: "quota", ...quick },
  /** Until its reset; where no time was named, a quarter of an hour up to the longest rolling window of the coding plans, 5 h. */
  quota_window: { scope: "quota", after: 1, open: doubling(15 * MINUTE, 5 * HOUR) },
  /** No provider names a time; an account is filled within hours or not at all, and a daily job still asks once a day. */
  billing: { scope: "quota", after: 1, open: doubling(5 * HOUR, 24 * HOUR) },
  auth: { scope: "quota", after: 1, open: hourly },
  permission: { scope: "quota", after: 1, open: hourly },
  /** Models that were taken offline do not come back by themselves; a name that is mended is another model. */
  model_gone: { scope: "model", after: 1, open: doubling(HOUR, 24 * HOUR) },
};

/** Broken in its form only: where it was streamed, the same model may well answer without streaming. */
const ofStreams: ReadonlySet<Fault> = new Set<Fault>(["stream_order", "stream_broken", "empty"]);

/** The rule of a failure; undefined if it says nothing about the next run. */
export function breakerRule(fault: Fault, stream: boolean): BreakerRule | undefined {
  return stream && ofStreams.has(fault) ? undefined : rules[fault];
}
