/** Units as systemd itself reads them: verified, and every path and variable through it unchanged. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Service } from "../../../src/compose/service/service.ts";
import { assignment, execLine, wordsOf } from "../../../src/compose/service/systemd-words.ts";
import { systemdUnits } from "../../../src/compose/service/systemd.ts";
import { oddFolders, serviceOf } from "./facts.ts";

const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
const manager = ["/lib/systemd/systemd", "/usr/lib/systemd/systemd"].find((file) => existsSync(file));
if (!analyze) process.stdout.write("skipped: there is no systemd-analyze here, so no unit was verified\n");
if (manager === undefined) process.stdout.write("skipped: there is no systemd here, so how it reads units was not looked at\n");

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "runner-units-"));
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes the units into a folder of their own, with programs that exist. */
function written(name: string, service: Service): string {
  const own = path.join(folder, name);
  mkdirSync(own);
  for (const { file, text } of systemdUnits(service)) writeFileSync(path.join(own, file), text);
  return own;
}

describe.skipIf(!analyze)("systemd-analyze verify", () => {
  const cases: Record<string, Partial<Service>> = {
    daemon: {},
    "daemon of the machine": { scope: "system", user: { name: "root", uid: 0, gid: 0, home: "/root" } },
    "without systemd-notify": { notifies: false },
    tick: { tick: true },
    "tick of the machine": { tick: true, scope: "system", user: { name: "root", uid: 0, gid: 0, home: "/root" } },
    "odd paths": { projectDir: oddFolders.join(""), keyFile: `${oddFolders.join("")}/k.env`, options: ["--state-dir", "/a b%c"] },
  };
  it.each(Object.entries(cases))("%s: nothing to say", (name, over) => {
    const service = serviceOf({ name: "verified", ...over });
    const own = written(`verify ${name}`, service);
    const files = systemdUnits(service).map(({ file }) => path.join(own, file));
    const args = [...(service.scope === "user" ? ["--user"] : []), "--man=no", "verify", ...files];
    const done = spawnSync("systemd-analyze", args, { encoding: "utf8", env: { ...process.env, XDG_RUNTIME_DIR: folder } });
    const about = done.stderr.split("\n").filter((line) => line.includes("verified") || line.includes(own));
    expect({ status: done.status, about }).toEqual({ status: 0, about: [] });
  });
});

/** What systemd has read of these units, by name, from the dump of its test mode, which it refuses to root. */
function readBySystemd(own: string, units: readonly string[]): Map<string, string> {
  writeFileSync(path.join(own, "all.target"), `[Unit]\nWants=${units.join(" ")}\n`);
  const env = { HOME: folder, XDG_RUNTIME_DIR: folder, SYSTEMD_UNIT_PATH: `${own}:`, PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" };
  const who = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const args = ["--user", "--test", "--unit=all.target"];
  const done = spawnSync(manager ?? "", args, { encoding: "utf8", env, ...who, maxBuffer: 32 * 1024 * 1024 });
  const parts = (done.stdout + done.stderr).split(/^\t?-> Unit /m);
  return new Map(parts.map((part) => [part.slice(0, part.indexOf(":\n")), part]));
}

const nodeIn = (dir: string): string => path.join(folder, `bin-${oddFolders.indexOf(dir)}`, dir, "node");

describe.skipIf(manager === undefined)("systemd reads", () => {
  let read = new Map<string, string>();
  beforeAll(() => {
    const own = path.join(folder, "read");
    mkdirSync(own);
    const names = oddFolders.map((dir, at) => {
      // A program that is there, in a folder of that name.
      const node = nodeIn(dir);
      mkdirSync(path.dirname(node), { recursive: true });
      symlinkSync(process.execPath, node);
      const environment = { PATH: dir, TZ: "Europe/London" };
      const service = serviceOf({ name: String(at), projectDir: dir, node, entry: `${dir}/runner.js`, environment });
      for (const { file, text } of systemdUnits(service)) writeFileSync(path.join(own, file), text);
      return `runner-${at}.service`;
    });
    read = readBySystemd(own, names);
  });

  it.each(oddFolders)("%s unchanged", (dir) => {
    const text = read.get(`runner-${oddFolders.indexOf(dir)}.service`) ?? "";
    expect(text.match(/^\t*WorkingDirectory: (.*)$/m)?.[1]).toBe(dir);
    expect([...text.matchAll(/^\t*Environment: (.*)$/gm)].map(([, value]) => value)).toEqual([`PATH=${dir}`, "TZ=Europe/London"]);
    // The dump is written for a shell, and before variables are put in, where $$ becomes $.
    const line = /-> ExecStart:\n\t*Command Line: (.*)$/m.exec(text)?.[1] ?? "";
    const print = `exec '${process.execPath}' -e 'console.log(JSON.stringify(process.argv.slice(1)))' -- ${line}`;
    const env = { LC_ALL: "C.UTF-8" };
    const words = JSON.parse(execFileSync("bash", ["--norc", "-c", print], { encoding: "utf8", env })) as string[];
    const [program = "", ...args] = words;
    const plain = [program, ...args.map((word) => word.replaceAll("$$", "$"))];
    const started = program === "/usr/bin/env" ? plain.slice(1) : plain;
    expect(started).toEqual([nodeIn(dir), `${dir}/runner.js`, "start", "-C", dir]);
  });

  it("limits and stops as they are meant", () => {
    const text = read.get("runner-0.service") ?? "";
    for (const [key, value] of Object.entries({ Type: "notify", KillMode: "mixed", Restart: "on-failure", NotifyAccess: "all" }))
      expect(text).toMatch(new RegExp(`^\\t*${key}: ${value}$`, "m"));
    expect(text).toMatch(/^\t*TimeoutStopSec: 35s$/m);
    expect(text).toMatch(/^\t*LimitCORE: 0$/m);
    // A signal would be said to be sent, whatever becomes of it: systemd.service(5), ExecReload=.
    expect(text).toMatch(/-> ExecReload:\n\t*Command Line: .*runner\.js"? reload -C /m);
  });
});

describe("words of units", () => {
  const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }).filter((text) => !/\p{Cc}/u.test(text));
  it("come back as they were written", () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (args) => {
        expect(wordsOf(execLine(["/bin/x", ...args]))).toEqual(["/bin/x", ...args]);
      }),
    );
    fc.assert(
      fc.property(word, (value) => {
        expect(wordsOf(assignment("NAME", value))).toEqual([`NAME=${value}`]);
      }),
    );
  });
});
