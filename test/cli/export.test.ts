/** `runner export`: what leaves the project, and that it comes back the same. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { readCrontab } from "../../src/load/crontab/crontab.ts";
import { splitPercent } from "../../src/load/crontab/percent.ts";
import { root, stage, type Stage } from "./stage.ts";

let project: Stage;

const everything = {
  id: "all-1",
  name: "everything",
  description: "Has what a job can have.",
  enabled: false,
  schedule: {
    kind: "cron",
    expr: "0 12 * * 1-5",
    tz: "Europe/London",
    stagger: "5m",
    startAt: "2026-12-01",
    endAt: "2027-12-01T10:00:00Z",
    blackout: [
      "22:00-06:00",
      "sat,sun",
      "mon-fri 12:00-13:30",
      "2026-12-24..2026-12-26",
      "2027-01-01T08:00..2027-01-01T09:00:30",
    ],
  },
  catchUp: { policy: "all", maxAge: "6h", max: 7 },
  overlap: "replace",
  group: "night",
  payload: {
    kind: "agentTurn",
    message: "Say {{now}} and {{{{ this.",
    model: "kimi-coding/k2p5",
    fallbacks: ["anthropic/claude-sonnet-4-6"],
    stream: false,
    system: "Be terse, {{vars.team}}.",
    maxTokens: 1_000,
    maxTurns: 7,
    thinking: "low",
    timeoutSeconds: 900.5,
    tools: {
      mcp: {
        mail: { command: ["mail-server"], env: { MAIL_TOKEN: "${MAIL_TOKEN}" }, tools: ["read"], timeout: "5s" },
        web: { url: "https://mcp.example.com/", headers: { authorization: "Bearer ${WEB_TOKEN}" } },
      },
      shell: { allow: ["git"], timeout: "10s" },
      files: "rw",
      http: { allow: ["*.example.com"], methods: ["GET", "POST"] },
    },
  },
  retry: { maxAttempts: 5, delay: "7s", jitter: 0 },
  limits: {
    firstByte: "1m",
    idle: "30s",
    try: "5m",
    call: "9m",
    run: "40m",
    maxWait: "1m",
    triesPerCall: 3,
    usd: 0.5,
    seconds: 900,
  },
  onRateLimit: "wait",
  gate: { command: ["test", "-e", "/tmp/x"], timeout: "3s" },
  expect: {
    minLength: 3,
    matches: ["\\d"],
    jsonSchema: { type: "object" },
    files: [{ path: "a.md", fresh: false }],
    command: { command: ["true"], timeout: "4s" },
  },
  quiet: false,
  record: "off",
  vars: { team: "ops" },
  env: ["REGION"],
  workDir: "/srv/all",
  idempotent: true,
};

beforeAll(() => {
  project = stage();
  project.write("jobs/everything.json", everything);
  project.write(
    "jobs/plain.yaml",
    "command: [backup, --all]\nevery: 6h\ninput: 'yes'\nenv: { A: '${HOME}/x' }\nnoOutputTimeoutSeconds: 1.5\n",
  );
  project.write("jobs/least.yaml", "message: Hello\nmodel: kimi-coding/k2p5\n");
  project.write(
    "jobs/once.yaml",
    'message: Hello\nmodel: kimi-coding/k2p5\nat: "2027-01-31T09:00:00+01:00"\ntimeoutSeconds: 0\n',
  );
});
afterAll(() => project.close());

async function list(at: Stage): Promise<unknown[]> {
  const { jobs } = JSON.parse((await at.runner(["list", "--json"])).stdout) as { jobs: Record<string, unknown>[] };
  return jobs.map(({ source: _source, ...job }) => job).toSorted((a, b) => String(a["id"]).localeCompare(String(b["id"])));
}

describe("export json", () => {
  it("is a job file that holds the very same jobs", async () => {
    const first = await project.runner(["export", "json"]);
    expect(first).toMatchObject({ code: 0 });
    expect(first.stderr).toContain("everything: names a path of this machine: /srv/all");
    const other = stage();
    try {
      other.write("jobs/jobs.json", first.stdout);
      expect(await other.runner(["validate"])).toMatchObject({ code: 0 });
      expect((await other.runner(["export", "json"])).stdout).toBe(first.stdout);
      expect(await list(other)).toEqual(await list(project));
    } finally {
      other.close();
    }
  });

  it("takes the jobs that are named, and says which name is none", async () => {
    const { code, stdout } = await project.runner(["export", "json", "plain"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ name: "plain", payload: { argv: ["backup", "--all"] } }]);
    expect(await project.runner(["export", "json", "plan"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean "plain"?') as string,
    });
  });

  it("writes into a folder, never over what is there", async () => {
    expect(await project.runner(["export", "json", "--out", "backup"])).toMatchObject({
      code: 0,
      stdout: "wrote  backup/jobs.json\n",
    });
    expect((await project.runner(["export", "json", "--out", "backup"])).stdout).toContain("as it is");
    project.write("backup/jobs.json", "mine");
    const refused = await project.runner(["export", "json", "--out", "backup"]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("--force");
    expect(await project.runner(["export", "json", "--out", "backup", "--force"])).toMatchObject({ code: 0 });
    expect(readFileSync(path.join(project.dir, "backup/jobs.json"), "utf8")).toContain("everything");
    rmSync(path.join(project.dir, "backup"), { recursive: true });
  });

  it.each([
    [["export"], "missing required argument"],
    [["export", "jsn"], 'Did you mean "json"?'],
    [["export", "systemctl"], "there is no format"],
  ])("refuses %j", async (args, words) => {
    const { code, stderr } = await project.runner(args);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });
});

describe("export crontab and k8s", () => {
  const moved = stage();
  beforeAll(() => {
    moved.write("runner.config.json", { model: "kimi-coding/k2p5", timezone: "Europe/London" });
    const job = (name: string, over: object): void => moved.write(`jobs/${name}.json`, { command: ["true"], ...over });
    job("noon", { cron: "0 12 * * 7", overlap: "replace", catchUp: "skip" });
    job("Every_5%", { every: "5m" });
    job("hour", { every: "1h" });
    job("six", { every: "6h", catchUp: { policy: "all", maxAge: "2h" }, enabled: false });
    job("odd", { every: "90m" });
    job("seconds", { cron: "*/10 * * * * *" });
    job("last", { cron: "0 0 L * *" });
    job("once", { at: "2030-01-01T00:00:00Z" });
    job("up", { schedule: { kind: "boot", blackout: "22:00-06:00", endAt: "2099-01-01" } });
    job("hand", {});
    moved.write("jobs/ask.yaml", "message: Hello\ncron: '0 7 * * *'\ntz: Asia/Tokyo\noverlap: queue\n");
  });
  afterAll(() => moved.close());

  it("writes lines that cron reads as they were meant, and says what cron cannot say", async () => {
    const { code, stdout, stderr } = await moved.runner(["export", "crontab"], { TZ: "Europe/London" });
    expect(code).toBe(0);
    const { entries, issues } = readCrontab(stdout, { file: "x", system: false });
    expect(issues).toEqual([]);
    const run = `${process.execPath} ${path.join(root, "bin/runner.js")} run`;
    const lines = entries.map(({ when, command, settings }) => [
      when.kind === "fields" ? when.text : "@reboot",
      settings.get("CRON_TZ")?.value ?? "",
      splitPercent(command)
        .command.replace(run, "")
        .replace(/ -C \S+ --state-dir \S+/, "")
        .trim(),
    ]);
    expect(lines).toHaveLength(5);
    expect(lines).toEqual(
      expect.arrayContaining([
        ["*/5 * * * *", "UTC", "Every_5% --slot due"],
        ["0 * * * *", "UTC", "hour --slot due"],
        ["0 7 * * *", "Asia/Tokyo", "ask --slot due"],
        ["0 12 * * 0", "Europe/London", "noon --slot due"],
        ["@reboot", "UTC", "up"],
      ]),
    );
    expect(stdout).toContain("# disabled: 0 0,6,12,18 * * *");
    // Another name of a zone is no other zone.
    const utc = await moved.runner(["export", "crontab"], { TZ: "Etc/UTC" });
    expect(utc.stdout.match(/^CRON_TZ=.*$/gm)).toEqual([
      "CRON_TZ=Asia/Tokyo",
      "CRON_TZ=UTC",
      "CRON_TZ=Europe/London",
      "CRON_TZ=UTC",
    ]);
    for (const words of [
      "odd: every 5400 s",
      "seconds: ",
      "last: ",
      "once: runs once",
      "up: it runs at each start all the same: left out: endAt, blackout",
      "CRON_TZ is known to cronie, not to Debian's cron, which would take the times of Every_5%, ask, hour and 1 more for Europe/London",
      "KIMI_API_KEY",
      "up: cron starts it each time it starts itself",
    ])
      expect(stderr).toContain(words);
    expect(stdout).toContain("# odd: not here: every 5400 s does not fall on the same times each day");
    expect(stderr).not.toContain("hand");
  });

  it("writes one line for all with --tick", async () => {
    const { stdout } = await moved.runner(["export", "crontab", "--tick"]);
    expect(readCrontab(stdout, { file: "x", system: false }).entries).toMatchObject([{ when: { text: "* * * * *" } }]);
    expect(stdout).toContain(`bin/runner.js tick -C ${moved.dir}`);
    expect(await moved.runner(["export", "json", "--tick"])).toMatchObject({ code: 2 });
  });

  it("writes CronJobs that Kubernetes takes, with keys from a Secret", async () => {
    const { code, stdout, stderr } = await moved.runner(["export", "k8s", "--image", "example.com/jobs:1"]);
    expect(code).toBe(0);
    expect(stderr).toContain("Secret runner-keys: KIMI_API_KEY");
    expect(stderr).toContain('noon: overlap "replace" is Forbid there');
    expect(stderr).toContain('noon: catchUp "skip": a pod that begins more than 90 s after its slot answers none');
    const documents = parseAllDocuments(stdout).map((document) => document.toJS() as CronJob);
    const byJob = new Map(documents.map((one) => [one.metadata.annotations["runner/job"], one]));
    expect(new Set(byJob.keys())).toEqual(new Set(["Every_5%", "ask", "hour", "noon", "six"]));
    for (const { apiVersion, kind, metadata, spec } of documents) {
      expect([apiVersion, kind]).toEqual(["batch/v1", "CronJob"]);
      expect(metadata.name).toMatch(/^[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?$/);
      expect(spec.schedule.split(" ")).toHaveLength(5);
      expect(spec.jobTemplate.spec.template.spec).toMatchObject({
        restartPolicy: "Never",
        containers: [
          {
            image: "example.com/jobs:1",
            args: ["run", metadata.annotations["runner/job"], "--slot", "due", "-C", "/project", "--state-dir", "/state"],
          },
        ],
      });
    }
    expect(byJob.get("noon")?.spec).toMatchObject({
      schedule: "0 12 * * 0",
      timeZone: "Europe/London",
      concurrencyPolicy: "Forbid",
      startingDeadlineSeconds: 90,
    });
    expect(byJob.get("six")?.spec).toMatchObject({
      schedule: "0 0,6,12,18 * * *",
      timeZone: "UTC",
      suspend: true,
      startingDeadlineSeconds: 7_200,
    });
    expect(byJob.get("ask")?.spec).toMatchObject({
      timeZone: "Asia/Tokyo",
      concurrencyPolicy: "Forbid",
      startingDeadlineSeconds: 86_400,
      jobTemplate: {
        spec: {
          template: {
            spec: {
              containers: [
                { env: [{ name: "KIMI_API_KEY", valueFrom: { secretKeyRef: { name: "runner-keys", key: "KIMI_API_KEY" } } }] },
              ],
            },
          },
        },
      },
    });
  });
});

