/** `runner install` and `uninstall`: what they write, what they refuse, and that everything else stays as it was. */
import { execFileSync, spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startSimulatedProvider } from "../../src/provider/script.ts";
import { configFor, keys, plantedKey, quickJob, stage, type Stage } from "./stage.ts";

let project: Stage;
let home = "";
let programs = "";

/** Programs of the machine, as far as they are asked: they note how they were called, and with which environment. */
const fixtures: Readonly<Record<string, string>> = {
  crontab: `case "$1" in
-l) if [ -e "$at/crontab" ]; then exec cat "$at/crontab"; fi; echo "no crontab for someone" >&2; exit 1 ;;
-r) rm "$at/crontab" ;;
-) cat > "$at/crontab.new" && mv "$at/crontab.new" "$at/crontab" ;;
esac`,
  systemctl: `echo "$*" >> "$at/calls"; case "$*" in *is-system-running) cat "$at/system-state" 2>/dev/null || echo running ;; esac`,
  launchctl: `echo "$*" >> "$at/calls"`,
};
const offline = (): void => writeFileSync(path.join(home, "system-state"), "offline\n");
/** What each of them found in its environment, one variable a line. */
const environments = (): string => readFileSync(path.join(home, "environments"), "utf8");

beforeEach(() => {
  project = stage();
  home = path.dirname(project.dir);
  programs = path.join(home, "programs");
  mkdirSync(programs);
  for (const [name, text] of Object.entries(fixtures)) {
    writeFileSync(path.join(programs, name), `#!/bin/sh\nat="\${0%/*}/.."\nenv >> "$at/environments"\n${text}\n`);
    chmodSync(path.join(programs, name), 0o755);
  }
  project.write("runner.config.json", configFor("http://127.0.0.1:9"));
  project.write("jobs/quick.json", quickJob({ schedule: { kind: "cron", expr: "0 7 * * *" } }));
});
afterEach(() => project.close());

const crontabFile = (): string => path.join(home, "crontab");
const keyFile = (): string => path.join(home, ".config/runner/project.env");
const unitFolder = (): string => path.join(home, ".config/systemd/user");
const calls = (): string[] =>
  existsSync(path.join(home, "calls")) ? readFileSync(path.join(home, "calls"), "utf8").trim().split("\n") : [];

function machine(over: Readonly<Record<string, string>> = {}) {
  return {
    PATH: `${programs}:${process.env["PATH"] ?? ""}`,
    ...over,
  };
}

function giveKeys(mode = 0o600): void {
  mkdirSync(path.dirname(keyFile()), { recursive: true });
  writeFileSync(keyFile(), `TEST_API_KEY=${keys.TEST_API_KEY}\n`, { mode });
}

async function document(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await project.runner([...args, "--json"], machine(env));
  return {
    code,
    stdout,
    stderr,
    ...(JSON.parse(stdout) as {
      problems?: { name: string; message: string; remedy?: string }[];
      changes: { target: string; action: string; text: string }[];
      next: string[];
      ran: { ok: boolean }[];
      written?: boolean;
      removed?: boolean;
    }),
  };
}

