/** `runner export systemd`: units that systemd takes, and times that are the job's own, as systemd itself computes them. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { calendarOf } from "../../src/cli/export/systemd-calendar.ts";
import { slotDueAt } from "../../src/cli/due-slot.ts";
import type { Job, Schedule } from "../../src/job/job.ts";
import { parseJob } from "../../src/job/parse.ts";
import { nextSlots } from "../../src/schedule/slot.ts";
import { configFor, quickJob, stage, type Stage } from "./stage.ts";

const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
if (!analyze)
  process.stdout.write("skipped: there is no systemd-analyze here, so no calendar was computed and no unit verified\n");

const from = "2026-01-15 00:30:00";
const count = 12;

/** The next instants of each of these calendars, as systemd computes them. */
function bySystemd(calendars: readonly string[], base = `${from} UTC`, iterations = count): number[][] {
  const args = ["calendar", `--iterations=${iterations}`, `--base-time=${base}`, ...calendars];
  const env = { PATH: process.env["PATH"], TZ: "UTC", LC_ALL: "C" };
  const done = spawnSync("systemd-analyze", args, { encoding: "utf8", env, maxBuffer: 64 * 1024 * 1024 });
  if (done.status !== 0) throw new Error(`${calendars.join(" | ")}: ${done.stderr}`);
  const [, ...parts] = done.stdout.split(/^ *Normalized form: /m);
  return parts.map((part) =>
    [...part.matchAll(/(?:Next elapse|Iter\. #\d+): \w+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)/g)].map(([, at = ""]) =>
      Date.parse(`${at.replace(" ", "T")}Z`),
    ),
  );
}

const now = new Date(`${from.replace(" ", "T")}Z`);

function calendarsOf(schedule: Schedule): string[] {
  const calendar = calendarOf(schedule, { zone: "UTC", now });
  if ("problem" in calendar) throw new Error(calendar.problem);
  return calendar.lines.filter((line) => line.startsWith("OnCalendar=")).map((line) => line.slice("OnCalendar=".length));
}

function byRunner(schedule: Schedule): number[] {
  return nextSlots(schedule, now, count, "UTC").map((at) => at.getTime());
}

/** The next instants of a schedule by systemd, all its lines together, and by runner. */
function both(schedule: Schedule): { readonly systemd: readonly number[]; readonly runner: readonly number[] } {
  const each = bySystemd(calendarsOf(schedule));
  const systemd = [...new Set(each.flat())].toSorted((a, b) => a - b).slice(0, count);
  return { systemd, runner: byRunner(schedule) };
}

/** A field of cron in one of its plain forms. */
function field(least: number, most: number): fc.Arbitrary<string> {
  const number = fc.integer({ min: least, max: most });
  return fc.oneof(
    fc.constant("*"),
    number.map(String),
    fc.integer({ min: 2, max: 12 }).map((step) => `*/${Math.min(step, most)}`),
    fc.uniqueArray(number, { minLength: 2, maxLength: 4 }).map((all) => all.join(",")),
    fc.tuple(number, number).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
  );
}

const expressions = [
  "0 12 * * *",
  "*/15 * * * *",
  "7-59/10 9-17 * * MON-FRI",
  "0 0 1 * *",
  "0 0 1,15 * 5",
  "0 0 13 * +5",
  "0 4 L * *",
  "0 4 1,L * *",
  "30 6 * * 5L",
  "30 6 * * 1#2,3#L",
  "0 0 31 * *",
  "0 9 * JAN,MAR-MAY *",
  "0 0 * * 7",
  "0 0 * * SAT-SUN",
  "*/20 30 8 * * *",
  "0 0 12 * * * 2026-2028",
  "@weekly",
  "5,10,20 1,2,3 * * *",
];

describe.skipIf(!analyze)("calendars, computed by systemd", () => {
  it.each(expressions)("%s", (expr) => {
    const { systemd, runner } = both({ kind: "cron", expr });
    expect(systemd).toEqual(runner);
  });

  it("every expression of plain fields", () => {
    const days = fc.oneof(fc.tuple(field(1, 28), fc.constant("*")), fc.tuple(fc.constant("*"), field(0, 6)));
    const expr = fc
      .tuple(field(0, 59), field(0, 23), days, field(1, 12))
      .map(([minute, hour, [day, weekday], month]) => `${minute} ${hour} ${day} ${month} ${weekday}`);
    const numRuns = Number(process.env["PROPERTY_RUNS"] ?? 100);
    // Many in one question, for systemd-analyze is a process of its own.
    const all = fc.sample(expr, numRuns).map((one): Schedule => ({ kind: "cron", expr: one }));
    const systemd = bySystemd(all.flatMap(calendarsOf));
    for (const [at, schedule] of all.entries())
      expect({ schedule, at: systemd[at] }).toEqual({ schedule, at: byRunner(schedule) });
  });

  it.each([
    [60_000, 0],
    [90_000, 0],
    [5 * 60_000, 120_000],
    [90 * 60_000, 0],
    [6 * 3_600_000, 3_600_000 + 61_000],
    [86_400_000, 7 * 3_600_000],
  ])("every %i ms from %i on", (everyMs, anchorMs) => {
    const { systemd, runner } = both({ kind: "every", everyMs, anchorMs });
    expect(systemd).toEqual(runner);
  });
});

describe("what systemd cannot say", () => {
  it.each<[Schedule, RegExp]>([
    [{ kind: "cron", expr: "0 0 15W * *" }, /no weekday nearest/],
    [{ kind: "cron", expr: "0 0 13 * +5L" }, /no way to ask/],
    [{ kind: "manual" }, /no schedule/],
    [{ kind: "at", at: "2020-01-01T00:00:00Z" }, /has passed/],
  ])("%j is refused", (schedule, words) => {
    expect(calendarOf(schedule, { zone: "UTC", now })).toEqual({ problem: expect.stringMatching(words) as string });
  });

  it("is told: what bounds a start of the machine, which answers no slot", () => {
    expect(calendarOf({ kind: "boot", startAt: now.getTime() }, { zone: "UTC", now })).toEqual({
      lines: ["OnBootSec=30"],
      notes: ["it runs at each start all the same: left out: startAt"],
    });
  });

  it("is told: an interval that is no part of a day, a stagger that is longer than an interval", () => {
    expect(calendarOf({ kind: "every", everyMs: 70_000 }, { zone: "UTC", now })).toEqual({
      problem: expect.stringContaining("no calendar of systemd says every 70 s") as string,
    });
    expect(calendarOf({ kind: "every", everyMs: 7 * 60_000 }, { zone: "UTC", now })).toEqual({
      lines: ["OnCalendar=*-*-* *:*:00 UTC"],
      notes: [expect.stringContaining("its timer starts each 1 min") as string],
    });
    expect(calendarOf({ kind: "every", everyMs: 3_600_000, staggerMs: 3_600_000 }, { zone: "UTC", now })).toMatchObject({
      lines: ["OnCalendar=*-*-* *:00:00 UTC"],
      notes: [expect.stringContaining("stagger is left out") as string],
    });
  });
});

/** The day of a change in each of these zones: gaps and hours that come twice, of an hour and of half of one, at night and at midnight. */
const changes = [
  ["America/New_York", "2026-03-08"],
  ["Europe/Berlin", "2026-10-25"],
  ["Australia/Lord_Howe", "2027-04-04"],
  ["Africa/Cairo", "2026-04-24"],
] as const;

const schedules = [
  "30 2 * * *",
  "30 1 * * *",
  "0 0 * * *",
  "30 1,2,3 * * *",
  "*/30 * * * *",
  "10 * * * *",
  "*/20 0-4 * * *",
  "0 */2 * * *",
];

/** What `run --slot due` claims when it is started at each of these instants, a moment late. */
function answered(job: Job, starts: readonly number[], lateMs: number): number[] {
  const slots = starts.flatMap((at) => {
    const due = slotDueAt(job, { zone: "UTC", now: at + lateMs });
    return "slotAt" in due ? [due.slotAt] : [];
  });
  return [...new Set(slots)];
}

/** A calendar that elapses more than a few times a day. */
const often = (line: string): boolean => / \*:|[/.,]/.test(line.slice(0, line.lastIndexOf(" ")));

describe.skipIf(!analyze)("a timer whose service answers the slot that is due", () => {
  it.each(changes)("answers each slot of each schedule, and nothing else, around the change in %s on %s", (tz, day) => {
    const [start, end] = [-4, 22].map((hours) => Date.parse(`${day}T00:00:00Z`) + hours * 3_600_000);
    const base = `${new Date(start ?? 0).toISOString().slice(0, 19).replace("T", " ")} UTC`;
    // systemd 252 itself cannot compute steps of hours over a midnight that does not exist (EDEADLK).
    const exprs = schedules.filter((expr) => tz !== "Africa/Cairo" || !expr.startsWith("0 */2"));
    const lines = exprs.map((expr) => calendarsOf({ kind: "cron", expr, tz }));
    const all = [...new Set(lines.flat())];
    // Each instant of a zone costs systemd-analyze a process, and one of UTC nothing.
    const elapses = [
      [(line: string) => line.endsWith(" UTC"), 100],
      [often, 26],
      [() => true, 2],
    ] as const;
    const byLine = new Map<string, number[]>();
    for (const [kind, iterations] of elapses) {
      const own = all.filter((line) => !byLine.has(line) && kind(line));
      const each = bySystemd(own, base, iterations);
      for (const [at, line] of own.entries()) byLine.set(line, each[at] ?? []);
    }
    for (const [at, expr] of exprs.entries()) {
      const job = madeJob({ kind: "cron", expr, tz });
      const starts = [...new Set((lines[at] ?? []).flatMap((line) => byLine.get(line) ?? []))].filter((one) => one < (end ?? 0));
      const slots = nextSlots(job.schedule, new Date(start ?? 0), 1_000, "UTC").map((one) => one.getTime());
      expect({
        expr,
        slots: answered(
          job,
          starts.toSorted((a, b) => a - b),
          900,
        ),
      }).toEqual({
        expr,
        slots: slots.filter((one) => one < (end ?? 0)),
      });
    }
  });

  it.each([7, 50, 90, 7 * 60, 49 * 60])("answers each slot of an interval of %i min that has an anchor", (minutes) => {
    const schedule: Schedule = { kind: "every", everyMs: minutes * 60_000, anchorMs: 1_500_000_000_500 };
    const job = madeJob(schedule, { policy: "skip" });
    const each = bySystemd(calendarsOf(schedule), `${from} UTC`, 1_500);
    const last = Math.min(...each.map((starts) => starts.at(-1) ?? 0));
    const starts = [...new Set(each.flat())].filter((at) => at <= last).toSorted((a, b) => a - b);
    const slots = nextSlots(schedule, now, 200, "UTC").map((one) => one.getTime());
    const made = answered(job, starts, 0).slice(0, slots.length);
    const until = made.at(-1) ?? 0;
    expect(made.length).toBeGreaterThan(20);
    expect(made).toEqual(slots.filter((one) => one <= until));
  });

  it("counts a start as on time that is late by the stagger alone", () => {
    const at = Date.parse("2026-06-01T12:00:00Z");
    const late = (staggerMs: number, ms: number): unknown =>
      slotDueAt(madeJob({ kind: "cron", expr: "0 12 * * *", tz: "UTC", staggerMs }, { policy: "skip" }), {
        zone: "UTC",
        now: at + ms,
      });
    expect(late(600_000, 600_000)).toEqual({ slotAt: at });
    expect(late(600_000, 690_000)).toEqual({ slotAt: at });
    expect(late(600_000, 690_002)).toEqual({ nothing: expect.stringContaining("not made up for (catchUp: skip)") as string });
    expect(late(0, 600_000)).toEqual({ nothing: expect.stringContaining("not made up for") as string });
    expect(late(600_000, -1)).toEqual({ nothing: expect.stringContaining("the next is Mon 2026-06-01 12:00:00") as string });
  });
});

function madeJob(schedule: Schedule, catchUp?: Job["catchUp"]): Job {
  const parsed = parseJob({ id: "a", schedule: { kind: "manual" }, payload: { kind: "command", argv: ["true"] } }, () => ({}), {
    file: "a.json",
    openclaw: false,
    id: "a",
    name: "a",
  });
  if (!("job" in parsed)) throw new Error("no job");
  return { ...parsed.job, schedule, ...(catchUp === undefined ? {} : { catchUp }) };
}

describe("runner export systemd", () => {
  let project: Stage;
  let out = "";
  beforeEach(() => {
    project = stage();
    out = mkdtempSync(path.join(os.tmpdir(), "runner-export-"));
    chmodSync(out, 0o755);
    project.write("runner.config.json", { ...configFor("http://127.0.0.1:9"), timezone: "America/New_York" });
  });
  afterEach(() => {
    project.close();
    rmSync(out, { recursive: true, force: true });
  });

  it("writes units that verify, and says what is different", async () => {
    project.write(
      "jobs/a.json",
      quickJob({ name: "a daily % job", schedule: { kind: "cron", expr: "30 2 * * *", staggerMs: 60_000 } }),
    );
    project.write("jobs/b.json", quickJob({ name: "by-hand" }));
    project.write("jobs/c.json", quickJob({ name: "often", schedule: { kind: "every", everyMs: 600_000 }, catchUp: "skip" }));
    const { code, stderr } = await project.runner(["export", "systemd", "--out", out]);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        /the clocks of America\/New_York change[\s\S]*by-hand: has no schedule[\s\S]*TEST_API_KEY/,
      ) as string,
    });
    const files = readdirSync(out).toSorted();
    expect(files.filter((file) => file.endsWith(".timer"))).toHaveLength(2);
    const timer = readFileSync(path.join(out, "runner-job-a\\x20daily\\x20\\x25\\x20job.timer"), "utf8");
    expect(timer).toMatch(
      /^OnCalendar=\*-\*-\* 02:30:00 America\/New_York\nOnCalendar=Sun \*-03-\* 07:00:00 UTC\nRandomizedDelaySec=60$/m,
    );
    const exec = (unit: string): string => /^ExecStart=.*$/m.exec(readFileSync(path.join(out, unit), "utf8"))?.[0] ?? "";
    expect(exec("runner-job-often.service")).toMatch(/ run often --slot due -C \S+$/);
    expect(exec("runner-job-by-hand.service")).toMatch(/ run by-hand -C \S+$/);
    expect(timer).toContain("Persistent=true");
    expect(readFileSync(path.join(out, "runner-job-often.timer"), "utf8")).not.toContain("Persistent");
    if (!analyze) return;
    const args = ["--user", "--man=no", "verify", ...files.map((file) => path.join(out, file))];
    const done = spawnSync("systemd-analyze", args, { encoding: "utf8", env: { ...process.env, XDG_RUNTIME_DIR: out } });
    expect({ status: done.status, about: done.stderr.split("\n").filter((line) => line.includes("runner-job")) }).toEqual({
      status: 0,
      about: [],
    });
    expect(existsSync(out)).toBe(true);
  });

  it("writes one unit for each name, which stays the same, however many signs of it no unit may have", async () => {
    // Umlauts as one sign and as a letter with its dots, names that differ in what is escaped, and names that are too long when they are.
    const names = [
      "b\u00fcro",
      "bu\u0308ro",
      "a b",
      "a\\x20b",
      "a-b",
      "a%b",
      "@b",
      "\u00e4".repeat(70),
      `${"\u00e4".repeat(70)}b`,
      "x".repeat(200),
    ];
    for (const [at, name] of names.entries())
      project.write(`jobs/${at}.json`, quickJob({ name, schedule: { kind: "cron", expr: "30 2 * * *", tz: "UTC" } }));
    const { code, stderr } = await project.runner(["export", "systemd", "--out", out]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("TEST_API_KEY") as string });
    const timers = readdirSync(out).filter((file) => file.endsWith(".timer"));
    expect(timers).toHaveLength(names.length);
    expect(timers).toContain("runner-job-b\\xc3\\xbcro.timer");
    expect(timers).toContain("runner-job-bu\\xcc\\x88ro.timer");
    expect(timers.filter((file) => /-[0-9a-f]{16}\.timer$/.test(file) && file.length < 240)).toHaveLength(2);
    // Alone it has the same one.
    const alone = path.join(out, "alone");
    await project.runner(["export", "systemd", names[7] ?? "", "--out", alone]);
    for (const file of readdirSync(alone)) expect(readdirSync(out)).toContain(file);
    if (!analyze) return;
    const args = ["--user", "--man=no", "verify", ...timers.map((file) => path.join(out, file))];
    const done = spawnSync("systemd-analyze", args, { encoding: "utf8", env: { ...process.env, XDG_RUNTIME_DIR: out } });
    expect({ status: done.status, about: done.stderr.split("\n").filter((line) => line.includes("runner-job")) }).toEqual({
      status: 0,
      about: [],
    });
  });
});
