import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Path } from "../../src/job/words.ts";
import { scanJson } from "../../src/load/json-scan.ts";
import { readJson } from "../../src/load/json.ts";

/** Every path in a value, with what stands there. */
function* places(value: unknown, path: Path = []): Generator<[Path, unknown]> {
  yield [path, value];
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) yield* places(item, [...path, Array.isArray(value) ? Number(key) : key]);
}

function offset(text: string, { line, column }: { line: number; column: number }): number {
  const lines = text.split("\n").slice(0, line - 1);
  return lines.reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
}

/** All that a reader says: the problems; or the value and where each thing in it stands. */
function told(read: ReturnType<typeof readJson>): unknown {
  if ("problems" in read) return read;
  const at = [...places(read.value)].map(([path]) => [path, read.locate(path, "key"), read.locate(path, "value")]);
  return { value: read.value, at };
}

describe("JSON with positions", () => {
  it("is JSON.parse's value, and each value stands where it is said to", () => {
    const indent = fc.constantFrom(undefined, 1, 4, "\t");
    fc.assert(
      fc.property(fc.jsonValue(), indent, (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        const read = readJson(text);
        if ("problems" in read) throw new Error(JSON.stringify(read.problems));
        expect(read.value).toEqual(JSON.parse(text));
        for (const [path, here] of places(JSON.parse(text))) {
          const at = offset(text, read.locate(path, "value"));
          const first = JSON.stringify(here).slice(0, 1);
          expect(text.slice(at, at + 1)).toBe(first);
          const key = path.at(-1);
          if (typeof key !== "string") continue;
          const keyAt = offset(text, read.locate(path, "key"));
          expect(text.slice(keyAt, keyAt + JSON.stringify(key).length)).toBe(JSON.stringify(key));
        }
      }),
    );
  });

  it("accepts exactly what JSON.parse accepts, keys written twice apart", () => {
    const damage = fc.record({
      at: fc.nat(),
      put: fc.constantFrom("", ",", "}", '"', "\\", "x", "\n", "\u0000", "1", "-", ".", "[", ":", "\u2028"),
    });
    fc.assert(
      fc.property(fc.jsonValue(), damage, (value, { at, put }) => {
        const whole = JSON.stringify(value);
        const cut = at % (whole.length + 1);
        const text = whole.slice(0, cut) + put + whole.slice(cut + 1);
        let parses = true;
        try {
          JSON.parse(text);
        } catch {
          parses = false;
        }
        const read = readJson(text);
        const same = "problems" in read ? !parses || read.problems.every(({ message }) => message.includes("twice")) : parses;
        expect({ text, same }).toEqual({ text, same: true });
      }),
      { numRuns: 3_000 },
    );
  });

  it("reads the short way just what it reads the long way, and places everything alike", () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"b"',
      '"\\""',
      '"\\\\"',
      '":"',
      "1",
      "null",
      " ",
      "\n",
      "\r\n",
      "\uFEFF",
    );
    const soup = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
    // A key that is one backslash is left out: after it, V8 13.6 takes `"\\""` for the same key.
    const key = fc.constantFrom("a", "b", 'q"w', "x\\y", "__proto__", ":", "");
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 4 }, fc.constantFrom('"x"', "1", '"\\\\"'), tie("list"), tie("table")),
      list: fc.array(tie("tree"), { maxLength: 3 }).map((items) => `[${items.join(",\n")}]`),
      table: fc
        .array(fc.tuple(key, tie("tree")), { maxLength: 3 })
        .map((entries) => `{ ${entries.map(([name, value]) => `${JSON.stringify(name)} : ${String(value)}`).join(",")}}`),
    }));
    fc.assert(
      fc.property(fc.oneof(soup, tree.map(String)), (text) => {
        const [short, long] = [readJson(text), scanJson(text)];
        expect(told(short)).toEqual(told(long));
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([99, 100, 101, 102, 5_000])("reads %i brackets within one another as the long way does", (depth) => {
    const text = "[".repeat(depth) + "]".repeat(depth);
    const [short, long] = [readJson(text), scanJson(text)];
    expect("problems" in short ? short.problems : "good").toEqual("problems" in long ? long.problems : "good");
    expect("problems" in short).toBe(depth > 101);
  });

  it("names the nearest parent of a place that is not there", () => {
    const read = readJson('{\n  "a": { "b": 1 }\n}');
    if ("problems" in read) throw new Error("it is JSON");
    expect(read.locate(["a", "x", "y"], "value")).toEqual({ line: 2, column: 8 });
    expect(read.locate(["x"], "key")).toEqual({ line: 1, column: 1 });
  });

  it("reads a text of 1 MB in linear time", () => {
    const started = performance.now();
    readJson(`{ "a": "${"x".repeat(1_000_000)}" }`);
    readJson(`[${"1,".repeat(500_000)}1]`);
    readJson(`{ "a": "${"x".repeat(1_000_000)}`);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
