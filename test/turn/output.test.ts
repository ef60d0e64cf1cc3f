import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { FirstLine, Tail } from "../../src/turn/output.ts";

/** Text cut into pieces at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

it("a tail holds the last bytes, however they came", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary-ascii", maxLength: 300 }),
      fc.array(fc.nat()),
      fc.integer({ min: 1, max: 50 }),
      (text, places, limit) => {
        const tail = new Tail(limit);
        for (const piece of cut(Buffer.from(text), places)) tail.push(piece);
        expect(tail.text()).toBe(text.slice(-limit));
        expect(tail.total).toBe(text.length);
      },
    ),
  );
});

it("a tail of a hundred megabytes does not keep them", () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const tail = new Tail(4096);
  collect();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 100; i += 1) tail.push(Buffer.alloc(1024 * 1024, "x"));
  collect();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 1024 * 1024);
  expect(tail.text()).toHaveLength(4096);
});

it("a first line is the text before the line end, however it came, or an overflow", () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 100 }),
      fc.string({ maxLength: 20 }),
      fc.array(fc.nat()),
      fc.integer({ min: 0, max: 120 }),
      (first, rest, places, limit) => {
        fc.pre(!first.includes("\n"));
        const line = new FirstLine(limit);
        for (const piece of cut(Buffer.from(`${first}\n${rest}`), places)) line.push(piece);
        const fits = Buffer.byteLength(first) <= limit;
        expect(line.line).toBe(fits ? first : undefined);
        expect(line.overflow).toBe(!fits);
      },
    ),
  );
});

it("a line without its end is none", () => {
  const line = new FirstLine(100);
  line.push(Buffer.from('{"whole":true}'));
  expect(line.line).toBeUndefined();
  expect(line.overflow).toBe(false);
});
