/** The shapes of a schedule, one a kind. */
import * as v from "valibot";
import { readBlackout } from "./blackout.ts";
import { readCron } from "./cron.ts";
import { formatDuration, readDuration } from "./duration.ts";
import { readTime } from "./instant.ts";
import { oneOf, oneOrMore, zone } from "./leaves.ts";
import { isWhole, leaf, optional, shape, type Hint } from "./shape.ts";

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

/** A time as it was written: what zone it is of is known with the whole schedule. */
function time(example: string) {
  const hint = { expects: "an instant as ISO 8601", example: JSON.stringify(example), json: { type: ["string", "integer"] } };
  return leaf(hint, (found) => {
    const value = readTime(found);
    if (value !== undefined) return { value };
    const dated = typeof found === "string" && /^\d{4}-\d{2}-\d{2}/.test(found);
    return dated ? { problem: `${JSON.stringify(found.slice(0, 60))} is not an instant that exists` } : {};
  });
}

const at = time("2027-01-31T09:00:00Z");

/** The longest stagger; OpenClaw's default for the full hour is five minutes. */
export const longestStaggerMs = 7 * 24 * hour;
const staggerHint = { expects: "a whole number of milliseconds", example: "300000" };
const staggerMs = leaf({ ...staggerHint, json: { type: "integer", minimum: 0, maximum: longestStaggerMs } }, (found) => {
  if (typeof found === "string") {
    const read = readDuration(found);
    return "ms" in read
      ? { suggestion: `write "staggerMs": ${read.ms}, or "stagger": ${JSON.stringify(found.slice(0, 40))}` }
      : {};
  }
  if (!isWhole(found)) return {};
  if (found < 0) return { problem: "may not be negative" };
  if (found <= longestStaggerMs) return { value: found };
  return { problem: `${found} ms is more than ${formatDuration(longestStaggerMs)}, the longest stagger` };
});

const blackoutHint = { expects: "a blackout, or a list of them", example: `"22:00-06:00"` };
const blackout = leaf({ ...blackoutHint, expects: "a blackout", json: { type: "string", pattern: "\\S" } }, readBlackout);

/** What every kind of schedule that fires by itself may say beside its rule. */
const bounds = {
  tz: optional("IANA zone of its clocks. Default the configuration's `timezone`, else the machine's.", zone),
  staggerMs: optional("A slot is answered up to so much later, each job always by the same share of it. Default 0.", staggerMs),
  startAt: optional("No slots before it; without an offset a time of the schedule's zone.", time("2027-01-01")),
  endAt: optional("No slots from then on; a date alone is its last day.", time("2027-03-31")),
  blackout: optional("Times in which nothing begins: `22:00-06:00`, `sat,sun`, …", oneOrMore(blackoutHint, blackout, 50)),
};

/** Where what people write into a schedule is said instead. */
const elsewhere = {
  timezone: `did you mean "tz"?`,
  timeZone: `did you mean "tz"?`,
  jitter: `did you mean "stagger"?`,
  splay: `did you mean "stagger"?`,
  start: `did you mean "startAt"?`,
  startDate: `did you mean "startAt"?`,
  end: `did you mean "endAt"?`,
  endDate: `did you mean "endAt"?`,
  until: `did you mean "endAt"?`,
  exclude: `did you mean "blackout"?`,
  except: `did you mean "blackout"?`,
  quietHours: `did you mean "blackout"?`,
  catchUp: `belongs beside "schedule", not in it`,
  overlap: `belongs beside "schedule", not in it`,
  group: `belongs beside "schedule", not in it`,
};

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
/** Further keys that may be written: they are put elsewhere before the check. */
const also = ["stagger"];
export const schedules = {
  cron: shape(scheduleHint, { kind, expr, ...bounds }, { ...elsewhere, cron: `write it as "expr"` }, also),
  every: shape(
    scheduleHint,
    { kind, everyMs, anchorMs: v.exactOptional(anchorMs), ...bounds },
    {
      ...elsewhere,
      every: `write "everyMs" in milliseconds, such as 1800000 for 30 minutes`,
      interval: `write "everyMs" in milliseconds`,
    },
    also,
  ),
  at: shape(scheduleHint, { kind, at, ...bounds }, { ...elsewhere, atMs: `write it as "at"` }, also),
  boot: shape(scheduleHint, { kind, ...bounds }, elsewhere, also),
  manual: shape(scheduleHint, { kind, tz: bounds.tz }, elsewhere),
};
