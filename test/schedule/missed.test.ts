import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBlackout } from "../../src/job/blackout.ts";
import type { Blackout, CatchUp, Schedule } from "../../src/job/job.ts";
import { blackoutAt } from "../../src/schedule/blackout.ts";
import type { DueQuestion } from "../../src/schedule/due-question.ts";
import { dueSlots, onTimeMs, type DueAnswer } from "../../src/schedule/missed.ts";
import { isMadeUpFor } from "../../src/schedule/unanswered.ts";
import { nextSlot } from "../../src/schedule/slot.ts";
import { staggerOf } from "../../src/schedule/stagger.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

function blackout(...texts: string[]): Blackout[] {
  return texts.map((text) => {
    const read = readBlackout(text);
    if (read.value === undefined) throw new Error(text);
    return read.value;
  });
}

interface Asked {
  readonly schedule: Schedule;
  readonly catchUp?: CatchUp;
  readonly since: string;
  readonly now: string;
  readonly paused?: string;
  readonly rests?: DueQuestion["rests"];
}

function ask({ schedule, catchUp, since, now, paused, rests = [] }: Asked): DueAnswer {
  const job = { id: "nightly", schedule, ...(catchUp === undefined ? {} : { catchUp }) };
  return dueSlots({ job, since: Date.parse(since), now: Date.parse(now), zone: "UTC", paused, rests });
}

const short = (at: number | undefined): string => (at === undefined ? "none" : new Date(at).toISOString().slice(5, 16));

/** The answer in short: what runs, what does not with the beginning of the reason, and what is next. */
function told(answer: DueAnswer): { run: string[]; ranges: string[]; next: string } {
  return {
    run: answer.run.map(
      ({ at, late, folded }) => `${short(at)}${late ? " late" : ""}${folded === 0 ? "" : ` for ${folded} more`}`,
    ),
    ranges: answer.ranges.map(
      ({ from, to, slots, status, reason }) =>
        `${short(from)}..${short(to)} ${slots} ${status}: ${reason.replace("nobody was there in time, and ", "")}`,
    ),
    next: `${short(answer.next?.at)} at ${short(answer.next?.dueAt)}`,
  };
}

const daily: Schedule = { kind: "cron", expr: "0 3 * * *" };
const hourly: Schedule = { kind: "cron", expr: "0 * * * *" };
const tooLate = "it is too late to make up for it (catchUp: at most";
const standsFor = (slot: string): string => `made up for by the run of the slot at 2026-${slot}:00.000Z (catchUp: latest)`;

