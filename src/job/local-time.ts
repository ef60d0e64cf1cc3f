/** Clock times of a zone and the instants they name. */
import { nextOffsetChange, offsetMinutes } from "./offset.ts";

const day = 86_400_000;

/** What the zone's clocks show at an instant, as if they were UTC's: epoch ms. @throws RangeError for a zone that does not exist. */
export function clockAt(zone: string, at: number): number {
  return at + offsetMinutes(zone, at) * 60_000;
}

/**
 * The instant at which the zone's clocks show this (`local`: epoch ms as if they were UTC's). A time that the clocks show twice is its
 * first; one that they jump over is the instant of the jump. @throws RangeError for a zone that does not exist.
 */
export function instantOf(zone: string, local: number): number {
  const before = offsetMinutes(zone, local - day);
  const after = offsetMinutes(zone, local + day);
  const candidates = [local - before * 60_000, local - after * 60_000].toSorted((a, b) => a - b);
  const shown = candidates.find((at) => clockAt(zone, at) === local);
  if (shown !== undefined) return shown;
  return (
    nextOffsetChange(zone, (candidates[0] ?? local) - 60_000, (candidates[1] ?? local) + 60_000)?.at ?? local - after * 60_000
  );
}
