/** Every sample of docs/jobs.md loads in its own format, as its name says, and the schemas for editors accept it too. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import JSON5 from "json5";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { defaultsFileSchema, jobFileSchema } from "../../src/job/job-schema.ts";
import { loadJobs } from "../../src/load/jobs.ts";
import { root } from "../cli/stage.ts";
import { samplesOf } from "./samples.ts";

const samples = samplesOf("docs/jobs.md");
const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false });
const schemas = { job: ajv.compile(jobFileSchema()), defaults: ajv.compile(defaultsFileSchema()) };

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "runner-docs-"));
  mkdirSync(path.join(dir, "jobs"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const of = (language: string, mark?: string) =>
  samples.filter(
    (sample) => sample.language === language && (mark === undefined ? sample.marks.length === 0 : sample.marks.includes(mark)),
  );

describe("docs/jobs.md", () => {
  it("shows every format, and a folder's defaults", () => {
    expect(["yaml", "json", "json5", "md", "ts"].filter((language) => of(language).length === 0)).toEqual([]);
    expect(of("yaml", "defaults")).toHaveLength(1);
  });

  it.each(["yaml", "json", "json5", "md"].flatMap((language) => of(language)).map((sample) => [sample.place, sample] as const))(
    "%s loads",
    async (_place, { language, text }) => {
      writeFileSync(path.join(dir, `jobs/sample.${language}`), text);
      const { jobs, issues, warnings } = await loadJobs({ dir: path.join(dir, "jobs"), base: dir });
      expect([...issues, ...warnings]).toEqual([]);
      expect(jobs.length).toBeGreaterThan(0);
    },
  );

  it.each(["yaml", "json", "json5"].flatMap((language) => of(language)).map((sample) => [sample.place, sample] as const))(
    "%s suits the schema",
    (_place, { language, text }) => {
      schemas.job(language === "yaml" ? parseYaml(text) : JSON5.parse(text));
      expect(schemas.job.errors ?? []).toEqual([]);
    },
  );

  it("its defaults apply to a job beside them", async () => {
    const [{ text } = { text: "" }] = of("yaml", "defaults");
    writeFileSync(path.join(dir, "jobs/_defaults.yaml"), text);
    writeFileSync(path.join(dir, "jobs/a.yaml"), "message: Hello\nlimits: { run: 5m }\n");
    const { jobs, issues } = await loadJobs({ dir: path.join(dir, "jobs"), base: dir });
    expect(issues).toEqual([]);
    expect(jobs).toMatchObject([{ payload: { model: "kimi-coding/k2p5" }, budget: { usd: 0.25 }, limits: { runMs: 300_000 } }]);
    schemas.defaults(parseYaml(text));
    expect(schemas.defaults.errors ?? []).toEqual([]);
  });

  it.each(of("ts").map((sample) => [sample.place, sample] as const))(
    "%s runs, with the package beside it",
    (_place, { text }) => {
      mkdirSync(path.join(dir, "node_modules"));
      symlinkSync(root, path.join(dir, "node_modules/turn-runner"));
      writeFileSync(path.join(dir, "package.json"), '{ "type": "module" }');
      writeFileSync(path.join(dir, "runner.config.json"), '{ "model": "kimi-coding/k2p5" }');
      writeFileSync(path.join(dir, "jobs/sample.ts"), text);
      const printed = execFileSync(process.execPath, [path.join(root, "bin/runner.js"), "validate", "--json", "-C", dir], {
        encoding: "utf8",
        env: { HOME: dir, PATH: process.env["PATH"] },
      });
      expect(JSON.parse(printed)).toMatchObject({ valid: true, jobs: [{ name: "weather-london" }, { name: "weather-tokyo" }] });
    },
  );
});
