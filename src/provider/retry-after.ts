/**
 * How long a provider asks to be left alone. Pure: `now` is an argument. The sources in their order: the body's
 * `availability.retry_after`, `retry-after-ms`, `retry-after` (RFC 9110: seconds or a date), the reset times of exhausted
 * rate-limit buckets, reset times in the words of a quota message. Whoever waits takes the result as a minimum.
 */
import type { Fault } from "../errors.ts";
import type { ErrorBody } from "./error-body.ts";

export interface DelayFacts {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
  /** The class, because reset headers come with *every* answer of some providers and mean nothing for a server fault. */
  readonly fault: Fault;
  /** Epoch ms. */
  readonly now: number;
}

/** A longer wait is taken as this long; no plan window is longer than a month. */
export const longestRetryAfterMs = 32 * 24 * 3_600_000;

/** Words beyond this are prose. */
const longestSearched = 4_000;

/** Classes that pass with time; only for these do reset times count. */
const waitable: ReadonlySet<Fault> = new Set<Fault>(["rate_limit", "quota_window", "overloaded"]);

/** Milliseconds to wait at least, or `undefined` when the provider does not say. Never negative, never above `longestRetryAfterMs`. */
export function retryAfterMs(facts: DelayFacts): number | undefined {
  const headers = { ...facts.body.innerHeaders, ...facts.headers };
  // An absolute time is compared with the provider's own clock, where it tells it: this machine's may be wrong by hours.
  const now = dateOf(facts.headers["date"]) ?? facts.now;
  const candidates = [
    () => seconds(facts.body.availability?.retryAfter),
    () => plainNumber(headers["retry-after-ms"]),
    () => secondsOrDate(headers["retry-after"], now),
    () => (waitable.has(facts.fault) ? fromFields(facts.body.fields, now) : undefined),
    () => (waitable.has(facts.fault) ? fromBuckets(headers, now) : undefined),
    () => (waitable.has(facts.fault) ? fromWords(facts.body.message.slice(0, longestSearched), now) : undefined),
  ];
  for (const candidate of candidates) {
    const ms = candidate();
    if (ms !== undefined && Number.isFinite(ms)) return Math.min(Math.max(0, Math.ceil(ms)), longestRetryAfterMs);
  }
  return undefined;
}

function secondsOrDate(value: string | undefined, now: number): number | undefined {
  const number = plainNumber(value);
  if (number !== undefined) return number * 1000;
  const date = dateOf(value);
  return date === undefined ? undefined : date - now;
}

/** `resets_in_seconds` and `resets_at` (Codex), `retry_after`, `retry_after_ms` in an error object. */
function fromFields(fields: { readonly [key: string]: unknown }, now: number): number | undefined {
  const milliseconds = fields["retry_after_ms"];
  if (typeof milliseconds === "number") return milliseconds;
  for (const name of ["resets_in_seconds", "retry_after", "retry_after_seconds"]) {
    const value = fields[name];
    if (typeof value === "number") return value * 1000;
  }
  for (const name of ["resets_at", "reset_at", "next_reset_time", "nextResetTime"]) {
    const value = fields[name];
    if (typeof value === "number" || typeof value === "string") return instant(String(value), now);
  }
  return undefined;
}

/**
 * Reset times of rate-limit buckets. Where `remaining` is told, only an empty bucket counts, and the latest of them; where it
 * is not told, the earliest reset is all that is certain.
 */
function fromBuckets(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const empty: number[] = [];
  const unsaid: number[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const remainingName = /^(?:anthropic-ratelimit-.+|anthropic-ratelimit)-reset$/.test(name)
      ? name.replace(/-reset$/, "-remaining")
      : /^x-ratelimit-reset(?:-|$)/.test(name)
        ? name.replace("-reset", "-remaining")
        : undefined;
    if (remainingName === undefined) continue;
    const ms = instant(value, now);
    if (ms === undefined) continue;
    const remaining = plainNumber(headers[remainingName]);
    if (remaining === undefined) unsaid.push(ms);
    else if (remaining <= 0) empty.push(ms);
  }
  if (empty.length > 0) return Math.max(...empty);
  return unsaid.length > 0 ? Math.min(...unsaid) : undefined;
}

