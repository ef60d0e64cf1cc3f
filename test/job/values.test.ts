import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describe as show, formatPath, nearest } from "../../src/job/words.ts";
import { formatDuration, readDuration } from "../../src/job/duration.ts";
import { readInstant } from "../../src/job/instant.ts";
import { looksSecret } from "../../src/job/secret.ts";
import { nearestZone, zoneExists } from "../../src/job/zone.ts";
import { commonZones, isCommonZone } from "../../src/job/zones.ts";

describe("durations", () => {
  it.each([
    ["500ms", 500],
    ["5s", 5_000],
    ["1.5m", 90_000],
    ["1m30s", 90_000],
    ["1h 30m", 5_400_000],
    ["2d", 172_800_000],
    [0, 0],
    ["0", 0],
    ["0s", 0],
  ])("%s is %d ms", (text, ms) => {
    expect(readDuration(text)).toEqual({ ms });
  });
  it.each([5, "5", "5 sec", "1 Hour", "m", "", "5x", "s5", "-5s", null, {}, Number.NaN, Number.POSITIVE_INFINITY])(
    "%o is none",
    (found) => {
      expect(readDuration(found)).toHaveProperty("problem");
    },
  );
  it.each([
    [5, `write "5s" for seconds or "5ms" for milliseconds`],
    ["5 secs", 'write "5s"'],
    ["2 Hours", 'write "2h"'],
    ["10M", 'write "10m"'],
  ])("%s: %s", (found, suggestion) => {
    expect(readDuration(found)).toMatchObject({ suggestion });
  });
  it("are written so that they read back as the same", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 11 }), (ms) => {
        expect(readDuration(formatDuration(ms))).toEqual({ ms });
      }),
    );
  });
});

describe("instants", () => {
  it("read any date as Date reads it", () => {
    const date = fc.date({ min: new Date("1971-01-01"), max: new Date("9990-01-01"), noInvalidDate: true });
    fc.assert(
      fc.property(date, (at) => {
        expect(readInstant(at.toISOString())).toBe(at.getTime());
      }),
    );
  });
  it.each([
    ["2027-01-31T09:00", "2027-01-31T09:00:00.000Z"],
    ["2027-01-31 09:00:00+05:30", "2027-01-31T03:30:00.000Z"],
    ["2027-01-31T09:00:00.1234567-0800", "2027-01-31T17:00:00.123Z"],
    ["2028-02-29", "2028-02-29T00:00:00.000Z"],
  ])("%s is %s", (text, iso) => {
    expect(new Date(readInstant(text) ?? 0).toISOString()).toBe(iso);
  });
  it.each([
    "2027-02-29",
    "2027-02-30T00:00:00Z",
    "2027-13-01",
    "2027-01-31T24:00:00Z",
    "2027-01-31T09:60:00Z",
    "2027-01-31T09:00:00+15:00",
    "31.01.2027",
    "tomorrow",
    "",
    5,
    -1,
    null,
    "1969-01-01",
    1e300,
  ])("%o is none", (found) => {
    expect(readInstant(found)).toBeUndefined();
  });
});

describe("zones", () => {
  it("in the list are all known to Node, and every one Node lists is in it", () => {
    for (const zone of commonZones()) expect(() => new Intl.DateTimeFormat("en", { timeZone: zone })).not.toThrow();
    expect(Intl.supportedValuesOf("timeZone").filter((zone) => !isCommonZone(zone))).toEqual([]);
  });
  it("not in the list are asked of Node", () => {
    expect(zoneExists("US/Samoa")).toBe(true);
    expect(zoneExists("europe/london")).toBe(true);
    for (const zone of ["", "Mars/Phobos", "+01:00", "local", "Europe/London ", "../etc", "x".repeat(1_000)])
      expect(zoneExists(zone)).toBe(false);
  });
  it("are suggested by spelling and by city", () => {
    expect(nearestZone("Europe/Londn")).toBe("Europe/London");
    expect(nearestZone("new york")).toBe("America/New_York");
    expect(nearestZone("Xyzzy/Qqqqqqq")).toBeUndefined();
  });
});

describe("what is shown", () => {
  it("of a value is short and never a key", () => {
    expect(show("x".repeat(100))).toBe(`"${"x".repeat(60)}"…`);
    expect(show(["a"])).toBe("a list of 1");
    expect(show(undefined)).toBe("nothing");
    expect(show("sk-ant-api03-Pl4ntedPl4ntedPl4nted")).toBe("a text that looks like a key (not shown)");
  });
  it("of a path can be found again", () => {
    expect(formatPath([])).toBe("");
    expect(formatPath(["jobs", 2, "schedule", "expr"])).toBe("jobs[2].schedule.expr");
    expect(formatPath([1, "headers", "x y"])).toBe('[1].headers["x y"]');
  });
  it("of near words is the nearest, and nothing if none is near", () => {
    expect(nearest("timeoutSecond", ["timeoutSeconds", "tz"])).toBe("timeoutSeconds");
    expect(nearest("NMAE", ["name", "id"])).toBe("name");
    expect(nearest("zzz", ["name", "id", "tz"])).toBeUndefined();
  });
});

describe("keys", () => {
  it.each([
    "sk-Pl4ntedPl4ntedPl4nted",
    "ghp_Pl4ntedPl4ntedPl4ntedPl4ntedPl4nted",
    "AKIAPLANTEDPLANTED12",
    "xoxb-123456789012-Pl4ntedPl4nted",
    "123456789:Pl4ntedPl4ntedPl4ntedPl4ntedPl4nted",
    "https://api.telegram.org/bot123456789:Pl4ntedPl4ntedPl4ntedPl4ntedPl4nted/sendMessage",
    "https://hooks.slack.com/services/T0PLANTED/B0PLANTED/Pl4ntedPl4ntedPl4nted",
    `https://discord.com/api/webhooks/123456789012345678/${"Pl4nted".repeat(9)}_-abc`,
    "Authorization: Bearer Pl4ntedPl4ntedPl4nted",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
  ])("are known by their form: %s", (text) => {
    expect(looksSecret(text)).toBe(true);
  });
  it.each([
    "Ask for the risk-adjusted-returns-of-the-year",
    "task-1234567890abcdef1234",
    "sk-short",
    "https://hooks.slack.com/services/T0PLANTED/B0PLANTED",
    "https://api.telegram.org/bot123456789/getMe",
    "2027-01-31T09:00:00Z",
    "${ANTHROPIC_API_KEY}",
    "kimi-coding/k2p5",
    "b393d508-ec9a-4b6d-bb97-7f584eb0ef83",
  ])("are not every word: %s", (text) => {
    expect(looksSecret(text)).toBe(false);
  });
});
