/** Clock times of a zone and the instants they name. */
import { nextOffsetChange, offsetMinutes } from "./offset.ts";

const day = 86_400_000;

/** What the zone's clocks show at an instant, as if they were UTC's: epoch ms. @throws RangeError for a zone that does not exist. */
export function clockAt(zone: string, at: number): number {
  return at + offsetMinutes(zone, at) * 60_000;
}

/** The instants at which the zone's clocks show this (`local`: epoch ms as if they were UTC's): one, two where clocks are set back, none where they jump over it. */
export function instantsOf(zone: string, local: number): number[] {
  const offsets = new Set([offsetMinutes(zone, local - day), offsetMinutes(zone, local + day)]);
  return [...offsets]
    .map((minutes) => local - minutes * 60_000)
    .filter((at) => clockAt(zone, at) === local)
    .toSorted((a, b) => a - b);
}

/** The first instant at which the zone's clocks show this; of a time that they jump over, the jump. @throws RangeError for a zone that does not exist. */
export function instantOf(zone: string, local: number): number {
  const [first] = instantsOf(zone, local);
  if (first !== undefined) return first;
  const latest = local - offsetMinutes(zone, local - day) * 60_000;
  return nextOffsetChange(zone, latest - day, latest)?.at ?? latest;
}
