import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBlackout } from "../../src/job/blackout.ts";
import type { Blackout } from "../../src/job/job.ts";
import { blackoutAt, blackoutEdges, blackoutEnd, describeBlackout } from "../../src/schedule/blackout.ts";
import { localMinutes } from "./oracle.ts";

const minute = 60_000;
const hour = 60 * minute;

function read(text: string): Blackout {
  const { value } = readBlackout(text);
  if (value === undefined) throw new Error(text);
  return value;
}

function end(texts: string[], at: string): string | undefined {
  const found = blackoutEnd(texts.map(read), "UTC", Date.parse(at));
  return found === undefined ? undefined : new Date(found).toISOString().slice(0, 16);
}

describe("whether an instant lies in a blackout", () => {
  it.each([
    ["22:00-06:00", "UTC", "2026-06-01T21:59:59.999Z", false],
    ["22:00-06:00", "UTC", "2026-06-01T22:00Z", true],
    ["22:00-06:00", "UTC", "2026-06-02T05:59:59.999Z", true],
    ["22:00-06:00", "UTC", "2026-06-02T06:00Z", false],
    ["sat,sun", "UTC", "2026-06-05T23:59Z", false],
    ["sat,sun", "UTC", "2026-06-06T00:00Z", true],
    ["sat,sun", "Asia/Tokyo", "2026-06-05T15:00Z", true],
    ["sat,sun", "UTC", "2026-06-08T00:00Z", false],
    // It is of the day on which it begins.
    ["fri 22:00-06:00", "UTC", "2026-06-05T23:00Z", true],
    ["fri 22:00-06:00", "UTC", "2026-06-06T05:00Z", true],
    ["fri 22:00-06:00", "UTC", "2026-06-05T05:00Z", false],
    ["mon-fri 12:00-13:00", "Europe/London", "2026-06-05T11:30Z", true],
    ["mon-fri 12:00-13:00", "Europe/London", "2026-06-06T11:30Z", false],
    ["2026-12-24..2026-12-26", "America/New_York", "2026-12-24T04:59Z", false],
    ["2026-12-24..2026-12-26", "America/New_York", "2026-12-24T05:00Z", true],
    ["2026-12-24..2026-12-26", "America/New_York", "2026-12-27T04:59Z", true],
    ["2026-12-24..2026-12-26", "America/New_York", "2026-12-27T05:00Z", false],
    // In New York 01:30 comes twice that night.
    ["01:00-02:00", "America/New_York", "2026-11-01T05:30Z", true],
    ["01:00-02:00", "America/New_York", "2026-11-01T06:30Z", true],
    ["01:00-02:00", "America/New_York", "2026-11-01T07:00Z", false],
    // And here 02:30 never comes.
    ["02:00-03:00", "America/New_York", "2026-03-08T06:59Z", false],
    ["02:00-03:00", "America/New_York", "2026-03-08T07:00Z", false],
  ])("%s in %s: %s", (text, zone, at, expected) => {
    expect(blackoutAt([read(text)], zone, Date.parse(at)) !== undefined).toBe(expected);
  });

  it("between two edges nothing changes, on the days when clocks change too", () => {
    const texts = [
      "22:00-06:00",
      "sat,sun",
      "mon-fri 01:30-02:30",
      "01:00-03:00",
      "2026-11-01T01:30..2026-11-01T03:00",
      "sun 02:15-24:00",
    ];
    const nights = [
      ["America/New_York", "2026-03-07T12:00Z"],
      ["America/New_York", "2026-10-31T12:00Z"],
      ["Australia/Lord_Howe", "2026-04-04T00:00Z"],
      ["Europe/London", "2026-10-24T12:00Z"],
    ].map(([zone = "", from = ""]) => ({ zone, minutes: localMinutes(zone, Date.parse(from), Date.parse(from) + 36 * hour) }));
    fc.assert(
      fc.property(fc.subarray(texts, { minLength: 1 }), fc.constantFrom(...nights), (chosen, { zone, minutes }) => {
        const blackouts = chosen.map(read);
        const state = minutes.map(({ at }) => blackoutAt(blackouts, zone, at) !== undefined);
        const turns = minutes.filter((_, at) => at > 0 && state[at] !== state[at - 1]).map(({ at }) => at);
        const edges = blackoutEdges(blackouts, zone, minutes[0]?.at ?? 0, minutes.at(-1)?.at ?? 0);
        expect(turns.filter((at) => !edges.includes(at))).toEqual([]);
        expect(edges).toEqual(edges.toSorted((a, b) => a - b));
      }),
      { numRuns: 40 },
    );
  });

  it("ends", () => {
    expect(end(["22:00-06:00"], "2026-06-01T23:00Z")).toBe("2026-06-02T06:00");
    expect(end(["22:00-06:00", "05:00-07:00", "tue"], "2026-06-01T23:00Z")).toBe("2026-06-03T07:00");
    expect(end(["22:00-06:00"], "2026-06-01T21:00Z")).toBe("2026-06-01T21:00");
    expect(end(["2026-01-01..2026-12-31"], "2026-06-01T21:00Z")).toBeUndefined();
  });

  it.each([
    "22:00-06:00",
    "sat,sun",
    "mon-fri 12:00-13:00",
    "mon,wed 18:00-24:00",
    "2026-12-24..2026-12-26",
    "2026-12-24",
    "2026-12-24T18:00..2026-12-26T06:00",
  ])("is told as it is written: %s", (text) => {
    expect(describeBlackout(read(text))).toBe(text);
  });
});
