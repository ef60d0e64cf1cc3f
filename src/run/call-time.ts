/** How much time a call has: its own limit, or what its attempt and its run leave of theirs. Pure. */

/** Kept of an attempt's time so that an answer still reaches the turn and the turn can end: 2 s, of short attempts a tenth. */
export const answerReserveMs = 2_000;

/**
 * Kept for a model that was not asked yet: as long as the default limit on a first byte. Without it one silent model would take
 * all there is, and no fallback would be reached.
 */
export const nextModelMs = 120_000;

/** The name of the budget's limit on time, as people write it. */
export const timeBudget = "limits.seconds";

export interface CallTime {
  /** The effective limit of the call. */
  readonly callMs: number;
  /** The limit that sets it, as people write it. */
  readonly callLimit: string;
}

/**
 * The effective limit of a call that begins now.
 * @param attempt what is left of the attempt (which is never more than what is left of the run), and the limit that ends it.
 */
export function callTime(callMs: number, attempt?: { readonly leftMs: number; readonly limit: string }): CallTime {
  if (attempt === undefined) return { callMs, callLimit: "limits.call" };
  const usableMs = attempt.leftMs - Math.min(answerReserveMs, attempt.leftMs / 10);
  return usableMs < callMs ? { callMs: usableMs, callLimit: attempt.limit } : { callMs, callLimit: "limits.call" };
}

/** The call's time, or what is left of the budget's if that is less. */
export function leastTime(time: CallTime, budgetLeftMs: number): CallTime {
  return budgetLeftMs < time.callMs ? { callMs: budgetLeftMs, callLimit: timeBudget } : time;
}

/** What a try may take of the time that is left: half of it, or all but `nextModelMs`, if a model waits that was not asked yet. */
export function timeOfTry(leftMs: number, another: boolean): number {
  return another ? leftMs - Math.min(nextModelMs, leftMs / 2) : leftMs;
}
