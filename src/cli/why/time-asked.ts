/** The time that `explain --at` is asked about, as people write it. Pure. */
import { UsageError } from "../../errors.ts";
import { readTime } from "../../job/instant.ts";
import { clockAt, instantOf, instantsOf } from "../../job/local-time.ts";

export interface TimeAsked {
  /** Epoch ms; of a time that the clocks jump over, the jump. */
  readonly at: number;
  /** How long it lasts as it was written: a second, a minute or a day. */
  readonly spanMs: number;
  /** The clocks of the zone jump over it on that day. */
  readonly skipped: boolean;
  /** They show it a second time then. */
  readonly again?: number;
  /** As it was understood, on the clocks of the zone: `2026-11-25 09:00`. */
  readonly local: string;
}

const day = 86_400_000;
const forms =
  "Write now, 09:00, yesterday, yesterday 09:00, 2026-11-24T09:00, 2026-11-24 or, with an offset, 2026-11-24T09:00+01:00.";

/**
 * `now`; `09:00` is the last time that the zone's clocks showed it; `today`, `yesterday` and `yesterday 09:00`; a date, with or without a time; one with an offset is that
 * instant whatever the zone.
 * @throws UsageError that says what can be written
 */
export function timeAsked(written: string, now: number, zone: string): TimeAsked {
  const text = written.trim();
  if (/^now$/i.test(text)) return { at: now, spanMs: 1_000, skipped: false, local: localText(clockAt(zone, now), 1_000) };
  const whole = /^(?:today|(yesterday))$/i.exec(text);
  if (whole !== null) return local(zone, (Math.floor(clockAt(zone, now) / day) - (whole[1] === undefined ? 0 : 1)) * day, day);
  const clock = /^(?:(today|yesterday) +)?(\d{1,2}):(\d{2})(?::(\d{2}))?$/i.exec(text);
  if (clock !== null) {
    const [, when, hours, minutes, seconds] = clock;
    if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds ?? 0) > 59) throw refused(written);
    const today = Math.floor(clockAt(zone, now) / day) * day;
    const time = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds ?? 0)) * 1_000;
    const back = when === undefined ? today + time > clockAt(zone, now) : when.toLowerCase() === "yesterday";
    return local(zone, today + time - (back ? day : 0), seconds === undefined ? 60_000 : 1_000);
  }
  const time = readTime(text);
  if (time === undefined) throw refused(written);
  const spanMs = time.day ? day : /\d:\d\d:\d\d/.test(text) || !text.includes(":") ? 1_000 : 60_000;
  if (!time.fixed) return local(zone, time.ms, spanMs);
  return { at: time.ms, spanMs, skipped: false, local: localText(clockAt(zone, time.ms), spanMs) };
}

function local(zone: string, ms: number, spanMs: number): TimeAsked {
  const instants = instantsOf(zone, ms);
  const [, again] = instants;
  return {
    at: instantOf(zone, ms),
    spanMs,
    skipped: instants.length === 0,
    local: localText(ms, spanMs),
    ...(again === undefined ? {} : { again }),
  };
}

function localText(ms: number, spanMs: number): string {
  const [date = "", time = ""] = new Date(ms).toISOString().split("T");
  if (spanMs === day) return date;
  return `${date} ${time.slice(0, spanMs === 60_000 ? 5 : 8)}`;
}

function refused(written: string): UsageError {
  return new UsageError(`--at: ${JSON.stringify(written)} is no time`, { suggestion: forms });
}
