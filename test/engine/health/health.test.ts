/** The one state of each job, and what is said of the whole: a table of situations. */
import assert from "node:assert";
import { describe, expect, it } from "vitest";
import { glyphsFor } from "../../../src/cli/health/glyphs.ts";
import { headLines } from "../../../src/cli/health/head.ts";
import { statusLines } from "../../../src/cli/health/view.ts";
import { judgeHealth, onTimeMs, type HealthFacts, type ProjectHealth } from "../../../src/engine/health/health.ts";
import { isTrouble, lightOf, type JobHealth } from "../../../src/engine/health/job-state.ts";
import { nextSlotIn } from "../../../src/engine/health/next-slot.ts";
import type { Leader, Pause, RunRow } from "../../../src/ledger/ledger.ts";
import { owner } from "../../ledger/records.ts";
import { day, hour, jobOf, minute, recentOf, row } from "./situations.ts";

/** Wednesday, half a minute after noon. */
const now = Date.UTC(2026, 10, 25, 12, 0, 30);
const noon = now - 30_000;
const nine = noon - 3 * hour;

const leader: Leader = {
  owner,
  startedAt: now - 3 * day,
  seenAt: now - 2_000,
  leaseUntil: now + 28_000,
  version: "1.0.0",
  report: { projectDir: "/p", zone: "UTC", jobs: 1, running: 0, queued: 0, state: "running", problems: [] },
};

/** One job that was looked after for a month, and whose daemon lives; its rows newest first. */
function judge(rows: readonly RunRow[], over: Partial<HealthFacts> = {}): ProjectHealth {
  const slots = rows.flatMap(({ slotAt }) => slotAt ?? []);
  return judgeHealth({
    now,
    nextSlot: nextSlotIn("UTC"),
    jobs: [jobOf()],
    leader,
    leaderState: "alive",
    openRuns: rows.filter(({ status }) => ["queued", "running", "waiting"].includes(status)),
    died: () => false,
    booted: false,
    recentRuns: new Map([["check", recentOf(rows)]]),
    lastSlots: new Map(slots.length === 0 ? [] : [["check", Math.max(...slots)]]),
    slotsAhead: new Map(),
    armed: new Map([["check", { since: now - 30 * day }]]),
    pauses: new Map(),
    statusCounts: [],
    events: [],
    ticks: [],
    toleranceMs: onTimeMs,
    ...over,
  });
}

function only(health: ProjectHealth): JobHealth {
  const [job] = health.jobs;
  assert(job);
  return job;
}

const stopped = (at: number) => [{ at, kind: "stopped", text: "pid 1" } as const];
const ran = row({ status: "succeeded", startedAt: nine, slotAt: nine });
const pause: Pause = { jobId: "check", at: now - hour, by: "maria" };

const failed = (at: number): RunRow => row({ status: "failed", startedAt: at, slotAt: at });

