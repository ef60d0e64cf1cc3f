import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JobError, UsageError } from "../../src/errors.ts";
import type { Job } from "../../src/job/job.ts";
import { findJob } from "../../src/load/find-job.ts";
import { jobHash } from "../../src/load/job-hash.ts";
import { loadJobs, type LoadedJobs } from "../../src/load/jobs.ts";

const seed = `{ "id": "b393d508-ec9a-4b6d-bb97-7f584eb0ef83", "name": "fpl-daily-check",
  "schedule": { "kind": "cron", "expr": "0 12 * * *", "tz": "Europe/London" }, "sessionTarget": "isolated",
  "payload": { "kind": "agentTurn", "message": "Run FPL check...", "model": "kimi-coding/k2p5", "stream": false } }`;

let dir = "";

function put(path: string, content: string): void {
  const full = join(dir, "jobs", path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
}

async function load(): Promise<LoadedJobs> {
  return await loadJobs({ dir: join(dir, "jobs"), base: dir });
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "runner-jobs-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe("the origin's job", () => {
  const expected = {
    id: "b393d508-ec9a-4b6d-bb97-7f584eb0ef83",
    name: "fpl-daily-check",
    schedule: { kind: "cron", expr: "0 12 * * *", tz: "Europe/London" },
    payload: { kind: "agentTurn", message: "Run FPL check...", model: "kimi-coding/k2p5", stream: false },
  };

  it("loads as it stands", async () => {
    put("fpl.json", seed);
    const { jobs, issues, warnings } = await load();
    expect([issues, warnings]).toEqual([[], []]);
    expect(jobs).toMatchObject([{ ...expected, source: { file: "jobs/fpl.json", line: 1 } }]);
  });

  it("means the same as JSON, YAML and markdown, in a list and in OpenClaw's store", async () => {
    const yaml = `id: b393d508-ec9a-4b6d-bb97-7f584eb0ef83
name: fpl-daily-check
schedule: { kind: cron, expr: 0 12 * * *, tz: Europe/London }
sessionTarget: isolated
`;
    const hashes: string[] = [];
    for (const [file, content] of [
      ["a.json", seed],
      ["a.json", `[${seed}]`],
      ["a.json", `{ "version": 1, "jobs": [${seed}] }`],
      ["a.json", `\uFEFF${seed.replaceAll("\n", "\r\n")}`],
      ["b.yaml", `${yaml}payload: { kind: agentTurn, message: Run FPL check..., model: kimi-coding/k2p5, stream: false }\n`],
      [
        "b.yml",
        `- ${yaml.trimEnd().replaceAll("\n", "\n  ")}\n  payload: &p { message: Run FPL check..., model: kimi-coding/k2p5, stream: false }\n`,
      ],
      ["c.md", `---\n${yaml}payload:\n  model: kimi-coding/k2p5\n  stream: false\n---\n\nRun FPL check...\n`],
      [
        "c.md",
        `---\r\n${yaml.replaceAll("\n", "\r\n")}payload: { model: kimi-coding/k2p5, stream: false }\r\n---\r\nRun FPL check...\r\n`,
      ],
    ] as const) {
      rmSync(join(dir, "jobs"), { recursive: true, force: true });
      put(file, content);
      const { jobs, issues, warnings } = await load();
      expect([issues, warnings]).toEqual([[], []]);
      expect(jobs).toMatchObject([expected]);
      hashes.push(...jobs.map(jobHash));
    }
    expect(new Set(hashes).size).toBe(1);
    expect(hashes).toHaveLength(8);
  });
});

