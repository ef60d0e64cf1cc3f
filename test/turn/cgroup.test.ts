/** The control group of an attempt: where one may be made, and that nothing gets out of it. The latter only where this machine gives us one. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { cgroupPlace, type CgroupFacts } from "../../src/turn/cgroup-place.ts";
import { leftoverCgroups, openCgroup } from "../../src/turn/attempt-cgroup.ts";
import { cgroupFor, cgroupWords } from "../../src/turn/cgroup-search.ts";
import { Cgroup } from "../../src/turn/cgroup.ts";
import { endLeftovers } from "../../src/turn/leftovers.ts";
import { carryOut, type ProcessPlan } from "../../src/turn/spawn.ts";
import { isRunning } from "./harness.ts";

const unified = "41 31 0:38 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw";
const facts = (changes: Partial<CgroupFacts> = {}): CgroupFacts => ({
  own: "0::/system.slice/runner.service\n",
  mounts: `22 1 0:20 / /proc rw - proc proc rw\n${unified}\n`,
  systemd: true,
  writable: () => true,
  delegated: () => Promise.resolve(true),
  ...changes,
});
const words = async (changes: Partial<CgroupFacts>) => cgroupWords(await cgroupPlace(facts(changes)));

describe("where a group may be made", () => {
  it("is below the unit of systemd that says so, also in a part of it, and of the user's own manager", async () => {
    const asked: (readonly [string, boolean])[] = [];
    const delegated = (unit: string, user: boolean): Promise<boolean> => {
      asked.push([unit, user]);
      return Promise.resolve(true);
    };
    expect(await words({ delegated })).toBe("below /sys/fs/cgroup/system.slice/runner.service");
    await cgroupPlace(facts({ delegated, own: "0::/system.slice/runner.service/main" }));
    await cgroupPlace(facts({ delegated, own: "0::/user.slice/user-7.slice/user@7.service/app.slice/runner.service" }));
    await cgroupPlace(facts({ delegated, own: "0::/user.slice/user-7.slice/user@7.service/init.scope" }));
    await cgroupPlace(facts({ delegated, own: "0::/user.slice/user-7.slice/session-3.scope" }));
    expect(asked).toEqual([
      ["runner.service", false],
      ["runner.service", false],
      ["runner.service", true],
      ["init.scope", true],
      ["session-3.scope", false],
    ]);
  });

  it("is nowhere in a unit that does not, though root could write there", async () => {
    expect(await words({ delegated: () => Promise.resolve(false) })).toBe("none: runner.service does not say Delegate=yes");
    expect(await words({ own: "0::/\n" })).toContain("in no unit of systemd");
  });

  it("is below our own group where nobody manages groups, as in a container", async () => {
    expect(await words({ systemd: false, own: "0::/" })).toBe("below /sys/fs/cgroup");
    const hybrid = "9:name=systemd:/\n0::/docker/a b\n";
    const mounts = "41 31 0:38 /docker/a\\040b /sys/fs/c\\040g rw - cgroup2 none rw";
    expect(await words({ systemd: false, own: hybrid, mounts })).toContain("none");
    expect(await words({ systemd: false, own: hybrid, mounts: mounts.replace("/docker/a\\040b", "/docker") })).toBe(
      "below /sys/fs/c g/a b",
    );
  });

  it("is nowhere without a right to write, or without version 2", async () => {
    expect(await words({ writable: () => false })).toBe("none: /sys/fs/cgroup/system.slice/runner.service is not writable");
    expect(await words({ own: "4:memory:/x\n" })).toBe("none: this system shows no cgroups of version 2");
    expect(await words({ mounts: "22 1 0:20 / /proc rw - proc proc rw" })).toBe(
      "none: this system shows no cgroups of version 2",
    );
    expect(cgroupWords(await cgroupFor({ RUNNER_CGROUP: "off" }))).toBe("none: it is switched off by RUNNER_CGROUP=off");
  });
});

const place = await cgroupFor({});
const below = place.kind === "cgroup" ? place.folder : "";
const groupsOf = (runId: string): string[] => readdirSync(below).filter((name) => name.includes(runId));

function planOf(runId: string, script: string, changes: Partial<ProcessPlan> = {}): ProcessPlan {
  return {
    file: "sh",
    args: ["-c", script],
    env: { PATH: process.env["PATH"] ?? "", RUNNER_RUN_ID: runId },
    cwd: "/",
    input: () => Promise.resolve(""),
    marker: { runId, attempt: 1 },
    givesResult: false,
    limits: { attemptMs: 20_000, killGraceMs: 300, resultBytes: 0, stdoutBytes: 10_000, stderrBytes: 10_000 },
    signal: new AbortController().signal,
    ...changes,
  };
}

describe.runIf(place.kind === "cgroup")("the group of a process", () => {
  it("holds it before its program begins, changes nothing else for it, and is gone afterwards", async () => {
    const runId = `run-${randomUUID()}`;
    const end = await carryOut(planOf(runId, "cat /proc/self/cgroup; echo; tr '\\0' '\\n' < /proc/self/environ; exit 7"));
    expect(end.stdout).toMatch(new RegExp(`^0::.*/runner-${runId}-1-.{6}$`, "m"));
    const environment = end.stdout.slice(end.stdout.indexOf("\n\n")).trim().split("\n");
    expect(environment.filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line))).toEqual([
      `PATH=${process.env["PATH"]}`,
      `RUNNER_RUN_ID=${runId}`,
    ]);
    expect([end.cause, end.exit, end.cleanup]).toEqual(["exit", { code: 7, signal: undefined }, { killed: 0, confirmed: true }]);
    expect(groupsOf(runId)).toEqual([]);
  });

  it("is not left by a process that shakes off everything else: session, parent, environment and pipes", async () => {
    const runId = `run-${randomUUID()}`;
    const shaken =
      "setsid env -i setsid sh -c 'trap \"\" TERM; echo $$ > /tmp/'$RUNNER_RUN_ID'; while :; do sleep 1; done' </dev/null >/dev/null 2>&1 &";
    const end = await carryOut(planOf(runId, `${shaken} while ! test -s /tmp/$RUNNER_RUN_ID; do sleep 0.01; done`));
    const pid = Number(readFileSync(`/tmp/${runId}`, "utf8"));
    rmSync(`/tmp/${runId}`);
    expect(pid).toBeGreaterThan(1);
    expect(isRunning(pid)).toBe(false);
    expect(end.cleanup.confirmed).toBe(true);
    expect(end.cleanup.killed).toBeGreaterThanOrEqual(1);
    expect(groupsOf(runId)).toEqual([]);
  });

  it("is emptied and removed when its runner has died, of the run and attempt that is meant", async () => {
    const runId = `run-${randomUUID()}`;
    const group = await openCgroup({ runId, attempt: 2 }, { file: "sh", args: [] }, "/", { PATH: process.env["PATH"] }, {});
    if (group === undefined) throw new Error("there is no group");
    const { spawn } = await import("node:child_process");
    const { file, args } = group.entering({ file: "sh", args: ["-c", "echo ready; exec sleep 1000"] }, {});
    const child = spawn(file, [...args], { env: {}, detached: true, stdio: ["ignore", "pipe", "ignore"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    mkdirSync(join(group.folder, "made-by-the-turn"));
    expect(await leftoverCgroups({ runId, attempt: 1 }, {})).toEqual([]);
    expect(await leftoverCgroups({ runId: runId.slice(0, -1) }, {})).toEqual([]);
    expect(await endLeftovers({ runId }, 1_000, {})).toEqual({ killed: 1, confirmed: true });
    expect(isRunning(child.pid ?? 0)).toBe(false);
    expect(existsSync(group.folder)).toBe(false);
  });

  it("is not made for a program that is not there, which fails as ever", async () => {
    const runId = `run-${randomUUID()}`;
    const end = await carryOut(planOf(runId, "", { file: "no-such-program" }));
    expect(end.cause).toBe("not_started");
    expect(end.startError).toContain("ENOENT");
    expect(groupsOf(runId)).toEqual([]);
  });

  it("kills what forks faster than anybody looks", async () => {
    const runId = `run-${randomUUID()}`;
    const storm =
      "trap '' TERM; f() { (f) & }; i=0; while [ $i -lt 30 ]; do (trap '' TERM; while :; do (sleep 0.01 &) ; done) & i=$((i+1)); done; sleep 0.2";
    const end = await carryOut(planOf(runId, storm));
    expect(end.cleanup.confirmed).toBe(true);
    expect(groupsOf(runId)).toEqual([]);
  });
});

it.runIf(place.kind === "cgroup")("has nothing to do with the groups of others", () => {
  const folder = join(below, `others-${randomUUID()}`);
  mkdirSync(folder);
  const group = new Cgroup(folder);
  expect([group.pids(), group.isPopulated()]).toEqual([[], false]);
  expect(group.remove()).toBe(true);
  expect(group.remove()).toBe(true);
  expect([existsSync(folder), group.pids()]).toEqual([false, []]);
});
