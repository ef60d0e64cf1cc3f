/** Every form in which a job may be written means the same job. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import JSON5 from "json5";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatIssue } from "../../src/errors.ts";
import type { Job } from "../../src/job/job.ts";
import { jobHash } from "../../src/load/job-hash.ts";
import { loadJobs, type LoadedJobs } from "../../src/load/jobs.ts";
import { readJson5 } from "../../src/load/json5.ts";

let dir = "";

function put(path: string, content: string): void {
  const full = join(dir, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
}

async function load(): Promise<LoadedJobs> {
  return await loadJobs({ dir: join(dir, "jobs"), base: dir });
}

/** The one job of a file, and no word about it. */
async function only(file: string, content: string): Promise<Job> {
  put(`jobs/${file}`, content);
  const { jobs, issues, warnings } = await load();
  rmSync(join(dir, "jobs", file));
  expect([...issues, ...warnings].map(formatIssue)).toEqual([]);
  const [job] = jobs;
  if (job === undefined || jobs.length !== 1) throw new Error(`${jobs.length} jobs`);
  return job;
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "runner-formats-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe("one job, many hands", () => {
  const cron = { kind: "cron", expr: "0 12 * * *", tz: "Europe/London" };

  it.each([
    [
      "a.yaml",
      'schedule: { kind: cron, expr: "0 12 * * *", tz: Europe/London }\npayload: { message: Hello, model: openai/gpt-5 }\n',
    ],
    ["a.yaml", 'schedule: "0 12 * * *"\ntz: Europe/London\nmessage: Hello\nmodel: openai/gpt-5\n'],
    ["a.yaml", 'cron: "0 12 * * *"\ntz: Europe/London\nmessage: Hello\nmodel: openai/gpt-5\n'],
    ["a.yaml", 'expr: "0 12 * * *"\ntz: Europe/London\nmessage: Hello\npayload: { model: openai/gpt-5 }\n'],
    ["a.md", '---\ncron: "0 12 * * *"\ntz: Europe/London\nmodel: openai/gpt-5\n---\nHello\n'],
    ["a.md", '---\nschedule: { expr: "0 12 * * *", tz: Europe/London }\npayload: { model: openai/gpt-5 }\n---\n\nHello\n\n'],
    ["a.json5", "// noon\n{ cron: '0 12 * * *', tz: 'Europe/London', message: 'Hello', model: 'openai/gpt-5', }\n"],
    [
      "a.json",
      '{ "$schema": "./job.json", "cron": "0 12 * * *", "tz": "Europe/London", "message": "Hello", "model": "openai/gpt-5" }',
    ],
  ])("%s: %s", async (file, content) => {
    const job = await only(file, content);
    expect(job.schedule).toEqual(cron);
    expect(job.payload).toMatchObject({ message: "Hello", model: "openai/gpt-5" });
  });

  it("has one hash whatever its form", async () => {
    const hashes = new Set<string>();
    hashes.add(jobHash(await only("a.yaml", 'cron: "0 12 * * *"\nmessage: Hello\n')));
    hashes.add(
      jobHash(await only("a.json5", '{ schedule: { kind: "cron", expr: "0 12 * * *" }, payload: { message: "Hello" } }')),
    );
    expect(hashes.size).toBe(1);
  });

  it.each([
    ["every: 30m", { kind: "every", everyMs: 1_800_000 }],
    ["schedule: { every: 1h30m }", { kind: "every", everyMs: 5_400_000 }],
    ["everyMs: 60000\nanchorMs: 5", { kind: "every", everyMs: 60_000, anchorMs: 5 }],
    ['at: "2027-01-31T09:00:00+01:00"', { kind: "at", at: "2027-01-31T08:00:00.000Z" }],
    ['schedule: "@daily"', { kind: "cron", expr: "@daily" }],
    ['schedule: "@daily"\ntz: Asia/Tokyo', { kind: "cron", expr: "@daily", tz: "Asia/Tokyo" }],
  ])("%s", async (written, schedule) => {
    expect((await only("a.yaml", `${written}\nmessage: Hello\n`)).schedule).toEqual(schedule);
  });

  it("a command at the top level", async () => {
    const job = await only("a.yaml", "command: [backup, --all]\nenv: { LANG: C }\ntimeoutSeconds: 5\ncwd: work\n");
    expect(job.payload).toEqual({ kind: "command", argv: ["backup", "--all"], env: { LANG: "C" } });
    expect(job.workDir).toBe(join(dir, "work"));
  });

  it("older spellings are read with a hint", async () => {
    put(
      "jobs/a.yaml",
      "jobId: x\nsession: Isolated\nschedule: { cron: '@daily' }\npayload: { kind: AGENTTURN, message: Hello }\n",
    );
    const { jobs, issues, warnings } = await load();
    expect(issues).toEqual([]);
    expect(jobs).toMatchObject([{ id: "x", schedule: { kind: "cron", expr: "@daily" } }]);
    expect(warnings.map(({ path, suggestion }) => `${path}: ${suggestion}`).toSorted()).toEqual([
      'jobId: write "id"',
      'payload.kind: write "kind": "agentTurn"',
      'schedule.cron: write "expr"',
      'session: write "sessionTarget"',
    ]);
  });

  it("a thing said twice is refused, and a mistake keeps the name that was written", async () => {
    put("jobs/a.yaml", 'cron: "0 25 * * *"\nmodel: gpt-5\nmesage: Hello\npayload:\n  model: openai/gpt-5\n');
    const { issues } = await load();
    expect(issues.map(formatIssue)).toEqual([
      'jobs/a.yaml:1:7: cron: hour "25": must be 0 to 23 (write "cron": "0 12 * * *")',
      'jobs/a.yaml:2:1: model: says the same as "payload.model", which is there too (keep one)',
      'jobs/a.yaml:3:1: mesage: unknown key (did you mean "message"?)',
    ]);
  });
});

