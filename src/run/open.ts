/** What it means for a call that some of its models are left alone (breaker.ts). Pure. */
import type { Fault } from "../errors.ts";
import { faultPolicies } from "./fault.ts";
import { modelName, type Rung } from "./ladder.ts";
import type { OpenModel, Step } from "./step.ts";

/** A way in which a call may still be answered later. */
export interface Hope {
  readonly fault: Fault;
  /** From now on, if somebody said when. */
  readonly retryAfterMs?: number;
}

/** Those whose time has not come. */
export function openAt(open: readonly OpenModel[] = [], now: number): readonly OpenModel[] {
  return open.filter(({ until }) => until > now);
}

export function openFor(rung: Rung, open: readonly OpenModel[]): OpenModel | undefined {
  return open.find((one) => modelName(one) === modelName(rung));
}

/** A fault that does not pass by itself: its time says when somebody looks again, not when it is over. */
const lasts = ({ fault }: OpenModel): boolean => !faultPolicies[fault].newAttempt && faultPolicies[fault].status !== "deferred";

/** Models that time alone will bring back. */
export function hopesOf(open: readonly OpenModel[], now: number): Hope[] {
  return open.filter((one) => !lasts(one)).map(({ until }) => ({ fault: "breaker_open", retryAfterMs: Math.ceil(until - now) }));
}

/**
 * Every model is left alone. If time alone brings one back, the call ends at once with the soonest; nothing was asked. If a person has to
 * mend every one of them, the turn is under way, or it was this run that opened the breaker, the best is asked all the same: it costs no token to be refused once more, and only that says
 * whether it was mended meanwhile.
 */
export function whenAllOpen(
  ladder: readonly Rung[],
  open: readonly OpenModel[],
  { now, leftMs, insist }: { readonly now: number; readonly leftMs: number; readonly insist: boolean },
): Step {
  const own = open.find((one) => one.own === true);
  const passing = own ?? open.filter((one) => !lasts(one)).toSorted((a, b) => a.until - b.until)[0];
  const words = open.map((one) => `${modelName(one)} is ${one.why}`).join("; ");
  if (passing !== undefined && !insist && own === undefined)
    return { kind: "give_up", fault: "breaker_open", why: words, retryAfterMs: Math.ceil(passing.until - now) };
  const passingRung = passing === undefined ? undefined : ladder.find((rung) => modelName(rung) === modelName(passing));
  const rung = passingRung ?? ladder[0];
  if (rung === undefined) return { kind: "give_up", fault: "internal", why: "the ladder has no rung" };
  const reason =
    passing === undefined ? "no other can be asked" : own === undefined ? "the turn is under way" : "this run's retry says so";
  return {
    kind: "try",
    rung,
    waitMs: 0,
    withinMs: leftMs,
    insist: true,
    why: `first try; asked all the same, because ${reason}`,
  };
}
