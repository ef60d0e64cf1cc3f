import * as fc from "fast-check";
import { Cron } from "croner";
import { describe, expect, it, vi } from "vitest";
import { JobError } from "../../src/errors.ts";
import type { Schedule } from "../../src/job/job.ts";
import { describeSchedule } from "../../src/schedule/describe.ts";
import { countSlots, newestSlots, nextSlot, nextSlots } from "../../src/schedule/slot.ts";
import { checkExpression, expressions, oddDays, yearOf } from "./year.ts";
import { changes, due, localMinutes, type Fields, type LocalMinute } from "./oracle.ts";

const cron = (expr: string, tz?: string): Schedule => (tz === undefined ? { kind: "cron", expr } : { kind: "cron", expr, tz });

function slots(schedule: Schedule, after: string, count: number, zone = "UTC"): string[] {
  return nextSlots(schedule, new Date(after), count, zone).map((slot) => slot.toISOString().replace(":00.000Z", "Z"));
}

describe("cron at the clock changes of New York, as Debian's cron was seen to run them", () => {
  // In 2026 the clock goes from 02:00 EST to 03:00 EDT on 8 March (07:00Z) and from 02:00 EDT to 01:00 EST on 1 November (06:00Z).
  const spring = "2026-03-08T05:59:00Z";
  const autumn = "2026-11-01T04:59:00Z";
  const table: [expr: string, gap: string[], fold: string[]][] = [
    ["30 2 * * *", ["03-08T07:00Z", "03-09T06:30Z"], ["11-01T07:30Z", "11-02T07:30Z"]],
    ["30 1 * * *", ["03-08T06:30Z", "03-09T05:30Z"], ["11-01T05:30Z", "11-02T06:30Z"]],
    [
      "*/30 * * * *",
      ["03-08T06:00Z", "03-08T06:30Z", "03-08T07:00Z", "03-08T07:30Z"],
      ["11-01T05:00Z", "11-01T05:30Z", "11-01T06:00Z", "11-01T06:30Z", "11-01T07:00Z"],
    ],
    [
      "30 1,2,3 * * *",
      ["03-08T06:30Z", "03-08T07:00Z", "03-08T07:30Z", "03-09T05:30Z"],
      ["11-01T05:30Z", "11-01T07:30Z", "11-01T08:30Z", "11-02T06:30Z"],
    ],
    // A step over a range is no wildcard to Debian's cron; croner alone would call it one.
    [
      "30 1-3/1 * * *",
      ["03-08T06:30Z", "03-08T07:00Z", "03-08T07:30Z", "03-09T05:30Z"],
      ["11-01T05:30Z", "11-01T07:30Z", "11-01T08:30Z", "11-02T06:30Z"],
    ],
    ["0 */2 * * *", ["03-08T08:00Z", "03-08T10:00Z"], ["11-01T07:00Z", "11-01T09:00Z"]],
    ["* 2 * * *", ["03-09T06:00Z", "03-09T06:01Z"], ["11-01T07:00Z", "11-01T07:01Z"]],
    // Only minute and hour make an entry wild: seconds there are none in cron.
    [
      "*/30 30 2 * * *",
      ["03-08T07:00Z", "03-09T06:30Z", "03-09T06:30:30.000Z"],
      ["11-01T07:30Z", "11-01T07:30:30.000Z", "11-02T07:30Z"],
    ],
    [
      "*/30 30 1 * * *",
      ["03-08T06:30Z", "03-08T06:30:30.000Z", "03-09T05:30Z"],
      ["11-01T05:30Z", "11-01T05:30:30.000Z", "11-02T06:30Z"],
    ],
  ];
  it.each(table)("%s", (expr, gap, fold) => {
    expect(slots(cron(expr, "America/New_York"), spring, gap.length)).toEqual(gap.map((at) => `2026-${at}`));
    expect(slots(cron(expr, "America/New_York"), autumn, fold.length)).toEqual(fold.map((at) => `2026-${at}`));
  });

  it.each([
    [
      "half an hour: Lord Howe, 02:15 in the gap",
      "15 2 * * *",
      "Australia/Lord_Howe",
      "2026-10-03T12:00:00Z",
      "2026-10-03T15:30Z",
    ],
    ["a gap at midnight: São Paulo 2018", "0 0 * * *", "America/Sao_Paulo", "2018-11-04T02:00:00Z", "2018-11-04T03:00Z"],
    ["a gap before midnight: Nuuk 2027", "59 23 * * *", "America/Godthab", "2027-03-27T12:00:00Z", "2027-03-28T01:00Z"],
    ["a gap at midnight: Cairo 2026", "30 0 * * 5", "Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-23T22:00Z"],
  ])("%s", (_name, expr, zone, after, expected) => {
    expect(slots(cron(expr, zone), after, 1)).toEqual([expected]);
  });
});

