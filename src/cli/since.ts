/** Times in the past as people write them. Pure. */
import { UsageError } from "../errors.ts";

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

/**
 * `30m`, `12h`, `7d`, `2w` before now, or a date (UTC) or instant such as `2026-11-01` or `2026-11-01T08:00:00+01:00`; epoch ms.
 * @throws UsageError that says what can be written
 */
export function sinceOf(written: unknown, now: number): number {
  const text = typeof written === "string" ? written.trim() : "";
  const [, number, unit] = /^(\d{1,6})\s*([mhdw])$/.exec(text) ?? [];
  if (number !== undefined && (unit === "m" || unit === "h" || unit === "d" || unit === "w"))
    return now - Number(number) * unitMs[unit];
  const at = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2}))?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new UsageError(`--since takes 30m, 12h, 7d, 2w, or a date such as 2026-11-01, not "${text}"`);
}
