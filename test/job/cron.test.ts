import { Cron } from "croner";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCron } from "../../src/job/cron.ts";

function problemOf(expr: string): string {
  const read = readCron(expr);
  return "problem" in read ? `${read.problem}${read.suggestion === undefined ? "" : ` (${read.suggestion})`}` : "";
}

describe("what cannot be a schedule", () => {
  it.each([
    ["", "the expression is empty"],
    ["* * * *", "expected 5 fields (6 with seconds in front, 7 with years behind), found 4"],
    ["0 0 0 1 1 * 2027 1", "found 8"],
    ["0 0 0 1 1 * 27", 'year "27": must be 1970 to 2099'],
    ["0 0 0 29 2 * 2026-2027", "never fires: no day 29 in FEB of 2026-2027"],
    ["60 * * * *", 'minute "60": must be 0 to 59'],
    ["* 24 * * *", 'hour "24": must be 0 to 23'],
    ["* * 0 * *", 'day of month "0": must be 1 to 31'],
    ["* * * 13 *", 'month "13": must be 1 to 12'],
    ["* * * * 8", 'day of week "8": must be 0 to 7'],
    ["*/0 * * * *", "a step of 0 is not between 1 and 60"],
    ["1,,2 * * * *", "minute: a comma without a value"],
    ["50-10 * * * *", 'write "50-59,0-10"'],
    ["* * * * FRI-MON", 'write "FRI-7,0-MON"'],
    ["5/15 * * * *", 'write "5-59/15"'],
    ["H 0 * * *", "Jenkins notation"],
    ["0 0 * JANUARY *", 'did you mean "JAN"?'],
    ["0 0 * * FRY", 'did you mean "FRI"?'],
    ["0 0 1,LW * *", '"LW" cannot stand in a list'],
    ["0 0 L-3 * *", 'cannot read day of month "L-3"'],
    ["a~b * * * *", "cannot read minute"],
    ["@every 5m", 'write "kind": "every"'],
    ["@reboot", "names no instant"],
    ["@dayly", 'did you mean "@daily"?'],
    ["2027-01-01T00:00:00", 'write "kind": "at", "at": "2027-01-01T00:00:00"'],
    ["0 0 31 2 *", "never fires: no day 31 in FEB"],
    ["0 0 30,31 2 *", "never fires"],
    ["0 0 31 4,6,9,11 *", "never fires"],
    ["0 0 31W 2 *", "never fires"],
    ["0 0 31 2 +1", "never fires"],
    [`${"1,".repeat(300)}1 * * * *`, "at most 500 are read"],
  ])("%s", (expr, said) => {
    expect(problemOf(expr)).toContain(said);
  });
});

describe("what can", () => {
  it.each([
    "0 12 * * *",
    "*/5 * * * *",
    "0 0 29 2 *",
    "0 0 31 2 1",
    "0 0 L * *",
    "0 0 LW 2 *",
    "0 0 15W * *",
    "0 0 * * 5L",
    "0 0 * * FRI#2",
    "0 0 * * 5#L",
    "0 0 ? * MON-FRI",
    "15 0 12 * * *",
    "@hourly",
    "@Yearly",
    "0 0 1 jan,jul sun",
    "0 0 * * 7",
    "0 0 * * MON-SUN",
    "0 0 1,15 * +1-5",
  ])("%s", (expr) => {
    expect(problemOf(expr)).toBe("");
  });
  it("takes times and dates apart, and says which follow real time", () => {
    const times = { seconds: [0], minutes: [0, 15, 30], hours: [9, 10, 11] };
    expect(readCron("0-30/15 9-11 * * *")).toMatchObject({ times, dates: "* * *", wild: false });
    expect(readCron("20 5,*/20 1 L 1 mon-fri")).toMatchObject({ dates: "L 1 mon-fri", wild: false });
    expect(readCron("*/15 9-11 * * *")).toMatchObject({ times: { minutes: [0, 15, 30, 45] }, wild: true });
    expect(readCron("0 0 9 1 1 ? 2027-2031/2")).toMatchObject({ dates: "1 1 ? 2027,2029,2031" });
  });
});

const part = (least: number, most: number, names: readonly string[], special: readonly string[]): fc.Arbitrary<string> => {
  const value = fc.oneof(
    { arbitrary: fc.integer({ min: least, max: most }).map(String), weight: 8 },
    fc.integer({ min: least - 1, max: most + 2 }).map(String),
    ...(names.length === 0 ? [] : [fc.constantFrom(...names)]),
  );
  const range = fc.tuple(value, value).map(([a, b]) => `${a}-${b}`);
  const step = fc
    .tuple(fc.oneof(fc.constant("*"), range, value), fc.integer({ min: 0, max: most + 3 }))
    .map(([a, by]) => `${a}/${by}`);
  return fc.oneof(fc.constant("*"), value, range, step, ...(special.length === 0 ? [] : [fc.constantFrom(...special)]));
};
const field = (
  least: number,
  most: number,
  names: readonly string[] = [],
  special: readonly string[] = [],
): fc.Arbitrary<string> => {
  const one = part(least, most, names, special);
  return fc.oneof(
    { arbitrary: one, weight: 5 },
    fc.array(one, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(",")),
  );
};
const expression = fc
  .tuple(
    field(0, 59),
    field(0, 23),
    field(1, 31, [], ["L", "LW", "15W"]),
    field(1, 12, ["JAN", "dec"]),
    field(0, 7, ["SUN", "fri"], ["5L", "MON#2"]),
  )
  .map((fields) => fields.join(" "));

function cronerFires(expr: string, six: boolean): boolean {
  try {
    return (
      new Cron(expr, { paused: true, timezone: "UTC", mode: six ? "6-part" : "5-part" }).nextRun(
        new Date("2026-01-01T00:00:00Z"),
      ) !== null
    );
  } catch {
    return false;
  }
}

describe("against croner", () => {
  it("accepts only dates that croner reads and fires, in the form they are handed over in", () => {
    fc.assert(
      fc.property(expression, (expr) => {
        const read = readCron(expr);
        const fine = "problem" in read || cronerFires(`0 0 0 ${read.dates}`, true);
        expect({ expr, fine }).toEqual({ expr, fine: true });
      }),
      { numRuns: 2_000 },
    );
  });

  it("refuses nothing that croner would fire", () => {
    fc.assert(
      fc.property(expression, (expr) => {
        const read = readCron(expr);
        // croner passes over some values that lie outside their field, such as the thirteenth month of 1-13/7.
        const fine = "dates" in read || read.problem.includes("must be") || !cronerFires(expr, false);
        const said = `${expr}: ${problemOf(expr)}`;
        expect({ said, fine }).toEqual({ said, fine: true });
      }),
      { numRuns: 2_000 },
    );
  });
});
