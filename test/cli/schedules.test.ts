/** `next`, `calendar`, and what `validate` and `run --dry-run` say of schedules. What they compute is asked at a time of our choice. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { calendarDays } from "../../src/cli/calendar-days.ts";
import { comingSlots, companyOf } from "../../src/cli/coming.ts";
import { scheduleWarnings } from "../../src/compose/schedule-warnings.ts";
import type { Issue } from "../../src/errors.ts";
import type { Job } from "../../src/job/job.ts";
import { parseJob } from "../../src/job/parse.ts";
import { stage, type Stage } from "./stage.ts";

function job(name: string, written: object): Job {
  const parsed = parseJob({ name, message: "Hello", ...written }, () => ({ line: 1 }), {
    file: `jobs/${name}.yaml`,
    zone: () => "UTC",
  });
  if ("issues" in parsed) throw new Error(JSON.stringify(parsed.issues));
  return parsed.job;
}

const short = (at: number): string => new Date(at).toISOString().slice(5, 16);

describe("what is coming", () => {
  const jobs = [
    job("noon", { cron: "0 12 * * *" }),
    job("lunch", { cron: "0 12 * * *" }),
    job("later", { cron: "0 12 * * *", stagger: "10m" }),
    job("near", { cron: "20 0 12 * * *" }),
    job("weekdays", { cron: "0 6 * * *", blackout: "sat,sun" }),
    job("once", { at: "2026-06-06T11:59:30Z" }),
    job("hand", {}),
  ];
  const from = Date.parse("2026-06-06T00:00Z");

  it("stands in the order of its times, over all jobs, as often as was asked for", () => {
    const found = comingSlots(jobs, from, 8, "UTC");
    expect(
      found.map(({ job: { name }, at, dueAt, blackout }) => `${short(at)} ${name} +${dueAt - at} ${blackout ?? ""}`.trim()),
    ).toEqual([
      "06-06T06:00 weekdays +0 sat,sun",
      "06-06T11:59 once +0",
      "06-06T12:00 lunch +0",
      "06-06T12:00 noon +0",
      "06-06T12:00 near +0",
      expect.stringMatching(/^06-06T12:00 later \+[1-9]\d+$/) as string,
      "06-07T06:00 weekdays +0 sat,sun",
      "06-07T12:00 lunch +0",
    ]);
  });

  it("tells what begins in the same second or minute", () => {
    const found = comingSlots(jobs, from, 5, "UTC");
    const company = companyOf(found);
    expect(found.map((slot) => [slot.job.name, company.get(slot)])).toEqual([
      ["weekdays", undefined],
      ["once", { sameSecond: [], sameMinute: [] }],
      ["lunch", { sameSecond: ["noon"], sameMinute: ["near"] }],
      ["noon", { sameSecond: ["lunch"], sameMinute: ["near"] }],
      ["near", { sameSecond: [], sameMinute: ["lunch", "noon"] }],
    ]);
  });

  it("of a thousand jobs costs a slot each", () => {
    const many = Array.from({ length: 1_000 }, (_, at) => job(`job-${at}`, { cron: `${at % 60} * * * *`, stagger: "30m" }));
    const found = comingSlots(many, from, 100, "UTC");
    const times = found.map(({ dueAt }) => dueAt);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(found).toHaveLength(100);
  });
});

describe("the calendar", () => {
  it("has a row a job and day, marks the change of the clocks on its day, and sums up what fires often", () => {
    const jobs = [
      job("nightly", { cron: "30 1 * * *", tz: "America/New_York" }),
      job("often", { cron: "*/5 * * * *", tz: "America/New_York", blackout: "22:00-06:00" }),
    ];
    const days = calendarDays(jobs, Date.parse("2026-10-31T16:00Z"), 3, "America/New_York");
    const shown = days.map(({ date, changes, rows }) => ({
      date,
      changes: changes.map(({ zone, at }) => `${zone} ${short(at)}`),
      rows: rows.map(({ job: { name }, slots, skipped, first, last, times }) =>
        [name, slots, skipped, short(first.at), short(last.at), times?.length ?? "many"].join(" "),
      ),
    }));
    expect(shown).toEqual([
      { date: "2026-10-31", changes: [], rows: ["often 144 24 10-31T16:00 11-01T03:55 many"] },
      {
        date: "2026-11-01",
        changes: ["America/New_York 11-01T06:00"],
        // An hour comes twice: 300 slots, and the blackout has one hour more.
        rows: ["often 300 108 11-01T04:00 11-02T04:55 many", "nightly 1 0 11-01T05:30 11-01T05:30 1"],
      },
      {
        date: "2026-11-02",
        changes: [],
        rows: ["often 288 96 11-02T05:00 11-03T04:55 many", "nightly 1 0 11-02T06:30 11-02T06:30 1"],
      },
    ]);
  });
});