describe("a folder of jobs", () => {
  const least = '{ "payload": { "message": "Hello" } }';

  it("is walked in order; what is hidden, a README and other files are passed over", async () => {
    for (const file of [
      "b.json",
      "a/z.yaml",
      "a/deep/er/x.md",
      ".hidden.json",
      ".git/x.json",
      "node_modules/x.json",
      "README.md",
      "notes.txt",
      "a/x.json.bak",
    ]) {
      put(file, file.endsWith(".md") ? "---\n---\nHello" : least);
    }
    const { jobs, issues, files } = await load();
    expect(issues).toEqual([]);
    expect(jobs.map(({ id, name }) => [id, name])).toEqual([
      ["a/deep/er/x", "x"],
      ["a/z", "z"],
      ["b", "b"],
    ]);
    expect(files).toBe(3);
  });

  it("follows links, as a mounted configuration has them, and no circle", async () => {
    put("..data/mounted.json", least);
    symlinkSync("..data/mounted.json", join(dir, "jobs/mounted.json"));
    mkdirSync(join(dir, "elsewhere"));
    writeFileSync(join(dir, "elsewhere/linked.json"), least);
    symlinkSync("../elsewhere", join(dir, "jobs/more"));
    symlinkSync("..", join(dir, "jobs/up"));
    const { jobs, issues } = await load();
    expect(issues.filter(({ message }) => !message.includes("is taken by"))).toEqual([]);
    expect(jobs.map(({ name }) => name)).toEqual(["mounted", "linked"]);
  });

  it("may be missing, or a file: that is a problem with a place", async () => {
    expect((await load()).issues).toMatchObject([{ file: "jobs", message: "there is no such folder" }]);
    writeFileSync(join(dir, "jobs"), "");
    expect((await load()).issues).toMatchObject([{ file: "jobs", message: "is not a folder" }]);
  });

  it("names both places of an id or name that is given twice, and keeps the first", async () => {
    put("a.json", '{ "id": "same", "name": "one", "payload": { "message": "Hello" } }');
    put("b.json", '\n{ "id": "same", "name": "two", "payload": { "message": "Hello" } }');
    put(
      "c.json",
      '[{ "id": "x", "payload": { "message": "Hello" } },\n{ "id": "y", "name": "one", "payload": { "message": "Hello" } }]',
    );
    const { jobs, issues } = await load();
    expect(jobs.map(({ id }) => id)).toEqual(["same", "x"]);
    expect(issues).toEqual([
      {
        file: "jobs/b.json",
        line: 2,
        path: "id",
        message: 'the id "same" is taken by the job at jobs/a.json:1',
        suggestion: "give one of them another id",
      },
      {
        file: "jobs/c.json",
        line: 2,
        path: "name",
        message: 'the name "one" is taken by the job at jobs/a.json:1',
        suggestion: "give one of them another name",
      },
    ]);
  });

  it("knows the providers if told", async () => {
    put("a.yaml", "payload:\n  message: Hello\n  model: nobody/x\n");
    const { issues } = await loadJobs({ dir: join(dir, "jobs"), base: dir, providers: ["openai"] });
    expect(issues).toMatchObject([{ file: "jobs/a.yaml", line: 3, column: 10, path: "payload.model" }]);
  });
});

/** The ids of the jobs and the problems, with a configuration of this model. */
const told = async (defaultModel?: string | null): Promise<unknown> => {
  const { jobs, issues } = await loadJobs({
    dir: join(dir, "jobs"),
    base: dir,
    ...(defaultModel === undefined ? {} : { defaultModel }),
  });
  return [jobs.map(({ id }) => id), issues];
};

describe("a job that names no model", () => {
  it("is a problem if the configuration names none either, and else is none", async () => {
    put("a.yaml", "name: a\npayload:\n  message: Hello\n");
    put("b.yaml", "payload:\n  message: Hello\n  model: openai/gpt-5\n");
    const issue = {
      file: "jobs/a.yaml",
      line: 3,
      column: 3,
      path: "payload.model",
      message: "is missing, and the configuration names no model either",
      suggestion: 'write "model": "provider/model" here, or "model" in the configuration for all jobs',
    };
    expect(await told(null)).toEqual([["b"], [issue]]);
    expect(await told("openai/gpt-5")).toEqual([["a", "b"], []]);
    expect(await told(), "a configuration that could not be read says nothing").toEqual([["a", "b"], []]);
  });
});

