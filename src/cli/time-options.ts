/** Durations and times as options give them. Pure. */
import { UsageError } from "../errors.ts";
import { readDuration } from "../job/duration.ts";
import type { CommandOptions } from "./command.ts";
import { instantIn } from "./format.ts";
import { timeAsked } from "./time-asked.ts";

/** Milliseconds of an option such as `90s`, `2h` or `1d12h`. @throws UsageError that says what can be written */
export function durationOption(name: string, written: unknown): number {
  const read = readDuration(written);
  if ("ms" in read) return read.ms;
  const suggestion = read.suggestion ?? "Write a number and its unit: 90s, 5m, 2h, 1d.";
  throw new UsageError(`${name}: ${read.problem === "" ? `${JSON.stringify(written)} is not a duration` : read.problem}`, {
    suggestion,
  });
}

/**
 * When something is to end, epoch ms: `--for` so long from now, or `--until` a time to come, on the clocks of the zone unless it says its
 * offset. `undefined` if neither is given.
 * @throws UsageError that says what can be written
 */
export function endOption(options: CommandOptions, now: number, zone: string): number | undefined {
  const { for: lasting, until } = options;
  if (lasting !== undefined && until !== undefined)
    throw new UsageError("--for and --until say the same thing: give one of them");
  if (lasting !== undefined) {
    const ms = durationOption("--for", lasting);
    if (ms === 0) throw new UsageError("--for 0 ends at once");
    return now + ms;
  }
  if (typeof until !== "string") return undefined;
  const { at } = timeAsked(until, now, zone, { option: "--until", towards: "future" });
  if (at <= now)
    throw new UsageError(`--until: ${instantIn(zone, at)} has passed`, {
      suggestion: "Give a time to come, or --for a duration.",
    });
  return at;
}