describe("templates in files", () => {
  it("say the line of a mistake, in a block and in a markdown body", async () => {
    put("jobs/a.yaml", "name: a\nmessage: |\n  One\n  {{nwo}}\n");
    put("jobs/b.md", "---\nname: b\n---\n\nOne\n\n{{nwo}}\n");
    put("jobs/c.md", '---\nname: c\nvars: { team: ops }\n---\n{{include "parts/team.txt"}} {{vars.team}}\n');
    put("jobs/parts/team.txt", "Team {{vars.team}} at {{now}}\n");
    put("jobs/d.md", '---\nname: d\n---\n{{include "../../secret.txt"}}\n');
    const { jobs, issues } = await load();
    expect(issues.map(formatIssue)).toEqual([
      "jobs/a.yaml:4:1: payload.message: {{nwo}} is nothing that is known (did you mean {{now}}?)".replace(
        "payload.message",
        "message",
      ),
      "jobs/b.md:7:1: payload.message: {{nwo}} is nothing that is known (did you mean {{now}}?)",
      expect.stringContaining('jobs/d.md:4:1: payload.message: {{include "../../secret.txt"}}: there is no file'),
    ]);
    expect(jobs).toMatchObject([{ payload: { message: "Team {{vars.team}} at {{now}} {{vars.team}}" } }]);
  });

  it("refuse an include from outside the project, by dots, by an absolute path and by a link", async () => {
    put("../outside.txt", "x");
    const { symlinkSync } = await import("node:fs");
    mkdirSync(join(dir, "jobs"), { recursive: true });
    symlinkSync("/etc/hostname", join(dir, "jobs/link.txt"));
    put("jobs/a.md", '---\n---\n{{include "link.txt"}}');
    put("jobs/b.md", '---\n---\n{{include "/etc/hostname"}}');
    put("jobs/c.md", '---\n---\n{{include "../../outside.txt"}}');
    const { issues } = await load();
    rmSync(join(dir, "../outside.txt"));
    expect(issues.map(({ message }) => message.includes("lies outside the project folder"))).toEqual([true, true, true]);
  });

  it("of OpenClaw's stores are none", async () => {
    put("jobs/jobs.json", '{ "version": 1, "jobs": [{ "id": "a", "payload": { "message": "Say {{hello}} {{now}}" } }] }');
    const { jobs, issues } = await load();
    expect(issues).toEqual([]);
    expect(jobs).toMatchObject([{ payload: { message: "Say {{{{hello}} {{{{now}}" } }]);
  });
});

