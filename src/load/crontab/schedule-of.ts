/** The time of a crontab entry as a job's schedule, and as the sets that Debian's rule is computed from. Pure. */
import { readCron, type CronSets } from "../../job/cron.ts";
import { isSameZone, nearestZone, zoneExists } from "../../job/zone.ts";
import type { CrontabEntry } from "./crontab.ts";
import type { CrontabTime } from "./entry.ts";
import type { CronField } from "./fields.ts";

export interface ImportedSchedule {
  /** As a job file has it. */
  readonly value: Readonly<Record<string, unknown>>;
  /** The zone of the entry's times. */
  readonly zone: string;
  /** What the entry means, field by field; absent for `@reboot`. A part that cronie picks at random is the value that was chosen. */
  readonly sets?: CronSets;
  readonly notes: readonly string[];
}

export function scheduleOf(
  { when, settings, unread }: Pick<CrontabEntry, "when" | "settings" | "unread">,
  machineZone: string,
): ImportedSchedule | { readonly problem: string; readonly suggestion: string } {
  const notes: string[] = [];
  if (when.kind === "reboot") {
    notes.push("@reboot: cron starts it when cron itself starts; here it is once after each start of the machine");
    return { value: { kind: "boot" }, zone: machineZone, notes };
  }
  const unreadZone = unread.get("CRON_TZ");
  if (unreadZone !== undefined) {
    const problem = `CRON_TZ, set on line ${unreadZone}, cannot be read, so nobody can say in which zone this line's times are`;
    return { problem, suggestion: `mend line ${unreadZone}, and import again` };
  }
  const set = settings.get("CRON_TZ")?.value ?? "";
  const zone = set === "" ? machineZone : set;
  if (!zoneExists(zone)) {
    const near = nearestZone(zone);
    const suggestion = near === undefined ? "write an IANA zone, such as Europe/London" : `did you mean "${near}"?`;
    return { problem: `CRON_TZ=${zone}, set on line ${settings.get("CRON_TZ")?.line ?? 0}, is no time zone`, suggestion };
  }
  if (set !== "" && !isSameZone(zone, machineZone))
    notes.push(`CRON_TZ=${zone} is followed, as cronie does; Debian's cron does not know it and works in ${machineZone}`);
  if (settings.has("TZ")) notes.push("TZ is for the command alone: neither Debian's cron nor cronie computes times with it");
  const sets = setsOf(when);
  const expr = exprOf(when);
  if (sets === undefined || "problem" in expr)
    return { problem: "problem" in expr ? expr.problem : "", suggestion: "write the job by hand" };
  for (const { text, random, rewritten } of when.fields)
    if (random !== undefined)
      notes.push(`${text}: cronie picks a time anew whenever it loads the table; here it is ${rewritten ?? ""}, always`);
  const staggerMs = delayOf(settings.get("RANDOM_DELAY")?.value);
  if (staggerMs !== undefined)
    notes.push(
      `RANDOM_DELAY: cronie adds up to ${staggerMs / 60_000} minutes, drawn when it starts; here the job has a fixed share of it`,
    );
  const value = { kind: "cron", expr: expr.expr, tz: zone, ...(staggerMs === undefined ? {} : { staggerMs }) };
  return { value, zone, sets, notes };
}

/** Minutes, as cronie reads it. */
function delayOf(written = ""): number | undefined {
  const minutes = /^\d{1,4}$/.test(written) ? Number(written) : 0;
  return minutes > 0 ? minutes * 60_000 : undefined;
}

type Fields = Extract<CrontabTime, { kind: "fields" }>;

function setsOf({ fields: [minute, hour, day, month, weekday] }: Fields): CronSets | undefined {
  if (minute === undefined || hour === undefined || day === undefined || month === undefined || weekday === undefined)
    return undefined;
  return {
    minutes: minute.values,
    hours: hour.values,
    days: day.values,
    months: month.values,
    weekdays: weekday.values,
    eitherDay: !day.star && !weekday.star,
    wild: minute.star || hour.star,
  };
}

/** As written where a job file means the same by it; otherwise with what differs written out. */
function exprOf({ text, fields }: Fields): { readonly expr: string } | { readonly problem: string } {
  const [, , day, , weekday] = fields;
  if (text.startsWith("@")) return { expr: text };
  // Two days that both choose, one of them a step: cron wants both (crontab(5), "start with *"), a job file says that by "+".
  const both =
    day !== undefined && weekday !== undefined && day.text !== "*" && weekday.text !== "*" && (day.star || weekday.star);
  const write = (words: (field: CronField, at: number) => string): string =>
    fields.map((field, at) => `${both && at === 4 ? "+" : ""}${words(field, at)}`).join(" ");
  const asWritten = write((field, at) => field.rewritten ?? (both && at === 4 ? list(field) : field.text.toUpperCase()));
  if (!("problem" in readCron(asWritten))) return { expr: asWritten };
  const out = write((field) => (field.text === "*" ? "*" : list(field)));
  const read = readCron(out);
  return "problem" in read ? { problem: read.problem } : { expr: out };
}

function list({ values }: CronField): string {
  return [...values].toSorted((a, b) => a - b).join(",");
}