describe("what becomes of slots that passed", () => {
  it("the last one of a schedule that has ended is made up for within an interval, as any other", () => {
    const ended: Schedule = { ...hourly, endAt: Date.parse("2026-06-01T10:00Z") };
    const passed = { schedule: ended, since: "2026-06-01T08:00Z" };
    expect(told(ask({ ...passed, now: "2026-06-01T09:55Z" })).run).toEqual(["06-01T09:00 late"]);
    expect(told(ask({ ...passed, now: "2026-06-01T15:00Z" }))).toEqual({
      run: [],
      ranges: [`06-01T09:00..06-01T09:00 1 missed: ${tooLate} 1d and at most one interval late)`],
      next: "none at none",
    });
  });

  it("nothing passed", () => {
    expect(told(ask({ schedule: daily, since: "2026-06-01T03:00Z", now: "2026-06-02T02:59:59.999Z" }))).toEqual({
      run: [],
      ranges: [],
      next: "06-02T03:00 at 06-02T03:00",
    });
  });

  it.each([
    ["to the instant", "03:00:00Z", ""],
    ["at most 90 s late", "03:01:30Z", ""],
    ["later: it is made up for", "03:01:30.001Z", " late"],
  ])("one slot, %s", (_name, time, late) => {
    expect(told(ask({ schedule: daily, since: "2026-06-01T03:00Z", now: `2026-06-02T${time}` }))).toEqual({
      run: [`06-02T03:00${late}`],
      ranges: [],
      next: "06-03T03:00 at 06-03T03:00",
    });
  });

  it("a daily job down for ten days: one run for all, the older ones within a day are no more than one", () => {
    expect(told(ask({ schedule: daily, since: "2026-06-01T03:00Z", now: "2026-06-11T09:00Z" }))).toEqual({
      run: ["06-11T03:00 late"],
      ranges: [`06-02T03:00..06-10T03:00 9 missed: ${tooLate} 1d and at most one interval late)`],
      next: "06-12T03:00 at 06-12T03:00",
    });
  });

  it("an hourly job down for five hours: one run that stands for the others", () => {
    expect(told(ask({ schedule: hourly, since: "2026-06-01T03:00Z", now: "2026-06-01T08:20Z" }))).toEqual({
      run: ["06-01T08:00 late for 4 more"],
      ranges: [`06-01T04:00..06-01T07:00 4 missed: ${standsFor("06-01T08:00")}`],
      next: "06-01T09:00 at 06-01T09:00",
    });
  });

  it("a weekly job two days late: more than 24 h, so it is missed", () => {
    const schedule: Schedule = { kind: "cron", expr: "0 3 * * 1" };
    expect(told(ask({ schedule, since: "2026-05-25T03:00Z", now: "2026-06-03T04:00Z" }))).toEqual({
      run: [],
      ranges: [`06-01T03:00..06-01T03:00 1 missed: ${tooLate} 1d and at most one interval late)`],
      next: "06-08T03:00 at 06-08T03:00",
    });
  });

  it.each([
    ["within 24 h", "2026-06-02T02:59Z", ["06-01T03:00 late"], []],
    ["after them", "2026-06-02T03:01Z", [], [`06-01T03:00..06-01T03:00 1 missed: ${tooLate} 1d and at most one interval late)`]],
  ])("a one-shot, %s", (_name, now, run, ranges) => {
    const schedule: Schedule = { kind: "at", at: "2026-06-01T03:00:00.000Z" };
    expect(told(ask({ schedule, since: "2026-05-31T00:00Z", now }))).toEqual({ run, ranges, next: "none at none" });
  });

  it("says of slots that a newer one's run stands for them, and of no others", () => {
    const often: Schedule = { kind: "every", everyMs: 20_000 };
    const passed = { schedule: often, since: "2026-06-01T03:00:00Z", now: "2026-06-01T03:01:01Z" };
    for (const [policy, isSo] of [
      ["latest", true],
      ["skip", false],
    ] as const) {
      const { ranges } = ask({ ...passed, catchUp: { policy } });
      expect(ranges.map(({ slots, reason }) => [slots, isMadeUpFor(reason)])).toEqual([[2, isSo]]);
    }
  });

  it("catchUp: skip has only what is on time", () => {
    const catchUp = { policy: "skip" } as const;
    const never = "missed slots are not made up for (catchUp: skip)";
    expect(told(ask({ schedule: hourly, catchUp, since: "2026-06-01T03:00Z", now: "2026-06-01T08:20Z" }))).toMatchObject({
      run: [],
      ranges: [`06-01T04:00..06-01T08:00 5 missed: ${never}`],
    });
    expect(told(ask({ schedule: hourly, catchUp, since: "2026-06-01T03:00Z", now: "2026-06-01T08:01Z" }))).toMatchObject({
      run: ["06-01T08:00"],
      ranges: [`06-01T04:00..06-01T07:00 4 missed: ${never}`],
    });
  });

  it("catchUp: all has a run for each within the window, the newest max of them, oldest first", () => {
    const asked = { schedule: hourly, since: "2026-06-01T03:00Z", now: "2026-06-01T08:20Z" };
    const each = ["04", "05", "06", "07", "08"].map((time) => `06-01T${time}:00 late`);
    expect(told(ask({ ...asked, catchUp: { policy: "all" } }))).toMatchObject({ run: each, ranges: [] });
    expect(told(ask({ ...asked, catchUp: { policy: "all", max: 2 } }))).toMatchObject({
      run: each.slice(3),
      ranges: ["06-01T04:00..06-01T06:00 3 missed: 2 newer slots are made up for (catchUp.max)"],
    });
    expect(told(ask({ ...asked, catchUp: { policy: "all", maxAgeMs: 80 * minute } }))).toMatchObject({
      run: each.slice(3),
      ranges: [`06-01T04:00..06-01T06:00 3 missed: ${tooLate} 1h20m late)`],
    });
  });

  // Walked one by one, the slots would still be counted when the test's own limit ends it.
  it("a job of every second, down for a month: one run and two counts", () => {
    const schedule: Schedule = { kind: "cron", expr: "* * * * * *", tz: "America/New_York" };
    const answer = ask({ schedule, since: "2026-10-05T00:00:00Z", now: "2026-11-05T00:00:00.500Z" });
    expect(answer.run.map(({ at }) => at)).toEqual([Date.parse("2026-11-05T00:00:00Z")]);
    expect(answer.ranges.map(({ slots }) => slots)).toEqual([30 * 86_400, 86_399]);
    expect(answer.run[0]?.folded).toBe(86_399);
  });

  it("a clock that was set back finds nothing to do until it has caught up", () => {
    expect(told(ask({ schedule: hourly, since: "2026-06-01T08:00Z", now: "2026-06-01T05:20Z" }))).toEqual({
      run: [],
      ranges: [],
      next: "06-01T09:00 at 06-01T09:00",
    });
  });

  it("a paused job skips what is due, and says why", () => {
    expect(
      told(ask({ schedule: hourly, since: "2026-06-01T03:00Z", now: "2026-06-01T05:00Z", paused: "paused by maria" })),
    ).toEqual({
      run: [],
      ranges: ["06-01T04:00..06-01T05:00 2 skipped: paused by maria"],
      next: "06-01T06:00 at 06-01T06:00",
    });
  });

  it("neither by hand nor at boot", () => {
    for (const kind of ["manual", "boot"] as const)
      expect(told(ask({ schedule: { kind }, since: "2026-06-01T03:00Z", now: "2026-06-05T03:00Z" }))).toEqual({
        run: [],
        ranges: [],
        next: "none at none",
      });
  });

  it("a stagger moves the time, and not the slot", () => {
    const schedule: Schedule = { ...hourly, staggerMs: 10 * minute };
    const share = staggerOf("nightly", 10 * minute);
    expect(share).toBeGreaterThan(onTimeMs);
    const due = Date.parse("2026-06-01T04:00Z") + share;
    const at = (now: number): DueAnswer => ask({ schedule, since: "2026-06-01T03:00Z", now: new Date(now).toISOString() });
    expect(at(due - 1)).toEqual({ run: [], ranges: [], next: { at: Date.parse("2026-06-01T04:00Z"), dueAt: due } });
    expect(at(due)).toMatchObject({ run: [{ at: Date.parse("2026-06-01T04:00Z"), dueAt: due, late: false }] });
    expect(at(due + onTimeMs + 1)).toMatchObject({ run: [{ dueAt: due, late: true }], next: { dueAt: due + hour } });
  });
});

