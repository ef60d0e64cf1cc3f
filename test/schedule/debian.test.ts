/** The rule that imported crontab lines are held against, itself held against the slow oracle and against Debian's cron as measured. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readField, fieldRules } from "../../src/load/crontab/fields.ts";
import { debianInstants, type CronSets } from "../../src/schedule/debian.ts";
import { changes, due, localMinutes } from "./oracle.ts";

function sets(line: string): CronSets {
  const [minute, hour, day, month, weekday] = line.split(" ").map((text, at) => {
    const rule = fieldRules[at];
    const read = rule === undefined ? undefined : readField(text, rule, (from) => from);
    if (read === undefined || "problem" in read) throw new Error(`${line}: ${read?.problem ?? ""}`);
    return read;
  });
  if (minute === undefined || hour === undefined || day === undefined || month === undefined || weekday === undefined)
    throw new Error(line);
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

const iso = (at: number): string => new Date(at).toISOString().slice(0, 16);

const fieldOf = (most: number) =>
  fc.oneof(
    fc.integer({ min: 0, max: most }).map(String),
    fc.integer({ min: 2, max: 20 }).map((step) => `*/${step}`),
    fc.constant("*"),
    fc.array(fc.integer({ min: 0, max: most }), { minLength: 2, maxLength: 4 }).map((list) => list.join(",")),
  );

describe("debianInstants", () => {
  it.each([
    ["30 2 * * *", "2026-03-08T05:00Z", ["2026-03-08T07:00", "2026-03-09T06:30"]],
    ["30 1,2,3 * * *", "2026-03-08T05:00Z", ["2026-03-08T06:30", "2026-03-08T07:00", "2026-03-08T07:30"]],
    ["*/30 * * * *", "2026-03-08T05:59Z", ["2026-03-08T06:00", "2026-03-08T06:30", "2026-03-08T07:00", "2026-03-08T07:30"]],
    ["30 1 * * *", "2026-11-01T04:00Z", ["2026-11-01T05:30", "2026-11-02T06:30"]],
    ["30 1,2,3 * * *", "2026-11-01T04:00Z", ["2026-11-01T05:30", "2026-11-01T07:30", "2026-11-01T08:30"]],
    ["*/30 * * * *", "2026-11-01T04:59Z", ["2026-11-01T05:00", "2026-11-01T05:30", "2026-11-01T06:00", "2026-11-01T06:30"]],
    ["0,30 2 * * *", "2026-03-08T05:00Z", ["2026-03-08T07:00", "2026-03-08T07:00", "2026-03-09T06:00"]],
  ])("%s in New York after %s, as measured on Debian's cron", (line, after, expected) => {
    const found = debianInstants(sets(line), "America/New_York", Date.parse(after), expected.length);
    expect(found.map(iso)).toEqual(expected);
  });

  it("wants both days where one begins with a star, and either otherwise", () => {
    const from = Date.parse("2026-12-01T00:00Z");
    expect(debianInstants(sets("0 0 13 * 5"), "UTC", from, 3).map(iso)).toEqual([
      "2026-12-04T00:00",
      "2026-12-11T00:00",
      "2026-12-13T00:00",
    ]);
    expect(debianInstants(sets("0 0 */2 * 5"), "UTC", from, 2).map(iso)).toEqual(["2026-12-11T00:00", "2026-12-25T00:00"]);
  });

  it("finds a 29 February, and ends for a day that never comes", () => {
    const from = Date.parse("2096-03-01T00:00Z");
    expect(debianInstants(sets("0 0 29 2 *"), "UTC", from, 1).map(iso)).toEqual(["2104-02-29T00:00"]);
    expect(debianInstants(sets("0 0 31 2 *"), "UTC", from, 1)).toEqual([]);
  });

  it("makes nothing up for when the clock is put on by a day", () => {
    // Samoa left out 30 December 2011.
    expect(debianInstants(sets("0 9 * * *"), "Pacific/Apia", Date.parse("2011-12-29T12:00Z"), 2).map(iso)).toEqual([
      "2011-12-29T19:00",
      "2011-12-30T19:00",
    ]);
  });

  // Iran changed its clocks for the last time in 2022.
  const zones = [
    ["America/New_York", 2026],
    ["Europe/London", 2026],
    ["Australia/Lord_Howe", 2026],
    ["America/St_Johns", 2026],
    ["Africa/Casablanca", 2026],
    ["Asia/Tehran", 2021],
  ] as const;

  it.each(zones)("agrees with the slow oracle around the changes of the clock in %s, %i", (zone, year) => {
    const around = changes(zone, year).map((at) => ({
      from: at - 4 * 3_600_000,
      to: at + 4 * 3_600_000,
      minutes: localMinutes(zone, at - 30 * 3_600_000, at + 4 * 3_600_000),
    }));
    expect(around).not.toEqual([]);
    fc.assert(
      fc.property(fieldOf(59), fieldOf(23), (minute, hour) => {
        const fields = sets(`${minute} ${hour} * * *`);
        for (const { from, to, minutes } of around) {
          const slow = due(fields, minutes).filter((at) => at > from && at < to);
          const fast = debianInstants(fields, zone, from, 1_000, to);
          expect([...new Set(fast)]).toEqual(slow);
        }
      }),
      { numRuns: 60 },
    );
  });
});
