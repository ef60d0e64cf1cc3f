/** Durations and times as options give them. Pure. */
import { UsageError } from "../errors.ts";
import { readDuration } from "../job/duration.ts";

/** Milliseconds of an option such as `90s`, `2h` or `1d12h`. @throws UsageError that says what can be written */
export function durationOption(name: string, written: unknown): number {
  const read = readDuration(written);
  if ("ms" in read) return read.ms;
  const suggestion = read.suggestion ?? "Write a number and its unit: 90s, 5m, 2h, 1d.";
  throw new UsageError(`${name}: ${read.problem === "" ? `${JSON.stringify(written)} is not a duration` : read.problem}`, {
    suggestion,
  });
}
