/** `runner doctor`: what it finds, what it says to do, and that it changes nothing. */
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseSimulation, type SimulatedProvider } from "../../src/provider/script.ts";
import { serveIn } from "./served.ts";
import { configFor, keys, plantedKey, quickJob, stage, type Stage } from "./stage.ts";

let project: Stage;
let provider: SimulatedProvider;

interface Found {
  area: string;
  name: string;
  status: string;
  message: string;
  remedy?: string;
}

beforeEach(async () => {
  project = stage();
  provider = await serveIn(project);
});
afterEach(() => project.close());

async function examine(args: readonly string[] = [], env: Readonly<Record<string, string>> = keys) {
  const { code, stdout, stderr } = await project.runner(["doctor", ...args, "--json"], env);
  const { checks } = JSON.parse(stdout) as { checks: Found[] };
  return { code, stderr, stdout, checks, find: (name: string) => checks.find((check) => check.name === name) };
}

describe("doctor", () => {
  it("finds a good project in order, changes nothing and shows no key", async () => {
    const { code, checks, stdout } = await examine();
    expect({ code, bad: checks.filter(({ status }) => status === "fail") }).toEqual({ code: 0, bad: [] });
    expect(new Set(checks.map(({ area }) => area))).toEqual(
      new Set(["jobs", "providers", "clock", "state", "scheduler", "machine"]),
    );
    expect(existsSync(project.stateDir)).toBe(false);
    expect(readdirSync(project.temporary).filter((name) => name.startsWith("runner"))).toEqual([]);
    expect(stdout).not.toContain(plantedKey);
    expect(provider.requests).toBe(0);
  });

  it("says by what a turn's processes are found", async () => {
    const { find } = await examine([], { ...keys, RUNNER_CGROUP: "off" });
    const others = "processes are ended by descent, group, marker and open pipes";
    expect(find("cgroup")).toMatchObject({ status: "ok", message: `none: it is switched off by RUNNER_CGROUP=off; ${others}` });
  });

  it("fails with 77 and the variable's name for a key that is missing, blank or damaged", async () => {
    for (const env of [{}, { TEST_API_KEY: "  " }, { TEST_API_KEY: "two words" }]) {
      const { code, find } = await examine([], env);
      expect(code).toBe(77);
      expect(find("test")).toMatchObject({
        status: "fail",
        message: expect.stringContaining("TEST_API_KEY") as string,
        remedy: expect.any(String) as string,
      });
    }
  });

  it("only warns of a fallback's key, and of nothing that no job asks", async () => {
    project.write("jobs/quick.json", quickJob({ payload: { fallbacks: ["other/m"] } }));
    const { code, find } = await examine([], { TEST_API_KEY: keys.TEST_API_KEY });
    expect({ code, other: find("other")?.status, unused: find("anthropic")?.status }).toEqual({
      code: 0,
      other: "warn",
      unused: "ok",
    });
  });

  it("knocks at an address on this machine", async () => {
    await provider.close();
    const { code, find } = await examine();
    expect(code).toBe(78);
    expect(find("test address")).toMatchObject({ status: "fail", message: expect.stringContaining("ECONNREFUSED") as string });
  });

  it("shows a proxy without its password", async () => {
    const { stdout, find } = await examine([], { ...keys, HTTPS_PROXY: "http://someone:hunter2@127.0.0.1:3128" });
    expect(find("proxy")?.message).toContain("127.0.0.1:3128");
    expect(stdout).not.toContain("hunter2");
  });

  it("reads a damaged ledger as damaged, and a state folder others can read as that", async () => {
    const stateDir = path.join(project.dir, "state");
    mkdirSync(stateDir);
    chmodSync(stateDir, 0o755);
    writeFileSync(path.join(stateDir, "ledger.sqlite"), "this is no database at all, whatever its name says".repeat(100));
    const { code, find } = await examine(["--state-dir", "state"]);
    expect({ code, ledger: find("ledger")?.status, folder: find("state folder")?.status }).toEqual({
      code: 78,
      ledger: "fail",
      folder: "warn",
    });
  });

  it("finds the ledger of real runs whole", async () => {
    await project.runner(["run", "quick"], keys);
    const { code, find } = await examine();
    expect(code).toBe(0);
    expect(find("ledger")?.message).toMatch(/^whole; 1 run, /);
  });

  it("says that a job file cannot be used", async () => {
    project.write("jobs/broken.json", '{ "name": ');
    const { code, find } = await examine();
    expect({ code, status: find("job files")?.status }).toEqual({ code: 78, status: "fail" });
  });

  it("looks with cron's environment when it is asked to", async () => {
    const { code, find } = await examine(["--as-service"]);
    expect([77, 78]).toContain(code);
    expect(find("test")).toMatchObject({ status: "fail" });
    expect(find("runner")?.message).toContain("/usr/bin:/bin");
    // The one line that mends what is missing of both names each folder once.
    expect(find("runner")?.remedy ?? "").toMatch(/PATH=\S+:\/usr\/bin:\/bin$/);
    expect(find("node")).toBeDefined();
  });

  it("warns of a TZ that is no zone", async () => {
    const { find } = await examine([], { ...keys, TZ: "Europe/Lodnon" });
    expect(find("time zone")).toMatchObject({ status: "warn", message: expect.stringContaining("Lodnon") as string });
  });

  it("prints a line a finding, and the remedies of those that are not in order", async () => {
    const { code, stdout, stderr } = await project.runner(["doctor"]);
    expect(code).toBe(77);
    expect(stdout).toMatch(/^fail +providers +test: TEST_API_KEY is not set; asked by quick\n +Set it where runner is started/m);
    expect(stderr).toContain("1 to mend");
  });
});

