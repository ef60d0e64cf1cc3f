import { relative } from "node:path";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { relativeTo } from "../../src/load/display-name.ts";

it("names a path from a folder as node:path does", () => {
  const path = fc
    .array(fc.constantFrom("/", "a", "b", ".", "..", "jobs", "ab.json", "/a", "/a/b"), { maxLength: 6 })
    .map((steps) => steps.join(""));
  fc.assert(
    fc.property(path, path, fc.boolean(), (base, rest, below) => {
      const [from, to] = [`/${base}`, below ? `/${base}/${rest}` : `/${rest}`];
      expect(relativeTo(from, to)).toBe(relative(from, to));
    }),
    { numRuns: 2_000 },
  );
});