describe("files that a job names", () => {
  it("are found beside it, and must be there", async () => {
    put("jobs/a.yaml", "message: Hello\neventHandler: ./events.mjs\nexpect: { jsonSchema: schema.json }\nworkDir: ~/work\n");
    put("jobs/events.mjs", "export default () => {};\n");
    put("jobs/schema.json", '{ "type": "object" }');
    put("jobs/b.yaml", "message: Hello\neventHandler: ./nowhere.mjs\nexpect: { jsonSchema: bad.json }\n");
    put("jobs/bad.json", "{");
    const { jobs, issues } = await load();
    expect(jobs.find(({ id }) => id === "a")).toMatchObject({
      eventHandler: join(dir, "jobs/events.mjs"),
      expect: { jsonSchema: { type: "object" } },
    });
    expect(issues.map(formatIssue)).toEqual([
      'jobs/b.yaml:2:15: eventHandler: there is no file "./nowhere.mjs" (a path is relative to the file that names it)',
      expect.stringMatching(/^jobs\/b.yaml:3:23: expect.jsonSchema: "bad.json", line 1, column 2: /),
    ]);
  });
});

describe("what lies among the jobs and is none", () => {
  it("is passed over: what a job names, and what begins with _", async () => {
    put("jobs/a.md", '---\nexpect: { jsonSchema: schema.json }\n---\n{{include "style.md"}} {{include "_parts/b.md"}}');
    put("jobs/style.md", "Be terse.");
    put("jobs/schema.json", "{}");
    put("jobs/_parts/b.md", "Be kind.");
    put("jobs/_notes.yaml", "x: 1");
    put("jobs/other.md", "No front matter.");
    const { jobs, issues } = await load();
    expect(jobs.map(({ payload }) => payload)).toMatchObject([{ message: "Be terse. Be kind." }]);
    expect(issues.map(({ file }) => file)).toEqual(["jobs/other.md"]);
  });
});

describe("programs of a job that are relative paths", () => {
  it("lie below workDir if there is one, else beside the file that names them", async () => {
    put("jobs/x/check.sh", "");
    put("jobs/x/a.yaml", "command: [./check.sh, ./data]\n");
    put("jobs/x/b.yaml", "command: [./check.sh]\nworkDir: work\n");
    put("jobs/x/c.yaml", "message: Hello\ntools: { mcp: { m: { command: ../nowhere } } }\n");
    put("jobs/x/d.yaml", "command: [check.sh]\n");
    const { jobs, issues } = await load();
    const argv = jobs.map(({ payload }) => (payload.kind === "command" ? payload.argv : []));
    expect(argv).toEqual([[join(dir, "jobs/x/check.sh"), "./data"], ["./check.sh"], ["check.sh"]]);
    expect(issues.map(formatIssue)).toEqual([
      'jobs/x/c.yaml:2:31: tools.mcp.m.command: there is no file "../nowhere" (without "workDir" a relative path is taken from the file that names it)',
    ]);
  });
});

