import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { duration, instantIn, instantUtc, oneLine, plainText, withInstants } from "../../src/cli/format.ts";

const escape = String.fromCharCode(27);

describe("text of others", () => {
  it("cannot steer a terminal", () => {
    const hostile = `a${escape}]0;title${String.fromCharCode(7)}b${escape}[2Jc\r\nd\te`;
    expect(plainText(hostile)).toBe("a]0;titleb[2Jc\nd\te");
    expect(oneLine(hostile)).toBe("a ]0;title b [2Jc d e");
  });

  it("holds no control character afterwards, whatever it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(oneLine(text)).not.toMatch(/\p{Cc}/u);
        expect(plainText(text).replaceAll(/[\n\t]/g, "")).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it("is cut to its width", () => {
    expect(oneLine("x".repeat(50), 10)).toBe(`${"x".repeat(9)}…`);
  });
});

describe("durations and instants", () => {
  it("are written in a recorded reason as beside it", () => {
    const reason = "made up for by the run of the slot at 2026-11-25T07:00:00.000Z (catchUp: latest); until 2026-11-26T08:30:00Z";
    expect(withInstants(reason, (at) => instantIn("Asia/Tokyo", at))).toBe(
      "made up for by the run of the slot at Wed 2026-11-25 16:00:00 +09:00 (catchUp: latest); until Thu 2026-11-26 17:30:00 +09:00",
    );
    expect(withInstants("no 2026-11-25, and no 12026-11-25T07:00:00Z", instantUtc)).toBe(
      "no 2026-11-25, and no 12026-11-25T07:00:00Z",
    );
  });

  it.each([
    [0, "0 ms"],
    [999.4, "999 ms"],
    [1_000, "1 s"],
    [59_940, "59.9 s"],
    [59_960, "1 min"],
    [200_000, "3 min 20 s"],
    [3_600_000, "1 h"],
    [7_500_000, "2 h 5 min"],
    [90_000_000, "1 d 1 h"],
  ])("%d ms is %s", (ms, words) => expect(duration(ms)).toBe(words));

  it("tells the two passes of a repeated hour apart by the offset", () => {
    const first = Date.UTC(2026, 10, 1, 5, 30);
    expect(instantIn("America/New_York", first)).toBe("Sun 2026-11-01 01:30:00 -04:00");
    expect(instantIn("America/New_York", first + 3_600_000)).toBe("Sun 2026-11-01 01:30:00 -05:00");
    expect(instantUtc(first)).toBe("2026-11-01 05:30:00Z");
  });
});