describe("install --systemd", () => {
  it("shows a diff, writes the unit and a key file, and says what puts it in force", async () => {
    giveKeys();
    const { code, stdout, stderr } = await project.runner(["install", "--systemd"], machine());
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("the ledger is ") as string });
    expect(stdout).toContain(`+++ ${unitFolder()}/runner-project.service`);
    expect(stdout).toMatch(/^\+ExecStart=\/\S+\/node \/\S+runner\.js start -C \S+\/project$/m);
    expect(stdout).toContain("systemctl --user enable runner-project.service");
    expect(readdirSync(unitFolder())).toEqual(["runner-project.service"]);
    expect(calls()).toEqual(["--user is-system-running"]);
    const again = await project.runner(["install", "--systemd"], machine());
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing was changed") as string });
  });

  it("--now runs what puts it in force, and uninstall --now ends it first", async () => {
    giveKeys();
    expect(await document(["install", "--systemd", "--now"])).toMatchObject({ code: 0, written: true });
    expect(calls().slice(1)).toEqual([
      "--user daemon-reload",
      "--user enable runner-project.service",
      "--user restart runner-project.service",
    ]);
    const removed = await document(["uninstall", "--now"]);
    expect(removed.code).toBe(0);
    expect(calls().slice(4)).toEqual(["--user stop runner-project.service", "--user daemon-reload"]);
    expect(readdirSync(unitFolder())).toEqual([]);
    // What a person wrote stays.
    expect(readFileSync(keyFile(), "utf8")).toContain(keys.TEST_API_KEY);
  });

  it("goes from a daemon to a timer and back, and leaves nothing of the other", async () => {
    giveKeys();
    await document(["install", "--systemd", "--tick"]);
    expect(readdirSync(unitFolder()).toSorted()).toEqual(["runner-project.service", "runner-project.timer"]);
    const back = await document(["install", "--systemd"]);
    expect(back.next[0]).toBe("systemctl --user stop runner-project.timer");
    // systemd lets a running daemon be when its unit becomes one for a timer, and the timer then waits for its end.
    const there = calls().length;
    await document(["install", "--systemd", "--tick", "--now"]);
    expect(calls()[there + 1]).toBe("--user stop runner-project.service");
    expect((await document(["install", "--systemd", "--tick", "--now"])).ran.length).toBe(3);
    await document(["install", "--systemd"]);
    expect(readdirSync(unitFolder())).toEqual(["runner-project.service"]);
  });

  it("refuses a key that the service would not have, names the file, and writes nothing", async () => {
    const { code, problems, changes } = await document(["install", "--systemd"], keys);
    expect({ code, changes, there: existsSync(unitFolder()) }).toEqual({ code: 77, changes: [], there: false });
    expect(problems).toMatchObject([{ name: "TEST_API_KEY" }]);
    expect(problems?.[0]?.remedy).toContain(`echo "TEST_API_KEY='$TEST_API_KEY'" >> ${keyFile()}`);
    // The remedy, as it stands, is one.
    const line = problems?.[0]?.remedy?.slice((problems[0].remedy?.indexOf(": ") ?? 0) + 2) ?? "";
    execFileSync("/bin/sh", ["-c", line], { env: keys });
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
    expect(await document(["install", "--systemd"])).toMatchObject({ code: 0, written: true });
    expect(readFileSync(path.join(unitFolder(), "runner-project.service"), "utf8")).not.toContain(plantedKey);
  });

  it.each([
    ["a key file others can read", () => giveKeys(0o644), {}, 77, /can be read by others/, /chmod 600/],
    ["a machine without systemd", offlineWithKeys, {}, 78, /not started by systemd/, /--crontab/],
    ["another project's unit of that name", otherUnit, {}, 78, /belongs to the project \/elsewhere/, /--name/],
    ["a program that is not in the service's PATH", needsProgram, {}, 78, /not in PATH/, /PATH/],
  ] as const)("refuses %s, with the remedy", async (_, prepare, env, code, message, remedy) => {
    prepare();
    const found = await document(["install", "--systemd"], env);
    expect(found).toMatchObject({ code, written: false });
    expect(found.problems?.[0]?.message).toMatch(message);
    expect(found.problems?.[0]?.remedy).toMatch(remedy);
  });

  it.each([
    ["--crontab", "TEST_API_KEY=secret#part", 'Node reads TEST_API_KEY up to its "#" only'],
    ["--systemd", "TEST_API_KEY=secret\\part", "systemd takes the backslash out of TEST_API_KEY"],
    ["--systemd", "export TEST_API_KEY=secretpart", 'systemd knows no "export"'],
    ["--launchd", `TEST_API_KEY="secret'\\"part`, "the quotation of TEST_API_KEY is not read alike"],
    ["--systemd", "TEST_API_KEY=a\nsecretpart", "line 2 of"],
  ])("%s refuses a key file whose line would be read as another value, and shows nothing of it", async (manager, line, words) => {
    giveKeys();
    writeFileSync(keyFile(), `${line}\n`);
    const { code, problems, stdout } = await document(["install", manager]);
    expect(problems?.map(({ message }) => message).join("\n")).toContain(words);
    expect({ code, shown: stdout.includes("secret") }).toEqual({ code: 78, shown: false });
    // What both read alike is taken.
    writeFileSync(keyFile(), "TEST_API_KEY='secret#\\part'\n# secret # comment\n");
    expect((await document(["install", manager, "--dry-run"])).problems?.filter(({ name }) => name === "key file")).toEqual([]);
  });

  it("refuses a project that does not validate, with its problems", async () => {
    project.write("jobs/broken.json", '{ "schedule": "soon" }');
    const { code, stderr } = await project.runner(["install", "--systemd"], machine());
    expect({ code, stderr }).toMatchObject({ code: 78, stderr: expect.stringContaining("jobs/broken.json:1") as string });
  });

  it("--dry-run writes nothing, needs no systemd, and its exit code says what is in the way", async () => {
    offline();
    expect(await document(["install", "--systemd", "--dry-run"])).toMatchObject({ code: 77, written: false });
    giveKeys();
    const { code, changes } = await document(["install", "--systemd", "--dry-run"]);
    expect({ code, there: existsSync(unitFolder()) }).toEqual({ code: 0, there: false });
    expect(changes[0]).toMatchObject({ action: "create", text: expect.stringContaining("Type=") as string });
  });
});