describe("blackouts", () => {
  const nightly = blackout("22:00-06:00");
  it("skip what is due in them, at its time", () => {
    const schedule = { ...hourly, blackout: nightly };
    expect(told(ask({ schedule, since: "2026-06-01T22:00Z", now: "2026-06-01T23:00Z" }))).toEqual({
      run: [],
      ranges: ["06-01T23:00..06-01T23:00 1 skipped: in a blackout: 22:00-06:00"],
      next: "06-02T00:00 at 06-02T00:00",
    });
  });

  it("are told apart in a gap", () => {
    const schedule = { ...hourly, blackout: nightly };
    expect(told(ask({ schedule, since: "2026-06-01T20:00Z", now: "2026-06-02T08:30Z" }))).toMatchObject({
      run: ["06-02T08:00 late for 3 more"],
      ranges: [
        `06-01T21:00..06-01T21:00 1 missed: ${standsFor("06-02T08:00")}`,
        "06-01T22:00..06-02T05:00 8 skipped: in a blackout: 22:00-06:00",
        `06-02T06:00..06-02T07:00 2 missed: ${standsFor("06-02T08:00")}`,
      ],
    });
  });

  it("hold back what is late until they end, if that is not too late", () => {
    const schedule: Schedule = { kind: "cron", expr: "0 21 * * *", blackout: nightly };
    const asked = { schedule, since: "2026-05-31T21:00Z" };
    expect(told(ask({ ...asked, now: "2026-06-01T23:00Z" }))).toEqual({
      run: [],
      ranges: [],
      next: "06-01T21:00 at 06-02T06:00",
    });
    expect(told(ask({ ...asked, now: "2026-06-02T06:00Z" }))).toMatchObject({ run: ["06-01T21:00 late"], ranges: [] });
    const catchUp = { policy: "latest", maxAgeMs: 3 * hour } as const;
    expect(told(ask({ ...asked, catchUp, now: "2026-06-01T23:00Z" }))).toMatchObject({
      run: [],
      ranges: [`06-01T21:00..06-01T21:00 1 missed: ${tooLate} 3h late)`],
      next: "06-02T21:00 at 06-02T21:00",
    });
  });
});

