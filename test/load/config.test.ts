import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig, type LoadedConfig } from "../../src/load/config.ts";
import { machineZone } from "../../src/load/machine-zone.ts";

const builtIns = ["kimi-coding", "anthropic"];
let root = "";
let project = "";

function put(path: string, content: string): string {
  const full = join(root, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
}

async function load(
  options: { cwd?: string; file?: string; stateDir?: string; env?: Record<string, string> } = {},
): Promise<LoadedConfig> {
  const { cwd = project, env = {}, ...rest } = options;
  return await loadConfig({ cwd, env: { HOME: join(root, "home"), ...env }, builtIns, ...rest });
}

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "runner-config-")));
  project = join(root, "home/work/project");
  mkdirSync(join(project, "jobs"), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("two projects with a folder of the same name", () => {
  it("have a state folder each, found again through a link", async () => {
    put("home/a/work/jobs/daily.json", "{}");
    put("home/b/work/jobs/daily.json", "{}");
    symlinkSync(join(root, "home/a/work"), join(root, "home/linked"));
    const of = async (dir: string): Promise<string> => (await load({ cwd: join(root, dir) })).config.stateDir;
    expect(await of("home/a/work")).not.toBe(await of("home/b/work"));
    expect(await of("home/linked")).toBe(await of("home/a/work"));
  });
});

const noScheduler = {
  maxRuns: 8,
  groups: new Map(),
  providers: new Map(),
  startsPerSecond: 10,
  catchUpsPerSecond: 5,
  shutdownGraceMs: 20_000,
  killGraceMs: 5_000,
};

describe("no configuration", () => {
  it("is fine: everything has a default", async () => {
    const { config, files, warnings } = await load({ env: { TZ: "Europe/London" } });
    expect({ ...config }).toEqual({
      projectDir: project,
      jobsDir: join(project, "jobs"),
      stateDir: expect.stringMatching(/\/home\/\.local\/state\/runner\/project-[0-9a-z]{11}$/),
      timezone: "Europe/London",
      providers: {},
      scheduler: noScheduler,
    });
    expect(files).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it("keeps state under XDG, whose relative values are to be ignored, unless the command line says where", async () => {
    expect((await load({ env: { XDG_STATE_HOME: "/var/state" } })).config.stateDir).toMatch(/^\/var\/state\/runner\/project-/);
    expect((await load({ env: { XDG_STATE_HOME: "state" } })).config.stateDir).toContain(join(root, "home/.local/state/runner/"));
    expect((await load({ stateDir: "here" })).config.stateDir).toBe(join(project, "here"));
    expect((await load({ stateDir: "~/there" })).config.stateDir).toBe(join(root, "home/there"));
  });
});

const full = {
  scheduler: { maxRuns: 20, groups: { reports: 2 }, shutdownGrace: "1m" },
  model: "mine/large",
  fallbacks: ["anthropic/claude-sonnet-4-6"],
  timezone: "Asia/Tokyo",
  jobsDir: "tasks",
  stateDir: "state",
  providers: {
    mine: {
      baseUrl: "https://api.example.com/v1/",
      dialect: "openai-completions",
      apiKey: "${MINE_API_KEY}",
      maxRuns: 3,
      headers: { "x-team": "${TEAM}-ops" },
      sseQuirks: { tolerateOutOfOrderEvents: false },
    },
  },
};

describe("a project's configuration", () => {
  it.each([
    ["runner.config.json", JSON.stringify(full)],
    [".runnerrc", JSON.stringify(full)],
    [".runnerrc.json", `\uFEFF${JSON.stringify(full)}`],
    ["package.json", JSON.stringify({ name: "x", runner: full })],
    ["runner.config.mjs", `export default ${JSON.stringify(full)}`],
    ["runner.config.cjs", `module.exports = ${JSON.stringify(full)}`],
    ["runner.config.ts", `interface X { a: 1 }\nexport default ${JSON.stringify(full)} satisfies object;`],
  ])("%s says everything it can", async (name, content) => {
    const file = put(`home/work/project/${name}`, content);
    const { config, files, warnings } = await load();
    expect(files).toEqual([file]);
    expect(warnings).toEqual([]);
    expect({ ...config }).toEqual({
      projectDir: project,
      jobsDir: join(project, "tasks"),
      stateDir: join(project, "state"),
      model: "mine/large",
      fallbacks: ["anthropic/claude-sonnet-4-6"],
      timezone: "Asia/Tokyo",
      providers: { mine: { ...full.providers.mine, baseUrl: "https://api.example.com/v1", apiKey: { env: "MINE_API_KEY" } } },
      scheduler: {
        maxRuns: 20,
        groups: new Map([["reports", 2]]),
        providers: new Map([["mine", 3]]),
        startsPerSecond: 10,
        catchUpsPerSecond: 5,
        shutdownGraceMs: 60_000,
        killGraceMs: 5_000,
      },
    });
  });

  it.each(["runner.config.yaml", "runner.config.yml", ".runnerrc", ".runnerrc.yaml"])("%s as YAML", async (name) => {
    put(
      `home/work/project/${name}`,
      "# ours\nmodel: kimi-coding/k2p5\nproviders:\n  kimi-coding:\n    sseQuirks: { tolerateOutOfOrderEvents: false }\n",
    );
    const { config } = await load();
    expect(config.model).toBe("kimi-coding/k2p5");
    expect(config.providers).toEqual({ "kimi-coding": { sseQuirks: { tolerateOutOfOrderEvents: false } } });
  });

  it("is read from the first file, and the others are named", async () => {
    put("home/work/project/.runnerrc", "model: anthropic/second");
    put("home/work/project/runner.config.json", '{ "model": "anthropic/first" }');
    const { config, files, warnings } = await load();
    expect(config.model).toBe("anthropic/first");
    expect(files).toEqual([join(project, "runner.config.json")]);
    expect(warnings).toEqual([
      { file: ".runnerrc", path: "", message: "is not read: runner.config.json comes first", suggestion: "keep one" },
    ]);
  });

  it("may be empty, and may take in another file", async () => {
    put("home/work/project/runner.config.json", "\n");
    expect((await load()).config.model).toBeUndefined();
    put("home/work/project/runner.config.json", '{ "$import": "./base.yaml", "model": "anthropic/own" }');
    put("home/work/project/base.yaml", "model: anthropic/base\ntimezone: UTC\n");
    expect((await load()).config).toMatchObject({ model: "anthropic/own", timezone: "UTC" });
  });

  it("warns of an address that is not encrypted, except on this machine", async () => {
    const providers = {
      a: { baseUrl: "http://api.example.com", dialect: "openai-completions" },
      b: { baseUrl: "http://127.0.0.1:8080", dialect: "openai-completions" },
    };
    put("home/work/project/runner.config.json", JSON.stringify({ providers }));
    expect((await load()).warnings.map(({ path, message }) => [path, message])).toEqual([
      ["providers.a.baseUrl", "is not https: the key and every prompt travel readable"],
    ]);
  });
});

describe("the user's configuration", () => {
  const secrets = 'apiKey: "${MINE_API_KEY}", headers: { x-team: "${TEAM}" }';

  it("keeps its key and headers to itself when the project names another address, and says so", async () => {
    put("home/.config/runner/config.yaml", `providers:\n  anthropic: { ${secrets} }\n  kimi-coding: { ${secrets} }\n`);
    put(
      "home/work/project/runner.config.yaml",
      "providers:\n  anthropic: { baseUrl: https://elsewhere.example.com }\n  kimi-coding: { sseQuirks: { tolerateOutOfOrderEvents: false } }\n",
    );
    const { config, warnings } = await load();
    expect(config.providers).toEqual({
      anthropic: { baseUrl: "https://elsewhere.example.com" },
      "kimi-coding": {
        apiKey: { env: "MINE_API_KEY" },
        headers: { "x-team": "${TEAM}" },
        sseQuirks: { tolerateOutOfOrderEvents: false },
      },
    });
    expect(warnings).toMatchObject([
      {
        file: "runner.config.yaml",
        line: 2,
        path: "providers.anthropic.baseUrl",
        message: expect.stringMatching(/"apiKey" and "headers" of .*config\.yaml are not sent there/),
        suggestion: 'set "apiKey" and "headers" beside it, if that is meant',
      },
    ]);
  });

  it("is not asked for a key or headers that stand beside the project's own address", async () => {
    put("home/.config/runner/config.yaml", `providers:\n  anthropic: { baseUrl: https://proxy.example.com, ${secrets} }\n`);
    put(
      "home/work/project/runner.config.yaml",
      'providers:\n  anthropic: { baseUrl: https://elsewhere.example.com, apiKey: "${OTHER_API_KEY}", headers: { x-b: b } }\n',
    );
    const { config, warnings } = await load();
    expect(config.providers).toEqual({
      anthropic: { baseUrl: "https://elsewhere.example.com", apiKey: { env: "OTHER_API_KEY" }, headers: { "x-b": "b" } },
    });
    expect(warnings).toEqual([]);
  });

  it("lies below the project's, provider by provider", async () => {
    const user = put(
      "home/.config/runner/config.yaml",
      "model: anthropic/user\ntimezone: Asia/Tokyo\nproviders:\n  mine:\n    baseUrl: https://api.example.com\n    dialect: anthropic-messages\n    headers: { x-a: user, x-b: user }\n",
    );
    const own = put(
      "home/work/project/runner.config.json",
      '{ "model": "mine/project", "providers": { "mine": { "headers": { "x-b": "project" }, "apiKey": "${MINE}" } } }',
    );
    const { config, files } = await load();
    expect(files).toEqual([own, user]);
    expect(config).toMatchObject({ model: "mine/project", timezone: "Asia/Tokyo" });
    expect(config.providers).toEqual({
      mine: {
        baseUrl: "https://api.example.com",
        dialect: "anthropic-messages",
        apiKey: { env: "MINE" },
        headers: { "x-a": "user", "x-b": "project" },
      },
    });
  });

  it("is looked for under XDG_CONFIG_HOME, and its folders must be absolute", async () => {
    put("elsewhere/runner/config.json", '{ "stateDir": "~/kept", "model": "anthropic/user" }');
    const env = { XDG_CONFIG_HOME: join(root, "elsewhere") };
    expect((await load({ env })).config).toMatchObject({ stateDir: join(root, "home/kept"), model: "anthropic/user" });
    put("elsewhere/runner/config.json", '{ "jobsDir": "jobs" }');
    await expect(load({ env })).rejects.toThrow(/config\.json:1:14: jobsDir: "jobs" is relative/);
  });

  it("and the project's are refused together", async () => {
    put("home/.config/runner/config.json", '{ "modle": 1 }');
    put("home/work/project/runner.config.json", '{ "modl": 1 }');
    await expect(load()).rejects.toMatchObject({ issues: [{ file: "runner.config.json", path: "modl" }, { path: "modle" }] });
  });
});

describe("facts of models", () => {
  it("are merged by name, what stands above first; a quota is a name", async () => {
    put(
      "home/.config/runner/config.yaml",
      '{ "providers": { "anthropic": { "quota": "team", "models": { "gpt-*": { "price": { "input": 1, "output": 2 } } } } } }',
    );
    put(
      "home/work/project/runner.config.json",
      '{ "providers": { "anthropic": { "models": { "gpt-5": { "price": { "input": 3, "output": 4, "cacheRead": 0.5 } } } } } }',
    );
    const { anthropic } = (await load()).config.providers;
    expect(anthropic?.quota).toBe("team");
    expect(Object.entries(anthropic?.models ?? {})).toEqual([
      ["gpt-5", { price: { input: 3, output: 4, cacheRead: 0.5 } }],
      ["gpt-*", { price: { input: 1, output: 2 } }],
    ]);
  });

  it.each([
    ['{ "price": { "input": 3 } }', "models.k2p5.price.output: is missing"],
    ['{ "price": { "input": "3", "output": 1 } }', "write 3 without quotes"],
    ['{ "price": { "input": -1, "output": 1 } }', "-1 is less than 0"],
    ['{ "price": { "in": 1, "input": 1, "output": 1 } }', 'did you mean "input"?'],
    ['{ "input": 1 }', "belongs in price"],
    ['{ "contextTokens": 0 }', "0 is less than 1"],
  ])("%s is refused: %s", async (facts, words) => {
    put("home/work/project/runner.config.json", `{ "providers": { "moonshot": { "models": { "k2p5": ${facts} } } } }`);
    await expect(load()).rejects.toThrow(words);
  });
});

describe("facts of providers", () => {
  const events = "home/work/project/events.mjs";

  it("are merged model by model, field by field, the project's first", async () => {
    put(events, "");
    put(
      "home/.config/runner/config.yaml",
      "providers:\n  anthropic:\n    models: { a: { images: true, price: { input: 1, output: 2 } }, z: { images: false } }\n    modelNames: { fast: a }\n",
    );
    put(
      "home/work/project/runner.config.yaml",
      "providers:\n  anthropic:\n    models: { 'b*': { maxOutputTokens: 5 }, a: { price: { input: 3, output: 4 } } }\n    modelNames: { slow: b }\n    quota: plan\n    auth: bearer\n    structuredOutput: json_object\n    maxTokensField: max_tokens\n    eventHandler: ./events.mjs\n",
    );
    const { config } = await load();
    expect(config.providers["anthropic"]).toEqual({
      models: { "b*": { maxOutputTokens: 5 }, a: { images: true, price: { input: 3, output: 4 } }, z: { images: false } },
      modelNames: { fast: "a", slow: "b" },
      quota: "plan",
      auth: "bearer",
      structuredOutput: "json_object",
      maxTokensField: "max_tokens",
      eventHandler: join(root, events),
    });
    expect(Object.keys(config.providers["anthropic"]?.models ?? {})).toEqual(["b*", "a", "z"]);
  });
});

describe("who won", () => {
  it("is told with file and line, and never with a secret", async () => {
    put(
      "home/.config/runner/config.yaml",
      'model: anthropic/user\ntimezone: Asia/Tokyo\nproviders:\n  anthropic:\n    apiKey: "${MINE}"\n    headers: { x-a: hunter2, x-b: "${TEAM}" }\n',
    );
    put("home/work/project/runner.config.yaml", "$schema: ./x.json\nmodel: anthropic/project\n");
    const settings = (await load({ stateDir: "s" })).settings();
    const shown = settings.map(
      ({ path, value, place, source }) =>
        `${path} = ${JSON.stringify(value)} ${source ?? `${place?.file.split("/").at(-1)}:${place?.line}`}`,
    );
    expect(shown).toEqual([
      'model = "anthropic/project" runner.config.yaml:2',
      'timezone = "Asia/Tokyo" config.yaml:2',
      'providers.anthropic.apiKey = "${MINE}" config.yaml:5',
      'providers.anthropic.headers.x-a = "(a plain value, not shown)" config.yaml:6',
      'providers.anthropic.headers.x-b = "${TEAM}" config.yaml:6',
      `jobsDir = "${join(project, "jobs")}" default`,
      `stateDir = "${join(project, "s")}" --state-dir`,
      "scheduler.maxRuns = 8 default",
      "scheduler.startsPerSecond = 10 default",
      "scheduler.catchUpsPerSecond = 5 default",
      'scheduler.shutdownGrace = "20s" default',
      'scheduler.killGrace = "5s" default',
    ]);
  });

  it("has no more starts to catch up with than it has at all", async () => {
    put("home/work/project/runner.config.yaml", "scheduler: { startsPerSecond: 2 }\n");
    const { config } = await load();
    expect(config.scheduler).toMatchObject({ startsPerSecond: 2, catchUpsPerSecond: 2 });
  });

  it("is told of each limit of the scheduler by itself; groups are merged by name", async () => {
    put(
      "home/.config/runner/config.yaml",
      "scheduler:\n  maxRuns: 4\n  killGrace: 90s\n  groups: { reports: 1, mail: 2 }\nproviders:\n  anthropic: { maxRuns: 5 }\n",
    );
    put("home/work/project/runner.config.yaml", "scheduler:\n  maxRuns: 6\n  groups: { reports: 3 }\n");
    const { config, settings } = await load();
    expect(config.scheduler).toEqual({
      ...noScheduler,
      maxRuns: 6,
      killGraceMs: 90_000,
      groups: new Map([
        ["reports", 3],
        ["mail", 2],
      ]),
      providers: new Map([["anthropic", 5]]),
    });
    const shown = settings()
      .filter(({ path }) => /scheduler|maxRuns/.test(path))
      .map(
        ({ path, value, place, source }) =>
          `${path} = ${JSON.stringify(value)} ${source ?? `${place?.file.split("/").at(-1)}:${place?.line}`}`,
      );
    expect(shown).toEqual([
      "scheduler.maxRuns = 6 runner.config.yaml:2",
      "scheduler.groups.reports = 3 runner.config.yaml:3",
      "scheduler.groups.mail = 2 config.yaml:4",
      'scheduler.killGrace = "1m30s" config.yaml:3',
      "providers.anthropic.maxRuns = 5 config.yaml:6",
      "scheduler.startsPerSecond = 10 default",
      "scheduler.catchUpsPerSecond = 5 default",
      'scheduler.shutdownGrace = "20s" default',
    ]);
  });
});

describe("--config", () => {
  it("is the only file that is read", async () => {
    put("home/.config/runner/config.json", '{ "timezone": "Asia/Tokyo" }');
    put("home/work/project/runner.config.json", '{ "model": "anthropic/project" }');
    const named = put("home/work/other/mine.yaml", "stateDir: state\n");
    const { config, files } = await load({ file: "../other/mine.yaml", env: { TZ: "UTC" } });
    expect(files).toEqual([named]);
    expect({ ...config }).toEqual({
      projectDir: join(root, "home/work/other"),
      jobsDir: join(root, "home/work/other/jobs"),
      stateDir: join(root, "home/work/other/state"),
      timezone: "UTC",
      providers: {},
      scheduler: noScheduler,
    });
  });
});

describe("the project folder", () => {
  it("is found from a folder below it, by its configuration or by its marks", async () => {
    mkdirSync(join(project, "src/deep"), { recursive: true });
    expect((await load({ cwd: join(project, "src/deep") })).config.projectDir).toBe(project);
    rmSync(join(project, "jobs"), { recursive: true });
    expect((await load({ cwd: join(project, "src/deep") })).config.projectDir).toBe(join(project, "src/deep"));
    put("home/work/project/.runnerrc", "model: anthropic/x");
    expect((await load({ cwd: join(project, "src/deep") })).config).toMatchObject({ projectDir: project, model: "anthropic/x" });
  });

  it("is never the home folder or above it, unless one stands there", async () => {
    put("home/.runnerrc", "model: anthropic/home");
    put("runner.config.json", '{ "model": "anthropic/above" }');
    rmSync(join(project, "jobs"), { recursive: true });
    expect((await load()).config.model).toBeUndefined();
    expect((await load({ cwd: join(root, "home") })).config.model).toBe("anthropic/home");
  });

  it("is not looked for past a package.json, whose own key counts and whose bin does not", async () => {
    put("home/work/runner.config.json", '{ "model": "anthropic/above" }');
    put("home/work/project/package.json", '{ "bin": { "runner": "x" } }');
    expect((await load()).config).toMatchObject({ projectDir: project });
    expect((await load()).config.model).toBeUndefined();
  });
});

function canonical(zone: string): string {
  return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
}

describe("documentation", () => {
  it("shows a configuration that loads without a word", async () => {
    const guide = readFileSync(fileURLToPath(new URL("../../docs/configuration.md", import.meta.url)), "utf8");
    const [, sample = ""] = /^```json\n([\s\S]*?)^```$/m.exec(guide) ?? [];
    put("home/work/project/runner.config.json", sample);
    const { config, warnings } = await load();
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({ model: "kimi-coding/k2p5", stateDir: join(root, "home/.local/state/runner") });
    expect(config.providers["local"]?.apiKey).toEqual({ env: "LOCAL_API_KEY" });
  });
});

describe("machineZone", () => {
  it("believes TZ, then /etc/localtime, then Node", () => {
    expect(machineZone({ TZ: "Europe/London" }, "/nowhere")).toBe("Europe/London");
    expect(machineZone({}, "/nowhere")).toBe(new Intl.DateTimeFormat().resolvedOptions().timeZone);
    expect(machineZone({ TZ: ":weird" }, "/nowhere")).toBe(new Intl.DateTimeFormat().resolvedOptions().timeZone);
  });
  it("agrees with Node on this machine", () => {
    const code = "console.log(new Intl.DateTimeFormat().resolvedOptions().timeZone)";
    const { TZ: _TZ, ...env } = process.env;
    expect(canonical(machineZone({}))).toBe(execFileSync(process.execPath, ["-e", code], { env, encoding: "utf8" }).trim());
  });
});