describe("defaults of a folder", () => {
  it("apply below it, the nearest wins, key by key; null takes one away", async () => {
    put(
      "jobs/_defaults.yaml",
      "model: openai/gpt-5\ntz: Europe/London\nlimits: { usd: 0.5, run: 30m }\ngate: ./check.sh\nvars: { team: ops }\n",
    );
    put("jobs/check.sh", "");
    put("jobs/team/_defaults.json", '{ "limits": { "run": "10m" }, "tools": { "shell": ["git"] } }');
    put("jobs/a.yaml", "message: '{{vars.team}}'\nschedule: '@daily'\n");
    put("jobs/team/b.yaml", "message: Hello\ngate: null\nlimits: { calls: 3 }\nevery: 30m\n");
    put("jobs/team/c.yaml", 'command: ["true"]\n');
    const { jobs, issues, warnings, defaults } = await load();
    expect([...issues, ...warnings].map(formatIssue)).toEqual([]);
    const [a, b, c] = jobs;
    expect(a).toMatchObject({
      schedule: { kind: "cron", expr: "@daily", tz: "Europe/London" },
      payload: { model: "openai/gpt-5" },
      budget: { usd: 0.5 },
      limits: { runMs: 1_800_000 },
      gate: { argv: [join(dir, "jobs/check.sh")] },
    });
    expect(b).toMatchObject({ schedule: { kind: "every" }, budget: { usd: 0.5, calls: 3 }, limits: { runMs: 600_000 } });
    expect(b).not.toHaveProperty("gate");
    expect(b?.payload).toMatchObject({ tools: { shell: { allow: ["git"] } } });
    expect(c).toMatchObject({ payload: { kind: "command", argv: ["true"] }, schedule: { kind: "manual" } });
    expect([...defaults]).toEqual([
      ["jobs/_defaults.yaml", 3],
      ["jobs/team/_defaults.json", 2],
    ]);
  });

  it("are told of at their own place, once, and no job runs without them", async () => {
    put("jobs/_defaults.yaml", "name: x\nmodle: openai/gpt-5\nlimits: { usd: -1 }\n");
    put("jobs/a.yaml", "message: Hello\n");
    put("jobs/b.yaml", "message: Hello\n");
    const { jobs, issues } = await load();
    expect(jobs).toEqual([]);
    expect(issues.map(formatIssue)).toEqual([
      "jobs/_defaults.yaml:1:1: name: cannot be the same for every job of a folder (take it out)",
      'jobs/_defaults.yaml:2:1: modle: unknown key (did you mean "model"?)',
      expect.stringContaining("jobs/_defaults.yaml:3:16: limits.usd: -1 is less than"),
    ]);
  });

  it("that contradict a job name the place of each", async () => {
    put("jobs/_defaults.yaml", "limits:\n  call: 5m\n  try: 4m\n");
    put("jobs/a.yaml", "message: Hello\nlimits: { try: 10m }\n");
    put("jobs/b.yaml", "message: Hello\nlimits: { call: 1m }\n");
    const { issues } = await load();
    expect(issues.map(formatIssue)).toEqual([
      'jobs/a.yaml:2:16: limits.try: is longer than "call", which holds it (shorten "try" or lengthen "call")',
      'jobs/_defaults.yaml:3:8: limits.try: is longer than "call", which holds it (shorten "try" or lengthen "call")',
    ]);
  });

  it("of two formats in one folder are a question", async () => {
    put("jobs/_defaults.yaml", "model: openai/gpt-5\n");
    put("jobs/_defaults.json", '{ "model": "openai/gpt-4" }');
    put("jobs/a.yaml", "message: Hello\n");
    const { jobs, issues } = await load();
    expect(jobs).toEqual([]);
    expect(issues.map(formatIssue)).toEqual(["jobs/_defaults.yaml: is not read: jobs/_defaults.json comes first (keep one)"]);
  });
});