function offlineWithKeys(): void {
  giveKeys();
  offline();
}

function otherUnit(): void {
  giveKeys();
  mkdirSync(unitFolder(), { recursive: true });
  writeFileSync(path.join(unitFolder(), "runner-project.service"), "# Made by `runner install` for the project /elsewhere\n");
}

function needsProgram(): void {
  giveKeys();
  project.write(
    "jobs/quick.json",
    quickJob({ payload: { kind: "command", argv: ["no-such-program-anywhere"], message: undefined, model: undefined } }),
  );
}

describe("install --launchd", () => {
  it("writes the agent, makes the folder of its log, and starts it with --now", async () => {
    giveKeys();
    execFileSync("mv", [keyFile(), path.join(path.dirname(keyFile()), "fpl.env")]);
    const { code } = await document(["install", "--launchd", "--now", "--name", "fpl"]);
    const file = path.join(home, "Library/LaunchAgents/turn-runner.fpl.plist");
    expect({ code, log: existsSync(path.join(home, "Library/Logs/runner")) }).toEqual({ code: 0, log: true });
    expect(calls()).toEqual([`bootstrap gui/${os.userInfo().uid} ${file}`]);
    expect(await document(["uninstall"])).toMatchObject({
      code: 0,
      next: [expect.stringMatching(/^launchctl bootout gui\/\d+\/turn-runner\.fpl$/) as string],
    });
    expect(existsSync(file)).toBe(false);
  });
});

/** Not all of it is UTF-8, and it holds a key of somebody else's. */
const mine = Buffer.concat([
  Buffer.from("MAILTO=me\nOTHER_API_KEY=sk-somebody-elses-0123456789\n# caf"),
  Buffer.from([0xe9]),
  Buffer.from("\n0 4 * * * true %x\n"),
]);

