/** `runner export systemd`: units that systemd takes, and times that are the job's own, as systemd itself computes them. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { calendarOf } from "../../src/cli/export/systemd-calendar.ts";
import type { Schedule } from "../../src/job/job.ts";
import { nextSlots } from "../../src/schedule/slot.ts";
import { configFor, quickJob, stage, type Stage } from "./stage.ts";

const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
if (!analyze)
  process.stdout.write("skipped: there is no systemd-analyze here, so no calendar was computed and no unit verified\n");

const from = "2026-01-15 00:30:00";
const count = 12;

/** The next instants of each of these calendars, as systemd computes them. */
function bySystemd(calendars: readonly string[]): number[][] {
  const args = ["calendar", `--iterations=${count}`, `--base-time=${from} UTC`, ...calendars];
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

function calendarsOf(schedule: Schedule): string[] {
  const calendar = calendarOf(schedule, "UTC", undefined);
  if ("problem" in calendar) throw new Error(calendar.problem);
  return calendar.lines.filter((line) => line.startsWith("OnCalendar=")).map((line) => line.slice("OnCalendar=".length));
}

function byRunner(schedule: Schedule): number[] {
  return nextSlots(schedule, new Date(`${from.replace(" ", "T")}Z`), count, "UTC").map((at) => at.getTime());
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
    expect(calendarOf(schedule, "UTC", undefined)).toEqual({ problem: expect.stringMatching(words) as string });
  });

  it("is told where it is said in another way", () => {
    const odd = calendarOf({ kind: "every", everyMs: 7 * 60_000, startAt: 1, blackout: [] }, "UTC", undefined);
    expect(odd).toMatchObject({
      lines: ["OnActiveSec=420s", "OnUnitActiveSec=420s"],
      notes: [/no calendar of systemd says 420s/, /startAt, blackout/].map((words) => expect.stringMatching(words) as string),
    });
  });
});

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
        /by-hand: has no schedule[\s\S]*clocks change in America\/New_York[\s\S]*TEST_API_KEY/,
      ) as string,
    });
    const files = readdirSync(out).toSorted();
    expect(files.filter((file) => file.endsWith(".timer"))).toHaveLength(2);
    const timer = readFileSync(path.join(out, "runner-job-a\\x20daily\\x20\\x25\\x20job.timer"), "utf8");
    expect(timer).toContain("OnCalendar=*-*-* 02:30:00 America/New_York\nRandomizedDelaySec=60\n");
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
});
