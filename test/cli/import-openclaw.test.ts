/** `runner import openclaw`: stores of every generation, made as those versions write them, and read without a byte of them changed. */
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stage, type Stage } from "./stage.ts";

let project: Stage;
beforeEach(() => {
  project = stage();
});
afterEach(() => project.close());

function sqlite(file: string, statements: string): void {
  const db = new DatabaseSync(file);
  db.exec(statements);
  db.close();
}

const home = (): string => path.dirname(project.dir);
const streamError = 'Unexpected event order, got message_start before receiving "message_stop"';
const key = "sk-planted-0123456789abcdefghijklmnop";

const digest = {
  id: "6f0d1c52-4a0e-4c3b-9c55-0d7b1f7f2a10",
  name: "fixture-digest",
  enabled: true,
  createdAtMs: 1_772_000_000_000,
  updatedAtMs: 1_772_000_000_000,
  schedule: { kind: "cron", expr: "0 7 * * 1-5", tz: "Europe/London" },
  sessionTarget: "isolated",
  wakeMode: "now",
  payload: {
    kind: "agentTurn",
    message: "List today's fixtures for {{team}}.",
    model: "kimi-coding/k2p5",
    fallbacks: ["anthropic/claude-sonnet-4-6"],
    thinking: "minimal",
    timeoutSeconds: 300,
    lightContext: true,
  },
  delivery: { mode: "webhook", to: "https://hooks.example.invalid/digest" },
  state: {
    nextRunAtMs: 1_772_434_800_000,
    lastRunAtMs: 1_772_175_600_412,
    lastRunStatus: "error",
    lastError: streamError,
    consecutiveErrors: 16,
  },
};
const sweep = {
  id: "b1b7a6de-2a35-4a7a-8f6f-5a7d4a2f9e31",
  name: "inbox-sweep",
  agentId: "ops",
  enabled: true,
  createdAtMs: 1_771_000_000_000,
  schedule: { kind: "every", everyMs: 1_800_000 },
  sessionTarget: "isolated",
  wakeMode: "next-heartbeat",
  payload: { kind: "agentTurn", message: "Triage unread mail; reply NO_REPLY if nothing needs me." },
  state: { nextRunAtMs: 1_771_003_600_500, lastRunAtMs: 1_771_001_800_500, lastRunStatus: "ok" },
};
const legacy = {
  jobId: "legacy-7",
  name: "renew-cert",
  schedule: { atMs: 1_888_220_800_000 },
  message: "Check the certificate renewal finished.",
  deliver: true,
  channel: "slack",
  to: "channel:C0001",
  deleteAfterRun: true,
};
const main = {
  id: "main-1",
  name: "heartbeat",
  schedule: "0 * * * *",
  sessionTarget: "main",
  payload: { kind: "systemEvent", text: "Tick" },
};

const openclawJson = `// JSON5, as OpenClaw writes it.
{
  $include: "./models.json5",
  agents: {
    defaults: { model: { primary: "house/big-1", fallbacks: ["Kimi"] }, models: { "kimi-coding/k2p5": { alias: "kimi" } } },
    entries: { ops: { model: "anthropic/claude-sonnet-4-6" } },
  },
}
`;
const models = `{ models: { providers: { house: { baseUrl: "https://llm.example.com/v1/", api: "openai-completions", apiKey: "${key}", headers: { "x-team": "ops" } } } } }`;

/** Every file below the folder with its content and its times. */
function fingerprint(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
  const hash = createHash("sha256");
  for (const file of files) {
    const facts = statSync(path.join(folder, file));
    hash.update(`${file} ${facts.mtimeMs} ${facts.size}\n`);
    if (facts.isFile()) hash.update(readFileSync(path.join(folder, file)));
  }
  return hash.digest("hex");
}

const job = (name: string): string => readFileSync(path.join(project.dir, "jobs/imported", name), "utf8");

function withConfig(folder = "../.openclaw"): void {
  project.write(`${folder}/openclaw.json`, openclawJson);
  project.write(`${folder}/models.json5`, models);
}

