/** What `runner export crontab` and `k8s` write into the five fields, read by the rules of who fires it and started with `--slot due`. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { slotDueAt } from "../../src/cli/due-slot.ts";
import { cronWords } from "../../src/cli/export/cron-words.ts";
import type { Job } from "../../src/job/job.ts";
import { parseJob } from "../../src/job/parse.ts";
import { readCrontab } from "../../src/load/crontab/crontab.ts";
import { nextSlots } from "../../src/schedule/slot.ts";

const from = Date.parse("2026-02-20T00:00:00Z");
const days = 30;

/** When a crontab of Debian's would start it: one that begins with `*` does not choose among the days, see crontab(5). */
function byDebian(expr: string): number[] {
  const { entries, issues } = readCrontab(`${expr} true\n`, { file: "x", system: false });
  const [entry] = entries;
  if (entry?.when.kind !== "fields") throw new Error(`${expr}: ${issues[0]?.message ?? "no entry"}`);
  const [minute, hour, day, month, weekday] = entry.when.fields;
  if (minute === undefined || hour === undefined || day === undefined || month === undefined || weekday === undefined)
    throw new Error(expr);
  return instants(
    [minute, hour, day, month, weekday].map(({ values }) => values),
    day.star || weekday.star,
  );
}

const names = [
  ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
] as const;

/** When the controller of CronJobs would, by the rules of robfig/cron v3 (parser.go): it refuses 7, ranges that run backwards, and a step without a range's end is up to the end. */
function byKubernetes(expr: string): number[] {
  const bounds = [
    [0, 59],
    [0, 23],
    [1, 31],
    [1, 12],
    [0, 6],
  ] as const;
  let star = false;
  const sets = expr.split(" ").map((field, at) => {
    const [least, most] = bounds[at] ?? [0, 0];
    const number = (text: string): number => {
      const named = at === 3 ? names[0] : at === 4 ? names[1] : [];
      const index = named.findIndex((name) => name === text.toLowerCase());
      const value = index >= 0 ? index + least : /^\d+$/.test(text) ? Number(text) : Number.NaN;
      if (!(value >= least && value <= most)) throw new Error(`${expr}: ${text} is out of its bounds`);
      return value;
    };
    const values = new Set<number>();
    for (const part of field.split(",")) {
      const [range = "", step = "1", more] = part.split("/");
      const [first = "", last, tooMany] = range.split("-");
      if (more !== undefined || tooMany !== undefined || !/^[1-9]\d*$/.test(step)) throw new Error(`${expr}: ${part}`);
      const open = first === "*" || first === "?";
      if (open && at !== 3 && at >= 2 && Number(step) === 1) star = true;
      const begin = open ? least : number(first);
      const end = open || (last === undefined && part.includes("/")) ? most : number(last ?? first);
      if (end < begin) throw new Error(`${expr}: ${part} runs backwards`);
      for (let value = begin; value <= end; value += Number(step)) values.add(value);
    }
    return values;
  });
  return instants(sets, star);
}

function instants([minutes, hours, dates, months, weekdays]: readonly ReadonlySet<number>[], both: boolean): number[] {
  const found: number[] = [];
  for (let at = from; at < from + days * 86_400_000; at += 60_000) {
    const time = new Date(at);
    if (!minutes?.has(time.getUTCMinutes()) || !hours?.has(time.getUTCHours()) || !months?.has(time.getUTCMonth() + 1)) continue;
    const day = time.getUTCDay();
    const [date, weekday] = [
      dates?.has(time.getUTCDate()),
      weekdays?.has(day) === true || (day === 0 && weekdays?.has(7) === true),
    ];
    if (both ? date === true && weekday : date === true || weekday) found.push(at);
  }
  return found;
}

function jobOf(expr: string): Job {
  const written = { id: "a", schedule: { kind: "cron", expr, tz: "UTC" }, payload: { kind: "command", argv: ["true"] } };
  const parsed = parseJob(written, () => ({}), { file: "a.json", openclaw: false, id: "a", name: "a" });
  if (!("job" in parsed)) throw new Error(`${expr}: ${parsed.issues[0]?.message ?? ""}`);
  return parsed.job;
}

interface Fired {
  /** What is written for cron and Kubernetes. */
  readonly written: string;
  readonly slots: readonly number[];
  /** The slots that their starts claim, one for each start. */
  readonly debian: readonly number[];
  readonly kubernetes: readonly number[];
}

function fired(expr: string): Fired {
  const job = jobOf(expr);
  const words = cronWords(job.schedule, "UTC");
  if (!("expr" in words)) throw new Error(expr);
  const slots = nextSlots(job.schedule, new Date(from - 1), 1_000, "UTC").map((at) => at.getTime());
  const last = Math.min(slots.at(-1) ?? 0, from + days * 86_400_000 - 1);
  const answered = (starts: readonly number[]): number[] =>
    starts
      .flatMap((at) => {
        const due = slotDueAt(job, { zone: "UTC", now: at + 700 });
        return "slotAt" in due ? [due.slotAt] : [];
      })
      .filter((at) => at <= last);
  return {
    written: words.expr,
    slots: slots.filter((at) => at <= last),
    debian: answered(byDebian(words.expr)),
    kubernetes: answered(byKubernetes(words.expr)),
  };
}

/** A field in one of its plain forms. */
const field = (least: number, most: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant("*"),
    fc.integer({ min: least, max: most }).map(String),
    fc.integer({ min: 1, max: 5 }).map((step) => `*/${step}`),
    fc
      .tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }), fc.integer({ min: 1, max: 3 }))
      .map(([a, b, step]) => `${Math.min(a, b)}-${Math.max(a, b)}${step === 1 ? "" : `/${step}`}`),
  );

describe("the fields of an exported job", () => {
  it.each([
    "0 12 * * 7",
    "0 12 * * 0-7",
    "0 12 * * 5-7",
    "0 12 * * FRI-SUN",
    "0 12 * * 1-7/2",
    "0 12 * * MON,WED-FRI",
    "0 12 */2 * 1",
    "0 12 1,15 * */3",
    "0 12 */5 * */2",
    "0 12 ? * MON",
    "0 30 6 * MAR-APR SUN",
    "@weekly",
    "0 0 9 28-31 * *",
  ])("%s", (expr) => {
    const { slots, ...made } = fired(expr);
    expect(slots.length).toBeGreaterThan(0);
    expect(made).toEqual({ written: made.written, debian: slots, kubernetes: slots });
  });

  it("of any expression of plain parts are read alike by both", () => {
    const all = fc.tuple(fc.integer({ min: 0, max: 23 }), field(1, 28), field(0, 7));
    for (const [hour, day, weekday] of fc.sample(all, Number(process.env["PROPERTY_RUNS"] ?? 12))) {
      const { slots, ...made } = fired(`5 ${hour} ${day} * ${weekday}`);
      expect(made).toEqual({ written: made.written, debian: slots, kubernetes: slots });
    }
  });

  it("name a zone as its file is named", () => {
    expect(cronWords({ kind: "cron", expr: "0 0 * * *", tz: "europe/london" }, "UTC")).toMatchObject({ zone: "Europe/London" });
  });
});
