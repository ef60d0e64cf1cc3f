import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findFiles } from "../../src/load/find-files.ts";
import { openJobCache, type JobCachePlace } from "../../src/load/job-cache.ts";
import { loadJobs, type LoadedJobs, type LoadJobsOptions } from "../../src/load/jobs.ts";
import { isSettled, stampNow } from "../../src/load/stamp.ts";

let dir = "";

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "runner-cache-of-jobs-"));
  mkdirSync(join(dir, "jobs/sub"), { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** As if everything had been written long ago. */
const later = (): number => Date.now() + 3_600_000;

function place(use: JobCachePlace["use"], more: Partial<JobCachePlace> = {}): JobCachePlace {
  return { folder: dir, context: "one", use, now: later, ...more };
}

async function load(cache?: JobCachePlace, options: Partial<LoadJobsOptions> = {}): Promise<Omit<LoadedJobs, "leave">> {
  const given = { dir: join(dir, "jobs"), base: dir, env: { HOME: join(dir, "home") }, ...options };
  const { leave, ...loaded } = await loadJobs({ ...given, ...(cache === undefined ? {} : { cache }) });
  await leave(dir);
  return loaded;
}

/** How many of the files would be taken. */
function taken(cache: JobCachePlace): number {
  const files = findFiles(join(dir, "jobs"), dir, []);
  const open = openJobCache(cache, files);
  return files.jobs.filter((path) => open?.take(path) !== undefined).length;
}

/** Writes until the file has another stamp than before, as it has of itself when some milliseconds lie between. */
function put(file: string, content: string, write: (path: string) => void = (path) => writeFileSync(path, content)): void {
  const path = join(dir, "jobs", file);
  mkdirSync(dirname(path), { recursive: true });
  const before = JSON.stringify(stampNow(path), (_key, value: unknown) => value);
  do write(path);
  while (JSON.stringify(stampNow(path)) === before);
}

/** As many jobs as it takes for anything to be left. */
const many = JSON.stringify(
  Array.from({ length: 100 }, (_, at) => ({ name: `many-${at}`, payload: { message: "Hello", model: "a/b" } })),
);

const job = (over: object): string => JSON.stringify({ payload: { message: "Hello", model: "a/b" }, ...over });

describe("what was left", () => {
  it("is what is read from the files", async () => {
    put("many.json", many);
    put("a.yaml", "name: first\npayload:\n  message: Hello\n  model: a/b\njobId: old-spelling\n");
    put("sub/b.md", "---\nmodel: a/b\n---\nHello\n");
    const fresh = await load();
    expect(await load(place("leave"))).toStrictEqual(fresh);
    expect(taken(place("take"))).toBe(3);
    expect(await load(place("take"))).toStrictEqual(fresh);
    expect(fresh.warnings).not.toEqual([]);
  });

  it("is used, and not what is in the file", async () => {
    put("many.json", many);
    await load(place("leave"));
    const path = join(dir, "job-cache.json");
    writeFileSync(path, readFileSync(path, "utf8").replace('"name":"many-7"', '"name":"seven!"'));
    expect((await load(place("take"))).jobs.map(({ name }) => name)).toContain("seven!");
    expect((await load()).jobs.map(({ name }) => name)).not.toContain("seven!");
  });

  it.each([
    ["a file of text that it names", { payload: { message: "{{include:../text.txt}}", model: "a/b" } }],
    ["a program beside it", { payload: { kind: "command", argv: ["./program.sh"] } }],
    ["a home folder", { workDir: "~/work" }],
    ["the zone of the machine", { schedule: { kind: "cron", expr: "0 9 * * *", startAt: "2031-05-01T10:00" } }],
    [
      "a number that JSON has not",
      "name: endless\npayload: { message: Hi, model: a/b }\nexpect: { jsonSchema: { maximum: .inf } }\n",
    ],
    ["something that is wrong", { payload: {} }],
  ])("is nothing where it depends on %s", async (_what, written) => {
    writeFileSync(join(dir, "text.txt"), "Hello");
    writeFileSync(join(dir, "jobs/program.sh"), "");
    put("many.json", many);
    put("odd.yaml", typeof written === "string" ? written : job({ name: "odd", ...written }));
    const fresh = await load(undefined, { zone: () => "Europe/London" });
    await load(place("leave"), { zone: () => "Europe/London" });
    expect(taken(place("take"))).toBe(1);
    expect(await load(place("take"), { zone: () => "Europe/London" })).toStrictEqual(fresh);
  });

  it("is nothing for another context, after a broken write, and of a few jobs", async () => {
    put("many.json", many);
    await load(place("leave"));
    expect([taken(place("take")), taken(place("take", { context: "two" }))]).toEqual([1, 0]);
    const path = join(dir, "job-cache.json");
    const whole = readFileSync(path, "utf8");
    for (const text of ["", "null", "{}", whole.slice(0, -1), whole.slice(0, whole.length / 2), `${whole}}`]) {
      writeFileSync(path, text);
      expect(taken(place("take"))).toBe(0);
    }
    put("many.json", job({ name: "one" }));
    await load(place("leave"));
    expect(() => readFileSync(path)).toThrow("ENOENT");
  });

  it("is nothing of a file that was changed just now, for it may change again unseen", async () => {
    put("many.json", many);
    const path = join(dir, "jobs/many.json");
    for (let round = 0; round < 40; round += 1) {
      writeFileSync(path, many.replace("Hello", "Green"));
      await load(place("leave", { now: Date.now }));
      writeFileSync(path, many.replace("Hello", "White"));
      const [first] = (await load(place("take"))).jobs;
      expect(first?.payload).toMatchObject({ message: "White" });
    }
  });

  it("is nothing of a file whose times are whole seconds, however old: on FAT and in images they are what the writer says", () => {
    expect(isSettled({ changedAt: 5_000, isCoarse: true }, later())).toBe(false);
    expect(isSettled({ changedAt: 5_000, isCoarse: false }, later())).toBe(true);
  });

  it.each([
    ["no files", { files: null }],
    ["files in a list", { files: [] }],
    ["an entry that is nothing", { entry: () => null }],
    ["an entry that is a text", { entry: ([stamp]: readonly unknown[]) => stamp }],
    ["an entry without jobs", { entry: ([stamp]: readonly unknown[]) => [stamp, false] }],
    ["jobs that are none", { entry: ([stamp]: readonly unknown[]) => [stamp, false, [null], []] }],
  ])(
    "is nothing where it was spoilt: %s",
    async (_what, { entry, ...over }: { entry?: (entry: unknown[]) => unknown; files?: unknown }) => {
      put("many.json", many);
      await load(place("leave"));
      const path = join(dir, "job-cache.json");
      const layout = JSON.parse(readFileSync(path, "utf8"));
      const file = join(dir, "jobs/many.json");
      if (entry !== undefined) layout.files[file] = entry(layout.files[file]);
      writeFileSync(path, JSON.stringify({ ...layout, ...over }));
      expect(await load(place("take"))).toStrictEqual(await load());
    },
  );

  it.skipIf(process.platform === "win32")("is not waited for where a pipe lies in its place", async () => {
    put("many.json", many);
    execFileSync("mkfifo", [join(dir, "job-cache.json")]);
    expect(taken(place("take"))).toBe(0);
  });

  it("takes the place of what somebody died over, also under the number of this process", async () => {
    put("many.json", many);
    for (const pid of [process.pid, 4_000_000]) {
      writeFileSync(join(dir, `job-cache.json.${pid}`), "{");
      utimesSync(join(dir, `job-cache.json.${pid}`), 1_000_000, 1_000_000);
    }
    await load(place("leave"));
    expect(taken(place("take"))).toBe(1);
    expect(readdirSync(dir).filter((name) => name.startsWith("job-cache"))).toEqual(["job-cache.json"]);
  });

  it("is for its user alone, and its folder is not made for it", async () => {
    put("many.json", many);
    const { leave } = await loadJobs({ dir: join(dir, "jobs"), base: dir, cache: place("leave") });
    await leave(join(dir, "nowhere"));
    expect(() => readFileSync(join(dir, "nowhere"))).toThrow("ENOENT");
    await load(place("leave"));
    expect(await mode(join(dir, "job-cache.json"))).toBe(0o600);
  });
});

async function mode(path: string): Promise<number> {
  const { stat } = await import("node:fs/promises");
  return (await stat(path)).mode & 0o777;
}

const names = ["a.json", "b.yaml", "sub/c.json", "sub/_defaults.json", "_defaults.json"];
/** Of one length, so that only the times and the inode tell them apart. */
const texts = ["Red..", "Blue.", "Black", "{{not"].map((message) => job({ payload: { message, model: "a/b" } }));
const defaults = ["a/b", "c/d"].map((model) => JSON.stringify({ payload: { model } }));
const change = fc.record({
  name: fc.constantFrom(...names),
  text: fc.nat({ max: 3 }),
  how: fc.constantFrom("write", "rename", "link", "remove"),
  next: fc.constantFrom("look", "leave", "nothing"),
});

function apply({ name, text, how }: { name: string; text: number; how: string }): void {
  const content = name.includes("_defaults") ? (defaults[text % 2] ?? "") : (texts[text] ?? "");
  if (how === "remove") rmSync(join(dir, "jobs", name), { force: true });
  else if (how === "write") put(name, content, (path) => rewrite(path, content));
  else {
    put(name, content, (path) => {
      const other = join(dir, `other-${text}`);
      rmSync(other, { force: true });
      if (how === "link") symlinkSync(target(content, text), other);
      else writeFileSync(other, content);
      // As `cp -p` and `git` may do it: the time says nothing.
      if (how === "rename") utimesSync(other, 1_000_000, 1_000_000);
      renameSync(other, path);
    });
  }
}

/** A link is not followed into the file that it was. */
function rewrite(path: string, content: string): void {
  rmSync(path, { force: true });
  writeFileSync(path, content);
}

function target(content: string, text: number): string {
  const path = join(dir, `target-${text}-${content.length}`);
  writeFileSync(path, content);
  return path;
}

it("whatever happens to the files, what is taken is what would be read", async () => {
  let hits = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
      rmSync(join(dir, "jobs"), { recursive: true });
      put("many.json", many);
      await load(place("leave"));
      for (const each of changes) {
        apply(each);
        if (each.next === "leave") await load(place("leave"));
        if (each.next === "nothing") continue;
        hits += taken(place("take"));
        expect(await load(place("take"))).toStrictEqual(await load());
      }
    }),
    { numRuns: 25 },
  );
  expect(hits).toBeGreaterThan(20);
});
