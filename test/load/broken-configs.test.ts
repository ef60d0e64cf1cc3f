import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError, formatIssue } from "../../src/errors.ts";
import { loadConfig } from "../../src/load/config.ts";

const dir = fileURLToPath(new URL("../fixtures/configs/broken", import.meta.url));
const builtIns = ["kimi-coding", "moonshot", "anthropic", "openai", "openrouter"];

/** Every problem of a configuration, as one line each: place: path: message (suggestion). */
async function problemsOf(file: string, cwd = dir): Promise<string[]> {
  const outcome = await loadConfig({ cwd, env: { HOME: "/nonexistent" }, file, builtIns }).catch((error: unknown) => error);
  if (!(outcome instanceof ConfigError)) throw new Error(`${file} was not refused as it should be`, { cause: outcome });
  return outcome.issues.map(formatIssue);
}

/** File, then each problem's beginning and, after [..], a part of what follows it. */
const table: Readonly<Record<string, readonly string[]>> = {
  "bare-variable.yaml": [
    'bare-variable.yaml:3:13: providers.kimi-coding.apiKey: names a variable without ${…} (write "apiKey": "${KIMI_API_KEY}")',
  ],
  "dialect.json": [
    'dialect.json:1:77: providers.mine.dialect: the dialect "openai-responses" is known and not spoken yet',
    'dialect.json:1:159: providers.yours.dialect: expected "openai-completions" or "anthropic-messages", found "openai-completion" (did you mean "openai-completions"?)',
  ],
  "facts.json": [
    'facts.json:3:25: providers.openai.auth: expected "x-api-key" or "bearer", found "Bearer" (did you mean "bearer"?)',
    'facts.json:3:55: providers.openai.structuredOutput: expected "output_config", "response_format" or "json_object", found "jsonobject" (did you mean "json_object"?)',
    'facts.json:3:87: providers.openai.maxTokensField: expected "max_tokens" or "max_completion_tokens", found "maxTokens" (did you mean "max_tokens"?)',
    "facts.json:4:44: providers.anthropic.modelNames.fast: expected a text of one line, found 3",
    "facts.json:4:58: providers.anthropic.quota: may not be blank",
    'facts.json:4:95: providers.anthropic.timeoutSeconds: unknown key (belongs to jobs: "limits": { "try": "10m" })',
  ],
  "handler.yaml": [
    'handler.yaml:3:19: providers.kimi-coding.eventHandler: "./nowhere.mjs" names no file (a path is relative to the file that names it)',
  ],
  "models.yaml": [
    'models.yaml:4:22: providers.kimi-coding.models.k2p5.price.output: is missing (write "output": 0.6)',
    'models.yaml:4:38: providers.kimi-coding.models.k2p5.contextWindow: unknown key (did you mean "contextTokens"?)',
    'models.yaml:5:7: providers.kimi-coding.models["k2 p5"]: is no model id',
    'models.yaml:6:7: providers.kimi-coding.models["*k2"]: is no model id',
    'models.yaml:6:33: providers.kimi-coding.models["*k2"].maxOutputTokens: 0 is less than 1, the least allowed',
    'models.yaml:7:24: providers.kimi-coding.models.free.price.prompt: unknown key (did you mean "input"?)',
    "models.yaml:7:43: providers.kimi-coding.models.free.price.output: -1 is less than 0, the least allowed",
    "models.yaml:8:12: providers.kimi-coding.models.bad: expected an object, found 3",
    'models.yaml:9:5: providers.kimi-coding.price: unknown key (belongs to a model: "models": { "<id>": { "price": … } })',
  ],
  "format.toml": ['format.toml: cannot tell the format from ".toml"'],
  "imports.json": ["imports.json: $import: names [..] does-not-exist.json, which does not exist"],
  "imports-circle.json": ["imports-circle.json: $import: Self-import detected"],
  "imports-wrong.json": ['misspelt-import.yaml:2:1: modell: unknown key (did you mean "model"?)'],
  "misspelt-import.yaml": ['misspelt-import.yaml:2:1: modell: unknown key (did you mean "model"?)'],
  "key-in-headers.yaml": [
    "key-in-headers.yaml:4:22: providers.kimi-coding.headers.Authorization: carries a key, so its value must be a reference (not shown)",
    'key-in-headers.yaml:5:15: providers.kimi-coding.headers.x-team: looks like a key (not shown) (write "${NAME}"',
    "key-in-headers.yaml:6:7: providers.kimi-coding.headers.host: is set by the transport itself",
    'key-in-headers.yaml:7:7: providers.kimi-coding.headers["x y"]: is not a name of an HTTP header',
    "key-in-headers.yaml:8:14: providers.kimi-coding.headers.x-ref: holds a ${…} that names no variable (write ${NAME})",
  ],
  "key-in-url.yaml": ["key-in-url.yaml:3:14: providers.kimi-coding.baseUrl: holds a user name or password (not shown)"],
  "list.yaml": ["list.yaml:1:1: expected an object, found a list of 1"],
  "literal-key.json": [
    "literal-key.json:6:17: providers.mine.apiKey: must be a reference such as ${PROVIDER_API_KEY}, never a key itself (what was found is not shown)",
  ],
  "plain-key.yaml": [
    "plain-key.yaml:3:13: providers.kimi-coding.apiKey: must be a reference such as ${PROVIDER_API_KEY}, never a key itself",
  ],
  "misplaced.yaml": [
    'misplaced.yaml:1:1: apiKey: unknown key (belongs to a provider: "providers": { "<id>": { "apiKey": … } })',
    "misplaced.yaml:2:1: baseUrl: unknown key (belongs to a provider",
    'misplaced.yaml:3:1: tz: unknown key (did you mean "timezone"?)',
  ],
  "misspelt.json": [
    'misspelt.json:2:3: modle: unknown key (did you mean "model"?)',
    'misspelt.json:3:3: jobDir: unknown key (did you mean "jobsDir"?)',
    'misspelt.json:4:3: provider: unknown key (did you mean "providers"?)',
  ],
  "new-provider.json": [
    'new-provider.json:3:5: providers.mine: is not built in (kimi-coding, moonshot, anthropic, openai, openrouter), so it needs "baseUrl" and "dialect"',
    'new-provider.json:4:5: providers.openrouterr: is not built in [..] did you mean "openrouter"?)',
  ],
  "provider-id.json": [
    'provider-id.json:1:18: providers["my provider"]: a provider\'s id is letters, digits, dots and dashes',
    "provider-id.json:1:108: providers.__proto__: unknown key",
  ],
  "quirk-type.yaml": [
    'quirk-type.yaml:4:33: providers.kimi-coding.sseQuirks.tolerateOutOfOrderEvents: expected true or false, found "no" (write false without quotes)',
  ],
  "quirks.yaml": [
    "quirks.yaml:3:5: providers.kimi-coding.tolerateOutOfOrderEvents: unknown key (belongs in sseQuirks",
    'quirks.yaml:5:7: providers.kimi-coding.sseQuirks.tolerateOutOfOrderEvent: unknown key (did you mean "tolerateOutOfOrderEvents"?)',
  ],
  "scheduler.yaml": [
    'scheduler.yaml:1:1: maxRuns: unknown key (belongs in scheduler: "scheduler": { "maxRuns": … })',
    'scheduler.yaml:3:3: scheduler.maxConcurrentRuns: unknown key (did you mean "maxRuns"?)',
    "scheduler.yaml:4:20: scheduler.startsPerSecond: 0 is less than 1, the least allowed",
    'scheduler.yaml:5:18: scheduler.shutdownGrace: 20 has no unit: seconds or milliseconds? (write "20s" for seconds or "20ms" for milliseconds)',
    'scheduler.yaml:6:14: scheduler.killGrace: expected a duration such as "5s", found "soon" (write "killGrace": "5s")',
    'scheduler.yaml:8:5: scheduler.groups["my reports"]: is no name of a group (letters, digits, dots and dashes, at most 64; jobs name it: "group": "reports")',
    "scheduler.yaml:9:11: scheduler.groups.mail: expected a whole number from 1 to 10000, found null",
    "scheduler.yaml:10:3: scheduler.catchUp: unknown key (belongs to jobs; for all of a folder, to its _defaults file)",
    'scheduler.yaml:13:5: providers.anthropic.maxConcurrent: unknown key (did you mean "maxRuns"?)',
    'scheduler.yaml:14:14: providers.anthropic.maxRuns: expected a whole number from 1 to 10000, found "4" (write 4 without quotes)',
  ],
  "syntax.json": ['syntax.json:2:30: a comma before "}" is not JSON (take the comma away)'],
  "syntax.yaml": ["syntax.yaml:2:1: a tab cannot indent YAML (use spaces)"],
  "types.json": [
    'types.json:2:12: model: expected a model as "provider/model", found a list of 1 (write "model": "kimi-coding/k2p5")',
    'types.json:3:16: fallbacks: expected a list of models, found "openai/gpt-5"',
    'types.json:4:15: timezone: there is no time zone "Europe/Londn" (did you mean "Europe/London"?)',
    "types.json:5:14: jobsDir: expected a text of one line, found 3",
    "types.json:6:16: providers: expected an object of providers by id, found an empty list",
  ],
  "unknown-model.yaml": [
    'unknown-model.yaml:1:8: model: there is no provider "kimi-codin" (did you mean "kimi-coding/k2p5"?)',
    'unknown-model.yaml:4:5: fallbacks[1]: there is no provider "nobody" (known: kimi-coding',
  ],
  "urls.json": [
    'urls.json:3:33: providers.kimi-coding.baseUrl: expected an http(s) address, found "api.kimi.com"',
    'urls.json:4:28: providers.openai.baseUrl: "https://api.openai.com/v1/chat/completions" ends in the endpoint [..] (write "baseUrl": "https://api.openai.com/v1")',
    "urls.json:5:31: providers.anthropic.baseUrl: may hold neither a query nor a fragment",
    "urls.json:6:30: providers.moonshot.baseUrl: expected an http(s) address",
  ],
};

