/**
 * Time zones as offsets from UTC: whether a name is one, and when its clocks are changed. What Intl says of a zone is asked once for each
 * year, day by day, and kept: an answer then costs next to nothing, and calendars of years can be walked through.
 */

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(zone: string): Intl.DateTimeFormat {
  let known = formatters.get(zone);
  if (known === undefined) {
    // With the hour alone beside the offset it is the fastest that Intl writes.
    known = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset", hour: "2-digit" });
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
  const { beforeMinutes, changes } = zoneYear(zone, new Date(at).getUTCFullYear());
  return changes.findLast((change) => change.at <= at)?.afterMinutes ?? beforeMinutes;
}

export interface OffsetChange {
  /** The first instant with the new offset, epoch ms, to the second. */
  readonly at: number;
  readonly beforeMinutes: number;
  readonly afterMinutes: number;
}

/** The first change of the offset after `from` and at or before `to`, epoch ms. Changes that undo each other within a day are not seen. */
export function nextOffsetChange(zone: string, from: number, to: number): OffsetChange | undefined {
  const last = new Date(to).getUTCFullYear();
  for (let year = new Date(from).getUTCFullYear(); year <= last; year += 1) {
    const found = zoneYear(zone, year).changes.find(({ at }) => at > from);
    if (found !== undefined) return found.at <= to ? found : undefined;
  }
  return undefined;
}

interface ZoneYear {
  /** The offset at the year's beginning, in UTC. */
  readonly beforeMinutes: number;
  readonly changes: readonly OffsetChange[];
}

const day = 86_400_000;
/** Years of zones that are kept, about 300 bytes each. */
const maxYears = 10_000;
const years = new Map<string, ZoneYear>();

function zoneYear(zone: string, year: number): ZoneYear {
  const key = `${year} ${zone}`;
  const known = years.get(key);
  if (known !== undefined) return known;
  if (years.size >= maxYears) years.clear();
  const made = readYear(zone, Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1));
  years.set(key, made);
  return made;
}

function readYear(zone: string, from: number, to: number): ZoneYear {
  const beforeMinutes = askIntl(zone, from);
  const changes: OffsetChange[] = [];
  let minutes = beforeMinutes;
  for (let low = from; low < to; low += day) {
    const end = Math.min(low + day, to - 1);
    for (let after = low; askIntl(zone, end) !== minutes;) {
      const at = changeWithin(zone, after, end, minutes);
      const afterMinutes = askIntl(zone, at);
      changes.push({ at, beforeMinutes: minutes, afterMinutes });
      [after, minutes] = [at, afterMinutes];
    }
  }
  return { beforeMinutes, changes };
}

/** The first second with another offset than `minutes`, which is that at `from` and not that at `to`. */
function changeWithin(zone: string, from: number, to: number, minutes: number): number {
  let [low, high] = [from, to];
  while (high - low > 1_000) {
    const middle = Math.floor((low + high) / 2);
    if (askIntl(zone, middle) === minutes) low = middle;
    else high = middle;
  }
  return Math.floor(high / 1_000) * 1_000;
}

function askIntl(zone: string, at: number): number {
  const [, sign = "+", hours = "0", minutes = "0"] = /GMT([+-])(\d\d):(\d\d)/.exec(formatterOf(zone).format(at)) ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}
