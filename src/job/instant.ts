/**
 * Instants as job files write them: ISO 8601 with a zone or offset, or without one, which means UTC as in OpenClaw; a date
 * alone is its midnight in UTC; digits are epoch milliseconds. Days that do not exist are refused, not rolled over.
 */
const form = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/i;

/** A time as it was written. */
export interface WrittenTime {
  /** Epoch ms; of one without an offset as if its clocks were UTC's. */
  readonly ms: number;
  /** It says its offset, or is epoch milliseconds: an instant, whatever the zone. */
  readonly fixed: boolean;
  /** A date alone, which is a whole day. */
  readonly day: boolean;
}

/** Epoch milliseconds, or undefined for what is not an instant between the years 1970 and 9999. */
export function readInstant(found: unknown): number | undefined {
  return readTime(found)?.ms;
}

/** What was written, or undefined for what is no time between the years 1970 and 9999. */
export function readTime(found: unknown): WrittenTime | undefined {
  if (typeof found === "number" || (typeof found === "string" && /^\d{12,15}$/.test(found))) {
    const ms = Number(found);
    const known = Number.isSafeInteger(ms) && ms >= 100_000_000_000 && ms < 253_402_300_800_000;
    return known ? { ms, fixed: true, day: false } : undefined;
  }
  const match = typeof found === "string" && found.length <= 60 ? form.exec(found.trim()) : null;
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  if (
    year === undefined ||
    month === undefined ||
    day === undefined ||
    hour === undefined ||
    minute === undefined ||
    second === undefined
  )
    return undefined;
  const fraction = Math.floor(Number(`0.${match[7] ?? "0"}`) * 1_000);
  const local = Date.UTC(year, month - 1, day, hour, minute, second, fraction);
  const back = new Date(local);
  const real = back.getUTCMonth() === month - 1 && back.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!real || year < 1970) return undefined;
  const offset = readOffset(match[8] ?? "Z");
  if (offset === undefined) return undefined;
  return { ms: local - offset, fixed: match[8] !== undefined, day: match[4] === undefined };
}

function readOffset(text: string): number | undefined {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})?$/.exec(text) ?? [];
  if (sign === undefined) return 0;
  const total = Number(hours) * 60 + Number(minutes ?? 0);
  if (Number(hours) > 14 || Number(minutes ?? 0) > 59) return undefined;
  return (sign === "-" ? -total : total) * 60_000;
}
