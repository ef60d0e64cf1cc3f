/** Ranges of slots, and what of a new one is not in them. */
import { array, assert, integer, property, tuple } from "fast-check";
import { expect, test } from "vitest";
import { notRecorded, type Span } from "../../src/ledger/sqlite/slot-ranges.ts";

function span(from: number, to: number, slots = to - from + 1): Span {
  return { from, to, slots };
}

test.each([
  ["nothing recorded", span(5, 9), [], [span(5, 9)]],
  ["recorded elsewhere", span(5, 9), [span(1, 4), span(10, 12)], [span(5, 9)]],
  ["the same", span(5, 9), [span(5, 9)], []],
  ["inside of a longer one", span(5, 9), [span(4, 10)], []],
  ["its beginning", span(5, 9), [span(5, 7)], [span(8, 9)]],
  ["its end", span(5, 9), [span(8, 9)], [span(5, 7)]],
  ["its middle", span(5, 9), [span(7, 7)], [span(5, 6, 1), span(8, 9, 3)]],
  ["of which every slot is recorded, with instants between", span(50, 90, 2), [span(50, 50, 1), span(90, 90, 1)], []],
  ["more than it counts", span(5, 9, 2), [span(1, 6, 6)], [span(7, 9, 1)]],
])("%s", (_, asked, recorded, left) => {
  expect(notRecorded(asked, recorded)).toEqual(left);
});

test("whatever is recorded: no instant gets two ranges, and with a slot at each instant none is left out", () => {
  const ranges = array(tuple(integer({ min: 1, max: 5 }), integer({ min: 0, max: 4 })), { maxLength: 6 });
  assert(
    property(ranges, integer({ min: 0, max: 20 }), integer({ min: 0, max: 20 }), (steps, from, length) => {
      let at = 0;
      const recorded = steps.map(([gap, size]) => {
        const range = span(at + gap, at + gap + size);
        at = range.to;
        return range;
      });
      const asked = span(from, from + length);
      const parts = notRecorded(asked, recorded);
      const held = [...recorded, ...parts].flatMap((range) =>
        Array.from({ length: range.to - range.from + 1 }, (_, n) => range.from + n),
      );
      expect(new Set(held).size).toBe(held.length);
      expect(Array.from({ length: length + 1 }, (_, n) => from + n).filter((instant) => !held.includes(instant))).toEqual([]);
      for (const part of parts) expect(part.slots).toBeGreaterThan(0);
    }),
    { numRuns: 300 },
  );
});
