import * as fc from "fast-check";
import { expect, it } from "vitest";
import { normaliseJob } from "../../src/job/normalise.ts";

it("reads a schedule alike, whether it stands in its place or its keys stand at the top of the job", () => {
  const instant = fc.constantFrom<unknown>(
    "0 12 * * *",
    "@reboot",
    " @Reboot ",
    "@daily",
    5,
    "30m",
    "1800000",
    null,
    "2027-01-01",
  );
  const when = fc.constantFrom("expr", "everyMs", "at", "every", "atMs");
  const more = fc.dictionary(
    fc.constantFrom("tz", "stagger", "staggerMs", "anchorMs", "startAt"),
    fc.constantFrom<unknown>("UTC", "5m", "300000", 7, "x"),
  );
  fc.assert(
    fc.property(when, instant, more, fc.boolean(), (key, value, others, openclaw) => {
      const schedule = { [key]: value, ...others };
      const within = normaliseJob({ schedule }, openclaw).value;
      const flat = normaliseJob(schedule, openclaw).value;
      expect(within).toEqual(flat);
    }),
    { numRuns: 1_000 },
  );
});

it("is at rest: what was normalised once stays as it is", () => {
  const value = fc.constantFrom<unknown>("0 12 * * *", "@reboot", 5, "30m", "1800000", "2027-01-01T00:00:00Z");
  const keys = fc.constantFrom("expr", "cron", "everyMs", "every", "at", "atMs", "stagger", "staggerMs", "anchorMs", "tz");
  fc.assert(
    fc.property(fc.dictionary(keys, value, { maxKeys: 3 }), (schedule) => {
      const once = normaliseJob({ schedule }, false);
      const again = normaliseJob(once.value, false);
      expect(again.value).toEqual(once.value);
      expect(again.problems).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});