/** Programs are made here: a linter would rightly stumble over them. Node's words differ between versions and are not judged. */
const programs: readonly (readonly [file: string, source: string, ...problems: string[]])[] = [
  [
    "throws.js",
    'export const nothing = 1;\n\nthrow new Error("no such secret store");\n',
    "throws.js:3:7: cannot be run: no such secret store",
  ],
  [
    "throws-key.mjs",
    'throw new Error("bad key sk-PLANTEDPLANTEDPLANTED");\n',
    "throws-key.mjs:1:7: cannot be run: its message looks as if it held a key (not shown)",
  ],
  [
    "no-default.mjs",
    'export const model = "kimi-coding/k2p5";\n',
    "no-default.mjs: has no default export (write: export default { … })",
  ],
  ["function.mjs", "export default () => ({});\n", "function.mjs: expected an object, found a function"],
  ["syntax.mjs", 'export default {\n  model: "kimi-coding/k2p5"\n  jobsDir: "jobs",\n};\n', "syntax.mjs:3: cannot be run:"],
  [
    "enum.ts",
    'enum Model {\n  Kimi = "kimi-coding/k2p5",\n}\nexport default { model: Model.Kimi };\n',
    "enum.ts:1: cannot be run:",
  ],
  [
    "missing.ts",
    'import { x } from "./nowhere.ts";\nexport default { model: x };\n',
    "missing.ts: cannot be run: Cannot find module",
  ],
  [
    "wrong.ts",
    'const model: string = "k2p5";\nexport default { model, timezon: "UTC" };\n',
    'wrong.ts: model: "k2p5" names no provider',
    'wrong.ts: timezon: unknown key (did you mean "timezone"?)',
  ],
];