describe("OpenClaw's stores", () => {
  const store = `{"version":1,"jobs":[
 {"id":"6f0d1c52-4a0e-4c3b-9c55-0d7b1f7f2a10","name":"fixture-digest","enabled":true,"createdAtMs":1772000000000,"updatedAtMs":1772000000000,
  "schedule":{"kind":"cron","expr":"0 7 * * 1-5","tz":"Europe/London"},"sessionTarget":"isolated","wakeMode":"now",
  "payload":{"kind":"agentTurn","message":"List today's fixtures.","model":"kimi-coding/k2p5",
   "fallbacks":["anthropic/claude-sonnet-4-6"],"thinking":"low","timeoutSeconds":300,"lightContext":true,"toolsAllow":["web_fetch"]},
  "delivery":{"mode":"webhook","to":"https://hooks.example.invalid/digest"},"failureAlert":{"after":1,"cooldownMs":1800000},
  "state":{"nextRunAtMs":1772434800000,"lastRunStatus":"error"}},
 {"id":"b1b7a6de-2a35-4a7a-8f6f-5a7d4a2f9e31","name":"inbox-sweep","agentId":"ops","enabled":true,"createdAtMs":1771000000000,
  "schedule":{"kind":"every","everyMs":1800000,"anchorMs":1771000000000},"sessionTarget":"isolated","wakeMode":"next-heartbeat",
  "payload":{"kind":"agentTurn","message":"Triage unread mail."},"delivery":{"mode":"announce"},"state":{}},
 {"jobId":"legacy-7","name":"renew-cert","schedule":{"atMs":1788220800000},"message":"Check the certificate.",
  "deliver":true,"channel":"slack","to":"channel:C0001","deleteAfterRun":true}
]}`;

  it("load as a bare list of nothing but legacy rows", async () => {
    put(
      "jobs/jobs.json",
      `[{"jobId":"legacy-7","name":"renew-cert","schedule":{"atMs":1788220800000},"message":"Check {{it}}.",
         "deliver":true,"channel":"slack","to":"channel:C0001","deleteAfterRun":true}]`,
    );
    const { jobs, issues } = await load();
    expect(issues).toEqual([]);
    expect(jobs).toMatchObject([{ id: "legacy-7", schedule: { kind: "at" }, payload: { message: "Check {{{{it}}." } }]);
  });

  it("load whole, the legacy row too; state, quarantine and what was moved away are no jobs", async () => {
    put("jobs/jobs.json", store);
    put("jobs/jobs-state.json", '{"version":1,"jobs":{"legacy-7":{"state":{}}}}');
    put("jobs/jobs-quarantine.json", "not even JSON");
    put("jobs/jobs.json.migrated", store);
    put("jobs/jobs.json.bak", store);
    put("jobs/old-state.json", '{"version":1,"jobs":{"legacy-7":{"state":{}}}}');
    const { jobs, issues, warnings, files } = await load();
    expect(issues).toEqual([]);
    expect(jobs.map(({ id, schedule }) => [id, schedule.kind])).toEqual([
      ["6f0d1c52-4a0e-4c3b-9c55-0d7b1f7f2a10", "cron"],
      ["b1b7a6de-2a35-4a7a-8f6f-5a7d4a2f9e31", "every"],
      ["legacy-7", "at"],
    ]);
    expect(jobs[0]?.payload).toMatchObject({ thinking: "low" });
    expect(warnings.map(({ file, path }) => `${file} ${path}`)).toEqual([
      "jobs/jobs.json jobs[0].delivery",
      "jobs/jobs.json jobs[1].agentId",
      "jobs/jobs.json jobs[2].deleteAfterRun",
      "jobs/old-state.json ",
    ]);
    expect(files).toBe(2);
  });

  it.each<[string, object]>([
    ['"schedule": "0 7 * * *"', { schedule: { kind: "cron", expr: "0 7 * * *" } }],
    ['"cron": "0 7 * * *", "tz": "UTC", "staggerMs": "0"', { schedule: { kind: "cron", expr: "0 7 * * *", tz: "UTC" } }],
    ['"schedule": { "kind": "every", "everyMs": "60000" }', { schedule: { kind: "every", everyMs: 60_000 } }],
    ['"schedule": { "at": "1772000000000" }', { schedule: { kind: "at", at: "2026-02-25T06:13:20.000Z" } }],
    ['"enabled": "yes"', { enabled: true }],
    ['"isolation": { "x": 1 }, "sessionTarget": "CURRENT", "wakeMode": "soon"', { enabled: true }],
    ['"model": "default"', {}],
    [
      '"model": "openai-codex/gpt-5", "fallbacks": ["openai-codex/o3"]',
      { payload: { model: "openai/gpt-5", fallbacks: ["openai/o3"] } },
    ],
    ['"timeoutSeconds": 5, "thinking": "minimal"', { payload: { thinking: "low" }, limits: { attemptMs: 5_000 } }],
    ['"notify": true, "provider": "telegram"', {}],
    ['"id": 7', { id: "7" }],
    ['"name": ""', { name: "a" }],
    ['"futureField": { "x": 1 }', {}],
  ])("mend %s", async (fields, expected) => {
    const id = fields.includes('"id"') ? "" : '"id": "a", ';
    put("jobs/jobs.json", `{ "version": 1, "jobs": [{ ${id}${fields}, "message": "Hello" }] }`);
    const { jobs, issues } = await load();
    expect(issues.map(formatIssue)).toEqual([]);
    expect(jobs).toMatchObject([expected]);
  });

  it("may hold a command, comments, the same name twice, and keys that nobody knows", async () => {
    put(
      "jobs/jobs.json",
      `// kept by hand
{ version: 1, extra: true, jobs: [
  { id: "aaaa1", name: "same", payload: { kind: "command", command: "echo hi", cwd: "x", unheard: 1 } },
  { id: "bbbb2", name: "same", payload: { message: "Hello" }, schedule: { kind: "cron", expr: "@daily", jitter: 3 } },
] }`,
    );
    const { jobs, issues, warnings, clashes } = await load();
    expect(issues.map(formatIssue)).toEqual([]);
    expect(jobs.map(({ id, name }) => [id, name])).toEqual([
      ["aaaa1", "same"],
      ["bbbb2", "bbbb2"],
    ]);
    expect([...clashes.keys()]).toEqual(["same"]);
    expect(warnings.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      "extra: unknown key",
      "jobs[0].payload.unheard: unknown key, passed over",
      "jobs[1].schedule.jitter: unknown key, passed over",
      'name: the name "same" is taken by the job at jobs/jobs.json:3; here it goes by its id',
    ]);
  });

  it("keep their good jobs when one is bad", async () => {
    put(
      "jobs/jobs.json",
      '[{ "id": "a", "createdAtMs": 1, "message": "Hello" }, { "id": "b", "trigger": { "script": "x" }, "message": "Hello" }]',
    );
    const { jobs, issues } = await load();
    expect(jobs.map(({ id }) => id)).toEqual(["a"]);
    expect(issues.map(({ path }) => path)).toEqual(["[1].trigger"]);
  });
});

