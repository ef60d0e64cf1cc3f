/** A time as people write it on the command line: of `explain --at` one that has been, of `--until` one to come. Pure. */
import { UsageError } from "../errors.ts";
import { readDuration } from "../job/duration.ts";
import { readTime } from "../job/instant.ts";
import { clockAt, instantOf, instantsOf } from "../job/local-time.ts";

/** Which option is read, and whether a time without a date, or a day of the week, is the last one or the next. */
export interface Asking {
  readonly option: string;
  readonly towards: "past" | "future";
}

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

const ofThePast: Asking = { option: "--at", towards: "past" };
const day = 86_400_000;
const fixedForms = "2026-11-24T09:00, 2026-11-24 or, with an offset, 2026-11-24T09:00+01:00";
const forms: Readonly<Record<Asking["towards"], string>> = {
  past: `Write now, 2h ago, 09:00, yesterday, yesterday 09:00, monday, ${fixedForms}.`,
  future: `Write in 2h, 09:00, tomorrow, tomorrow 09:00, monday, monday 09:00, ${fixedForms}.`,
};

/**
 * `2h ago` (or `in 2h`) counts from now; `09:00` is the last (or the next) time that the zone's clocks showed (or will show) it; `monday` the last or next one that is not today; with a
 * day or without: `now`, `today`, `yesterday`, `tomorrow`; a date, with or without a time; one with an offset is that instant whatever the zone.
 * @throws UsageError that says what can be written
 */
export function timeAsked(written: string, now: number, zone: string, asking: Asking = ofThePast): TimeAsked {
  const text = written.trim();
  if (/^now$/i.test(text)) return { at: now, spanMs: 1_000, skipped: false, local: localText(clockAt(zone, now), 1_000) };
  const from = fromNow(text, now, asking);
  if (from !== undefined) return { ...from, skipped: false, local: localText(clockAt(zone, from.at), from.spanMs) };
  const spoken = spokenTime(text, clockAt(zone, now), asking);
  if (spoken !== undefined) return local(zone, spoken.ms, spoken.spanMs);
  const time = readTime(text);
  if (time === undefined)
    throw new UsageError(`${asking.option}: ${JSON.stringify(written.slice(0, 100))} is no time`, {
      suggestion: forms[asking.towards],
    });
  const spanMs = time.day ? day : /\d:\d\d:\d\d/.test(text) || !text.includes(":") ? 1_000 : 60_000;
  if (!time.fixed) return local(zone, time.ms, spanMs);
  return { at: time.ms, spanMs, skipped: false, local: localText(clockAt(zone, time.ms), spanMs) };
}

/**
 * `2h ago`, also as `status` writes it (`1 h 5 min ago`), or of what is to come `in 2h`. Of what has been, the whole minute in which that
 * lies is meant, or the second where the duration has seconds.
 */
function fromNow(text: string, now: number, { towards }: Asking): Pick<TimeAsked, "at" | "spanMs"> | undefined {
  const written = (towards === "past" ? /^(.+?) +ago$/i : /^in +(.+)$/i).exec(text)?.[1];
  const spelt = written?.toLowerCase().replaceAll(/(\d) *(s|m|h|d)(?:ec|econd|in|inute|r|our|ay)?s?(?= *\d| *$)/g, "$1$2");
  const read = readDuration(spelt);
  if (!("ms" in read)) return undefined;
  const spanMs = read.ms % 60_000 === 0 ? 60_000 : 1_000;
  const at = towards === "future" ? now + read.ms : Math.floor((now - read.ms) / spanMs) * spanMs;
  return { at, spanMs };
}

/** A day, a time of day, or both, on clocks that show `clock` now; undefined for anything else. */
function spokenTime(
  text: string,
  clock: number,
  { towards }: Asking,
): { readonly ms: number; readonly spanMs: number } | undefined {
  const [, dayWord, hours, minutes, seconds] = /^([a-z]+)?(?:(?:^| +)(\d{1,2}):(\d{2})(?::(\d{2}))?)?$/i.exec(text) ?? [];
  if (dayWord === undefined && hours === undefined) return undefined;
  const today = Math.floor(clock / day);
  const named = dayWord === undefined ? today : dayOf(dayWord.toLowerCase(), today, towards);
  if (named === undefined) return undefined;
  if (hours === undefined) return { ms: named * day, spanMs: day };
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds ?? 0) > 59) return undefined;
  const ms = named * day + (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds ?? 0)) * 1_000;
  const other =
    dayWord !== undefined ? 0 : towards === "past" && ms > clock ? -day : towards === "future" && ms <= clock ? day : 0;
  return { ms: ms + other, spanMs: seconds === undefined ? 60_000 : 1_000 };
}

const weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/** The day that a word means, counted from 1970-01-01, a Thursday. */
function dayOf(word: string, today: number, towards: Asking["towards"]): number | undefined {
  if (word === "today") return today;
  if (word === "yesterday") return today - 1;
  if (word === "tomorrow") return today + 1;
  const weekday = word.length < 3 ? -1 : weekdays.findIndex((name) => name.startsWith(word));
  if (weekday < 0) return undefined;
  const ofToday = (today + 4) % 7;
  return towards === "future" ? today + ((weekday - ofToday + 7) % 7 || 7) : today - ((ofToday - weekday + 7) % 7 || 7);
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
