import { UsageError } from "../errors.ts";

/** The largest seed: 31 bits. */
export const largestSeed = 2 ** 31 - 1;

/**
 * The value of an option that takes a whole number, written in digits.
 * @throws UsageError that names the option, its bounds and what was written.
 */
export function wholeNumber(option: string, written: unknown, least: number, most: number): number {
  const number = typeof written === "string" && /^\d{1,10}$/.test(written) ? Number(written) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`${option} takes a whole number from ${least} to ${most}, not "${String(written)}"`);
}