/** A point in time or a duration, as ms from now: RFC 3339, `6m0s`, epoch seconds or milliseconds, plain seconds. */
function instant(value: string, now: number): number | undefined {
  const number = plainNumber(value);
  if (number !== undefined) {
    if (number > 1e11) return number - now;
    if (number > 1e8) return number * 1000 - now;
    return number * 1000;
  }
  const duration = durationOf(value);
  if (duration !== undefined) return duration;
  const date = dateOf(value);
  return date === undefined ? undefined : date - now;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Go's and people's durations: `6m0s`, `1h2m3.5s`, `20ms`, `5 hours 3 minutes`. */
function durationOf(text: string): number | undefined {
  const part =
    /(\d{1,15}(?:\.\d{1,9})?)\s{0,5}(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)\b|(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h|d)(?=\d)/gy;
  let total: number | undefined;
  let at = 0;
  while (at < text.length) {
    part.lastIndex = at;
    const found = part.exec(text);
    if (found === null) return undefined;
    const unit = (found[2] ?? found[4] ?? "").toLowerCase();
    const factor = unitMs[/^mil|^ms/.test(unit) ? "ms" : (unit[0] ?? "")];
    if (factor === undefined) return undefined;
    total = (total ?? 0) + Number(found[1] ?? found[3]) * factor;
    at = part.lastIndex;
    at += /^(?:\s|,|and)*/.exec(text.slice(at))?.[0].length ?? 0;
  }
  return total;
}

/**
 * Reset times in words: z.ai 1308 and 1310, Codex, Kimi, Anthropic's usage limits. A date without a zone is China's (+08:00): the
 * one provider that writes such dates, z.ai/BigModel, is there; were it UTC, the wait would be too short by 8 h and simply end in
 * the same message again.
 */
function fromWords(words: string, now: number): number | undefined {
  if (!/reset|regain|again|retry|重置|restor|renew|available|wait/i.test(words)) return undefined;
  const absolute =
    /(\d{4}-\d{2}-\d{2})(?:[T ]|\s{1,5}at\s{1,5})(\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)\s{0,5}(Z|UTC|GMT|[+-]\d{2}:?\d{2})?/i.exec(
      words,
    );
  if (absolute !== null) {
    const zone = absolute[3] ?? "+08:00";
    const date = Date.parse(
      `${absolute[1]}T${absolute[2]}${/^(?:Z|UTC|GMT)$/i.test(zone) ? "Z" : zone.replace(/^([+-]\d{2})(\d{2})$/, "$1:$2")}`,
    );
    if (Number.isFinite(date)) return date - now;
  }
  const relative =
    /(?:\bin|\bafter|\bwait)\s{1,5}((?:about\s{1,5}|~)?(?:\d{1,15}(?:\.\d{1,9})?\s{0,5}[a-z]{1,20}(?:\s{0,5},?\s{0,5}(?:and\s{1,5})?)?){1,2000})/i.exec(
      words,
    );
  const duration = relative === null ? undefined : firstDuration(relative[1] ?? "");
  if (duration !== undefined) return duration;
  const epoch = /\b(1[6-9]\d{8}|2\d{9})(\d{3})?\b/.exec(words);
  return epoch === null ? undefined : instant(epoch[0], now);
}

/** The longest head of the text that reads as a duration. */
function firstDuration(text: string): number | undefined {
  const head = text.replace(/^(?:about\s{1,5}|~)/i, "");
  const parts =
    /^(?:\d{1,15}(?:\.\d{1,9})?\s{0,5}(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])[\s,]{0,10}(?:and\s{1,5})?|\d{1,15}(?:\.\d{1,9})?(?:ms|s|m|h|d)(?=\d)){1,2000}/i.exec(
      head,
    );
  return parts === null
    ? undefined
    : durationOf(
        parts[0]
          .trim()
          .replace(/(?:,|\band)$/i, "")
          .trim(),
      );
}

function plainNumber(value: string | undefined): number | undefined {
  if (value === undefined || !/^\s*\d+(?:\.\d+)?\s*$/.test(value)) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** RFC 9110 dates and RFC 3339 instants; words that are neither are not dates, whatever `Date.parse` makes of them. */
function dateOf(value: string | undefined): number | undefined {
  if (value === undefined || !/^\s*(?:[A-Za-z]{3,9},? \d|\d{4}-\d{2}-\d{2}[T ])/.test(value)) return undefined;
  const date = Date.parse(value);
  return Number.isFinite(date) ? date : undefined;
}

const seconds = (value: number | undefined): number | undefined => (value === undefined || value < 0 ? undefined : value * 1000);