it.each(["crontab", "systemd"])("export %s keeps the ledger and the configuration that were meant", async (format) => {
  const place = stage();
  try {
    place.write("jobs/a.json", { command: ["true"], cron: "0 5 * * *" });
    place.write("other.json", { timezone: "UTC" });
    const asked = await place.runner(["export", format, "--state-dir", "my state", "--config", "other.json"]);
    const options = format === "systemd" ? ['"', '"'] : ["'", "'"];
    expect(asked.stdout).toContain(
      ` run a --slot due -C ${place.dir} --config ${place.dir}/other.json --state-dir ${options.join(`${place.dir}/my state`)}`,
    );
    // cron does not know this shell's XDG_STATE_HOME; a unit has it among its variables.
    const plain = (await place.runner(["export", format])).stdout;
    expect(plain).toContain(format === "systemd" ? "Environment=XDG_STATE_HOME=" : ` --state-dir ${place.stateDir}`);
  } finally {
    place.close();
  }
});

it("a line of an exported crontab, carried out twice as cron does it, makes one run in the ledger that is meant here", async () => {
  const place = stage();
  try {
    place.write("jobs/often.json", { command: ["echo", "100%"], every: "10m", catchUp: { policy: "latest", maxAge: "10m" } });
    const { stdout } = await place.runner(["export", "crontab"]);
    const [entry] = readCrontab(stdout, { file: "x", system: false }).entries;
    const { command } = splitPercent(entry?.command ?? "");
    const env = { PATH: "/usr/bin:/bin", HOME: place.dir, SHELL: "/bin/sh", LOGNAME: "x" };
    const once = (): string => execFileSync("/bin/sh", ["-c", `${command} 2>&1`], { env, cwd: "/", encoding: "utf8" });
    const texts = [once(), once()];
    const { stdout: history } = await place.runner(["history", "often", "--json"]);
    const { runs } = JSON.parse(history) as { runs: { status: string; trigger: string }[] };
    // A slot that comes between the two is answered as well.
    expect(runs.map(({ status, trigger }) => [status, trigger])).toEqual(runs.map(() => ["succeeded", "slot"]));
    expect(runs).toHaveLength(texts.filter((text) => text.includes("100%")).length);
    expect(texts[0]).toContain("100%");
  } finally {
    place.close();
  }
});

