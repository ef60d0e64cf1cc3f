/** `runner export`: what leaves the project, and that it comes back the same. */
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stage, type Stage } from "./stage.ts";

let project: Stage;

const everything = {
  id: "all-1",
  name: "everything",
  description: "Has what a job can have.",
  enabled: false,
  schedule: { kind: "cron", expr: "0 12 * * 1-5", tz: "Europe/London" },
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
