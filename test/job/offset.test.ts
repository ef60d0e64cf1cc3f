import { describe, expect, it } from "vitest";
import { isKnownZone, nextOffsetChange, offsetMinutes } from "../../src/job/offset.ts";

describe("offsets of zones", () => {
  it("tells minutes ahead of UTC, with halves and quarters and both signs", () => {
    const winter = Date.UTC(2026, 0, 15);
    expect(
      ["Europe/London", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "UTC"].map((zone) => offsetMinutes(zone, winter)),
    ).toEqual([0, 330, 345, -210, 0]);
  });

  it("knows which names are zones", () => {
    expect(["Europe/London", "UTC", "Europe/Lodnon", "", "../etc"].map(isKnownZone)).toEqual([true, true, false, false, false]);
  });

  it.each([
    ["Europe/London", Date.UTC(2026, 2, 20), "2026-03-29T01:00:00.000Z", 0, 60],
    ["America/New_York", Date.UTC(2026, 9, 25), "2026-11-01T06:00:00.000Z", -240, -300],
    ["Australia/Lord_Howe", Date.UTC(2026, 3, 1), "2026-04-04T15:00:00.000Z", 660, 630],
  ])("finds the change of %s to the second", (zone, from, at, beforeMinutes, afterMinutes) => {
    expect(nextOffsetChange(zone, from, from + 14 * 86_400_000)).toEqual({ at: Date.parse(at), beforeMinutes, afterMinutes });
  });

  it("finds none where there is none", () => {
    const from = Date.UTC(2026, 6, 1);
    expect(nextOffsetChange("Europe/London", from, from + 14 * 86_400_000)).toBeUndefined();
    expect(nextOffsetChange("Asia/Tokyo", from, from + 400 * 86_400_000)).toBeUndefined();
  });
});