const jobNamed = (id: string, name: string): Job => ({ id, name }) as Job;

function namedSame(id: string): string {
  return `{ "id": "${id}", "name": "same", "payload": { "message": "Hello" } }`;
}

describe("findJob", () => {
  const jobs = [jobNamed("b393d508-ec9a", "daily"), jobNamed("b393ffff-ec9a", "nightly"), jobNamed("daily", "other")];

  it("takes an id, then a name, then the beginning of an id", () => {
    expect(findJob({ jobs, clashes: new Map() }, "daily").name).toBe("other");
    expect(findJob({ jobs, clashes: new Map() }, "nightly").id).toBe("b393ffff-ec9a");
    expect(findJob({ jobs, clashes: new Map() }, "b393d").name).toBe("daily");
  });

  it.each([
    ["nightl", 'there is no job "nightl"', 'did you mean "nightly"?'],
    ["b39", 'there is no job "b39"', "there are: daily, nightly, other"],
    ["b393", '"b393" begins the ids of 2 jobs', "write more of it: b393d508-ec9a (daily), b393ffff-ec9a (nightly)"],
    ["", 'there is no job ""', "there are: daily, nightly, other"],
  ])("%s: %s", (asked, message, suggestion) => {
    expect(() => findJob({ jobs, clashes: new Map() }, asked)).toThrow(expect.objectContaining({ message, suggestion }));
    expect(() => findJob({ jobs, clashes: new Map() }, asked)).toThrow(UsageError);
  });

  it("refuses a name or an id that several jobs have, and takes what only one has", async () => {
    put("a.json", namedSame("first"));
    put("b.json", namedSame("second"));
    put("c/same.json", '{ "payload": { "message": "Hello" } }');
    put("d.json", '{ "id": "first", "name": "other", "payload": { "message": "Hello" } }');
    const loaded = await load();
    const places = (asked: string): unknown => {
      try {
        return findJob(loaded, asked).source.file;
      } catch (error) {
        return error instanceof JobError ? error.issues.map(({ file, path }) => `${file} ${path}`) : error;
      }
    };
    expect(places("same")).toEqual(["jobs/b.json name", "jobs/c/same.json name"]);
    expect(places("first")).toEqual(["jobs/d.json id"]);
    expect(loaded.issues).toHaveLength(3);
    put("d.json", '{ "id": "third", "name": "other", "payload": { "message": "Hello" } }');
    const mended = await load();
    expect([findJob(mended, "first").source.file, findJob(mended, "other").id]).toEqual(["jobs/a.json", "third"]);
  });

  it("has words for no jobs at all", () => {
    expect(() => findJob({ jobs: [], clashes: new Map() }, "x")).toThrow(
      expect.objectContaining({ suggestion: "there are no jobs yet" }),
    );
  });
});

describe("jobHash", () => {
  it("does not depend on the order of keys nor on the file, and on everything else", async () => {
    put("a.json", seed);
    const [job] = (await load()).jobs;
    if (job === undefined) throw new Error("it loads");
    const hash = jobHash(job);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    const backwards = (value: unknown): unknown =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(
            Object.entries(value)
              .toReversed()
              .map(([key, item]) => [key, backwards(item)]),
          )
        : value;
    expect(jobHash(backwards({ ...job, source: { file: "elsewhere", line: 9 } }) as Job)).toBe(hash);
    expect(jobHash({ ...job, payload: { ...job.payload, message: "Other" } as Job["payload"] })).not.toBe(hash);
    fc.assert(
      fc.property(fc.string(), (name) => {
        expect(jobHash({ ...job, name }) === hash).toBe(name === job.name);
      }),
    );
  });
});
