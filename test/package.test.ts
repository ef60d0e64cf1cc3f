/** What is published: exactly the files that are meant to be, under a limit; and the man page says what the commands say. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { manFile, manPage } from "../scripts/man.ts";
import { root } from "./cli/stage.ts";

/** Everything that may be in the package; anything else is a leak or a mistake. */
const allowed: readonly RegExp[] = [
  /^(?:README\.md|CHANGELOG\.md|LICENSE|package\.json)$/,
  /^bin\/(?:runner\.js|allocator\.js|code-cache\.js|package\.json)$/,
  /^man\/runner\.1$/,
  /^docs\/[a-z-]+\.(?:md|svg)$/,
  /^docs\/README\.md$/,
  /^jobs\/[\w-]+\.(?:json|yaml|md)$/,
  /^dist\/[\w-]+\.(?:cjs|json)$/,
  /^dist\/build-id$/,
  /^dist\/THIRD-PARTY-LICENSES\.txt$/,
  /^dist\/(?:[a-z-]+\/)*[a-z0-9-]+\.(?:js|d\.ts)$/,
  /^schema\/[a-z]+\.json$/,
];

/** What must be in it, or it does not work. */
const needed = [
  "bin/runner.js",
  "bin/allocator.js",
  "bin/code-cache.js",
  "bin/package.json",
  "dist/build-id",
  "dist/runner.cjs",
  "dist/agent-child.cjs",
  "dist/index.js",
  "dist/index.d.ts",
  "man/runner.1",
];

// A scheduler, importers and installers came with issue 4, some 200 kB packed.
const packedLimit = 1_800_000;
const unpackedLimit = 6_500_000;

interface Packed {
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

function pack(): Packed {
  const text = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts", "--loglevel=error"], {
    cwd: root,
    encoding: "utf8",
  });
  const told: unknown = JSON.parse(text);
  // A list up to npm 11, by name from npm 12 on.
  const [packed] = Array.isArray(told) ? (told as Packed[]) : Object.values(told as Record<string, Packed>);
  if (packed === undefined) throw new Error("npm pack told nothing");
  return packed;
}

describe("the package", () => {
  const packed = pack();
  const paths = packed.files.map((file) => file.path);

  it("holds what is meant to be in it and nothing else", () => {
    expect(paths.filter((file) => !allowed.some((pattern) => pattern.test(file)))).toEqual([]);
    expect(needed.filter((file) => !paths.includes(file))).toEqual([]);
  });

  it("stays small", () => {
    expect(packed.size).toBeLessThan(packedLimit);
    expect(packed.unpackedSize).toBeLessThan(unpackedLimit);
  });

  it("can be started", () => {
    expect((packed.files.find((file) => file.path === "bin/runner.js")?.mode ?? 0) & 0o111).not.toBe(0);
  });

  it("passes on the licences of what it bundles", () => {
    const text = readFileSync(`${root}/dist/THIRD-PARTY-LICENSES.txt`, "utf8");
    for (const name of ["commander", "execa", "yaml", "croner", "valibot"]) expect(text).toMatch(new RegExp(`^${name} \\d`, "m"));
  });
});

describe("the man page", () => {
  it("is up to date; if it is not: npm run man", () => {
    expect(readFileSync(manFile, "utf8")).toBe(manPage());
  });
});
