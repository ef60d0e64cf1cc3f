/**
 * Durations as people write them: a number and its unit, such as `500ms`, `5s`, `2m`, `1h`, `1d`, or several (`1m30s`).
 * A bare number is refused, because nobody can see whether 5 means seconds, minutes or milliseconds; only 0 needs no unit.
 * Fields whose name says their unit (`timeoutSeconds`, `everyMs`) take numbers instead.
 */
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Other spellings of the units, for suggestions only. */
const spellings: Readonly<Record<string, string>> = {
  msec: "ms",
  millis: "ms",
  milliseconds: "ms",
  sec: "s",
  secs: "s",
  second: "s",
  seconds: "s",
  min: "m",
  mins: "m",
  minute: "m",
  minutes: "m",
  hr: "h",
  hrs: "h",
  hour: "h",
  hours: "h",
  day: "d",
  days: "d",
};

/** Reads a duration into whole milliseconds, or says why it cannot be read and what may have been meant. */
export function readDuration(
  found: unknown,
): { readonly ms: number } | { readonly problem: string; readonly suggestion?: string } {
  if (found === 0) return { ms: 0 };
  if (typeof found === "number" && found < 0) return { problem: "may not be negative" };
  if (typeof found === "number") {
    if (!Number.isFinite(found)) return { problem: "" };
    return {
      problem: `${found} has no unit: seconds or milliseconds?`,
      suggestion: `write "${found}s" for seconds or "${found}ms" for milliseconds`,
    };
  }
  if (typeof found !== "string") return { problem: "" };
  const text = found.replaceAll(" ", "");
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) !== 0 && text.length <= 20) {
    return {
      problem: `"${text}" has no unit: seconds or milliseconds?`,
      suggestion: `write "${text}s" for seconds or "${text}ms" for milliseconds`,
    };
  }
  if (text === "0") return { ms: 0 };
  if (text.length > 40 || !/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return unreadable(text, found);
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
    ms += Number(count) * (unitMs[unit ?? ""] ?? Number.NaN);
  return Number.isFinite(ms) ? { ms: Math.round(ms) } : unreadable(text, found);
}

function unreadable(text: string, found: string): { problem: string; suggestion?: string } {
  const [, count, unit] = /^(\d+(?:\.\d+)?)([A-Za-z]+)\.?$/.exec(text) ?? [];
  const low = (unit ?? "").toLowerCase();
  const meant = Object.hasOwn(spellings, low) ? spellings[low] : Object.hasOwn(unitMs, low) ? low : undefined;
  if (count === undefined || meant === undefined) return { problem: "" };
  return { problem: `${JSON.stringify(found)} is not a duration`, suggestion: `write "${count}${meant}"` };
}

/** A duration in the largest units that say it exactly: 90000 → `1m30s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  let left = ms;
  let text = "";
  for (const unit of ["d", "h", "m", "s", "ms"]) {
    const size = unitMs[unit] ?? 1;
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return text;
}
