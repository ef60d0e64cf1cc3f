/** The code that is kept from start to start (bin/code-cache.js): it is a matter of speed alone, whatever becomes of it. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stage, type Stage } from "./stage.ts";

let project: Stage;
beforeEach(() => {
  project = stage();
  project.write("jobs/quick.yaml", "message: Say hello.\nmodel: kimi-coding/k2p5\n");
});
afterEach(() => project.close());

/** Not the cache that all projects of the tests share. */
const ownCache = { XDG_CACHE_HOME: "" };
const cacheOf = (): string => path.join(project.dir, "..", ".cache", "runner");
const files = (): string[] =>
  readdirSync(cacheOf(), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));

async function lists(env: Readonly<Record<string, string>> = {}): Promise<void> {
  const { code, stdout, stderr } = await project.runner(["list"], { ...ownCache, ...env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("quick");
}

describe("the code cache", () => {
  it("is made by the first start, for its user alone, and used by the next", async () => {
    await lists();
    const made = files();
    expect(made.map((file) => path.basename(file))).toContain("runner.cjs.bin");
    expect(made.map((file) => statSync(file).mode & 0o777)).toEqual(made.map(() => 0o600));
    expect(statSync(path.dirname(made[0] ?? "")).mode & 0o777).toBe(0o700);
    const before = made.map((file) => statSync(file).ino);
    await lists();
    expect(files().map((file) => statSync(file).ino)).toEqual(before);
  });

  it("says nothing of how programs are imported, also after one that cannot be", async () => {
    project.write("jobs/a.mjs", 'export default { message: "Say"; }\n');
    project.write("jobs/b.mjs", 'export default { message: "Say it.", model: "kimi-coding/k2p5" };\n');
    const { code, stdout, stderr } = await project.runner(["list"], ownCache);
    expect([code, stderr]).toEqual([78, expect.stringMatching(/^error: jobs\/a\.mjs:1: cannot be run: [^\n]*\n$/)]);
    expect(stdout).toMatch(/^b /m);
  });

  it("is made anew where it cannot be read", async () => {
    await lists();
    for (const [at, file] of files().entries())
      writeFileSync(file, at % 2 === 0 ? readFileSync(file).subarray(0, 1_000) : "no code at all");
    await lists();
    expect(Math.min(...files().map((file) => statSync(file).size))).toBeGreaterThan(1_000);
  });

  it("is not used where others may write it, and not needed", async () => {
    await lists();
    const folder = path.dirname(files()[0] ?? "");
    chmodSync(folder, 0o777);
    for (const file of files()) writeFileSync(file, "planted");
    await lists();
    expect(new Set(files().map((file) => readFileSync(file, "utf8")))).toEqual(new Set(["planted"]));
  });

  it("is no hindrance where it cannot be", async () => {
    mkdirSync(path.join(cacheOf(), ".."), { recursive: true });
    writeFileSync(cacheOf(), "a file");
    const nowhere = path.join(project.dir, "no-home");
    for (const HOME of ["/dev/null/nowhere", "/proc/nowhere", "relative", nowhere])
      expect((await project.runner(["list"], { ...ownCache, HOME })).code).toBe(0);
    expect(existsSync(nowhere)).toBe(false);
    for (const env of [ownCache, { NODE_DISABLE_COMPILE_CACHE: "1" }]) expect((await project.runner(["list"], env)).code).toBe(0);
  });
});
