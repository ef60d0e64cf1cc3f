import type { CommandOptions } from "./command.ts";
import { wholeNumber } from "./whole-number.ts";

/** The time that a command looks back on: the number of days asked for, and where they begin. */
export function lookBack(options: CommandOptions, now: number): { readonly days: number; readonly since: number } {
  const days = wholeNumber("--days", options["days"], 1, 36_500);
  return { days, since: now - days * 86_400_000 };
}