function expectProblems(found: readonly string[], expected: readonly string[]): void {
  for (const wanted of expected) {
    const [start = "", ...parts] = wanted.split(" [..] ");
    const hit = found.some((line) => line.startsWith(start) && parts.every((part) => line.includes(part)));
    expect(hit, `${wanted}\nis not among\n${found.join("\n")}`).toBe(true);
  }
  expect(found).toHaveLength(expected.length);
}

describe("broken configurations", () => {
  it("each have a row", () => {
    expect(Object.keys(table).toSorted()).toEqual(readdirSync(dir).toSorted());
  });

  it.each(Object.entries(table))("%s", async (file, expected) => {
    const found = await problemsOf(file);
    expectProblems(found, expected);
    expect(found.join("\n")).not.toMatch(/PLANTED/i);
  });
});

describe("broken configurations that are programs", () => {
  const folder = mkdtempSync(join(tmpdir(), "runner-config-"));
  let found: Readonly<Record<string, readonly string[]>> = {};

  // A real Node judges them, all in one process: the test runner would load them its own way.
  beforeAll(() => {
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    for (const [file, source] of programs) writeFileSync(join(folder, file), source);
    const code = `
      import { formatIssue } from ${JSON.stringify(new URL("../../src/errors.ts", import.meta.url).href)};
      import { loadConfig } from ${JSON.stringify(new URL("../../src/load/config.ts", import.meta.url).href)};
      const found = {};
      for (const file of ${JSON.stringify(programs.map(([file]) => file))}) {
        const outcome = await loadConfig({ cwd: ${JSON.stringify(folder)}, env: {}, file, builtIns: ["kimi-coding"] }).catch((error) => error);
        found[file] = outcome.issues?.map(formatIssue) ?? ["was not refused: " + (outcome.stack ?? "")];
      }
      console.log(JSON.stringify(found));`;
    const printed: typeof found = JSON.parse(
      execFileSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" }),
    );
    found = printed;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(programs)("%s", (file, _source, ...expected) => {
    expect(found[file]).toBeDefined();
    expectProblems(found[file] ?? [], expected);
    expect(JSON.stringify(found)).not.toMatch(/PLANTED/);
  });

  it.each([
    ["nowhere.json", "does not exist, or is a link to something that does not"],
    ["folder.json", "is a folder, not a file (rename it, or move the files in it up)"],
  ])("%s, which is no file", async (file, problem) => {
    mkdirSync(join(folder, "folder.json"), { recursive: true });
    expect(await problemsOf(file, folder)).toEqual([`${file}: ${problem}`]);
  });
});