describe("the state of a job", () => {
  const states: readonly (readonly [string, readonly RunRow[], Partial<HealthFacts>, object, string])[] = [
    ["is ok when the newest slot ended well", [ran], {}, { kind: "ok" }, "green"],
    [
      "is overdue when the newest slot has no record",
      [row({ status: "succeeded", startedAt: nine - day, slotAt: nine - day })],
      {},
      { kind: "overdue", what: "slot", dueAt: nine },
      "red",
    ],
    [
      "is not overdue within the tolerance",
      [row({ status: "succeeded", startedAt: noon - day, slotAt: noon - day })],
      { jobs: [jobOf({ schedule: { cron: "0 12 * * *", tz: "UTC" } })] },
      { kind: "ok" },
      "green",
    ],
    [
      "is not overdue before the whole of its stagger is over",
      [row({ status: "succeeded", startedAt: nine - day, slotAt: nine - day })],
      { jobs: [{ ...jobOf(), schedule: { kind: "cron", expr: "0 9 * * *", tz: "UTC", staggerMs: 4 * hour } }] },
      { kind: "ok" },
      "green",
    ],
    [
      "is not overdue for a slot before it was looked after",
      [],
      { armed: new Map([["check", { since: nine + 1 }]]) },
      { kind: "never_run" },
      "off",
    ],
    ["is not looked after where no daemon ever was", [], { armed: new Map() }, { kind: "not_armed" }, "yellow"],
    [
      "is running while a process has it",
      [row({ status: "running", startedAt: now - minute }), ran],
      {},
      { kind: "running", since: now - minute },
      "busy",
    ],
    [
      "has died when that process is gone",
      [row({ status: "running", startedAt: now - minute }), ran],
      { died: () => true },
      { kind: "died" },
      "red",
    ],
    [
      "waits until a time",
      [
        row({
          status: "waiting",
          startedAt: nine,
          slotAt: nine,
          wait: { until: now + hour, why: "the plan resets", kind: "later", since: nine, ranMs: 0, uncounted: 0 },
        }),
      ],
      {},
      { kind: "waiting", until: now + hour, why: "the plan resets" },
      "busy",
    ],
    [
      "is overdue when that time has passed and nobody carried it on",
      [
        row({
          status: "waiting",
          startedAt: nine,
          slotAt: nine,
          wait: { until: now - hour, why: "the plan resets", kind: "later", since: nine, ranMs: 0, uncounted: 0 },
        }),
      ],
      {},
      { kind: "overdue", what: "waiting", dueAt: now - hour },
      "red",
    ],
    [
      "is queued for as long as a daemon is there",
      [row({ status: "queued", startedAt: nine, slotAt: nine })],
      {},
      { kind: "queued", since: nine },
      "busy",
    ],
    [
      "is what it was, and its slot is the next one, while that is claimed and has not come",
      [row({ status: "queued", startedAt: nine + day, slotAt: nine + day }), ran],
      { now: nine + day - 400 },
      { kind: "ok" },
      "green",
    ],
    [
      "is overdue when it is queued and nobody is there",
      [row({ status: "queued", startedAt: nine, slotAt: nine })],
      { leader: undefined },
      { kind: "overdue", what: "queued", dueAt: nine },
      "red",
    ],
    [
      "is failing, so many times in a row, and what says nothing of it is passed over",
      [
        failed(nine),
        row({ status: "skipped", startedAt: nine - hour, slotAt: nine - hour }),
        row({ status: "timed_out", startedAt: nine - day, slotAt: nine - day }),
        row({ status: "succeeded", startedAt: nine - 2 * day, slotAt: nine - 2 * day }),
        failed(nine - 3 * day),
      ],
      {},
      { kind: "failing", inARow: 2, atLeast: false, since: nine - day, status: "failed", once: false },
      "red",
    ],
    [
      "stays red while it is under way once more",
      [row({ status: "running", startedAt: now - minute }), failed(nine)],
      {},
      { kind: "running" },
      "red",
    ],
    [
      "is blocked since the first of its blocked slots, with the reason",
      [
        row({
          status: "blocked",
          startedAt: nine,
          slotAt: nine,
          slotFrom: nine - 6 * day,
          slots: 7,
          reason: "ANTHROPIC_API_KEY is not set",
        }),
        ran,
      ],
      {},
      { kind: "blocked", since: nine - 6 * day, times: 7, reason: "ANTHROPIC_API_KEY is not set" },
      "red",
    ],
    [
      "was missed, when that is the newest that is known",
      [row({ status: "missed", startedAt: nine, slotAt: nine, slotFrom: nine - day, slots: 2 }), ran],
      {},
      { kind: "missed", from: nine - day, to: nine, slots: 2 },
      "yellow",
    ],
    [
      "is put off until the provider's time",
      [row({ status: "deferred", startedAt: nine, slotAt: nine, deferredUntil: now + hour }), ran],
      {},
      { kind: "put_off", until: now + hour },
      "yellow",
    ],
    [
      "is paused, whatever came before",
      [failed(nine)],
      { pauses: new Map([["check", pause]]) },
      { kind: "paused", pause },
      "yellow",
    ],
    [
      "is not paused any more when that has ended",
      [ran],
      { pauses: new Map([["check", { ...pause, until: now - 1 }]]) },
      { kind: "ok" },
      "green",
    ],
    ["is paused with everything", [ran], { pauses: new Map([["*", { ...pause, jobId: "*" }]]) }, { kind: "paused" }, "yellow"],
    ["is disabled, and nothing of it is due", [], { jobs: [jobOf({ enabled: false })] }, { kind: "disabled" }, "off"],
    [
      "shows that it runs by hand also when it is disabled",
      [row({ status: "running", startedAt: now })],
      { jobs: [jobOf({ enabled: false })] },
      { kind: "running" },
      "busy",
    ],
    ["has never run, by hand only", [], { jobs: [jobOf({ schedule: { kind: "manual" } })] }, { kind: "never_run" }, "off"],
  ];

  it.each(states)("%s", (_, rows, over, state, light) => {
    const health = only(judge(rows, over));
    expect(health.state).toMatchObject(state);
    expect(lightOf(health)).toBe(light);
  });

  it("says that it may be more in a row than were looked at", () => {
    const rows = Array.from({ length: 20 }, (_, back) => failed(nine - back * day));
    expect(only(judge(rows)).state).toMatchObject({ kind: "failing", inARow: 20, atLeast: true });
  });

  it("tells a schedule that cannot be computed", () => {
    const job = { ...jobOf(), schedule: { kind: "cron", expr: "0 0 31 2 *", tz: "UTC" } as const };
    expect(only(judge([ran], { jobs: [job] })).state).toMatchObject({ kind: "unusable", reason: expect.any(String) as string });
  });

  it("says when it is due next, and not of a job that is paused or disabled", () => {
    const next = nine + day;
    expect(only(judge([ran])).nextAt).toBe(next);
    expect(only(judge([], { armed: new Map() })).nextAt).toBe(next);
    expect(only(judge([ran], { pauses: new Map([["check", pause]]) })).nextAt).toBeUndefined();
    expect(only(judge([ran], { jobs: [jobOf({ enabled: false })] })).nextAt).toBeUndefined();
  });
});