const home = (): string => path.dirname(project.dir);

describe("doctor of the scheduler", () => {
  const due = { schedule: { kind: "cron", expr: "0 7 * * *" } };

  it("says that nothing fires jobs that have a schedule, and what would", async () => {
    expect((await examine()).find("scheduler")).toMatchObject({ status: "ok", message: "no job here has a schedule" });
    project.write("jobs/quick.json", quickJob(due));
    const { code, find } = await examine();
    expect({ code, found: find("scheduler") }).toMatchObject({
      code: 0,
      found: {
        status: "warn",
        message: "1 job has a schedule, and nothing fires it",
        remedy: expect.stringContaining("runner start") as string,
      },
    });
  });

  it("looks at what is installed: whether it runs, what it starts, what it would find", async () => {
    project.write("jobs/quick.json", quickJob(due));
    const keyFile = path.join(home(), ".config/runner/project.env");
    mkdirSync(path.dirname(keyFile), { recursive: true });
    writeFileSync(keyFile, `TEST_API_KEY=${plantedKey}\n`, { mode: 0o600 });
    const bin = path.join(home(), "programs");
    mkdirSync(bin);
    writeFileSync(path.join(bin, "systemctl"), "#!/bin/sh\necho running\n", { mode: 0o755 });
    const env = { ...keys, PATH: `${bin}:${process.env["PATH"] ?? ""}` };
    expect(await project.runner(["install", "--systemd"], env)).toMatchObject({ code: 0 });
    const good = await examine([], env);
    expect(good.find("scheduler")).toMatchObject({
      status: "warn",
      message: expect.stringContaining("is installed and does not run") as string,
    });
    expect(good.find("systemd")).toMatchObject({
      status: "ok",
      message: expect.stringMatching(/^starts \S+node \S+runner\.js$/) as string,
    });
    // The shell need not have what the service has.
    const bare = await examine([], { PATH: env.PATH });
    expect({ code: bare.code, found: bare.find("test") }).toMatchObject({
      code: 0,
      found: { status: "warn", message: expect.stringContaining(`the installed service reads it from ${keyFile}`) as string },
    });

    const unit = path.join(home(), ".config/systemd/user/runner-project.service");
    writeFileSync(unit, readFileSync(unit, "utf8").replace(/^ExecStart=\S+/m, "ExecStart=/gone/bin/node"));
    writeFileSync(keyFile, "");
    const bad = await examine([], env);
    expect(bad.code).toBe(78);
    expect(bad.find("systemd")).toMatchObject({
      status: "fail",
      message: expect.stringContaining("/gone/bin/node, which is not there") as string,
    });
    expect(bad.find("TEST_API_KEY")).toMatchObject({ area: "scheduler", status: "fail" });
    expect(bad.stdout).not.toContain(plantedKey);
  });

  it("warns of a zone that only this shell knows of", async () => {
    project.write("jobs/quick.json", quickJob(due));
    const zone = { ...keys, TZ: "Pacific/Kiritimati" };
    expect((await examine([], zone)).find("time zone")).toMatchObject({
      status: "warn",
      remedy: expect.stringContaining("timezone: Pacific/Kiritimati") as string,
    });
    project.write("runner.config.json", { ...configFor(provider.url), timezone: "Pacific/Kiritimati" });
    expect((await examine([], zone)).find("time zone")).toMatchObject({
      status: "ok",
      message: expect.stringContaining("the machine itself is in") as string,
    });
  });
});

describe("doctor --live", () => {
  it("asks each model once, after its price was shown, and only then", async () => {
    project.write("jobs/second.json", quickJob({ name: "second", payload: { fallbacks: ["other/m"] } }));
    const { code, stdout, stderr } = await project.runner(["doctor", "--live"], keys);
    expect(code).toBe(0);
    expect(stderr).toMatch(/Asking 2 models for one token: .*not known/);
    expect(stdout).toMatch(/ok +live +test\/model-a: .*answered in \d+ ms/);
    expect(provider.requests).toBe(2);
  });

  it.each([
    ["auth:1", 77],
    ["overloaded:1", 0],
  ])("takes %s for what it is", async (faults, wanted) => {
    await provider.close();
    await serveIn(project, { simulation: parseSimulation(faults, 1) });
    const { code, checks } = await examine(["--live"]);
    expect({ code, live: checks.filter(({ area }) => area === "live").map(({ status }) => status) }).toEqual({
      code: wanted,
      live: [wanted === 77 ? "fail" : "warn"],
    });
  });

  it("is not combined with --as-service", async () => {
    expect(await project.runner(["doctor", "--live", "--as-service"])).toMatchObject({ code: 2 });
  });
});
