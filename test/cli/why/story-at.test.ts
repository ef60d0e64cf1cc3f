/** Why a job did or did not run at a time: a table of situations, each with the sentences that tell it. */
import { describe, expect, it } from "vitest";
import type { AtFacts } from "../../../src/cli/why/facts.ts";
import { slotsAround } from "../../../src/cli/why/slots-around.ts";
import { storyAt } from "../../../src/cli/why/story-at.ts";
import { timeAsked } from "../../../src/cli/time-asked.ts";
import type { Job } from "../../../src/job/job.ts";
import type { RunRow, SchedulerEventRow } from "../../../src/ledger/ledger.ts";
import { day, hour, jobOf, minute, row } from "../../engine/health/situations.ts";

/** Wednesday, noon. */
const now = Date.UTC(2026, 10, 25, 12);
const nine = now - 3 * hour;

interface Situation extends Partial<Omit<AtFacts, "asked" | "around" | "records" | "blockers">> {
  readonly at?: string;
  readonly rows?: readonly RunRow[];
}

/** What is told of a job that was looked after for a month. */
function told({ at = "09:00", rows = [], job = jobOf(), ...over }: Situation): string {
  const zone = job.schedule.tz ?? "UTC";
  const asked = timeAsked(at, over.now ?? now, zone);
  const slots = rows.flatMap(({ slotAt }) => slotAt ?? []);
  const story = storyAt({
    now,
    job,
    zone,
    projectZone: "UTC",
    asked,
    around: slotsAround(job, asked, "UTC"),
    records: new Map(rows.map((run) => [run.slotAt ?? run.startedAt, run])),
    blockers: new Map(),
    lastSlot: slots.length === 0 ? undefined : Math.max(...slots),
    armedSince: now - 30 * day,
    pause: undefined,
    endedPauses: [],
    daemon: { kind: "none" },
    events: [],
    byHand: [],
    ...over,
  });
  return story.map(({ text, depth }) => `${"  ".repeat(depth)}${text}`).join("\n");
}

const daily = (
  expr: string,
  tz: string,
  over: Pick<Job["schedule"], "startAt" | "endAt" | "blackout" | "staggerMs"> = {},
): Job => ({
  ...jobOf(),
  schedule: { kind: "cron", expr, tz, ...over },
});
const event = (kind: SchedulerEventRow["kind"], at: number, text = ""): SchedulerEventRow => ({ kind, at, text });

