/** Time zones as offsets from UTC: whether a name is one, and when its clocks are next changed. */

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(zone: string): Intl.DateTimeFormat {
  let known = formatters.get(zone);
  if (known === undefined) {
    known = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "longOffset" });
    formatters.set(zone, known);
  }
  return known;
}

export function isKnownZone(name: string): boolean {
  try {
    formatterOf(name);
    return true;
  } catch {
    return false;
  }
}

/** Minutes the zone is ahead of UTC at that instant. @throws RangeError for a zone that does not exist. */
export function offsetMinutes(zone: string, at: number): number {
  const part = formatterOf(zone)
    .formatToParts(at)
    .find(({ type }) => type === "timeZoneName");
  const [, sign = "+", hours = "0", minutes = "0"] = /GMT([+-])(\d\d):(\d\d)/.exec(part?.value ?? "") ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

export interface OffsetChange {
  /** The first instant with the new offset, epoch ms, to the second. */
  readonly at: number;
  readonly beforeMinutes: number;
  readonly afterMinutes: number;
}

const stepMs = 6 * 3_600_000;

/** The first change of the offset after `from` and at or before `to`, epoch ms. Changes that undo each other within six hours are not seen. */
export function nextOffsetChange(zone: string, from: number, to: number): OffsetChange | undefined {
  const beforeMinutes = offsetMinutes(zone, from);
  let low = from;
  let high = from;
  while (high < to) {
    low = high;
    high = Math.min(high + stepMs, to);
    if (offsetMinutes(zone, high) !== beforeMinutes) break;
  }
  if (offsetMinutes(zone, high) === beforeMinutes) return undefined;
  while (high - low > 1_000) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMinutes(zone, middle) === beforeMinutes) low = middle;
    else high = middle;
  }
  return { at: Math.floor(high / 1_000) * 1_000, beforeMinutes, afterMinutes: offsetMinutes(zone, high) };
}
