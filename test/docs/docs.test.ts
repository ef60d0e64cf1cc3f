/**
 * Every sample of the documentation holds: jobs and configurations validate, commands are known with their options, TypeScript
 * type-checks, links lead somewhere, and what is marked `run` is run. A block without a language is output, and is not judged.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { allCommands } from "../../src/cli/commands/index.ts";
import { parse } from "../../src/cli/program.ts";
import { UsageError } from "../../src/errors.ts";
import { codeCache, root, stage, type Stage } from "../cli/stage.ts";
import { commandsOf, inlineCommands, pages, samplesOf, type Sample } from "./samples.ts";

const samples = pages.flatMap(samplesOf);
const of = (...languages: readonly string[]): Sample[] =>
  samples.filter(({ language, marks }) => languages.includes(language) && !marks.includes("output"));

const commands = await allCommands();

let project: Stage;
beforeAll(() => {
  project = stage();
});
afterAll(() => project.close());

/** Keys only a configuration has. */
const configKeys = new Set([
  "providers",
  "jobsDir",
  "stateDir",
  "timezone",
  "fallbacks",
  "model",
  "defaults",
  "prices",
  "scheduler",
]);

function kindOf(value: unknown): "job" | "config" | "part of a job" {
  if (Array.isArray(value)) return "job";
  const keys = typeof value === "object" && value !== null ? Object.keys(value) : [];
  if (keys.some((key) => ["payload", "jobs", "message", "command"].includes(key))) return "job";
  return keys.length > 0 && keys.every((key) => configKeys.has(key)) ? "config" : "part of a job";
}

/** The problems that the command line finds in a project that consists of this sample. */
async function problems(sample: Sample): Promise<string> {
  const value: unknown = sample.language === "md" ? undefined : parseYaml(sample.text);
  const kind = sample.marks.includes("defaults") ? "defaults" : sample.language === "md" ? "job" : kindOf(value);
  const files: Record<string, string> = {
    job: `jobs/sample.${sample.language === "md" ? "md" : sample.language}`,
    config: `runner.config.${sample.language}`,
    "part of a job": "jobs/sample.yaml",
    defaults: `jobs/_defaults.${sample.language}`,
  };
  const rest = "payload: { message: hi, model: kimi-coding/k2p5 }\n";
  const own = stage();
  try {
    own.write(
      files[kind] ?? "",
      kind === "part of a job"
        ? `${rest}${sample.language === "json" ? JSON.stringify(value).slice(1, -1) : sample.text}\n`
        : sample.text,
    );
    if (kind === "defaults") own.write("jobs/one.json", { message: "Hello" });
    if (kind !== "config") own.write("runner.config.json", { model: "kimi-coding/k2p5" });
    const { code, stderr } = await own.runner(["validate"]);
    return code === 0 ? "" : stderr;
  } finally {
    own.close();
  }
}

describe("jobs and configurations", () => {
  it.each(of("json", "yaml", "md").map((sample) => [sample.place, sample] as const))("%s", async (_, sample) => {
    expect(await problems(sample)).toBe("");
  });
});

/** Whether the command line takes these words; nothing is carried out. */
async function refusal(words: readonly string[]): Promise<string> {
  try {
    await parse(words, commands, async () => 0);
    return "";
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return error.message;
  }
}

describe("commands", () => {
  const blocks = of("sh", "bash").flatMap(({ place, text }) => commandsOf(text).map((words) => [place, words] as const));
  it.each(blocks)("%s: runner %j", async (_, words) => expect(await refusal(words)).toBe(""));

  const inline = pages.flatMap(inlineCommands).filter(({ line }) => !/[…[\]]/.test(line));
  it.each(inline.map(({ place, line }) => [place, line] as const))("%s: %s", async (_, line) => {
    const [words = []] = commandsOf(line);
    // In running text a command may be named without what it needs.
    expect((await refusal(words)).replace(/^missing required argument.*/, "")).toBe("");
  });

  it("are all in the README", () => {
    const readme = readFileSync(path.join(root, "README.md"), "utf8");
    expect(commands.map(({ name }) => name).filter((name) => !readme.includes(`\`runner ${name}`))).toEqual([]);
  });
});

describe("samples that are run", () => {
  const marked = samples.filter(({ marks }) => marks.includes("run"));
  it("are there", () => expect(marked.length).toBeGreaterThan(3));

  it.each(marked.map((sample) => [sample.place, sample] as const))("%s", (_, { text, marks }) => {
    const bin = path.join(project.dir, ".bin");
    mkdirSync(bin, { recursive: true });
    writeFileSync(path.join(bin, "runner"), `#!/bin/sh\nexec '${process.execPath}' '${path.join(root, "bin/runner.js")}' "$@"\n`);
    chmodSync(path.join(bin, "runner"), 0o755);
    const folder = mkdtempSync(path.join(path.dirname(project.dir), "sample-"));
    // "in=jobs": with the example jobs of the package.
    if (marks.includes("examples")) symlinkSync(path.join(root, "jobs"), path.join(folder, "jobs"));
    const env = {
      PATH: `${bin}:${path.dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
      HOME: path.dirname(project.dir),
      XDG_STATE_HOME: path.join(folder, "state"),
      XDG_CACHE_HOME: codeCache,
      EDITOR: "true",
    };
    const done = spawnSync("bash", ["-euo", "pipefail", "-c", text], { cwd: folder, env, encoding: "utf8", timeout: 25_000 });
    expect({ status: done.status, stderr: done.status === 0 ? "" : done.stderr }).toEqual({ status: 0, stderr: "" });
  });
});

describe("TypeScript", () => {
  it("type-checks against the package", () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "runner-docs-"));
    try {
      symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));
      writeFileSync(path.join(folder, "package.json"), JSON.stringify({ type: "module" }));
      for (const [at, { place, text }] of of("ts").entries())
        writeFileSync(path.join(folder, `sample${at}.ts`), `// ${place}\n${text}\nexport {};\n`);
      const compilerOptions = {
        paths: { "turn-runner": [path.join(root, "dist/index.d.ts")] },
        typeRoots: [path.join(root, "node_modules/@types")],
        noUnusedLocals: false,
        // A declaration that names one that is not there would make it `any`, in silence.
        skipLibCheck: false,
      };
      writeFileSync(
        path.join(folder, "tsconfig.json"),
        JSON.stringify({ extends: path.join(root, "tsconfig.json"), compilerOptions, include: ["*.ts"] }),
      );
      const tsc = path.join(root, "node_modules/typescript/bin/tsc");
      expect(spawnSync(process.execPath, [tsc, "--noEmit", "-p", folder], { encoding: "utf8" }).stdout).toBe("");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("links", () => {
  it.each(pages)("of %s lead somewhere", (page) => {
    const text = readFileSync(path.join(root, page), "utf8");
    const targets = [...text.matchAll(/\]\((?!https?:)([^)#]*)(#[^)]*)?\)/g)].map(([, file = "", anchor = ""]) => ({
      file,
      anchor,
    }));
    const broken = targets.filter(({ file, anchor }) => {
      const target = file === "" ? page : path.join(path.dirname(page), file);
      if (!existsSync(path.join(root, target))) return true;
      return anchor !== "" && !anchorsOf(target).includes(anchor.slice(1));
    });
    expect(broken).toEqual([]);
  });

  it("reach every page from the index", () => {
    const index = readFileSync(path.join(root, "docs/README.md"), "utf8");
    expect(
      pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md" && !index.includes(`(${page.slice(5)})`)),
    ).toEqual([]);
  });
});

/** Anchors as GitHub makes them. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(path.join(root, page), "utf8").matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