describe("a slot with a record", () => {
  const answered = (facts: Partial<RunRow>): RunRow => row({ status: "succeeded", startedAt: nine, slotAt: nine, ...facts });

  it("ran, on time", () => {
    expect(told({ rows: [answered({})] })).toMatch(
      /^check has a slot at Wed 2026-11-25 09:00:00 \+00:00 \(0 9 \* \* \*, UTC\)\.\nRun \w{8} answered it: it began at Wed 2026-11-25 09:00:00 \+00:00, on time\.\nIt ended succeeded at Wed 2026-11-25 09:01:00 \+00:00: it succeeded\.\nAll of it: runner explain \w{8}$/,
    );
  });

  it.each([
    [
      "waited for a place",
      { rows: [answered({ queuedAt: nine + 500, startedAt: nine + 5 * minute })] },
      ["5 min after it was due", "It waited 5 min for a free place, or for the job's run before it."],
    ],
    [
      "was made up for when a daemon was there again",
      {
        rows: [answered({ queuedAt: nine + hour, startedAt: nine + hour })],
        events: [event("stopped", nine - hour), event("started", nine + hour - 500)],
      },
      [
        "1 h after it was due",
        "It was claimed at Wed 2026-11-25 10:00:00 +00:00, 1 h late.",
        "No daemon was running then since Wed 2026-11-25 08:00:00 +00:00 until Wed 2026-11-25 09:59:59 +00:00",
      ],
    ],
    [
      "came late because the machine had slept",
      {
        rows: [answered({ queuedAt: nine + hour, startedAt: nine + hour })],
        events: [event("started", nine - day), event("slept", nine + hour - 100, "for 2 h")],
      },
      ["The machine had slept: for 2 h.", "Around that time:"],
    ],
    [
      "was given back in the night, because the clock had been ahead",
      {
        rows: [answered({})],
        events: [
          event("withdrawn", nine - 7 * hour, "the clock was set back"),
          event("withdrawn", nine - 25 * hour, "the day before"),
        ],
      },
      ["Around that time:", "  Wed 2026-11-25 02:00:00 +00:00  slots were given back: the clock was set back"],
    ],
    [
      "was skipped for the run in its way",
      {
        rows: [answered({ status: "skipped", blockedBy: "b", reason: "run bbbbbbbb of this job is under way" })],
        blockers: new Map([
          ["b", row({ runId: "bbbbbbbb-1", status: "succeeded", startedAt: nine - hour, finishedAt: nine + minute })],
        ]),
      },
      [
        "It did not run: it was skipped: run bbbbbbbb of this job is under way",
        "In its way was run bbbbbbbb: it began at Wed 2026-11-25 08:00:00 +00:00 and ended at Wed 2026-11-25 09:01:00 +00:00 (succeeded).",
      ],
    ],
    [
      "is one of many that were missed",
      {
        rows: [answered({ status: "missed", slotFrom: nine - 11 * day, slots: 12, reason: "nobody was there in time" })],
        events: [event("started", nine - day), event("started", nine + hour)],
      },
      [
        "It did not run: it was missed: nobody was there in time",
        "It is one of 12 slots in a row, from Sat 2026-11-14 09:00:00 +00:00 to Wed 2026-11-25 09:00:00 +00:00",
        "The daemon that had begun at Tue 2026-11-24 09:00:00 +00:00 ended without a word, and the next one began at Wed 2026-11-25 10:00:00 +00:00.",
      ],
    ],
    [
      "was blocked, and why",
      { rows: [answered({ status: "blocked", reason: "KIMI_API_KEY is not set" })] },
      ["It did not run: it was blocked: KIMI_API_KEY is not set"],
    ],
    [
      "used up its budget",
      { rows: [answered({ status: "failed", reason: "the budget of $1 is used up" })] },
      ["It ended failed at", "the budget of $1 is used up"],
    ],
    [
      "is claimed",
      { rows: [answered({ status: "queued", queuedAt: nine })] },
      ["It is claimed since Wed 2026-11-25 09:00:00 +00:00"],
    ],
    [
      "waits",
      {
        rows: [
          answered({
            status: "waiting",
            wait: { until: now + hour, why: "the plan resets", kind: "later", since: nine, ranMs: 1, uncounted: 0 },
          }),
        ],
      },
      ["It waits until Wed 2026-11-25 13:00:00 +00:00: the plan resets."],
    ],
  ] satisfies readonly (readonly [string, Partial<AtFacts> & Situation, readonly string[]])[])(
    "%s",
    (_, situation, sentences) => {
      const story = told(situation);
      for (const sentence of sentences) expect(story).toContain(sentence);
    },
  );
});

describe("a slot without a record", () => {
  const before = row({ status: "succeeded", startedAt: nine - day, slotAt: nine - day });
  const after = row({ status: "succeeded", startedAt: nine, slotAt: nine });
  it.each([
    ["is to come", { at: "2026-11-26 09:00" }, ["That is yet to come, in 21 h."]],
    [
      "is to come, and the job is paused",
      { at: "2026-11-26 09:00", pause: { jobId: "check", at: now - hour, by: "maria", reason: "the shop is closed" } },
      ["It will be skipped unless that ends before: paused by maria 1 h ago: the shop is closed."],
    ],
    [
      "is to come in a blackout",
      {
        at: "2026-11-26 09:00",
        job: daily("0 9 * * *", "UTC", { blackout: [{ kind: "daily", fromMinute: 480, toMinute: 600 }] }),
      },
      ["It will be skipped: it lies in the blackout 08:00-10:00."],
    ],
    [
      "is of a job that is disabled",
      { job: jobOf({ enabled: false }) },
      ["The job is disabled (enabled: false in jobs/check.json)"],
    ],
    [
      "is of a job that nobody looks after",
      { armedSince: undefined },
      ["no daemon and no runner tick has looked after this job yet"],
    ],
    [
      "lies before it was looked after",
      { armedSince: nine + minute },
      ["before Wed 2026-11-25 09:01:00 +00:00; earlier slots are not made up for"],
    ],
    [
      "lies before it was reset",
      { armedSince: nine + minute, events: [event("reset", nine + minute, "by maria")] },
      ["the job was reset at Wed 2026-11-25 09:01:00 +00:00 by maria"],
    ],
    [
      "is overdue, and will be run",
      { rows: [before], daemon: { kind: "none", stoppedAt: nine - hour } },
      [
        "It has not run: it is overdue, by 3 h, and has no record.",
        "No daemon is running; the last one stopped at Wed 2026-11-25 08:00:00 +00:00.",
        "runs it.",
      ],
    ],
    [
      "is overdue, and will be missed by the job's policy",
      { rows: [before], job: { ...jobOf(), catchUp: { policy: "skip" } } },
      ["records it as missed: nobody was there in time, and missed slots are not made up for (catchUp: skip)."],
    ],
    [
      "had one that is removed",
      { at: "2026-11-24 09:00", rows: [after] },
      ["There is no record of it, although later slots, up to Wed 2026-11-25 09:00:00 +00:00, have one"],
    ],
    [
      "is older than what is kept",
      { at: "2026-07-01 09:00", armedSince: 0, rows: [after] },
      ["There is no record of it any more. Runs are kept for 90 d"],
    ],
  ] satisfies readonly (readonly [string, Situation, readonly string[]])[])("%s", (_, situation, sentences) => {
    const story = told(situation);
    for (const sentence of sentences) expect(story).toContain(sentence);
  });
});