describe("install --crontab", () => {
  it("adds one line and takes it away again; the rest stays byte for byte and is shown to nobody", async () => {
    giveKeys();
    writeFileSync(crontabFile(), mine);
    const installed = await project.runner(["install", "--crontab"], machine());
    expect(installed.code).toBe(0);
    expect(installed.stdout + installed.stderr).not.toContain("sk-somebody");
    const first = readFileSync(crontabFile());
    expect(first.subarray(0, mine.length).equals(mine)).toBe(true);
    const found = await document(["install", "--crontab"]);
    expect(found).toMatchObject({ code: 0, written: false, changes: [{ action: "none" }] });
    expect(found.stdout).not.toContain("sk-somebody");
    expect(readFileSync(crontabFile()).equals(first)).toBe(true);
    await project.runner(["uninstall", "--crontab"], machine());
    expect(readFileSync(crontabFile()).equals(mine)).toBe(true);
  });

  it("makes a crontab where there is none, with keys that stand in the crontab's own lines, and leaves none behind", async () => {
    expect(await document(["install", "--crontab"])).toMatchObject({ code: 77 });
    writeFileSync(crontabFile(), `TEST_API_KEY=${keys.TEST_API_KEY}\n`);
    expect(await document(["install", "--crontab"])).toMatchObject({ code: 0 });
    giveKeys();
    execFileSync("rm", [crontabFile()]);
    expect(await document(["install", "--crontab"])).toMatchObject({ code: 0, written: true });
    await document(["uninstall"]);
    expect(existsSync(crontabFile())).toBe(false);
  });

  it("works as cron starts it: /bin/sh, no profile, nothing in the environment", async () => {
    const provider = await startSimulatedProvider({});
    try {
      giveKeys();
      project.write("runner.config.json", configFor(provider.url));
      project.write("jobs/quick.json", quickJob({ schedule: { kind: "every", everyMs: 1_000 } }));
      expect(await project.runner(["install", "--crontab"], machine())).toMatchObject({ code: 0 });
      const lines = readFileSync(crontabFile(), "utf8").split("\n");
      const line = lines.find((one) => one.startsWith("* * * * * ")) ?? "";
      const command = line.slice("* * * * * ".length).replaceAll("\\%", "%");
      const cron = ["-i", `HOME=${home}`, "LOGNAME=me", "SHELL=/bin/sh", "PATH=/usr/bin:/bin", "/bin/sh", "-c", command];
      // The first minute arms the job; one of the next finds a second of it that is due.
      for (let minute = 0; minute < 20 && provider.requests === 0; minute++) {
        const done = await ended(spawn("env", cron, { cwd: "/", stdio: ["ignore", "pipe", "pipe"] }));
        expect(done).toEqual({ code: 0, said: "" });
      }
      const { stdout } = await project.runner(["history", "--json"], machine());
      const { runs } = JSON.parse(stdout) as { runs: { status: string; trigger: string }[] };
      expect(runs).toContainEqual(expect.objectContaining({ status: "succeeded" }));
    } finally {
      await provider.close();
    }
  });

  it.each([
    ["says why it may not be used", `echo "You (me) are not allowed to use this program" >&2; exit 1`, /not allowed/],
    ["does not take the new one", `[ "$1" = -l ] && exit 0; echo "bad minute" >&2; exit 1`, /bad minute/],
  ])("a crontab(1) that %s", async (_, script, words) => {
    giveKeys();
    writeFileSync(path.join(programs, "crontab"), `#!/bin/sh\n${script}\n`);
    const { code, stderr } = await project.runner(["install", "--crontab"], machine());
    expect({ code, stderr }).toEqual({ code: 78, stderr: expect.stringMatching(words) as string });
    // All or nothing: the key file was there before, and nothing else was made.
    expect(readdirSync(path.dirname(keyFile()))).toEqual(["project.env"]);
  });
});

/** What a process says on both streams, and how it ends. */
async function ended(child: ChildProcessByStdio<null, Readable, Readable>): Promise<{ code: number | null; said: string }> {
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, said };
}

it.each(["--systemd", "--launchd", "--crontab"])(
  "%s carries a HOME that is not the one of passwd(5), which names the ledger",
  async (manager) => {
    giveKeys();
    const { changes } = await document(["install", manager]);
    const text = changes.map((change) => change.text).join("");
    expect(text).toMatch(new RegExp(`[ =]HOME=${home}[ \n]|<key>HOME</key>\\s*<string>${home}<`));
    const own = await document(["install", manager, "--dry-run"], { HOME: os.userInfo().homedir });
    expect(own.changes.map((change) => change.text).join("")).not.toMatch(/[ =]HOME=|<key>HOME</);
  },
);