describe("what is odd about schedules", () => {
  const now = Date.parse("2026-06-06T00:00Z");
  function oddOf(...jobs: Job[]): Issue[] {
    const place = { dir: "/project", configFile: undefined, stateDir: undefined, env: {} };
    const scheduler = {
      maxRuns: 8,
      groups: new Map([["reports", 2]]),
      providers: new Map(),
      startsPerSecond: 10,
      catchUpsPerSecond: 5,
      shutdownGraceMs: 0,
      killGraceMs: 0,
    };
    return scheduleWarnings({ jobs, zone: "UTC", scheduler, place }, now);
  }
  const warningsOf = (...jobs: Job[]): string[] => oddOf(...jobs).map(({ path, message }) => `${path}: ${message}`);

  it.each<[string, object, string[]]>([
    ["nothing", { cron: "0 12 * * *", tz: "Europe/London", group: "reports" }, []],
    ["a catch-up by hand", { catchUp: "all" }, ["catchUp: of a means nothing: it has no schedule"]],
    ["an overlap by hand", { overlap: "queue" }, ["overlap: of a means nothing: it has no schedule"]],
    [
      "a catch-up at boot",
      { cron: "@reboot", catchUp: "all", overlap: "queue" },
      ["catchUp: of a means nothing: a start of the machine is not made up for"],
    ],
    [
      "a long stagger",
      { every: "2h", stagger: "3h" },
      ["schedule.staggerMs: 3h of a is longer than the time between two slots (2h)"],
    ],
    [
      "a long run",
      { cron: "0 9,17 * * *", limits: { run: "9h" } },
      ["limits.run: 9h of a is longer than the time between two slots (8h): those that come meanwhile are skipped"],
    ],
    ["a long run that queues", { cron: "0 9,17 * * *", limits: { run: "9h" }, overlap: "queue" }, []],
    ["a long run that skips as somebody chose", { cron: "0 9,17 * * *", limits: { run: "9h" }, overlap: "skip" }, []],
    [
      "a default run",
      { every: "10m" },
      [
        "limits.run: 1h, the default, is longer than the time between two slots of a: slots that come while a run is open are skipped",
      ],
    ],
    [
      "a time in the gap",
      { cron: "30 1 * * *", tz: "Europe/London" },
      ["schedule.expr: a time of a is jumped over by the clocks of Europe/London on 2027-03-28: its slot is at 02:00 that day"],
    ],
    ["a wild time in the gap", { cron: "*/30 1 * * *", tz: "Europe/London", limits: { run: "5m" } }, []],
    ["a time in the gap beside one right after it", { cron: "0 1,2 * * *", tz: "Europe/London", limits: { run: "5m" } }, []],
    [
      "only blackouts",
      { cron: "0 3 * * 6", blackout: "sat" },
      ["schedule.blackout: holds the next 16 slots of a, which are skipped"],
    ],
    ["nothing ahead", { cron: "0 0 9 1 1 * 2020" }, ["schedule: of a has no slot ahead any more"]],
    ["a group nobody named", { group: "reprots" }, ['group: "reprots" of a has no limit: the configuration does not name it']],
  ])("%s", (_name, written, warnings) => {
    expect(warningsOf(job("a", written))).toEqual(warnings);
  });

  it("a work folder with job files in it, where the turn may write", () => {
    const tools = { files: "rw" };
    const within = { ...job("a", { tools }), workDir: "/project" };
    expect(warningsOf(within)).toEqual([
      "workDir: of a holds job files (jobs/a.yaml), and its turn may write files there: what it writes is run",
    ]);
    expect(warningsOf({ ...within, workDir: "/project/reports" })).toEqual([]);
    expect(warningsOf({ ...job("a", { tools: { files: "ro" } }), workDir: "/project" })).toEqual([]);
  });

  it("many jobs in the gap of one night are one line", () => {
    const many = Array.from({ length: 8 }, (_, at) => job(`n${at}`, { cron: `${at} 1 * * *`, tz: "Europe/London" }));
    expect(warningsOf(...many, job("b", { cron: "30 2 * * *", tz: "Europe/Berlin" }))).toEqual([
      "schedule.expr: times of n0, n1, n2, n3, n4 and 3 more are jumped over by the clocks of Europe/London on 2027-03-28: their slots are at 02:00 that day",
      "schedule.expr: a time of b is jumped over by the clocks of Europe/Berlin on 2027-03-28: its slot is at 03:00 that day",
    ]);
  });

  it("many jobs of every few minutes are one line", () => {
    const many = Array.from({ length: 8 }, (_, at) => job(`m${at}`, { every: "5m" }));
    expect(warningsOf(...many)).toEqual([expect.stringContaining("m0, m1, m2, m3, m4 and 3 more") as string]);
    // What it says to write is enough for all of them.
    const odd = oddOf(...many, job("often", { every: "20s" }));
    expect(odd.map(({ suggestion }) => suggestion)).toEqual([expect.stringContaining('"limits": { "run": "20s" }')]);
  });
});