it.each(["crontab", "systemd"])("export %s refuses a folder whose name would be lines of its own", async (format) => {
  const place = stage();
  try {
    const folder = path.join(place.dir, "x\nExecStart=evil");
    mkdirSync(path.join(folder, "jobs"), { recursive: true });
    writeFileSync(
      path.join(folder, "jobs/a.json"),
      '{ "schedule": { "kind": "every", "every": "1h" }, "payload": { "kind": "command", "argv": ["true"] } }',
    );
    const { code, stdout, stderr } = await place.runner(["export", format, "-C", folder]);
    expect(stderr).toContain("has a name that no unit file or crontab can hold");
    expect([code, stdout]).toEqual([2, ""]);
  } finally {
    place.close();
  }
});

it("export k8s lets no job's name become the value of a key", async () => {
  const place = stage();
  try {
    const job = {
      name: "$(KIMI_API_KEY)",
      schedule: { kind: "cron", expr: "0 5 * * *" },
      payload: { kind: "agentTurn", message: "Hi" },
    };
    place.write("jobs/a.json", job);
    place.write("runner.config.json", { model: "kimi-coding/k2p5" });
    const { stdout } = await place.runner(["export", "k8s"]);
    expect(stdout).toContain('"$$(KIMI_API_KEY)"');
    expect(stdout).not.toMatch(/[^$]"\$\(KIMI_API_KEY\)",\s*"-C"/);
  } finally {
    place.close();
  }
});

interface CronJob {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations: Readonly<Record<string, string>> };
  readonly spec: {
    readonly schedule: string;
    readonly jobTemplate: { readonly spec: { readonly template: { readonly spec: object } } };
  };
}
