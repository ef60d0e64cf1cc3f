/** The daemon as people run it: real processes, real files, a ledger on the disk. Everything is waited for by what the log says. */
import { execFileSync, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { openLedger } from "../../src/ledger/index.ts";
import type { RunRow } from "../../src/ledger/ledger.ts";
import { notifySocket } from "../cli/daemon/notify-socket.ts";
import { stage, type Stage } from "../cli/stage.ts";

interface Running {
  readonly process: ChildProcess;
  readonly ended: ReturnType<Stage["start"]>["ended"];
  /** Resolves at the first line of its log that fits and that was not waited for before. */
  readonly line: (pattern: RegExp) => Promise<string>;
  readonly lines: () => readonly string[];
}

interface Own extends Stage {
  readonly onEnd: (clean: () => void) => void;
}

/** Each test has its own, so that they run at the same time: they wait for seconds to pass most of the time. */
function aStage({ onTestFinished }: TestContext): Own {
  const own = stage();
  const cleanups: (() => void)[] = [() => own.close()];
  onTestFinished(() => {
    for (const clean of cleanups.toReversed()) clean();
  });
  return { ...own, onEnd: (clean) => void cleanups.push(clean) };
}

function daemon(own: Own, args: readonly string[] = ["start"], env: Record<string, string> = {}): Running {
  const { process: child, ended } = own.start(args, { TZ: "Europe/Berlin", ...env });
  own.onEnd(() => child.kill("SIGKILL"));
  const lines: string[] = [];
  let rest = "";
  let read = 0;
  const waiting = new Set<() => void>();
  child.stderr?.on("data", (text: string) => {
    rest += text;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      lines.push(rest.slice(0, end));
      rest = rest.slice(end + 1);
    }
    for (const look of waiting) look();
  });
  const line = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const at = lines.findIndex((one, index) => index >= read && pattern.test(one));
        if (at < 0) return;
        read = at + 1;
        waiting.delete(look);
        resolve(lines[at] ?? "");
      };
      waiting.add(look);
      look();
      void ended.then(({ stderr }) => reject(new Error(`ended without ${String(pattern)}:\n${stderr}`)));
    });
  return { process: child, ended, line, lines: () => lines };
}

/** Writes the slot it answers into a file of its own name. */
function beat(own: Own, name = "beat", more = ""): object {
  const file = path.join(own.dir, `${name}.txt`);
  return {
    name,
    schedule: { kind: "every", everyMs: 1_000 },
    payload: { kind: "command", argv: ["sh", "-c", `echo "$SLOT" >> ${file}; ${more}`] },
    retry: { maxAttempts: 1 },
  };
}