const windows = [
  ["America/New_York", 2026],
  ["Europe/London", 2026],
  ["Australia/Lord_Howe", 2026],
  ["America/Sao_Paulo", 2018],
  ["Africa/Cairo", 2026],
  ["Asia/Beirut", 2026],
  ["America/Havana", 2026],
  ["Antarctica/Troll", 2026],
  ["America/Santiago", 2026],
  ["Europe/Dublin", 2026],
  ["America/Godthab", 2027],
] as const;

interface Window {
  readonly zone: string;
  readonly minutes: readonly LocalMinute[];
}

const hour = 3_600_000;
const changeWindows: Window[] = windows.flatMap(([zone, year]) =>
  changes(zone, year).map((at) => ({ zone, minutes: localMinutes(zone, at - 36 * hour, at + 36 * hour) })),
);

/** Drawn by number, so that a counterexample shows a number and not four thousand minutes. */
const anyWindow = fc.integer({ min: 0, max: changeWindows.length - 1 });
function windowAt(at: number): Window {
  const found = changeWindows[at];
  if (found === undefined) throw new Error(`no window ${at}`);
  return found;
}

/** A field as text with what it means; `star` when it starts with a star. */
type Field = { readonly text: string; readonly values: ReadonlySet<number>; readonly star: boolean };

function field(most: number): fc.Arbitrary<Field> {
  const all = (step: number, from = 0, to = most): Set<number> =>
    new Set(Array.from({ length: to - from + 1 }, (_, at) => at + from).filter((value) => (value - from) % step === 0));
  const value = fc.integer({ min: 0, max: most });
  const step = fc.integer({ min: 1, max: most + 1 });
  const list = fc.uniqueArray(value, { minLength: 1, maxLength: 5 });
  return fc.oneof(
    fc.constant({ text: "*", values: all(1), star: true }),
    step.map((by) => ({ text: `*/${by}`, values: all(by), star: true })),
    list.map((values) => ({ text: values.join(","), values: new Set(values), star: false })),
    fc.tuple(value, value, step).map(([a, b, by]) => {
      const [from, to] = a < b ? [a, b] : [b, a];
      return { text: `${from}-${to}/${by}`, values: all(by, from, to), star: false };
    }),
    fc.tuple(value, step).map(([one, by]) => ({ text: `${one},*/${by}`, values: new Set([one, ...all(by)]), star: false })),
  );
}

describe("cron against a slow oracle, on the days of every change in ten zones", () => {
  it("has windows on both kinds of day", () => {
    expect(changeWindows.length).toBeGreaterThanOrEqual(20);
  });

  it("gives exactly the oracle's slots, from any instant on", () => {
    const weekdays = fc.option(fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 3 }), {
      nil: undefined,
    });
    fc.assert(
      fc.property(anyWindow, field(59), field(23), weekdays, fc.integer({ min: 0, max: 60 * 60 }), (at, m, h, days, start) => {
        const { zone, minutes } = windowAt(at);
        const fields: Fields = {
          minutes: m.values,
          hours: h.values,
          wild: m.star || h.star,
          ...(days === undefined ? {} : { weekdays: new Set(days) }),
        };
        const after = (minutes[600]?.at ?? 0) + start * 60_000;
        const last = minutes.at(-1)?.at ?? 0;
        const expected = due(fields, minutes).filter((run) => run > after);
        const expr = `${m.text} ${h.text} * * ${days === undefined ? "*" : days.join(",")}`;
        // Of an entry of every minute some hours are enough: the start is drawn.
        const most = Math.min(expected.length + 1, 400);
        const found = nextSlots(cron(expr, zone), new Date(after), most, "UTC").map((slot) => slot.getTime());
        expect(
          found.filter((run) => run <= last),
          `${expr} in ${zone} after ${new Date(after).toISOString()}`,
        ).toEqual(expected.slice(0, most));
      }),
      { numRuns: 500 },
    );
  });

  it("asked slot by slot, gives the same as asked at once", () => {
    fc.assert(
      fc.property(anyWindow, field(59), field(23), (at, m, h) => {
        const { zone, minutes } = windowAt(at);
        const schedule = cron(`${m.text} ${h.text} * * *`, zone);
        const from = new Date(minutes[1_800]?.at ?? 0);
        const atOnce = nextSlots(schedule, from, 12, "UTC").map(Number);
        const stepwise: number[] = [];
        for (let last = from; stepwise.length < 12;) {
          const [next] = nextSlots(schedule, last, 1, "UTC");
          last = next ?? new Date(0);
          stepwise.push(Number(last));
        }
        expect(stepwise).toEqual(atOnce);
      }),
      { numRuns: 150 },
    );
  });

  // The long version, over all zones, is bench/calendar-year.ts.
  it.each(["America/New_York"])("is right for a year of %s, with one run each civil day", (zone) => {
    const year = yearOf(zone, 2027);
    expect(year.changes).toHaveLength(2);
    for (const [at, { fields }] of expressions.entries()) {
      const { wrong, wanted } = checkExpression(year, at, undefined, false);
      expect(wrong).toEqual([]);
      const nightly = !fields.wild && fields.hours.size === 1 && fields.weekdays === undefined;
      expect(nightly ? oddDays(year, wanted, fields) : []).toEqual([]);
    }
  });
});

