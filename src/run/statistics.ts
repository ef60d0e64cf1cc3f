/** What may be said of a rate after so many trials, and of durations after so many runs. Pure. */

/** Two-sided 95 % of the normal distribution. */
const z95 = 1.959963984540054;

/**
 * Wilson's 95 % interval of a rate seen `hits` times in `trials` (E. B. Wilson, JASA 22, 1927): unlike the textbook's interval it is
 * right for few trials and for rates at 0 and 1, which is where healing should end. Both ends lie in 0…1; no trial says nothing.
 */
export function wilsonInterval(hits: number, trials: number): { readonly low: number; readonly high: number } {
  if (trials === 0) return { low: 0, high: 1 };
  const rate = hits / trials;
  const square = z95 ** 2;
  const middle = rate + square / (2 * trials);
  const half = z95 * Math.sqrt((rate * (1 - rate)) / trials + square / (4 * trials ** 2));
  const scale = 1 + square / trials;
  // Rounding must not push the ends past what was seen.
  return {
    low: hits === 0 ? 0 : Math.max(0, (middle - half) / scale),
    high: hits === trials ? 1 : Math.min(1, (middle + half) / scale),
  };
}

/** The smallest value that at least that share of all values does not exceed (nearest rank); undefined for no values. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