describe("import openclaw", () => {
  it("takes the jobs of its own folder, says what they did there, and leaves the bad ones out", async () => {
    withConfig();
    project.write("../.openclaw/cron/jobs.json", { version: 1, jobs: [digest, sweep, legacy, main, 7] });
    const before = fingerprint(path.join(home(), ".openclaw"));
    const { code, stdout, stderr } = await project.runner(["import", "openclaw"]);
    expect(fingerprint(path.join(home(), ".openclaw"))).toBe(before);
    expect(code).toBe(78);
    expect(stderr).toMatch(/jobs\.json:\d+: jobs\[3\]\.payload\.kind/);
    expect(stderr).toMatch(/jobs\[4\]: is not a job/);
    const imported = path.join(project.dir, "jobs/imported");
    expect(readdirSync(imported).toSorted()).toEqual(["fixture-digest.yaml", "inbox-sweep.yaml", "renew-cert.yaml"]);
    const modes = readdirSync(imported).map((file) => statSync(path.join(imported, file)).mode & 0o777);
    expect(modes).toEqual([0o600, 0o600, 0o600]);
    expect(job("fixture-digest.yaml")).toContain("message: List today's fixtures for {{{{team}}.");
    expect(job("fixture-digest.yaml")).toMatch(/thinking: low\n {2}timeoutSeconds: 300/);
    expect(job("inbox-sweep.yaml")).toMatch(/anchorMs: 1771000000000[\s\S]*model: anthropic\/claude-sonnet-4-6/);
    expect(job("renew-cert.yaml")).toMatch(
      /at: 2029-\d\d-\d\dT[\s\S]*model: house\/big-1\n {2}fallbacks:\n {4}- kimi-coding\/k2p5/,
    );
    expect(stdout).toMatch(/failed 16 times in a row, the last time on 2026-02-27 .*message_stop.*runner repairs such a stream/);
    expect(stdout).toContain("not acted on yet: delivery, payload.lightContext");
    expect(stdout).toContain("set HOUSE_API_KEY in runner's environment");
    expect(stdout + stderr).not.toContain(key);
    expect(project.everyByte().split(key)).toHaveLength(2);
  });

  it("names for each job everything that a job file cannot say, and keeps it as a comment without its keys", async () => {
    project.write("runner.config.json", { model: "kimi-coding/k2p5" });
    const whole = {
      ...digest,
      id: "fixture-digest",
      displayName: "Digest",
      sessionKey: "agent:ops:main",
      pacing: { min: "10m" },
      delivery: { mode: "webhook", to: `https://hooks.example.invalid/d?token=${key}`, accountId: "acc" },
      failureAlert: { after: 1, channel: "slack", to: "C2" },
      "future\nField": { token: "planted-token" },
      payload: { ...digest.payload, toolsAllow: ["web_fetch"], newerField: 1 },
      state: { runningAtMs: 1_772_434_800_000 },
    };
    const past = {
      ...digest,
      id: "past",
      name: "past",
      delivery: undefined,
      schedule: { kind: "at", at: "2026-01-01T00:00:00Z" },
    };
    const script = { ...digest, id: "s", name: "a script", payload: { kind: "script", script: "x" } };
    project.write("store/jobs.json", { version: 1, jobs: [whole, past, script] });
    const { code, stdout, stderr } = await project.runner(["import", "openclaw", "store"]);
    expect(code).toBe(78);
    // An id that is the job's own name is no other job's; and an address that is a key itself is no hindrance.
    const text = job("fixture-digest.yaml");
    const lines = text.split("\n").filter((line) => line.startsWith("#"));
    expect(lines).toEqual([
      "# From OpenClaw, jobs[0].",
      "# Not acted on:",
      '#   delivery: {"mode":"webhook","to":"[not shown]","accountId":"acc"}',
      '#   displayName: "Digest"',
      '#   sessionKey: "agent:ops:main"',
      '#   pacing: {"min":"10m"}',
      '#   failureAlert: {"after":1,"channel":"slack","to":"C2"}',
      '#   "future\\nField": {"token":"[not shown]"}',
      "#   payload.lightContext: true",
      '#   payload.toolsAllow: ["web_fetch"]',
      "#   payload.newerField: 1",
    ]);
    expect(stdout).toContain(
      'failureAlert, "future\\nField", payload.lightContext, payload.toolsAllow, payload.newerField; what they say',
    );
    expect(stdout).toContain("a run of it is under way or queued there since 2026-03-02 07:00:00Z");
    expect(stdout).toMatch(/names no delivery: OpenClaw announced its answer[\s\S]*its instant has passed/);
    expect(stderr).toContain('jobs[2].payload.kind: "a script": payloads of kind "script"');
    expect(stdout + stderr + text).not.toContain("planted");
  });

  it("reads the store that OpenClaw's configuration names, and says which settings of its scheduler are left", async () => {
    project.write(
      "../.openclaw/openclaw.json",
      "{ cron: { store: './elsewhere/my-jobs.json', maxConcurrentRuns: 2, enabled: true } }",
    );
    project.write("../.openclaw/cron/jobs.json", { version: 1, jobs: [legacy] });
    project.write("../.openclaw/elsewhere/my-jobs.json", { version: 1, jobs: [digest] });
    project.write("../.openclaw/elsewhere/my-jobs-state.json", {
      version: 1,
      jobs: { [digest.id]: { state: { lastRunStatus: "error", consecutiveErrors: 5 } } },
    });
    const { code, stdout } = await project.runner(["import", "openclaw"]);
    expect(code).toBe(0);
    expect(readdirSync(path.join(project.dir, "jobs/imported"))).toEqual(["fixture-digest.yaml"]);
    expect(stdout).toContain("failed 5 times in a row");
    expect(stdout).toContain("not taken over from OpenClaw's configuration: cron.maxConcurrentRuns, cron.enabled");
  });

  it("suggests the providers that runner does not know, with which all validates", async () => {
    withConfig();
    project.write("../.openclaw/cron/jobs.json", { version: 1, jobs: [digest, legacy] });
    const { stdout } = await project.runner(["import", "openclaw", "--json"]);
    const { suggestedConfig } = JSON.parse(stdout) as { suggestedConfig: object };
    expect(suggestedConfig).toEqual({
      providers: {
        house: {
          baseUrl: "https://llm.example.com/v1/",
          dialect: "openai-completions",
          apiKey: "${HOUSE_API_KEY}",
          headers: { "x-team": "ops" },
        },
      },
    });
    expect(await project.runner(["validate"])).toMatchObject({ code: 78 });
    project.write("runner.config.json", suggestedConfig);
    expect(await project.runner(["validate"])).toMatchObject({ code: 0 });
    expect(await project.runner(["import", "openclaw"])).toMatchObject({ code: 0 });
    expect(await project.runner(["run", "renew-cert", "--simulate", "none"])).toMatchObject({ code: 0 });
  });

  it("shows its next run there beside ours, and why they differ", async () => {
    const put = { ...digest, id: "put", name: "put-off", state: { ...digest.state, nextRunAtMs: 1_772_434_800_000 + 300_000 } };
    const staggered = {
      ...digest,
      id: "st",
      name: "staggered",
      schedule: { ...digest.schedule, staggerMs: 300_000 },
      state: { nextRunAtMs: 1_772_434_800_000 + 61_000 },
    };
    project.write("store/jobs.json", { version: 1, jobs: [digest, sweep, put, staggered] });
    const { stdout } = await project.runner(["import", "openclaw", "store", "--dry-run"]);
    expect(stdout).toMatch(/openclaw Mon 2026-03-02 07:00:00 \+00:00 {3}runner Mon 2026-03-02 07:00:00 \+00:00\n/);
    expect(stdout).toMatch(/openclaw Fri 2026-02-13 .* {3}runner – +counted there from the last run/);
    expect(stdout).toMatch(/07:05:00.*put off there after 16 failures/);
    expect(stdout).toMatch(/07:01:01.*its share of a stagger of 5 min/);
  });

  it.each([
    ["a bare list", "jobs.json", JSON.stringify([legacy])],
    [
      "JSON5 with comments",
      "jobs.json",
      `// mine\n{ version: 1, jobs: [ { jobId: 'legacy-7', name: 'renew-cert', message: 'x', deliver: true, every: '1h' }, ] }`,
    ],
    ["a migrated one", "jobs.json.migrated", JSON.stringify({ version: 1, jobs: [legacy] })],
  ])("reads %s", async (_, file, text) => {
    project.write("runner.config.json", { model: "kimi-coding/k2p5" });
    project.write(`store/cron/${file}`, text);
    expect(await project.runner(["import", "openclaw", "store"])).toMatchObject({ code: 0 });
    expect(job("renew-cert.yaml")).toContain("id: legacy-7");
    expect(await project.runner(["validate"])).toMatchObject({ code: 0 });
  });

  it("reads the state beside the store, of 2026.4.20 and later", async () => {
    const { state, ...definition } = digest;
    project.write("store/cron/jobs.json", { version: 1, jobs: [{ ...definition, state: {} }] });
    project.write("store/cron/jobs-state.json", {
      version: 1,
      jobs: { [digest.id]: { updatedAtMs: 1, scheduleIdentity: "x", state } },
    });
    project.write("store/cron/jobs-quarantine.json", { version: 1, jobs: [{}] });
    const { code, stdout, stderr } = await project.runner(["import", "openclaw", "store"]);
    expect(code).toBe(0);
    expect(stdout).toContain("failed 16 times in a row");
    expect(stderr).toContain("could not read");
  });

  it("reads the SQLite store of 2026.6.1 and later with what is only in its log, and writes nothing beside it", async () => {
    const folder = path.join(project.dir, "store/state");
    mkdirSync(folder, { recursive: true });
    const db = new DatabaseSync(path.join(folder, "openclaw.sqlite"));
    try {
      db.exec(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE cron_jobs (job_id TEXT PRIMARY KEY, job_json TEXT, state_json TEXT)",
      );
      const insert = db.prepare("INSERT INTO cron_jobs VALUES (?, ?, ?)");
      const { state, ...definition } = digest;
      insert.run(digest.id, JSON.stringify(definition), JSON.stringify(state));
      insert.run("broken", "{ not json", null);
      insert.run(sweep.id, JSON.stringify({ ...sweep, agentId: undefined, name: "fixture-digest" }), null);
      expect(statSync(path.join(folder, "openclaw.sqlite-wal")).size).toBeGreaterThan(0);
      project.write("store/cron/jobs.json.migrated", { version: 1, jobs: [legacy] });
      project.write("runner.config.json", { model: "kimi-coding/k2p5" });
      const before = fingerprint(path.join(project.dir, "store"));
      const { code, stdout, stderr } = await project.runner(["import", "openclaw", "store"]);
      expect(fingerprint(path.join(project.dir, "store"))).toBe(before);
      expect(code).toBe(78);
      expect(stderr).toContain("cron_jobs, row 2: job_json is not JSON");
      expect(stderr).toContain("jobs.json.migrated: is not read");
      expect(stdout).toContain("failed 16 times in a row");
      expect(stdout).toContain('another job is called "fixture-digest"');
      expect(readdirSync(path.join(project.dir, "jobs/imported")).toSorted()).toEqual([
        "fixture-digest-2.yaml",
        "fixture-digest.yaml",
      ]);
      expect(readdirSync(project.temporary)).toEqual([]);
    } finally {
      db.close();
    }
  });

  it("says of each job what asks for a second delivery, and what the store keeps of its single runs", async () => {
    const file = path.join(project.dir, "openclaw.sqlite");
    const db = new DatabaseSync(file);
    db.exec(
      `CREATE TABLE cron_jobs (job_id TEXT PRIMARY KEY, job_json TEXT, state_json TEXT);
       CREATE TABLE cron_run_receipts (receipt_id TEXT PRIMARY KEY, store_key TEXT, job_id TEXT, config_revision TEXT, agent_id TEXT, status TEXT,
         owner_pid INTEGER, owner_start_time INTEGER, started_at_ms INTEGER, finished_at_ms INTEGER, error TEXT)`,
    );
    const insert = db.prepare("INSERT INTO cron_jobs VALUES (?, ?, ?)");
    const { state: _state, ...plain } = digest;
    const announced = { ...plain, id: "a", name: "announced", notify: true, delivery: { mode: "announce", channel: "last" } };
    const hooked = { ...plain, id: "b", name: "hooked", notify: true };
    const ran = { lastRunAtMs: 1_772_000_000_500, lastRunStatus: "ok" };
    insert.run("a", JSON.stringify(announced), JSON.stringify(ran));
    insert.run("b", JSON.stringify(hooked), JSON.stringify(ran));
    const receipt = db.prepare("INSERT INTO cron_run_receipts VALUES (?, 's', ?, 'r', 'main', ?, 7, 1, ?, NULL, ?)");
    const receipts = [
      ["a", "ok", 1_772_000_000_000, null],
      ["a", "error", 1_772_086_400_000, streamError],
      ["a", "interrupted", 1_772_172_800_000, null],
      ["a", "running", 1_772_259_200_000, null],
      // The end of the state's own run.
      ["b", "ok", 1_772_000_000_000, null],
      ["gone", "error", 1, "x".repeat(5_000)],
    ] as const;
    for (const [at, [id, status, started, error]] of receipts.entries()) receipt.run(String(at), id, status, started, error);
    db.close();
    const { code, stdout, stderr } = await project.runner(["import", "openclaw", "openclaw.sqlite"]);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("notify")]);
    const [first = "", second = ""] = stdout.split("hooked.yaml");
    expect(first).toContain("not acted on yet: delivery, notify, payload.lightContext;");
    expect(first).toMatch(/failed 2 times in a row, the last time on 2026-02-27 \S+Z?: "interrupted: its gateway died"/);
    expect(first).toMatch(/a run of it that began there on 2026-02-28 .* has no end/);
    expect(first).toContain("of its last 4 runs there: 1 failed, 1 interrupted");
    // A webhook is what it asks for.
    expect(second).toContain("not acted on yet: delivery, payload.lightContext;");
    expect(second).toContain("last run there: ok");
    expect(second).not.toContain("of its last");
    expect(readFileSync(path.join(project.dir, "jobs/imported/announced.yaml"), "utf8")).toContain("#   notify: true");
  });

  it.each([
    ["a named pipe", (file: string) => void execFileSync("mkfifo", [file]), "is not a regular file"],
    [
      "a view that computes for ever",
      (file: string) =>
        sqlite(
          file,
          "CREATE VIEW cron_jobs AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS rowid, '' AS job_json FROM n WHERE x < 0",
        ),
      "cron_jobs is no table",
    ],
    [
      "a log without an end",
      (file: string) => {
        sqlite(file, "CREATE TABLE cron_jobs (job_json TEXT)");
        symlinkSync("/dev/zero", `${file}-wal`);
      },
      "its log (-wal) is not a regular file",
    ],
  ])("refuses %s", async (_, make, words) => {
    make(path.join(project.dir, "store.sqlite"));
    const { code, stderr } = await project.runner(["import", "openclaw", "store.sqlite"]);
    expect(stderr).toContain(words);
    expect(code).toBe(78);
  });

  it("gives a crontab line that runs one of its jobs that job's turn", async () => {
    project.write("../.openclaw/cron/jobs.json", { version: 1, jobs: [digest] });
    project.write("tab", `0 12 * * * openclaw cron run ${digest.id} --wait\n`);
    expect(await project.runner(["import", "crontab", "tab"])).toMatchObject({ code: 0 });
    expect(job("openclaw-cron.yaml")).toMatch(/expr: 0 12 \* \* \*[\s\S]*kind: agentTurn[\s\S]*model: kimi-coding\/k2p5/);
  });

  it.each([
    [["import", "openclaw", "none"], 2, "there is no none"],
    [["import", "openclaw", "empty"], 2, "holds no store"],
    [["import", "openclaw", "broken.json"], 78, "broken.json:1:"],
    [["import", "openclaw", "other.json"], 78, "is no store of OpenClaw's"],
    [["import", "openclaw"], 2, "there is no"],
  ])("answers %j with %i", async (args, exit, words) => {
    mkdirSync(path.join(project.dir, "empty"));
    project.write("broken.json", "{ jobs");
    project.write("other.json", "{}");
    const { code, stderr } = await project.runner(args);
    expect(stderr).toContain(words);
    expect(code).toBe(exit);
  });
});