describe("cron elsewhere", () => {
  it("reads the default zone where the schedule names none", () => {
    expect(slots(cron("0 12 * * *"), "2026-07-01T00:00:00Z", 1, "Europe/London")).toEqual(["2026-07-01T11:00Z"]);
    expect(slots(cron("0 12 * * *", "UTC"), "2026-07-01T00:00:00Z", 1, "Europe/London")).toEqual(["2026-07-01T12:00Z"]);
  });
  it("answers strictly after the instant", () => {
    expect(slots(cron("0 12 * * *"), "2026-07-01T12:00:00Z", 1)).toEqual(["2026-07-02T12:00Z"]);
    expect(slots(cron("0 12 * * *"), "2026-07-01T11:59:59.999Z", 1)).toEqual(["2026-07-01T12:00Z"]);
  });
  it("reads six fields with seconds in front", () => {
    expect(nextSlots(cron("15 0 12 * * *"), new Date("2026-07-01T00:00:00Z"), 1, "UTC")[0]?.toISOString()).toBe(
      "2026-07-01T12:00:15.000Z",
    );
  });
  it("finds the last days, nearest weekdays and numbered weekdays", () => {
    expect(slots(cron("0 0 L * *"), "2026-02-01T00:00:00Z", 1)).toEqual(["2026-02-28T00:00Z"]);
    expect(slots(cron("0 0 LW * *"), "2026-05-01T00:00:00Z", 1)).toEqual(["2026-05-29T00:00Z"]);
    expect(slots(cron("0 0 * * FRI#2"), "2026-05-01T00:00:00Z", 1)).toEqual(["2026-05-08T00:00Z"]);
    expect(slots(cron("0 0 29 2 *"), "2026-05-01T00:00:00Z", 1)).toEqual(["2028-02-29T00:00Z"]);
  });
  it("fires on either day field when both are set, and on both with +", () => {
    expect(slots(cron("0 0 13 * 5"), "2026-11-01T00:00:00Z", 2)).toEqual(["2026-11-06T00:00Z", "2026-11-13T00:00Z"]);
    expect(slots(cron("0 0 13 * +5"), "2026-11-01T00:00:00Z", 2)).toEqual(["2026-11-13T00:00Z", "2027-08-13T00:00Z"]);
  });
  it("refuses what never fires, cannot be read, or has no zone", () => {
    for (const [expr, zone, said] of [
      ["0 0 31 2 *", "UTC", "never fires"],
      ["0 0 31 4,6 *", "UTC", "never fires"],
      ["61 * * * *", "UTC", "0 to 59"],
      ["0 0 * * *", "Mars/Phobos", "cannot be computed"],
    ] as const) {
      expect(() => nextSlots(cron(expr, zone), new Date(0), 1, "UTC")).toThrow(JobError);
      expect(() => nextSlots(cron(expr, zone), new Date(0), 1, "UTC")).toThrow(said);
    }
  });
});

describe("years", () => {
  it("are the seventh field", () => {
    const found = nextSlots(cron("0 0 9 1 1 ? 2027-2031/2"), new Date("2026-07-01T00:00:00Z"), 9, "UTC");
    expect(found.map((slot) => slot.getUTCFullYear())).toEqual([2027, 2029, 2031]);
    expect(slots(cron("0 0 0 1 1 * */4"), "2026-07-01T00:00:00Z", 2)).toEqual(["2030-01-01T00:00Z", "2034-01-01T00:00Z"]);
  });
  it("that have passed are no mistake; that never come are one", () => {
    expect(slots(cron("0 0 9 1 1 * 2020"), "2026-07-01T00:00:00Z", 1)).toEqual([]);
    expect(() => slots(cron("0 0 0 29 2 +1 2028"), "2026-07-01T00:00:00Z", 1)).toThrow("never fires");
  });
});

