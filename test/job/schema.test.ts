/** The JSON Schemas accept what the checks accept, and refuse what is structurally wrong. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { defineConfig, defineJob, type JobFile } from "../../src/index.ts";
import { defaultsFileSchema, jobFileSchema } from "../../src/job/job-schema.ts";
import { parseJob } from "../../src/job/parse.ts";
import { configFileSchema } from "../../src/load/config-schema.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const schemas = { job: jobFileSchema(), defaults: defaultsFileSchema(), config: configFileSchema() };
// Strict about words it does not know; unions of types and conditions over several levels are meant.
const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
const check = {
  job: ajv.compile(schemas.job),
  defaults: ajv.compile(schemas.defaults),
  config: ajv.compile(schemas.config),
};

function errorsOf(kind: keyof typeof check, value: unknown): string {
  check[kind](value);
  return JSON.stringify(check[kind].errors ?? []);
}

/** Every field there is, once. */
const full: JobFile = {
  $schema: "./job.schema.json",
  id: "b393d508",
  name: "daily",
  description: "What for.",
  enabled: true,
  schedule: {
    kind: "cron",
    expr: "0 12 * * *",
    tz: "Europe/London",
    stagger: "5m",
    startAt: "2026-12-01",
    endAt: "2027-03-31T18:00",
    blackout: ["sat,sun", "22:00-06:00", "2026-12-24..2026-12-26"],
  },
  catchUp: { policy: "all", maxAge: "6h", max: 10 },
  overlap: "queue",
  group: "reports",
  sessionTarget: "isolated",
  payload: {
    kind: "agentTurn",
    message: "Hello {{vars.team}} {{env.REGION}} {{gate}}",
    model: "kimi-coding/k2p5",
    fallbacks: ["openai/gpt-5"],
    stream: "auto",
    system: "Be terse.",
    maxTokens: 100,
    maxTurns: 4,
    thinking: "low",
    timeoutSeconds: 300,
    tools: {
      mcp: {
        mail: {
          command: "npx -y @scope/server",
          args: ["-v"],
          env: { MAIL_TOKEN: "${MAIL_TOKEN}" },
          tools: ["read"],
          timeout: "5s",
        },
        web: { url: "https://mcp.example.com", headers: { authorization: "Bearer ${T}" } },
      },
      shell: { allow: ["git"], shellStrings: false, timeout: "1m" },
      files: { access: "rw" },
      http: { allow: ["api.example.com"], methods: ["GET"], privateAddresses: false, timeout: "5s" },
    },
  },
  retry: { maxAttempts: 3, delay: "5s", factor: 2, maxDelay: "1m", jitter: 0.25, declared: true },
  limits: {
    firstByte: "1m",
    idle: "1m",
    try: "2m",
    call: "5m",
    run: "1h",
    maxWait: 0,
    defer: "6h",
    triesPerCall: 3,
    callsPerAttempt: 4,
    outputBytes: 1_000,
    tokens: 1_000,
    usd: 0.5,
    calls: 10,
    turns: 20,
    seconds: 900,
  },
  onRateLimit: "wait",
  gate: { command: ["check", "--all"], timeout: "5s" },
  expect: {
    notEmpty: true,
    contains: ["Total"],
    notContains: "sorry",
    matches: "^D",
    minLength: 3,
    jsonSchema: { type: "object" },
    file: "a.md",
    files: [{ path: "b.md", fresh: false }],
    command: { command: "wc -l", timeout: "1s" },
  },
  quiet: "NOTHING",
  record: "full",
  vars: { team: "ops", count: 3 },
  env: ["REGION"],
  workDir: "~/work",
  eventHandler: "./events.mjs",
  idempotent: false,
};

const flat: readonly unknown[] = [
  defineJob({ message: "Hello" }),
  defineJob([{ name: "a", cron: "@daily", tz: "UTC", message: "Hello" }]),
  defineJob({ command: ["backup", "--all"], every: "30m", env: { LANG: "C" } }),
  { argv: "backup --all", at: 1_772_000_000_000, noOutputTimeoutSeconds: 5, outputMaxBytes: 10, input: "yes", cwd: "x" },
  { kind: "command", command: "echo hi | wc" },
  {
    message: "Hello",
    model: "openai/gpt-5",
    tools: { shell: ["git"], files: "ro", http: ["*.example.com"] },
    schedule: "@daily",
  },
  { message: "Hello", gate: "check --all", expect: { file: { path: "x" }, command: ["true"] }, quiet: false },
  { schedule: { every: "1h30m" }, payload: { argv: ["true"] } },
  { schedule: { cron: "0 0 * * *" }, message: "Hello", jobId: 7, session: "isolated" },
  {
    message: "Hello",
    every: "1h",
    stagger: "5m",
    startAt: "2026-12-01",
    endAt: "2026-12-31",
    blackout: "sat,sun",
    catchUp: "skip",
  },
  { message: "Hello", schedule: { kind: "boot", staggerMs: 60_000, tz: "UTC" } },
  { message: "Hello", schedule: "@reboot" },
  { jobs: [{ name: "a", message: "Hello" }] },
  { version: 1, jobs: [{ jobId: "a", deliver: true, message: "Hello", futureField: 1 }] },
];

