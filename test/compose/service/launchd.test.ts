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

it("what is installed is read back", () => {
  for (const dir of oddFolders) {
    const text = launchdPlist(serviceOf({ projectDir: dir, node: `${dir}/node` }));
    expect(stringsUnder(text, "WorkingDirectory")).toEqual([dir]);
    expect(stringsUnder(text, "ProgramArguments")).toContain(`${dir}/node`);
  }
});