/** As text, for a program that imports it. */
const moduleUrl = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

/** A real Node runs them: the test runner would load them its own way. */
function loadInNode(): { jobs: Job[]; issues: string[] } {
  const code = `
    import { formatIssue } from ${moduleUrl("errors.ts")};
    import { loadJobs } from ${moduleUrl("load/jobs.ts")};
    const { jobs, issues } = await loadJobs({ dir: ${JSON.stringify(join(dir, "jobs"))}, base: ${JSON.stringify(dir)} });
    console.log(JSON.stringify({ jobs, issues: issues.map(formatIssue) }));`;
  const printed: { jobs: Job[]; issues: string[] } = JSON.parse(
    execFileSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" }),
  );
  return printed;
}

describe("programs", () => {
  it("give a job, a list, a function or a promise of them", () => {
    put("package.json", '{ "type": "module" }');
    put(
      "jobs/one.ts",
      'const message: string = "Hello";\nexport default { message, model: undefined, at: new Date(1772000000000) };\n',
    );
    put("jobs/many.mjs", 'export default ["a", "b"].map((name) => ({ name, message: `Hello ${name}` }));\n');
    put("jobs/made.js", 'export default async () => [{ name: "c", every: "30m", message: "Hello" }];\n');
    put("jobs/_defaults.ts", 'export default { model: "openai/gpt-5" };\n');
    put("jobs/types.d.ts", "export {};\n");
    const { jobs, issues } = loadInNode();
    expect(issues).toEqual([]);
    expect(jobs.map(({ id }) => id)).toEqual(["c", "a", "b", "one"]);
    expect(jobs.map(({ payload }) => payload)).toMatchObject(jobs.map(() => ({ model: "openai/gpt-5" })));
    expect(jobs[3]).toMatchObject({ schedule: { kind: "at", at: "2026-02-25T06:13:20.000Z" }, source: { file: "jobs/one.ts" } });
  });

  it("that take defineJob from a package that is not installed here are told what to do", () => {
    put("package.json", '{ "type": "module" }');
    put("jobs/a.ts", 'import { defineJob } from "turn-runner";\nexport default defineJob({ message: "Hello" });\n');
    expect(loadInNode().issues).toEqual([
      expect.stringMatching(
        /^jobs\/a\.ts: cannot be run: Cannot find package 'turn-runner'.*\(run `npm install turn-runner` in the project/,
      ),
    ]);
  });

  it("that fail are told with their line, and the others load", () => {
    put("package.json", '{ "type": "module" }');
    put("jobs/good.json", '{ "message": "Hello" }');
    put("jobs/a-throws.ts", '\nexport default () => {\n  throw new Error("no such list");\n};\n');
    put("jobs/b-syntax.mjs", "export default {\n  message: \n};\n");
    put("jobs/c-nothing.mjs", "export const message = 1;\n");
    put("jobs/d-circle.mjs", "const job = { message: 1 };\njob.vars = job;\nexport default job;\n");
    put("jobs/e-wrong.mjs", 'export default { mesage: "Hello", gate: () => true };\n');
    put("jobs/f-key.mjs", 'throw new Error("sk-PLANTEDPLANTEDPLANTED");\n');
    const { jobs, issues } = loadInNode();
    expect(jobs.map(({ id }) => id)).toEqual(["good"]);
    expect(issues).toEqual([
      "jobs/a-throws.ts:3:9: cannot be run: no such list",
      expect.stringMatching(/^jobs\/b-syntax.mjs:3: cannot be run: /),
      "jobs/c-nothing.mjs: has no default export (write: export default { message: … })",
      "jobs/d-circle.mjs: gives a value nested deeper than 100 levels, or one that holds itself",
      'jobs/e-wrong.mjs: mesage: unknown key (did you mean "message"?)',
      'jobs/e-wrong.mjs: gate: expected a program and its arguments as a list, found a function (write "gate": ["./check.sh", "--all"])',
      "jobs/f-key.mjs:1:7: cannot be run: its message looks as if it held a key (not shown)",
    ]);
  });
});

describe("JSON5", () => {
  it("finds every key and value", () => {
    const text = "// a\n{\n  one: 'x',\n  \"two\": [1, +2,\n    { three: 0x10 }],\n}\n";
    const read = readJson5(text);
    if ("problems" in read) throw new Error(JSON.stringify(read.problems));
    expect(read.value).toEqual({ one: "x", two: [1, 2, { three: 16 }] });
    expect(read.locate(["one"], "key")).toEqual({ line: 3, column: 3 });
    expect(read.locate(["one"], "value")).toEqual({ line: 3, column: 8 });
    expect(read.locate(["two", 2, "three"], "value")).toEqual({ line: 5, column: 14 });
    expect(read.locate(["two", 9], "value")).toEqual({ line: 4, column: 10 });
  });

  it.each([
    ["{ a: 1, a: 2 }", "1:9 this key is written twice"],
    ["{ a: 1 b: 2 }", "1:8 is not JSON5 here: 'b' is not expected"],
    ["{ a: [", "1:7 ends too soon: a bracket or a text is still open"],
    ["", "1:1 is empty"],
    ["[".repeat(200), "1:102 is nested deeper than 100 levels"],
  ])("%s is refused: %s", (text, problem) => {
    const read = readJson5(text);
    const [first] = "problems" in read ? read.problems : [];
    expect(`${first?.line}:${first?.column} ${first?.message}`).toBe(problem);
  });

  it("reads whatever the package writes, with a place for each value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom("", "  "), (value, indent) => {
        const text = `/* { */ ${JSON5.stringify(value, null, indent)} // }`;
        const read = readJson5(text);
        if ("problems" in read) throw new Error(text);
        expect(read.value).toEqual(JSON5.parse(text));
        const paths: (string | number)[][] = [];
        const walk = (here: unknown, path: (string | number)[]): void => {
          paths.push(path);
          if (typeof here !== "object" || here === null) return;
          for (const [key, item] of Object.entries(here)) walk(item, [...path, Array.isArray(here) ? Number(key) : key]);
        };
        walk(read.value, []);
        const lines = text.split("\n");
        for (const path of paths) {
          const { line, column } = read.locate(path, "value");
          expect(lines[line - 1]?.charAt(column - 1)).toMatch(/[^\s,:\]}]/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