describe("bounds", () => {
  const bounded: Schedule = {
    kind: "cron",
    expr: "0 12 * * *",
    startAt: Date.parse("2026-07-02T12:00Z"),
    endAt: Date.parse("2026-07-04T12:00Z"),
  };
  it("let in what begins with them, and nothing that begins when they end", () => {
    expect(slots(bounded, "2026-01-01T00:00:00Z", 9)).toEqual(["2026-07-02T12:00Z", "2026-07-03T12:00Z"]);
    expect(
      newestSlots(bounded, 0, Date.parse("2027-01-01"), 9, "UTC").map((at) => new Date(at).toISOString().slice(5, 10)),
    ).toEqual(["07-02", "07-03"]);
    expect(countSlots(bounded, 0, Date.parse("2027-01-01"), "UTC")).toEqual({ slots: 2, atLeast: false });
    const every: Schedule = { kind: "every", everyMs: 86_400_000, anchorMs: bounded.startAt ?? 0, endAt: bounded.endAt ?? 0 };
    expect(slots(every, "2026-01-01T00:00:00Z", 9)).toEqual(["2026-07-02T12:00Z", "2026-07-03T12:00Z"]);
  });
});

describe("a gap", () => {
  it("is counted as it would be walked through, and walked through backwards, on the days when clocks change", () => {
    const weekdays = fc.constantFrom("* * *", "* * 1-5", "8,29 * *", "1 11 *", "* * 0", "L * *");
    const second = fc.constantFrom("0", "0", "30", "0,59", "*/30");
    fc.assert(
      fc.property(
        anyWindow,
        second,
        field(59),
        field(23),
        weekdays,
        fc.nat(48 * 60),
        fc.nat(20 * 3_600_000),
        (at, s, m, h, days, start, length) => {
          const { zone, minutes } = windowAt(at);
          const from = (minutes[start]?.at ?? 0) + (length % 3) * 10_500;
          // What fires often is looked at for a shorter time, because the walk is slow.
          const often = m.values.size * h.values.size * (s === "0,59" || s === "*/30" ? 2 : 1) > 100;
          const to = from + (often ? Math.trunc(length / 4) : length);
          const schedule = cron(`${s} ${m.text} ${h.text} ${days}`, zone);
          const walked: number[] = [];
          for (
            let slot = nextSlot(schedule, from, "UTC");
            slot !== undefined && slot <= to;
            slot = nextSlot(schedule, slot, "UTC")
          )
            walked.push(slot);
          const said = JSON.stringify({ schedule, from: new Date(from), to: new Date(to) });
          expect({ said, ...countSlots(schedule, from, to, "UTC") }).toEqual({ said, slots: walked.length, atLeast: false });
          expect({ said, newest: newestSlots(schedule, from, to, 5, "UTC") }).toEqual({ said, newest: walked.slice(-5) });
        },
      ),
      { numRuns: 80 },
    );
  });

  // Walked one by one, the 315 million slots would still be counted when the test's own limit ends it.
  it("of years costs no more than of days", () => {
    const ten = [Date.parse("2016-11-25"), Date.parse("2026-11-25")] as const;
    expect(countSlots(cron("* * * * * *", "Europe/London"), ...ten, "UTC")).toEqual({ slots: 3_652 * 86_400, atLeast: false });
    expect(countSlots(cron("* * * * 1-5"), ...ten, "UTC")).toEqual({ slots: 2_608 * 1_440, atLeast: false });
    expect(countSlots(cron("* * * * 1-5"), 0, Date.parse("2099-01-01"), "UTC").atLeast).toBe(true);
  });

  it("backwards over a jump at the end of a day", () => {
    const found = newestSlots(
      cron("59 23 * * *", "America/Godthab"),
      Date.parse("2027-03-26T12:00Z"),
      Date.parse("2027-03-29T12:00Z"),
      9,
      "UTC",
    );
    expect(found.map((at) => new Date(at).toISOString().slice(5, 16))).toEqual(["03-27T01:59", "03-28T01:00", "03-29T00:59"]);
    expect(
      countSlots(cron("59 23 * * *", "America/Godthab"), Date.parse("2027-03-26T12:00Z"), Date.parse("2027-03-29T12:00Z"), "UTC")
        .slots,
    ).toBe(3);
  });

  it("backwards, no more than was asked for", () => {
    expect(newestSlots({ kind: "every", everyMs: 1_000 }, 0, 10 ** 12, 3, "UTC")).toEqual([
      10 ** 12 - 2_000,
      10 ** 12 - 1_000,
      10 ** 12,
    ]);
    expect(newestSlots(cron("* * * * * *"), 0, 10 ** 12 + 999, 2, "UTC")).toEqual([10 ** 12 - 1_000, 10 ** 12]);
  });
});

