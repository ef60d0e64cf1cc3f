/**
 * The breaker of a model, of a provider's address or of a quota, across runs: after repeated failures it is left alone until a time, then
 * one try finds out whether it is back. Pure; the ledger keeps the state, so that a dead model is not asked 16 times in a row by 16 runs.
 *
 * Closed: no state, or failures that are too few. Open: until `openUntil` nobody asks. Half open: afterwards one try of one process may
 * probe; its failure opens again, for longer, and any answer closes. A probe whose process dies is given up when its time is over.
 */
import type { Fault } from "../errors.ts";
import { backoffMs } from "./backoff.ts";
import { breakerRule, type BreakerScope } from "./breaker-rules.ts";

export interface BreakerState {
  /** Failures in a row that count. */
  readonly failures: number;
  /** Open until then, epoch ms; 0 while it is closed. Afterwards it is half open: one try may probe. */
  readonly openUntil: number;
  /** How often it has opened in a row; each time for longer. */
  readonly opened: number;
  /** Somebody probes until then; nobody else may. 0: nobody does. */
  readonly probingUntil: number;
  readonly fault: Fault;
  /** Why, in words. */
  readonly why: string;
  readonly changedAt: number;
}

/** Nobody may ask for now. */
export interface LeftAlone {
  readonly open: true;
  /** From now on, in ms. */
  readonly forMs: number;
  readonly fault: Fault;
  readonly why: string;
  /** The failures of this very run have opened it, by their number. Absent: those of others, or a time that a provider named. */
  readonly own?: true;
}

export type Admission =
  /** `probe`: it was left alone, and this try finds out whether it is back. */
  { readonly open: false; readonly probe: boolean } | LeftAlone;

/** A failed try, as a breaker sees it. */
export interface BreakerFailure {
  readonly fault: Fault;
  /** Whether the try was streamed. */
  readonly stream: boolean;
  readonly retryAfterMs: number | undefined;
  /** Whether this try was let through as the probe. */
  readonly probe: boolean;
}

/** A wait that a provider names counts at once if it is longer than a call sleeps anyway (`longSleepMs` of pause.ts). */
export const askedOpensMs = 60_000;
/** The longest time that is believed: plans have weekly windows, and nothing said by a provider closes a model for good. */
export const longestOpenMs = 7 * 86_400_000;
/** Failures nobody has added to for so long say nothing any more. */
const forgottenMs = 7 * 86_400_000;
/** Random share on top of our own times, and at most so much on top of a provider's: 16 runs must not come back in the same second. */
const jitter = 0.25;
const askedJitterMs = 60_000;

/** Whether a try may begin, and the state afterwards: to be read and written in one step, so that only one process probes. */
export function admit(
  before: BreakerState | undefined,
  now: number,
  probeMs: number,
): { readonly admission: Admission; readonly state: BreakerState | undefined } {
  const state = current(before, now);
  if (state === undefined || state.openUntil === 0) return { admission: { open: false, probe: false }, state };
  const leftAlone = leftAloneAt(state, now);
  if (leftAlone !== undefined) return { admission: leftAlone, state };
  return { admission: { open: false, probe: true }, state: { ...state, probingUntil: now + probeMs, changedAt: now } };
}

/** Whether, and how, a state keeps everybody away. */
export function leftAloneAt(state: BreakerState | undefined, now: number): LeftAlone | undefined {
  if (state === undefined) return undefined;
  const { fault, why, openUntil, probingUntil } = state;
  if (openUntil > now)
    return { open: true, forMs: openUntil - now, fault, why: `${why}, until ${new Date(openUntil).toISOString()}` };
  if (probingUntil <= now) return undefined;
  const words = `${why}; another try is finding out whether it is back`;
  return { open: true, forMs: probingUntil - now, fault, why: words };
}

/** After a failed try. The failure counts for the breaker of its scope only; a probe of the others is given back. */
export function onFailure(
  before: BreakerState | undefined,
  scope: BreakerScope,
  failure: BreakerFailure,
  now: number,
  random: number,
): BreakerState | undefined {
  const state = current(before, now);
  const rule = breakerRule(failure.fault, failure.stream);
  if (rule === undefined || rule.scope !== scope) return failure.probe ? onRelease(state, now) : state;
  const { fault, retryAfterMs = 0 } = failure;
  const failures = (state?.failures ?? 0) + 1;
  const isOpen = (state?.openUntil ?? 0) > 0;
  const asked = retryAfterMs > askedOpensMs ? Math.min(retryAfterMs, longestOpenMs) : 0;
  const why =
    failures === 1 ? `left alone after ${fault}` : `left alone after ${failures} failures in a row, the last one ${fault}`;
  const changed = { failures, fault, why, changedAt: now };
  if (isOpen && state !== undefined && !failure.probe) {
    // A try from before it opened, or one that a person insisted on, knows nothing of when it is back, unless the provider says so.
    return { ...state, ...changed, openUntil: Math.max(state.openUntil, asked === 0 ? 0 : now + asked) };
  }
  if (!failure.probe && failures < rule.after && asked === 0) return { ...changed, openUntil: 0, opened: 0, probingUntil: 0 };
  const opened = (state?.opened ?? 0) + 1;
  const share = Math.min(Math.max(random, 0), 1);
  const forMs =
    asked > 0 ? asked + share * Math.min(askedJitterMs, asked * jitter) : backoffMs(rule.open, opened) * (1 + jitter * share);
  return { ...changed, opened, openUntil: now + Math.ceil(Math.min(forMs, longestOpenMs)), probingUntil: 0 };
}

/** An answer closes it, whoever got it. */
export function onAnswer(): undefined {
  return undefined;
}

/** A probe that has found nothing out (cancelled, or cut short) is given back: the next try may probe. */
export function onRelease(before: BreakerState | undefined, now: number): BreakerState | undefined {
  const state = current(before, now);
  return state === undefined || state.probingUntil === 0 ? state : { ...state, probingUntil: 0, changedAt: now };
}

/** The state as it counts now: one that nobody has touched for long is forgotten, and a clock that was set back opens nothing for years. */
function current(state: BreakerState | undefined, now: number): BreakerState | undefined {
  if (state === undefined) return undefined;
  if (state.changedAt > now) {
    const early = state.changedAt - now;
    return {
      ...state,
      openUntil: state.openUntil === 0 ? 0 : Math.max(1, state.openUntil - early),
      probingUntil: Math.max(0, state.probingUntil - early),
      changedAt: now,
    };
  }
  return now - Math.max(state.openUntil, state.changedAt) > forgottenMs ? undefined : state;
}