function slotsOf(own: Own, name = "beat"): string[] {
  const file = path.join(own.dir, `${name}.txt`);
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

async function rows(own: Own, stateDir = stateOf(own)): Promise<{ open: readonly RunRow[]; all: readonly RunRow[] }> {
  const ledger = await openLedger({ stateDir, create: false });
  try {
    return { open: (await ledger?.openRuns()) ?? [], all: (await ledger?.history({ limit: 1_000 })) ?? [] };
  } finally {
    await ledger?.close();
  }
}

/** As its configuration says. */
function stateOf(own: Own): string {
  return path.join(own.dir, "state");
}

function project(own: Own, jobs: Readonly<Record<string, object>>, config: object = {}): void {
  own.write("runner.config.json", { stateDir: "state", scheduler: { shutdownGrace: "1s", killGrace: "1s" }, ...config });
  for (const [name, job] of Object.entries(jobs)) own.write(`jobs/${name}.json`, job);
}

describe.concurrent("the daemon", () => {
  it("says what it is about to do, fires its jobs, and leaves nothing when it is asked to stop", async (context) => {
    const own = aStage(context);
    project(own, { beat: beat(own), broken: { nonsense: true } }, { timezone: "America/New_York" });
    const { process: child, ended, line, lines } = daemon(own);
    await line(/beat .*succeeded/);
    await line(/beat .*succeeded/);
    child.kill("SIGTERM");
    const { code } = await ended;
    expect(code).toBe(0);
    const text = lines().join("\n");
    expect(text).toMatch(/runner \S+, pid \d+, project .*: 1 job \(1 file not used\)/);
    expect(text).toMatch(/times are in America\/New_York \(runner\.config\.json:\d+\)/);
    expect(text).toMatch(
      /at most 8 runs at once, 10 begun a second \(5 of them to catch up\); at a stop 1 s for what is under way, then 1 s from TERM to KILL/,
    );
    expect(text).toMatch(/not used: jobs\/broken\.json/);
    expect(text).toMatch(/next: beat at /);
    // The offset of New York, and no answer of any run.
    expect(lines().every((one) => /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d-0[45]:00 {2}/.test(one))).toBe(true);
    const { open, all } = await rows(own);
    expect(open).toEqual([]);
    // A machine under load skips slots of a second's job that is still at work; nothing fails.
    expect(all.filter(({ status }) => !["succeeded", "skipped", "missed"].includes(status))).toEqual([]);
    const done = all.filter(({ status }) => status === "succeeded").toReversed();
    const slots = slotsOf(own);
    expect(new Set(slots).size).toBe(slots.length);
    expect(slots).toEqual(done.map(({ slotAt }) => new Date(slotAt ?? 0).toISOString()));
  });

  it("cuts what does not end in time, says so by its exit code, and nothing of it lives", async (context) => {
    const own = aStage(context);
    const stubborn = `trap "" TERM; (trap "" TERM; echo $$ >> ${own.dir}/pids; exec sleep 300) & while :; do sleep 1; done`;
    project(own, { beat: beat(own, "beat", stubborn) }, { scheduler: { shutdownGrace: "200ms", killGrace: "300ms" } });
    const { process: child, ended, line } = daemon(own);
    await line(/beat .*begins/);
    await line(/beat .*skipped/);
    child.kill("SIGTERM");
    await line(/stops: 1 run under way/);
    const { code } = await ended;
    expect(code).toBe(143);
    const { open, all } = await rows(own);
    expect(open).toEqual([]);
    expect(all.filter(({ status }) => status === "interrupted")).toHaveLength(1);
    expect(living(own.dir)).toEqual([]);
  });

  it("closes what a killed daemon left, ends its processes, and goes on; a second one has stood by for it", async (context) => {
    const own = aStage(context);
    project(own, { beat: beat(own), long: beat(own, "long", "sleep 300") });
    const first = daemon(own);
    await first.line(/long .*begins/);
    await first.line(/beat .*succeeded/);
    const second = daemon(own);
    await second.line(/stands by: pid \d+ on \S+ fires the jobs/);
    first.process.kill("SIGKILL");
    await second.line(/closed \d runs? that a dead process left behind/);
    await second.line(/fires 2 jobs, after pid/);
    await second.line(/beat .*succeeded/);
    second.process.kill("SIGINT");
    await second.line(/stops: /);
    expect((await second.ended).code).toBe(130);
    const { open, all } = await rows(own);
    expect(open).toEqual([]);
    const beats = slotsOf(own);
    expect(new Set(beats).size).toBe(beats.length);
    const answered = all.filter(({ jobName, slotAt }) => jobName === "beat" && slotAt !== undefined).map(({ slotAt }) => slotAt);
    expect(new Set(answered).size).toBe(answered.length);
    expect(living(own.dir)).toEqual([]);
  });

  it("follows its files: takes what is good as a whole, refuses what is not, and tells `runner reload`", async (context) => {
    const own = aStage(context);
    project(own, { beat: beat(own) });
    const { process: child, ended, line } = daemon(own);
    await line(/beat .*succeeded/);
    own.write("jobs/other.json", beat(own, "other"));
    await line(/jobs\/other\.json: jobs: 1 added \(other\)/);
    await line(/other .*succeeded/);
    const watching = own.start(["status", "--watch"]);
    let watched = "";
    const seen = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(watched))
        if (watching.process.stdout !== null) watched += String((await once(watching.process.stdout, "data"))[0]);
    };
    await seen(/other: /);
    own.write("jobs/other.json", "{ broken");
    own.write("jobs/third.json", beat(own, "third"));
    await seen(/the daemon refused the files .*:\n.*jobs\/other\.json:/);
    expect(watched, "it has read the same files as the daemon").not.toContain("mended since");
    watching.process.kill("SIGTERM");
    await watching.ended;
    await line(/refused; what was in force stays so, as a whole/);
    await line(/other .*succeeded/);
    const looked = await own.runner(["status"]);
    expect(looked).toMatchObject({ code: 78, stderr: "" });
    expect(looked.stdout).toMatch(
      /^the daemon refused the files as they were changed .*ago; what was in force before stays, as a whole:$/m,
    );
    expect(looked.stdout.match(/jobs\/other\.json:/g), "said once").toHaveLength(1);
    const check = await own.runner(["reload", "--check"]);
    expect(check.code).toBe(78);
    // Nobody looks after a job that is disabled, so it is no news each time.
    expect(check.stdout).toMatch(/^\+ third\n(?: {4}.*\n){3}$/);
    const asked = await own.runner(["reload"]);
    expect(asked.code).toBe(78);
    expect(asked.stderr).toMatch(/refused by the daemon \(pid \d+\): what was in force before stays, as a whole\n$/);
    expect(asked.stderr.match(/jobs\/other\.json:/g), "said once").toHaveLength(1);
    // Back as it was: nothing has changed, and that it is in force again is told all the same.
    const third = JSON.stringify(beat(own, "third"));
    rmSync(path.join(own.dir, "jobs/third.json"));
    own.write("jobs/other.json", beat(own, "other"));
    await line(/in force again; no job has changed/);
    own.write("jobs/other.json", "{ broken");
    own.write("jobs/third.json", third);
    await line(/refused; what was in force stays so, as a whole/);
    rmSync(path.join(own.dir, "jobs/other.json"));
    await line(/jobs: 1 added \(third\), 1 removed \(other\)/);
    await line(/third .*succeeded/);
    expect(await own.runner(["reload"])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("0 jobs added, 0 changed, 0 removed"),
    });
    own.write("runner.config.json", { stateDir: "state", scheduler: { maxRuns: 1 }, timezone: "Asia/Tokyo" });
    await line(/^.*\+09:00 {2}runner\.config\.json: no job has changed; settings: /);
    child.kill("SIGTERM");
    expect((await ended).code).toBe(0);
    expect((await rows(own)).all.some(({ jobName, status }) => jobName === "third" && status === "succeeded")).toBe(true);
  });

  it("ticks: two at once answer each slot once, and both leave it to a daemon that runs", async (context) => {
    const own = aStage(context);
    project(own, { beat: beat(own) });
    // The first arms the job; what is due is what comes after that.
    expect((await own.runner(["tick"])).code).toBe(0);
    await Promise.all([own.runner(["tick"]), own.runner(["tick"]), own.runner(["start", "--once", "-q"])]);
    const slots = slotsOf(own);
    expect(new Set(slots).size).toBe(slots.length);
    expect((await rows(own)).open).toEqual([]);
    const { process: child, ended, line } = daemon(own);
    await line(/fires 1 job/);
    const tick = await own.runner(["tick"]);
    expect(tick).toMatchObject({ code: 0, stderr: expect.stringMatching(/pid \d+ on \S+ fires the jobs/) });
    child.kill("SIGTERM");
    expect((await ended).code).toBe(0);
  });

  it("a tick says, also when it is to be quiet, that a job file cannot be used", async (context) => {
    const own = aStage(context);
    project(own, { beat: beat(own) });
    own.write("jobs/typo.json", { schedul: { kind: "every", every: "1h" } });
    const tick = await own.runner(["tick", "-q"]);
    expect(tick).toMatchObject({ code: 78, stdout: "", stderr: expect.stringContaining("not used: jobs/typo.json:") });
  });

  it("tries things out beside a real daemon without touching a slot of it", async (context) => {
    const own = aStage(context);
    project(own, { beat: beat(own) });
    const real = daemon(own);
    await real.line(/fires 1 job/);
    const trial = daemon(own, ["start", "--simulate", "none"]);
    await trial.line(/SIMULATED/);
    await trial.line(/fires 1 job/);
    await trial.line(/beat .*succeeded/);
    for (const one of [trial, real]) one.process.kill("SIGTERM");
    expect((await Promise.all([trial.ended, real.ended])).map(({ code }) => code)).toEqual([0, 0]);
    expect((await rows(own)).all.filter(({ simulated }) => simulated)).toEqual([]);
    const trials = (await rows(own, path.join(stateOf(own), "simulated"))).all;
    expect(trials.length).toBeGreaterThan(0);
    // A slot that nobody answered was not answered by anybody simulated either.
    expect(trials.filter(({ simulated, slots }) => !simulated && slots === undefined)).toEqual([]);
  });

  it("tells systemd when it is ready, that it lives, reloads, and stops", async (context) => {
    const { socket, next } = await notifySocket(context);
    const own = aStage(context);
    project(own, { beat: beat(own) });
    const { process: child, ended } = daemon(own, ["start"], { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "500000" });
    const told = async (pattern: RegExp): Promise<string> => {
      for (;;) {
        const message = await next();
        if (pattern.test(message)) return message;
      }
    };
    expect(await told(/READY=1/)).toContain("STATUS=fires 1 job");
    await told(/WATCHDOG=1/);
    child.kill("SIGHUP");
    await told(/RELOADING=1\|MONOTONIC_USEC=\d+/);
    await told(/READY=1/);
    child.kill("SIGTERM");
    await told(/STOPPING=1/);
    expect((await ended).code).toBe(0);
  });

  it("says in one line what is wrong where it cannot begin", async (context) => {
    const own = aStage(context);
    project(own, {}, { timezone: "Mars/Olympus" });
    const { code, stderr } = await own.runner(["start"]);
    expect(code).toBe(78);
    expect(stderr).toMatch(/^error: runner\.config\.json:\d+:\d+: timezone/m);
    expect(stderr).not.toMatch(/\n {4}at /);
    writeFileSync(path.join(own.dir, "state"), "a file where the folder of the ledger is to be");
    own.write("runner.config.json", { stateDir: "state" });
    const blocked = await own.runner(["start"]);
    expect(blocked.code).not.toBe(0);
    expect(blocked.stderr).not.toMatch(/\n {4}at /);
    expect(await own.runner(["reload"])).toMatchObject({ code: expect.any(Number), stdout: "" });
  });
});