describe("the schema of a job file", () => {
  it("accepts every field, and so does the check", () => {
    expect(errorsOf("job", full)).toBe("[]");
    const parsed = parseJob(full, () => ({}), { file: "a", id: "a" });
    expect("issues" in parsed ? parsed.issues : []).toEqual([]);
  });

  it("has a word for every field that is not OpenClaw's alone, and the sample has every such field", () => {
    const { $defs } = schemas.job as unknown as {
      $defs: Record<string, { properties: Record<string, { description?: string }> }>;
    };
    const job = Object.entries($defs["job"]?.properties ?? {});
    const silent = job.filter(([, value]) => value.description === undefined && Object.keys(value).length > 0);
    expect(silent.map(([key]) => key)).toEqual(["$schema"]);
    const shown = job.filter(([, value]) => value.description !== undefined).map(([key]) => key);
    const used = new Set([full, ...flat.flat()].flatMap((value) => Object.keys(value as object)));
    const inPayload = Object.keys("payload" in full ? full.payload : {});
    for (const key of ["expr", "everyMs", "anchorMs", "atMs", "staggerMs"]) used.add(key);
    expect(shown.filter((key) => !used.has(key) && !inPayload.includes(key))).toEqual([]);
  });

  it.each(flat.map((value) => [JSON.stringify(value), value]))("accepts %s", (_text, value) => {
    expect(errorsOf("job", value)).toBe("[]");
  });

  it.each([
    {},
    { payload: {} },
    { message: "" },
    { message: 3 },
    { mesage: "Hello" },
    { message: "Hello", payload: { modle: "a/b" } },
    { message: "Hello", model: "gpt-5" },
    { payload: { kind: "command", message: "Hello" } },
    { payload: { kind: "agentTurn", message: "Hello", argv: ["x"] } },
    { message: "Hello", tools: { shell: "git" } },
    { message: "Hello", tools: { mcp: { a: {} } } },
    { message: "Hello", tools: { mcp: { "a b": { command: "x" } } } },
    { message: "Hello", limits: { run: 5 } },
    { message: "Hello", schedule: { kind: "every", expr: "@daily" } },
    { message: "Hello", schedule: { tz: "UTC" } },
    { jobs: [{ mesage: "Hello" }] },
    [{ message: "Hello", expect: { minLength: -1 } }],
    { version: 2, jobs: [] },
  ])("refuses %j", (value) => {
    expect(check.job(value)).toBe(false);
  });
});

describe("the broken files of the tests", () => {
  /** What only the check can know: dates, zones, cron, keys in texts, values that contradict one another. */
  const semantic = new Set(readFileSync(join(root, "test/fixtures/jobs/semantic.txt"), "utf8").trim().split(/\s+/));
  const dir = join(root, "test/fixtures/jobs/broken");
  const read = (file: string): unknown => {
    const text = readFileSync(join(dir, file), "utf8");
    try {
      if (file.endsWith(".json")) return JSON.parse(text);
      const document = file.endsWith(".yaml") ? parseDocument(text, { logLevel: "silent" }) : undefined;
      return document === undefined || document.errors.length + document.warnings.length > 0 ? undefined : document.toJS();
    } catch {
      return undefined;
    }
  };
  const values = readdirSync(dir).flatMap((file) => {
    const value = read(file);
    return value === undefined ? [] : [[file, value] as const];
  });

  it.each(values)("%s is refused, unless only the check can know", (file, value) => {
    expect(check.job(value)).toBe(semantic.has(file));
  });
});

describe("the schemas of defaults and of the configuration", () => {
  it("accept and refuse", () => {
    expect(errorsOf("defaults", { model: "a/b", tz: "UTC", limits: { usd: 1 }, payload: { tools: { shell: ["git"] } } })).toBe(
      "[]",
    );
    const bounds = { stagger: "5m", startAt: "2026-12-01", blackout: ["sat,sun"] };
    expect(errorsOf("defaults", { ...bounds, catchUp: "skip", overlap: "queue", group: "reports" })).toBe("[]");
    expect(errorsOf("defaults", { schedule: { tz: "UTC", ...bounds } })).toBe("[]");
    expect(check.defaults({ schedule: { tzz: "UTC" } })).toBe(false);
    expect(check.defaults({ id: "x" })).toBe(false);
    expect(check.defaults({ modle: "a/b" })).toBe(false);
    const config = defineConfig({
      model: "mine/large",
      scheduler: {
        maxRuns: 8,
        groups: { reports: 2 },
        startsPerSecond: 10,
        catchUpsPerSecond: 5,
        shutdownGrace: "20s",
        killGrace: "5s",
      },
      providers: {
        mine: {
          baseUrl: "https://api.example.com/v1",
          dialect: "openai-completions",
          apiKey: "${MINE_API_KEY}",
          auth: "bearer",
          headers: { "x-team": "ops" },
          sseQuirks: { tolerateOutOfOrderEvents: false },
          models: {
            "large*": {
              price: { input: 1, output: 2, cacheRead: 0.1, cacheWrite: 1 },
              contextTokens: 1,
              maxOutputTokens: 1,
              images: true,
            },
          },
          quota: "plan",
          maxRuns: 4,
          structuredOutput: "response_format",
          modelNames: { fast: "large-2" },
          maxTokensField: "max_completion_tokens",
          eventHandler: "./events.mjs",
        },
      },
    });
    expect(errorsOf("config", config)).toBe("[]");
    expect(check.config({ providers: { mine: { apiKey: "abc" } } })).toBe(false);
    expect(check.config({ modle: "a/b" })).toBe(false);
    expect(check.config({ scheduler: { maxRuns: 0 } })).toBe(false);
    expect(check.config({ scheduler: { groups: { "my group": 1 } } })).toBe(false);
  });
});

describe("the schemas that the package ships", () => {
  it.each(Object.entries(schemas))("schema/%s.json is up to date: else run node scripts/schema.ts", (name, schema) => {
    expect(JSON.parse(readFileSync(join(root, `schema/${name}.json`), "utf8"))).toEqual(JSON.parse(JSON.stringify(schema)));
  });
});
