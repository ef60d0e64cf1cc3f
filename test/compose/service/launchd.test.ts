/** Property lists as a parser of property lists reads them. */
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { launchdPlist, stringsUnder } from "../../../src/compose/service/launchd.ts";
import { oddFolders, serviceOf } from "./facts.ts";

const read = `import json,plistlib,sys; json.dump(plistlib.loads(sys.stdin.buffer.read(), fmt=plistlib.FMT_XML), sys.stdout)`;
const python = ["/usr/bin/python3", "python3"].find((file) => spawnSync(file, ["-c", "import plistlib"]).status === 0);
if (python === undefined) process.stdout.write("skipped: there is no python3 here, whose plistlib reads property lists\n");

function parsed(text: string): unknown {
  const done = spawnSync(python ?? "", ["-c", read], { input: text, encoding: "utf8" });
  if (done.status !== 0) throw new Error(done.stderr);
  return JSON.parse(done.stdout);
}

describe.skipIf(python === undefined)("a property list", () => {
  const dir = oddFolders.join("");
  const service = serviceOf({ projectDir: dir, node: `${dir}/node`, environment: { PATH: dir }, keyFile: "/home/fpl/k & k.env" });

  it("holds what is to be started, in any folder", () => {
    expect(parsed(launchdPlist(service))).toMatchObject({
      Label: "turn-runner.fpl",
      ProgramArguments: [
        `${dir}/node`,
        "--env-file-if-exists=/home/fpl/k & k.env",
        "/srv/runner/bin/runner.js",
        "start",
        "-C",
        dir,
      ],
      WorkingDirectory: dir,
      EnvironmentVariables: { PATH: dir },
      KeepAlive: { SuccessfulExit: false },
      RunAtLoad: true,
      ThrottleInterval: 30,
      ExitTimeOut: 35,
      StandardErrorPath: "/home/fpl/Library/Logs/runner/fpl.log",
    });
  });

  it("of a tick begins each minute, and of the machine names the user", () => {
    const plist = parsed(launchdPlist({ ...service, tick: true, scope: "system" }));
    expect(plist).toMatchObject({ StartCalendarInterval: {}, UserName: "fpl" });
    expect(plist).not.toHaveProperty("KeepAlive");
  });
});

/** Keys of launchd.plist(5) of macOS 14; launchd passes over others in silence. */
const known = new Set(
  (
    "Label Disabled UserName GroupName inetdCompatibility LimitLoadToHosts LimitLoadFromHosts LimitLoadToSessionType Program BundleProgram " +
    "ProgramArguments EnableGlobbing EnableTransactions EnablePressuredExit KeepAlive RunAtLoad RootDirectory WorkingDirectory EnvironmentVariables " +
    "Umask TimeOut ExitTimeOut ThrottleInterval InitGroups WatchPaths QueueDirectories StartOnMount StartInterval StartCalendarInterval StandardInPath " +
    "StandardOutPath StandardErrorPath Debug WaitForDebugger SoftResourceLimits HardResourceLimits Nice ProcessType AbandonProcessGroup LowPriorityIO " +
    "LowPriorityBackgroundIO MaterializeDatalessFiles LaunchOnlyOnce MachServices Sockets LaunchEvents HopefullyExitsLast HopefullyExitsFirst " +
    "SessionCreate LegacyTimers AssociatedBundleIdentifiers"
  ).split(" "),
);
const inner: Readonly<Record<string, readonly string[]>> = {
  KeepAlive: ["SuccessfulExit", "NetworkState", "PathState", "OtherJobEnabled", "Crashed", "AfterInitialDemand"],
  HardResourceLimits: [
    "Core",
    "CPU",
    "Data",
    "FileSize",
    "MemoryLock",
    "NumberOfFiles",
    "NumberOfProcesses",
    "ResidentSetSize",
    "Stack",
  ],
  StartCalendarInterval: ["Minute", "Hour", "Day", "Weekday", "Month"],
};

describe.skipIf(python === undefined)("a property list has no key that launchd does not know", () => {
  it.each([false, true])("with tick: %j", (tick) => {
    const plist = new Map(Object.entries(parsed(launchdPlist(serviceOf({ tick, scope: "system" }))) ?? {}));
    expect([...plist.keys()].filter((key) => !known.has(key))).toEqual([]);
    for (const [key, keys] of Object.entries(inner))
      expect(Object.keys(plist.get(key) ?? {}).filter((one) => !keys.includes(one))).toEqual([]);
  });
});

it("what is installed is read back", () => {
  for (const dir of oddFolders) {
    const text = launchdPlist(serviceOf({ projectDir: dir, node: `${dir}/node` }));
    expect(stringsUnder(text, "WorkingDirectory")).toEqual([dir]);
    expect(stringsUnder(text, "ProgramArguments")).toContain(`${dir}/node`);
  }
});