describe("a pause that is over", () => {
  const why = "the job is paused by maria";
  const onTheHour = { kind: "cron", expr: "0 * * * *" } as const;
  const rest = (from: string, until: string) => ({ from: Date.parse(from), until: Date.parse(until), why });
  const asked = { schedule: onTheHour, since: "2026-06-01T05:30Z", now: "2026-06-01T10:20Z" };

  it("has its slots skipped, and only those after it are made up for", () => {
    expect(told(ask({ ...asked, rests: [rest("2026-06-01T06:30Z", "2026-06-01T09:00Z")] }))).toMatchObject({
      run: ["06-01T10:00 late for 2 more"],
      ranges: [
        expect.stringMatching(/^06-01T06:00\.\.06-01T06:00 1 missed/),
        `06-01T07:00..06-01T08:00 2 skipped: ${why}`,
        expect.stringMatching(/^06-01T09:00\.\.06-01T09:00 1 missed/),
      ],
    });
  });

  it("leaves nothing to be made up for if it ended after the last slot; a slot before it is, within the window", () => {
    const until = "2026-06-01T10:10Z";
    expect(told(ask({ ...asked, rests: [rest("2026-06-01T05:00Z", until)] }))).toMatchObject({
      run: [],
      ranges: [`06-01T06:00..06-01T10:00 5 skipped: ${why}`],
    });
    const catchUp = { policy: "latest", maxAgeMs: 6 * hour } as const;
    expect(told(ask({ ...asked, catchUp, rests: [rest("2026-06-01T08:30Z", until)] }))).toMatchObject({
      run: ["06-01T08:00 late for 2 more"],
      ranges: [expect.stringMatching(/06:00\.\.06-01T07:00 2 missed/), `06-01T09:00..06-01T10:00 2 skipped: ${why}`],
    });
  });

  it("counts by the time at which a slot was due, its first instant included and its end not, also for a slot on time", () => {
    const on = { ...asked, since: "2026-06-01T09:30Z", now: "2026-06-01T10:00:30Z" };
    const edge = rest("2026-06-01T10:00Z", "2026-06-01T10:00:10Z");
    expect(told(ask({ ...on, rests: [edge] }))).toMatchObject({ run: [], ranges: [expect.stringContaining("skipped")] });
    expect(told(ask({ ...on, rests: [rest("2026-06-01T09:00Z", "2026-06-01T10:00Z")] })).run).toEqual(["06-01T10:00"]);
    const staggerMs = 30 * minute;
    const share = staggerOf("nightly", staggerMs);
    const due = Date.parse("2026-06-01T10:00Z") + share;
    const staggered = { ...on, schedule: { ...onTheHour, staggerMs }, now: new Date(due + 1_000).toISOString() };
    expect(ask({ ...staggered, rests: [{ from: due, until: due + 1, why }] }).run).toEqual([]);
    expect(ask({ ...staggered, rests: [{ from: due - 1, until: due, why }] }).run).toHaveLength(1);
  });
});

/** Everything about an answer that breaks a promise. */
function wrongsOf(question: DueQuestion, { run, ranges, next }: DueAnswer): string[] {
  const { job, since, now, rests = [] } = question;
  const { schedule } = job;
  const { blackout: times = [], tz: zone = "UTC" } = schedule;
  const share = staggerOf(job.id, schedule.staggerMs);
  const passed: number[] = [];
  for (let at = nextSlot(schedule, since, "UTC"); at !== undefined && at + share <= now; at = nextSlot(schedule, at, "UTC"))
    passed.push(at);
  const wrongs: string[] = [];
  const must = (holds: boolean, what: string): void => void (holds || wrongs.push(what));
  const open = (at: number): boolean => blackoutAt(times, zone, at) === undefined;
  if (next !== undefined && next.at === passed[0]) {
    const again = dueSlots({ ...question, now: next.dueAt });
    must(run.length + ranges.length === 0, "what waits is not answered");
    must(!open(now) && open(next.dueAt) && next.dueAt > now, "it waits in a blackout, for its end");
    must(again.run.length + again.ranges.length > 0, "it waits once");
    return wrongs;
  }
  must(next?.at === nextSlot(schedule, Math.max(since, now - share), "UTC"), "next is the slot after now");
  for (const slot of passed) {
    const answers =
      run.filter(({ at }) => at === slot).length + ranges.filter(({ from, to }) => slot >= from && slot <= to).length;
    must(answers === 1, `${new Date(slot).toISOString()} is in ${answers} places`);
  }
  must(run.length + ranges.reduce((sum, { slots }) => sum + slots, 0) === passed.length, "the slots are counted right");
  must(
    ranges.every(({ from, to }) => passed.includes(from) && passed.includes(to)),
    "ranges begin and end with slots",
  );
  for (const order of [run.map(({ at }) => at), ranges.flatMap(({ from, to }) => [from, to])])
    must(order.join() === order.toSorted((x, y) => x - y).join(), "oldest first");
  must(question.paused === undefined || run.length === 0, "nothing runs while it is paused");
  must(
    run.every(({ dueAt }) => open(dueAt)),
    "nothing runs that was due in a blackout",
  );
  const resting = (slot: number): boolean => rests.some(({ from, until }) => slot + share >= from && slot + share < until);
  must(!run.some(({ at }) => resting(at)), "nothing runs that was due in a pause");
  must(
    passed.every(
      (slot) => !resting(slot) || ranges.some((one) => one.status === "skipped" && slot >= one.from && slot <= one.to),
    ),
    "what was due in a pause is skipped",
  );
  must(job.catchUp?.policy === "all" || run.length <= 1, "at most one runs");
  return wrongs;
}