it("works for a user whom the system does not know, as containers run it, or says which folder to name", (context) => {
  const setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].find((file) => existsSync(file));
  if (process.getuid?.() !== 0 || setpriv === undefined)
    context.skip("only root, with setpriv, can become a user that is not there");
  const own = aStage(context);
  own.write("runner.config.json", {});
  own.write("jobs/beat.json", beat(own));
  execFileSync("chmod", ["-R", "a+rwX", path.dirname(own.dir)]);
  const bin = path.join(import.meta.dirname, "../../bin/runner.js");
  const args = ["--reuid", "54321", "--clear-groups", process.execPath, bin, "tick", "-C", own.dir];
  const env = { PATH: "/usr/bin:/bin", TMPDIR: own.temporary };
  const tick = (more: readonly string[]): ReturnType<typeof spawnSync> =>
    spawnSync(setpriv ?? "", [...args, ...more], { env, encoding: "utf8" });
  expect(tick([])).toMatchObject({ status: 2, stderr: expect.stringMatching(/no home folder[^]*--state-dir FOLDER/) });
  expect(tick(["--state-dir", path.join(own.dir, "state")])).toMatchObject({ status: 0, stderr: "" });
});

/** Commands of living processes that name this folder, but for this one's own. */
function living(dir: string): string[] {
  return execFileSync("ps", ["-eo", "pid=,stat=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((one) => one.includes(dir) && !/^\s*\d+\s+Z/.test(one) && !one.includes("ps -eo"));
}
