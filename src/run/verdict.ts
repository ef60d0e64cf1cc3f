/** With which fault a call ends that is given up. Pure. */
import { faultPolicies } from "./fault.ts";
import type { TryRecord } from "./history.ts";
import { isSameModel } from "./ladder.ts";
import { hopesOf, type Hope } from "./open.ts";
import type { GiveUp, Moment } from "./step.ts";

/**
 * The end of a call. Its fault is the one with the most hope, so that a wrong key at the fallback does not hide that the first model is merely
 * overloaded, and a window of hours at the first model not that the fallback may be back in seconds:
 *
 * 1. the last, if it stops the call: then the request is the reason, or the end was wanted;
 * 2. the last fault of the first model (in the order of the tries) whose row lets a new attempt make sense within `limits.maxWait`;
 * 3. of those that only later can help, models that are left alone included, the one that is over soonest;
 * 4. the last.
 */
export function verdict({ history, open, policy, now }: Moment, why: string): GiveUp {
  const last = history.at(-1);
  if (last === undefined) return { kind: "give_up", fault: "internal", why };
  const ends = history.filter((record, at) => !history.slice(at + 1).some((later) => isSameModel(later.rung, record.rung)));
  const models = history.filter((record, at) => history.findIndex((other) => isSameModel(other.rung, record.rung)) === at);
  const inOrder: Hope[] = models.flatMap((first) =>
    ends.filter((end) => isSameModel(end.rung, first.rung)).map((end) => ({ fault: end.fault, ...stillAsked(end, now) })),
  );
  const all = [...inOrder, ...hopesOf(open, now)];
  const soon = all.find(
    ({ fault, retryAfterMs = 0 }) => faultPolicies[fault].newAttempt && retryAfterMs <= policy.limits.maxWaitMs,
  );
  const late = all
    .filter(({ fault }) => faultPolicies[fault].newAttempt || faultPolicies[fault].status === "deferred")
    .toSorted((a, b) => (a.retryAfterMs ?? Infinity) - (b.retryAfterMs ?? Infinity))[0];
  const atLast = { fault: last.fault, ...stillAsked(last, now) };
  const chosen = faultPolicies[last.fault].onward === "stop" ? atLast : (soon ?? late ?? atLast);
  return { kind: "give_up", why, ...chosen };
}

/** What is left of the wait that a provider asked for. */
export function stillAsked({ endedAt, retryAfterMs }: TryRecord, now: number): { readonly retryAfterMs?: number } {
  const leftMs = retryAfterMs === undefined ? 0 : Math.ceil(endedAt + retryAfterMs - now);
  return leftMs > 0 ? { retryAfterMs: leftMs } : {};
}
