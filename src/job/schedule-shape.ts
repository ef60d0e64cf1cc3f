/** The shapes of a schedule, one a kind. */
import * as v from "valibot";
import { readCron } from "./cron.ts";
import { formatDuration, readDuration } from "./duration.ts";
import { readInstant } from "./instant.ts";
import { oneOf, zone } from "./leaves.ts";
import { ignored, isWhole, leaf, shape, type Hint } from "./shape.ts";

const second = 1_000;
const hour = 3_600_000;

const expr = leaf(
  { expects: "a cron expression", example: `"0 12 * * *"`, json: { type: "string", pattern: "\\S" } },
  (found) => {
    if (typeof found !== "string") return {};
    const read = readCron(found);
    return "problem" in read ? read : { value: found.trim() };
  },
);

const everyHint = { expects: "a whole number of milliseconds from 1000 on", example: "1800000" };
const everyMs = leaf({ ...everyHint, json: { type: "integer", minimum: second } }, (found) => {
  if (typeof found === "string") {
    const read = /^\d+$/.test(found) ? { ms: Number(found) } : readDuration(found);
    return "ms" in read
      ? {
          problem: `expected milliseconds, found ${JSON.stringify(found.slice(0, 40))}`,
          suggestion: `write "everyMs": ${read.ms}`,
        }
      : {};
  }
  if (!isWhole(found)) return {};
  const value = found;
  if (value < second) {
    const problem = `${value} ms is less than 1 second, the least interval`;
    return value > 0
      ? { problem, suggestion: `"everyMs" counts milliseconds: for ${value} seconds, write ${value * second}` }
      : { problem };
  }
  const most = 10 * 365 * 24 * hour;
  return value > most ? { problem: `${value} ms is more than ${formatDuration(most)}, the longest interval` } : { value };
});

const anchorMs = leaf(
  { expects: "epoch milliseconds", example: "1772000000000", json: { type: "integer", minimum: 0 } },
  (found) => {
    return isWhole(found) && found >= 0 && found < 253_402_300_800_000 ? { value: found } : {};
  },
);

const at = leaf(
  { expects: "an instant as ISO 8601", example: `"2027-01-31T09:00:00Z"`, json: { type: ["string", "integer"] } },
  (found) => {
    const ms = readInstant(found);
    if (ms !== undefined) return { value: new Date(ms).toISOString() };
    const dated = typeof found === "string" && /^\d{4}-\d{2}-\d{2}/.test(found);
    return dated ? { problem: `${JSON.stringify(found.slice(0, 60))} is not an instant that exists` } : {};
  },
);

const kinds = ["cron", "every", "at", "boot", "manual"] as const;
const otherKinds = {
  "on-exit": `schedules of kind "on-exit" are not carried out: cron, every, at, boot or manual`,
  stream: `schedules of kind "stream" are not carried out: cron, every, at, boot or manual`,
};
export const scheduleKind = shape({ expects: "an object", example: "{}" }, { kind: oneOf(kinds, otherKinds) });

export const scheduleHint: Hint = {
  expects: "an object",
  example: `{ "kind": "cron", "expr": "0 12 * * *", "tz": "Europe/London" }`,
};
const kind = leaf({ expects: "a kind", example: `"cron"` }, (found) => ({ value: found }));
const cronHome = { cron: `write it as "expr"`, timezone: `did you mean "tz"?`, timeZone: `did you mean "tz"?` };
export const schedules = {
  cron: shape(scheduleHint, { kind, expr, tz: v.exactOptional(zone), staggerMs: v.exactOptional(ignored()) }, cronHome),
  every: shape(
    scheduleHint,
    { kind, everyMs, anchorMs: v.exactOptional(anchorMs), staggerMs: v.exactOptional(ignored()) },
    { every: `write "everyMs" in milliseconds, such as 1800000 for 30 minutes`, interval: `write "everyMs" in milliseconds` },
  ),
  at: shape(
    scheduleHint,
    { kind, at },
    { tz: `write the offset within "at", such as "2027-01-31T09:00:00+01:00"`, atMs: `write it as "at"` },
  ),
  boot: shape(scheduleHint, { kind }),
  manual: shape(scheduleHint, { kind }),
};