describe("a project under a link", () => {
  it.each(["--systemd", "--launchd", "--crontab"])(
    "%s is found by either of its paths, made once, and taken away",
    async (manager) => {
      giveKeys();
      const link = path.join(home, "current");
      symlinkSync(project.dir, link);
      const here = await document(["install", manager, "--name", "project"]);
      expect(here.written).toBe(true);
      const again = await document(["install", manager, "--name", "project", "-C", link]);
      expect({ code: again.code, problems: again.problems }).toEqual({ code: 0, problems: here.problems });
      const text = manager === "--crontab" ? readFileSync(crontabFile(), "utf8") : "";
      expect(text.match(/>>> runner install/g) ?? []).toHaveLength(manager === "--crontab" ? 1 : 0);
      const unit = again.changes.map((change) => change.text).join("");
      expect(unit).toContain(` -C ${link}`.slice(manager === "--launchd" ? 4 : 0));
      // From the folder itself, whose path no link is part of.
      const removed = await document(["uninstall"]);
      expect(removed).toMatchObject({ code: 0, removed: true });
      expect((await project.runner(["uninstall", "-C", link], machine())).stderr).toContain("Nothing is installed");
    },
  );

  it("says that a service keeps to the folder behind the link it was reached by", async () => {
    giveKeys();
    const link = path.join(home, "current");
    symlinkSync(project.dir, link);
    const { stderr } = await project.runner(["install", "--systemd", "--dry-run"], machine({ PWD: link }));
    expect(stderr).toContain(`The service names ${project.dir}, to which ${link} leads now`);
    expect(stderr).toContain(`-C ${link}`);
    const { stderr: plain } = await project.runner(["install", "--systemd", "--dry-run"], machine({ PWD: project.dir }));
    expect(plain).not.toContain("leads now");
  });
});

describe("the machine's programs", () => {
  it("find no key in their environment, and the way to the user's systemd", async () => {
    giveKeys();
    const bus = { XDG_RUNTIME_DIR: "/run/user/4711", DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/4711/bus" };
    const env = machine({ ...keys, LC_API_KEY: plantedKey, ...bus });
    for (const args of [
      ["install", "--systemd", "--now"],
      ["install", "--crontab"],
      ["install", "--launchd", "--now"],
      ["uninstall"],
      ["import", "crontab", "--dry-run"],
    ])
      await project.runner(args, env);
    const found = environments();
    expect(found).not.toContain(plantedKey);
    const names = new Set(found.split("\n").map((line) => line.split("=")[0] ?? ""));
    // `PWD`, `SHLVL`, `OLDPWD` and `_` are the shell's own.
    expect(
      [...names].filter((name) => !/^(?:PATH|HOME|USER|LOGNAME|LC_ALL|TZ|PWD|OLDPWD|SHLVL|_|)$/.test(name)).toSorted(),
    ).toEqual(Object.keys(bus).toSorted());
  });
});

describe("wrong use", () => {
  it.each([
    [["install"], /--systemd, --launchd or --crontab/],
    [["install", "--systemd", "--crontab"], /one of them is enough/],
    [["install", "--crontab", "--system"], /user's own/],
    [["install", "--systemd", "--user", "--system"], /one or the other/],
    [["install", "--systemd", "--name", "a b"], /no name of a service/],
    [["install", "--systemd", "--run-as", "me"], /goes with --system/],
    [["install", "--systemd", "--system", "--run-as", "no-such-user-here"], /no user "no-such-user-here"/],
  ])("%j", async (args, words) => {
    const { code, stderr } = await project.runner(args, machine());
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(words) as string });
  });

  it("uninstall where nothing is installed says so", async () => {
    const { code, stderr } = await project.runner(["uninstall"], machine());
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("Nothing is installed") as string });
  });
});