describe("the commands", () => {
  let project: Stage;
  beforeAll(() => {
    project = stage();
    project.write("runner.config.json", { model: "kimi-coding/k2p5", timezone: "UTC", scheduler: { groups: { reports: 2 } } });
    project.write("jobs/uk/_defaults.yaml", 'tz: Europe/London\nblackout: "sat,sun"\n');
    project.write("jobs/uk/every.yaml", "every: 6h\nmessage: Hello\n");
    project.write(
      "jobs/noon.yaml",
      "cron: 0 12 * * *\nmessage: Hello\ngroup: reports\noverlap: queue\ncatchUp: { policy: all, max: 3 }\nlimits: { defer: 2h }\n",
    );
    project.write("jobs/lunch.yaml", "cron: 0 12 * * *\nmessage: Hello\nstagger: 5m\n");
    project.write("jobs/boot.yaml", 'cron: "@reboot"\nmessage: Hello\n');
  });
  afterAll(() => project.close());

  it("next shows an interval in the zone that its folder's defaults name", async () => {
    const { code, stdout } = await project.runner(["next", "every", "-n", "1"]);
    expect(code).toBe(0);
    expect(stdout).toContain("Europe/London");
    const all = await project.runner(["next", "--json"]);
    const { slots } = JSON.parse(all.stdout) as { slots: { job: string; dueAt: number; at: number }[] };
    expect(slots.find(({ job: name }) => name === "lunch")).toSatisfy(
      ({ dueAt, at }: { dueAt: number; at: number }) => dueAt > at,
    );
    // For people beside the table, for scripts in the document.
    expect((await project.runner(["next"])).stderr).toContain("At each start of the machine: boot");
    for (const command of ["next", "calendar"]) {
      const told = await project.runner([command, "--json"]);
      expect([told.stderr, JSON.parse(told.stdout)]).toEqual(["", expect.objectContaining({ atBoot: ["boot"] })]);
    }
  });

  it("calendar shows its days, for people and for scripts", async () => {
    const { code, stdout, stderr } = await project.runner(["calendar", "--days", "2", "--job", "noon"]);
    expect([code, stderr]).toEqual([0, "Times are in UTC\n"]);
    expect(stdout).toMatch(/^\w{3} \d{4}-\d\d-\d\d.*\n( {2}12:00 {2}noon\n)?\w{3} \d{4}-\d\d-\d\d\n {2}12:00 {2}noon\n$/);
    const { days } = JSON.parse((await project.runner(["calendar", "--json"])).stdout) as {
      days: { date: string; rows: unknown[] }[];
    };
    expect(days).toHaveLength(7);
    expect(days[1]?.rows).toHaveLength(3);
    expect((await project.runner(["calendar", "--days", "0"])).code).toBe(2);
    expect((await project.runner(["calendar", "--job", "none"])).code).toBe(2);
  });

  it("run --dry-run tells all that counts of its slots", async () => {
    const { stdout } = await project.runner(["run", "noon", "--dry-run"]);
    expect(stdout).toMatch(
      /catchUp +all +at most 1 d late, at most 3 runs\n +overlap +queue\n +group +reports +at most 2 at once/,
    );
    expect(stdout).toMatch(/limits\.defer +2 h +under the daemon/);
    const staggered = await project.runner(["run", "lunch", "--dry-run"]);
    expect(staggered.stdout).toMatch(/stagger +5 min +of which this job's share is \d+/);
    expect(staggered.stdout).toMatch(/catchUp +latest +at most one interval, at most 1 d late\n +overlap +skip/);
  });
});