describe("every slot that passed", () => {
  const schedules: readonly Schedule[] = [
    { kind: "cron", expr: "30 * * * *" },
    { kind: "cron", expr: "*/7 * * * *" },
    { kind: "cron", expr: "30 1,2,3 * * *" },
    { kind: "cron", expr: "0 0 * * 1-5" },
    { kind: "cron", expr: "0 12 1,15 * *" },
    { kind: "cron", expr: "20,40 */30 * * * *" },
    { kind: "every", everyMs: 17 * minute, anchorMs: 5_000 },
    { kind: "every", everyMs: 3 * day },
    { kind: "at", at: "2026-03-29T01:30:00.000Z" },
  ];
  const blackouts = [[], ["22:00-06:00"], ["sat,sun", "12:00-13:00"], ["01:00-02:30"], ["2026-03-28..2026-03-29"]];
  const catchUps = fc.oneof(
    fc.constant(undefined),
    fc.record({ policy: fc.constantFrom<CatchUp["policy"][]>("skip", "latest") }, { requiredKeys: ["policy"] }),
    fc.record(
      {
        policy: fc.constantFrom<CatchUp["policy"][]>("latest", "all"),
        maxAgeMs: fc.integer({ min: 1_000, max: 3 * day }),
        max: fc.integer({ min: 1, max: 20 }),
      },
      { requiredKeys: ["policy"] },
    ),
  );
  const asked = fc.record({
    schedule: fc.constantFrom(...schedules),
    times: fc.constantFrom(...blackouts),
    catchUp: catchUps,
    zone: fc.constantFrom<string[]>("Europe/London", "America/New_York", "Asia/Kolkata"),
    staggerMs: fc.constantFrom(0, 0, 5 * minute),
    since: fc.integer({ min: Date.parse("2026-03-26T00:00Z"), max: Date.parse("2026-03-29T12:00Z") }),
    gap: fc.oneof(fc.integer({ min: 0, max: 3 * minute }), fc.integer({ min: 0, max: 2 * day })),
    paused: fc.constantFrom<(string | undefined)[]>(undefined, undefined, undefined, "paused by maria"),
    /** Shares of the gap. */
    rested: fc.array(fc.tuple(fc.double({ min: -0.2, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })), {
      maxLength: 2,
    }),
  });

  /** A late slot that waits for the end of a blackout, so that one is among those looked at whatever is drawn. */
  const patient: CatchUp = { policy: "latest", maxAgeMs: 3 * day };
  const halfPast: Schedule = { kind: "cron", expr: "30 * * * *" };
  const waiting = {
    schedule: halfPast,
    times: ["22:00-06:00"],
    catchUp: patient,
    zone: "Europe/London",
    staggerMs: 0,
    paused: undefined,
    since: Date.parse("2026-03-27T21:15Z"),
    gap: 60 * minute,
    rested: [],
  };

  it("is in one of the lists and in no other, or waits for a blackout's end", () => {
    fc.assert(
      fc.property(asked, ({ schedule: rule, times, catchUp, zone, staggerMs, since, gap, paused, rested }) => {
        const schedule: Schedule = { ...rule, tz: zone, staggerMs, blackout: blackout(...times) };
        const job = { id: "a", schedule, ...(catchUp === undefined ? {} : { catchUp }) };
        const rests = rested.map(([from, long]) => {
          const begin = Math.round(since + from * gap);
          return { from: begin, until: Math.min(since + gap, Math.round(begin + long * gap)), why: "rested" };
        });
        const question = { job, since, now: since + gap, zone: "UTC", paused, rests };
        const answer = dueSlots(question);
        expect(wrongsOf(question, answer)).toEqual([]);
      }),
      { numRuns: 150, examples: [[waiting]] },
    );
    const schedule: Schedule = { ...halfPast, tz: waiting.zone, blackout: blackout(...waiting.times) };
    const now = waiting.since + waiting.gap;
    const { next, run } = dueSlots({ job: { id: "a", schedule, catchUp: patient }, since: waiting.since, now, zone: "UTC" });
    expect([next?.at, run]).toEqual([Date.parse("2026-03-27T21:30Z"), []]);
  });
});
