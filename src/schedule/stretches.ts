/** The time as a zone's clocks show it: stretches in which they run evenly, cut where they are changed. */
import { nextOffsetChange, offsetMinutes } from "../job/offset.ts";

export interface EvenStretch {
  /** The first instant of it, and the first after it. */
  readonly start: number;
  readonly end: number;
  /** What the clocks are ahead of UTC: an instant of it and this are a clock time. */
  readonly offsetMs: number;
  /** The clock times before this one were shown before it began, or jumped over then; -Infinity where nothing before it was looked at. */
  readonly shown: number;
}

const day = 86_400_000;

/** Clocks that are never changed, by their usual names. */
const unchanged: ReadonlySet<string> = new Set(["UTC", "Etc/UTC"]);

/** So far is looked for the next change at once; a stretch is also cut where nothing changes. */
const lookAheadMs = 60 * day;

/**
 * The stretches from an instant up to, without, another, one after the other. Begun a day before the time that is of interest, they say of every
 * clock time in it whether it was shown before: clocks are never set back by more.
 *
 * @throws RangeError for a zone that does not exist.
 */
export function* evenStretches(zone: string, from: number, to: number): Generator<EvenStretch> {
  if (unchanged.has(zone)) {
    if (to > from) yield { start: from, end: to, offsetMs: 0, shown: -Infinity };
    return;
  }
  let offset = offsetMinutes(zone, from);
  let shown = -Infinity;
  for (let start = from; start < to;) {
    const ahead = Math.min(start + lookAheadMs, to);
    const change = nextOffsetChange(zone, start, ahead);
    const end = change?.at ?? ahead;
    const offsetMs = offset * 60_000;
    yield { start, end, offsetMs, shown };
    shown = Math.max(shown, end + offsetMs);
    offset = change?.afterMinutes ?? offset;
    start = end;
  }
}