describe("a time without a slot", () => {
  it("tells the schedule and the nearest slots with what became of them", () => {
    const rows = [row({ status: "failed", startedAt: nine, slotAt: nine })];
    expect(told({ at: "10:30", rows })).toMatch(
      /^check has no slot at 2026-11-25 10:30: its schedule is 0 9 \* \* \*, UTC\.\n {2}The slot before: Wed 2026-11-25 09:00:00 \+00:00, failed \(run \w{8}\)\.\n {2}The slot after: Thu 2026-11-26 09:00:00 \+00:00, yet to come\.$/,
    );
  });

  it.each([
    ["by hand only", { job: jobOf({ schedule: { kind: "manual" } }) }, "it has no schedule, and runs by hand only"],
    [
      "before it begins",
      { job: daily("0 9 * * *", "UTC", { startAt: now }) },
      "Its schedule begins only at Wed 2026-11-25 12:00:00 +00:00.",
    ],
    [
      "after it ended",
      { job: daily("0 9 * * *", "UTC", { endAt: nine - day }) },
      "Its schedule ended at Tue 2026-11-24 09:00:00 +00:00.",
    ],
    [
      "with another schedule since",
      { at: "08:00", armedSince: nine },
      "Its schedule counts since Wed 2026-11-25 09:00:00 +00:00",
    ],
    [
      "with a run by hand",
      { at: "10:00", byHand: [row({ runId: "aaaaaaaa-1", status: "failed", startedAt: nine + hour })] },
      "By hand, run aaaaaaaa began at Wed 2026-11-25 10:00:00 +00:00: failed (run aaaaaaaa).",
    ],
  ] satisfies readonly (readonly [string, Situation, string])[])("%s", (_, situation, sentence) => {
    expect(told(situation)).toContain(sentence);
  });
});

describe("clocks that are changed", () => {
  // 2026-03-08, New York: 02:00 EST → 03:00 EDT at 07:00Z; 2026-11-01: 02:00 EDT → 01:00 EST at 06:00Z.
  const job = daily("30 2 * * *", "America/New_York");

  it("says that a time does not exist, and when it fired instead", () => {
    const story = told({ job, at: "2026-03-08 02:30", armedSince: 0 });
    expect(story).toContain("2026-03-08 02:30 does not exist in America/New_York: the clocks jump over it.");
    expect(story).toContain("check has a slot at Sun 2026-03-08 03:00:00 -04:00");
  });

  it("says why a slot lies where it does", () => {
    expect(told({ job, at: "2026-03-08 03:00", armedSince: 0 })).toContain(
      "The clocks of America/New_York jumped forward at that moment",
    );
  });

  it("says that a time comes twice, and which one counts", () => {
    const story = told({ job: daily("30 1 * * *", "America/New_York"), at: "2026-11-01 01:30", armedSince: 0 });
    expect(story).toContain("2026-11-01 01:30 comes twice in America/New_York");
    expect(story).toContain("check has a slot at Sun 2026-11-01 01:30:00 -04:00");
  });
});