describe("a hundred thousand jobs of a few thousand expressions", () => {
  it("ask croner for dates alone, and each question once", () => {
    const from = Date.parse("2026-11-25T10:00:30Z");
    const asked = vi.spyOn(Cron.prototype, "nextRun");
    const zones = ["Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"];
    const dates = ["* * *", "* * 1-5", "7 * *"];
    const all = Array.from({ length: 1_440 }, (_, job) =>
      cron(`${job % 60} ${Math.floor(job / 60)} ${dates[job % 3]}`, zones[job % 4]),
    );
    const first = all.map((schedule) => nextSlot(schedule, from, "UTC"));
    const once = asked.mock.calls.length;
    for (let round = 0; round < 40; round += 1) for (const schedule of all) nextSlot(schedule, from + round, "UTC");
    // Of two kinds of dates, whether today is one, or the next; a few zones are a day ahead.
    expect(once).toBeLessThanOrEqual(6);
    expect(asked.mock.calls.length).toBe(once);
    asked.mockRestore();
    expect(new Set(first).size).toBeGreaterThan(1_000);
  });
});

describe("every, at, manual", () => {
  it("counts intervals from the anchor, and nothing before it", () => {
    const every: Schedule = { kind: "every", everyMs: 1_800_000, anchorMs: Date.parse("2026-01-01T00:10:00Z") };
    expect(slots(every, "2026-01-01T05:00:00Z", 3)).toEqual(["2026-01-01T05:10Z", "2026-01-01T05:40Z", "2026-01-01T06:10Z"]);
    expect(slots(every, "2026-01-01T05:10:00Z", 1)).toEqual(["2026-01-01T05:40Z"]);
    expect(slots(every, "2020-01-01T00:00:00Z", 1)).toEqual(["2026-01-01T00:10Z"]);
  });
  it("is anchored at the epoch by default, and each slot is the next after the one before", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 10 ** 10 }), fc.integer({ min: 0, max: 4 * 10 ** 12 }), (everyMs, after) => {
        const [first, second] = nextSlots({ kind: "every", everyMs }, new Date(after), 2, "UTC").map(Number);
        expect((first ?? 0) % everyMs).toBe(0);
        expect(first).toBeGreaterThan(after);
        expect((first ?? 0) - after).toBeLessThanOrEqual(everyMs);
        expect(nextSlots({ kind: "every", everyMs }, new Date(first ?? 0), 1, "UTC").map(Number)).toEqual([second]);
      }),
    );
  });
  it("has one slot for at, until it is past, and none for manual", () => {
    expect(slots({ kind: "at", at: "2027-01-31T09:00:00" }, "2026-01-01T00:00:00Z", 5)).toEqual(["2027-01-31T09:00Z"]);
    expect(slots({ kind: "at", at: "2027-01-31T09:00:00+05:30" }, "2026-01-01T00:00:00Z", 5)).toEqual(["2027-01-31T03:30Z"]);
    expect(slots({ kind: "at", at: "2027-01-31T09:00:00Z" }, "2027-01-31T09:00:00Z", 5)).toEqual([]);
    expect(slots({ kind: "manual" }, "2027-01-31T09:00:00Z", 5)).toEqual([]);
  });
  it("answers no more than it was asked for", () => {
    expect(slots(cron("* * * * *"), "2026-01-01T00:00:00Z", 0)).toEqual([]);
    expect(slots({ kind: "every", everyMs: 1_000 }, "2026-01-01T00:00:00Z", -3)).toEqual([]);
    expect(slots({ kind: "at", at: "2027-01-31T09:00:00Z" }, "2026-01-01T00:00:00Z", 0)).toEqual([]);
  });
});

describe("describeSchedule", () => {
  it.each([
    [cron("0 12 * * *", "Europe/London"), "0 12 * * * Europe/London"],
    [cron("0 12 * * *"), "0 12 * * *"],
    [{ kind: "every", everyMs: 5_400_000 }, "every 1h30m"],
    [{ kind: "at", at: "2027-01-31T09:00:00.000Z" }, "at 2027-01-31T09:00:00.000Z"],
    [{ kind: "manual" }, "by hand"],
  ] satisfies [Schedule, string][])("%o", (schedule, text) => {
    expect(describeSchedule(schedule)).toBe(text);
  });
});