describe("a job that is due once", () => {
  const at = nine;
  const jobs = [jobOf({ schedule: { kind: "at", at: new Date(at).toISOString() } })];
  const states: readonly (readonly [string, readonly RunRow[], Partial<HealthFacts>, object])[] = [
    ["is finished", [row({ status: "succeeded", startedAt: at, slotAt: at })], {}, { kind: "finished" }],
    [
      "stays visible when it failed",
      [row({ status: "failed", startedAt: at, slotAt: at })],
      {},
      { kind: "failing", once: true, inARow: 1 },
    ],
    [
      "is finished when it was run again and succeeded",
      [row({ status: "succeeded", startedAt: now - minute }), row({ status: "failed", startedAt: at, slotAt: at })],
      {},
      { kind: "finished" },
    ],
    ["is overdue when it has no record", [], {}, { kind: "overdue", dueAt: at }],
    [
      "had passed before anybody looked after it",
      [],
      { armed: new Map([["check", { since: at + 1 }]]) },
      { kind: "passed", slotAt: at },
    ],
  ];
  it.each(states)("%s", (_, rows, over, state) => expect(only(judge(rows, { jobs, ...over })).state).toMatchObject(state));
});

describe("the whole", () => {
  it("is without trouble when nothing is overdue, blocked or failing", () => {
    expect(judge([ran])).toMatchObject({ trouble: false, daemon: { kind: "alive", elsewhere: false, draining: false } });
    expect(judge([ran], { leader: undefined }).trouble).toBe(false);
  });

  it("is in trouble when the daemon has died, or starts nothing", () => {
    const died = judge([ran], { leaderState: "dead" });
    expect(died).toMatchObject({ trouble: true, daemon: { kind: "dead", seenAt: now - 2_000 } });
    const held = judge([ran], {
      leader: { ...leader, report: { ...leader.report, state: "held" } },
      events: [{ at: now - hour, kind: "held", text: "the disk is full" }],
    });
    expect(held).toMatchObject({ trouble: true, daemon: { held: { since: now - hour, reason: "the disk is full" } } });
    // Where the ledger cannot be written, that cannot be written either.
    const silent = { ...leader, seenAt: now - 61_000 };
    expect(judge([ran], { leader: silent })).toMatchObject({ trouble: true, daemon: { held: { since: now - 61_000 } } });
    const [, said] = headLines(judge([ran], { leader: silent }), now, "UTC");
    expect(said?.text).toMatch(
      /^it starts nothing for 1 min 1 s, and goes on by itself when it can: nothing of it has reached the ledger/,
    );
    expect(judge([ran], { leader: { ...leader, seenAt: now - 59_000 } }).trouble).toBe(false);
    expect(judge([ran], { leader: silent, leaderState: "elsewhere" }).trouble).toBe(false);
  });

  it("says that the daemon has died only while nobody does the work since", () => {
    const judged = (ticks: readonly number[], over: Partial<HealthFacts> = {}) =>
      judge([ran], { leaderState: "dead", leader: { ...leader, seenAt: now - hour }, ticks, ...over });
    expect(judged([now - 2 * hour, now - 3 * hour]), "it came before that").toMatchObject({
      trouble: true,
      daemon: { kind: "dead" },
    });
    const once = judged([now - minute, now - 2 * hour]);
    expect([once.trouble, once.daemon]).toEqual([false, { kind: "none", ticked: { at: now - minute } }]);
    expect(headLines(once, now, "UTC")[0]?.text).toBe(
      "no daemon is running (runner tick did what was due 1 min ago): nothing fires by itself. Start one: runner start (or do what is due, once: runner tick)",
    );
    const each = judged([now - minute, now - 6 * minute]);
    expect([each.trouble, each.daemon]).toEqual([false, { kind: "none", ticked: { at: now - minute, everyMs: 5 * minute } }]);
    expect(headLines(each, now, "UTC")).toEqual([
      { text: "no daemon is running: runner tick does what is due, about every 5 min, last 1 min ago", bad: false },
    ]);
    // The line was taken out of the crontab.
    expect(judged([now - 12 * minute, now - 17 * minute]).daemon).toEqual({ kind: "none", ticked: { at: now - 12 * minute } });
    // A person who does it now and then is no timer.
    expect(judge([ran], { leader: undefined, ticks: [now - hour, now - 30 * hour] }).daemon).toEqual({
      kind: "none",
      ticked: { at: now - hour },
    });
  });

  it("says what was last, a daemon or ticks", () => {
    const ticks = [now - 10 * minute, now - 11 * minute];
    expect(judge([ran], { ticks }).daemon.kind, "one leads").toBe("alive");
    expect(judge([ran], { ticks, leaderState: "dead" }).daemon.kind, "that came after them").toBe("dead");
    expect(judge([ran], { leader: undefined, ticks, events: stopped(now - minute) }).daemon).toEqual({
      kind: "none",
      stoppedAt: now - minute,
    });
    expect(judge([ran], { leader: undefined, ticks, events: stopped(now - hour) }).daemon).toEqual({
      kind: "none",
      stoppedAt: now - hour,
      ticked: { at: now - 10 * minute },
    });
  });

  it("shows a slot that is claimed and has not come as the next one, and no clock that was set back", () => {
    const coming = row({ status: "queued", startedAt: nine + day, slotAt: nine + day });
    const soon = { now: nine + day - 400, leader: { ...leader, seenAt: nine + day - 2_000 } };
    const health = judge([coming, ran], soon);
    expect(only(health).nextAt).toBe(nine + day);
    expect(health).toMatchObject({ trouble: false, strays: [] });
    expect(judge([coming, ran], { ...soon, jobs: [] }).strays).toEqual([]);
  });

  it("is in trouble if the daemon on its ledger fires the jobs of another project", () => {
    const queued = row({ status: "queued", startedAt: nine, slotAt: nine, queuedAt: nine });
    const other = judge([queued], { otherProject: "/other" });
    expect(other).toMatchObject({ trouble: true, daemon: { otherProject: "/other" } });
    expect(only(other).state, "nobody looks after it").toMatchObject({ kind: "overdue", what: "queued" });
  });

  it("knows when the last daemon stopped, and what the job files are wrong with", () => {
    const events = [{ at: now - hour, kind: "stopped", text: "by SIGTERM" } as const];
    expect(judge([ran], { leader: undefined, events }).daemon).toEqual({ kind: "none", stoppedAt: now - hour });
    const problems = ["jobs/a.yaml:3: model: is missing"];
    const bad = judge([ran], { leader: { ...leader, report: { ...leader.report, problems } } });
    expect(bad.daemon).toMatchObject({ problems });
  });

  it("tells of a job that is under way again how its runs before it ended, and what to type", () => {
    const view = {
      now,
      zone: "UTC",
      width: Infinity,
      height: Infinity,
      glyphs: glyphsFor({}),
      style: (_: string, text: string) => text,
    };
    const queued = row({ status: "queued", startedAt: now - minute, slotAt: now - minute, queuedAt: now - minute });
    const before = (status: "failed" | "blocked"): string => {
      const bad = row({ status, startedAt: nine, slotAt: nine });
      return statusLines(judge([queued, bad]), view)
        .join("\n")
        .replaceAll(bad.runId.slice(0, 8), "RUN");
    };
    expect(before("blocked")).toContain("; blocked before ");
    expect(before("blocked")).toMatch(
      /What to do\n {2}check: was blocked before, since Wed 2026-11-25 09:00:00 \+00:00\n {4}runner explain RUN$/,
    );
    expect(before("failed")).toMatch(/What to do\n {2}check: failed before, .* ago\n {4}runner explain RUN$/);
  });

  it("does not say of what a clock that was ahead has recorded that it is yet to come", () => {
    const view = {
      now,
      zone: "Europe/Berlin",
      width: Infinity,
      height: Infinity,
      glyphs: glyphsFor({}),
      style: (_: string, text: string) => text,
    };
    const later = now + 5 * hour;
    const withdrawn = { at: now - hour, kind: "withdrawn", text: "set back to 2026-11-25T09:00:00.000Z" } as const;
    const said = (status: "failed" | "blocked" | "running"): string =>
      statusLines(judge([row({ status, startedAt: later, slotAt: later, slotFrom: later })], { events: [withdrawn] }), view).join(
        "\n",
      );
    expect(said("failed")).toMatch(/failed by a clock 5 h 1 min ahead/);
    expect(said("failed")).toContain("check: failed by a clock 5 h ahead");
    expect(said("blocked")).toMatch(/✖ {2}check {2}blocked {2,}/);
    expect(said("running")).toMatch(/▶ {2}check {2}running {2,}/);
    for (const status of ["failed", "blocked", "running"] as const) expect(said(status)).not.toMatch(/in 5 h|for 0/);
    expect(said("failed"), "on the project's clocks").toContain("set back to Wed 2026-11-25 10:00:00 +01:00");
  });

  it("says once that everything is paused, and that every place is taken", () => {
    const view = {
      now,
      zone: "UTC",
      width: Infinity,
      height: Infinity,
      glyphs: glyphsFor({}),
      style: (_: string, text: string) => text,
    };
    const ofAll = { jobId: "*", at: now - hour, by: "maria" };
    const jobs = ["a", "b", "c"].map((id) => jobOf({ id, name: id }));
    const report = { ...leader.report, running: 2, queued: 3, maxRuns: 2 };
    const lines = statusLines(judge([], { jobs, pauses: new Map([["*", ofAll]]), leader: { ...leader, report } }), view);
    expect(lines.filter((line) => line.includes("runner resume"))).toEqual([
      "everything is paused by maria 1 h ago. To end that: runner resume --all",
    ]);
    expect(lines[0]).toMatch(/2 running \(all that scheduler\.maxRuns allows\), 3 queued$/);
    const room = { ...leader.report, running: 1, queued: 3, maxRuns: 2 };
    expect(headLines(judge([], { leader: { ...leader, report: room } }), now, "UTC")[0]?.text).toMatch(/1 running, 3 queued$/);
  });

  it("says once what is wrong with the files, whether the daemon refused them or left a job out", () => {
    const problems = ["jobs/a.yaml:3: model: is missing"];
    const said = (daemon: "refused" | "in_force", files: readonly string[] | undefined): string[] => {
      const refused = daemon === "refused" ? { refused: true as const } : {};
      const report = { ...leader.report, problems, ...refused };
      const events = [{ at: now - hour, kind: "reload_refused", text: "" } as const];
      const [, ...lines] = headLines(judge([ran], { leader: { ...leader, report }, events, problems: files }), now, "UTC");
      return lines.map(({ text }) => text);
    };
    const refused = "the daemon refused the files as they were changed 1 h ago; what was in force before stays, as a whole";
    expect(said("refused", problems)).toEqual([`${refused}:`, `  ${problems[0]}`]);
    expect(said("refused", undefined), "of one job").toEqual([`${refused}:`, `  ${problems[0]}`]);
    expect(said("refused", [])).toEqual([`${refused}. They are mended since; it reads them soon, or at once: runner reload`]);
    const leftOut = "job files that cannot be used, so what is in them does not run:";
    expect(said("in_force", problems)).toEqual([leftOut, `  ${problems[0]}`]);
    expect(said("in_force", undefined)).toEqual([]);
    expect(said("in_force", []), "mended a moment ago").toEqual([]);
    const many = Array.from({ length: 23 }, (_, at) => `jobs/${at}.yaml: broken`);
    expect(said("in_force", many).slice(-2)).toEqual([
      "  jobs/19.yaml: broken",
      "  and 3 more problems (each of them: runner validate)",
    ]);
  });

  it("says that jobs have runs of slots that are yet to come, because the clock was set back, and that slots were given back", () => {
    const ahead = row({ status: "succeeded", startedAt: nine + day, slotAt: nine + day });
    const told = { at: now - hour, kind: "withdrawn", jobId: "check", text: "what was recorded" } as const;
    const old = { ...told, at: now - 25 * hour };
    const set = { lastSlots: new Map([["check", nine]]), slotsAhead: new Map([["check", nine + day]]) };
    const health = judge([ahead, ran], { ...set, events: [told, old] });
    expect(health).toMatchObject({ ahead: { jobs: 1, until: nine + day }, withdrawn: told });
    expect(only(health)).toMatchObject({ state: { kind: "ok" }, nextAt: nine + day });
    const late = { ...set, lastSlots: new Map([["check", nine - day]]), events: [old] };
    expect(only(judge([ahead, ran], late)).state, "a run of tomorrow hides no slot of today").toMatchObject({
      kind: "overdue",
      dueAt: nine,
    });
    expect(judge([ahead, ran], late).withdrawn).toBeUndefined();
  });

  it("counts how often a job succeeds over what was carried out", () => {
    const statusCounts = [
      { jobId: "check", status: "succeeded", runs: 90 },
      { jobId: "check", status: "quiet", runs: 5 },
      { jobId: "check", status: "failed", runs: 5 },
      { jobId: "check", status: "skipped", runs: 1_000 },
      { jobId: "other", status: "failed", runs: 7 },
    ] as const;
    expect(only(judge([ran], { statusCounts })).rate).toEqual({ good: 95, all: 100 });
  });

  it("leaves a job in peace that somebody has paused while it failed", () => {
    const failing = row({ status: "failed", startedAt: nine, slotAt: nine });
    const health = judge([failing], { pauses: new Map([["check", pause]]) });
    expect([isTrouble(only(health)), health.trouble]).toEqual([false, false]);
  });
});