describe("what happened around it", () => {
  it("is said once, and a start of the machine only of a job that is due then", () => {
    const refused = "jobs/a.yaml: broken";
    const blocked = `${"the program x is not in PATH ".repeat(5)}END`;
    const events = [
      event("booted", nine - 3 * minute, "boot-1"),
      event("reload_refused", nine - minute, refused),
      event("reload_refused", nine - minute + 1_000, refused),
      event("reload_refused", nine - 30_000, "another"),
      event("blocked", nine, blocked),
    ];
    const story = told({ events });
    expect(story.match(/changed job files were refused/g)).toHaveLength(2);
    expect(story).toContain("the job was found blocked: the program x");
    expect(story).not.toContain("END");
    expect(story).not.toContain("the machine was started");
    const boot = { ...jobOf(), schedule: { kind: "boot" } } as const;
    expect(told({ events, job: boot })).toMatch(/runner ran for the first time since the machine was started$/m);
  });

  it("is the whole minute of a time that counts from now, or the second where it has seconds", () => {
    expect(timeAsked("10m ago", now + 12_345, "UTC")).toMatchObject({ at: now - 10 * minute, spanMs: minute });
    expect(timeAsked("30s ago", now + 345, "UTC")).toMatchObject({ at: now - 30_000, spanMs: 1_000 });
  });
});

describe("the time that is asked for", () => {
  it.each([
    ["09:00", nine],
    ["13:00", now - 23 * hour],
    ["today 13:00", now + hour],
    ["yesterday 09:00", nine - day],
    ["now", now],
    ["today", nine - 9 * hour],
    ["Yesterday", nine - day - 9 * hour],
    ["monday", nine - 2 * day - 9 * hour],
    ["wed", nine - 7 * day - 9 * hour],
    ["Thursday 09:00", nine - 6 * day],
    ["2026-11-24", nine - day - 9 * hour],
    ["2026-11-24T09:00", nine - day],
    ["2026-11-24 10:00+01:00", nine - day],
    ["2026-11-24T09:00:30Z", nine - day + 30_000],
    ["2h ago", now - 2 * hour],
    ["1 h 5 min ago", now - hour - 5 * minute],
    ["90 seconds ago", now - 90_000],
    ["3 Days Ago", now - 3 * day],
  ])("%s", (written, at) => expect(timeAsked(written, now, "UTC").at).toBe(at));

  it.each([
    ["09:00", nine + day],
    ["13:00", now + hour],
    ["today 13:00", now + hour],
    ["tomorrow", nine - 9 * hour + day],
    ["Tomorrow 08:30", nine + day - hour / 2],
    ["monday", nine - 9 * hour + 5 * day],
    ["wednesday 09:00", nine + 7 * day],
    ["fri 18:00", now + 2 * day + 6 * hour],
    ["2026-12-24", Date.UTC(2026, 11, 24)],
    ["in 2h", now + 2 * hour],
    ["in 1 day", now + day],
  ])("%s, of what is to come", (written, at) =>
    expect(timeAsked(written, now, "UTC", { option: "--until", towards: "future" }).at).toBe(at),
  );

  it("is one of the zone's clocks, over a change of them as well", () => {
    const until = { option: "--until", towards: "future" } as const;
    const saturday = Date.UTC(2027, 2, 27, 12);
    expect(timeAsked("tomorrow 09:00", saturday, "Europe/London", until).at).toBe(Date.UTC(2027, 2, 28, 8));
    expect(timeAsked("sunday", saturday, "Asia/Tokyo", until).at).toBe(Date.UTC(2027, 2, 27, 15));
  });

  it.each([
    "noon",
    "ago",
    "2 ago",
    "2x ago",
    "in 2h",
    "25:00",
    "09:60",
    "mo",
    "mondays",
    "tomorrow noon",
    "monday09:00",
    "2026-02-30",
    "",
  ])("refuses %j", (written) => {
    expect(() => timeAsked(written, now, "UTC")).toThrow("is no time");
  });

  it("finds the slot by its staggered start, too", () => {
    const job = daily("0 9 * * *", "UTC", { staggerMs: hour });
    const { staggerMs } = slotsAround(job, timeAsked("09:00", now, "UTC"), "UTC");
    expect(staggerMs).toBeGreaterThan(minute);
    const asked = timeAsked(new Date(nine + staggerMs).toISOString(), now, "UTC");
    expect(slotsAround(job, asked, "UTC").slot).toBe(nine);
  });
});
