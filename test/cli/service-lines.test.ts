/** The lines that `runner install --systemd` writes, carried out as systemd carries them out: in no environment but theirs, in an odd folder. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { wordsOf } from "../../src/compose/service/systemd-words.ts";
import { notifySocket } from "./daemon/notify-socket.ts";
import { stage } from "./stage.ts";

it("a unit's ExecStart in an empty environment is ready, reloads, beats and stops, and a version manager's shim is not in it", async (context) => {
  const { socket, next } = await notifySocket(context);
  const project = stage();
  const home = path.dirname(project.dir);
  try {
    project.write("runner.config.json", {});
    project.write("jobs/yearly.json", { cron: "0 0 1 1 *", command: ["true"] });
    const dir = path.join(home, `my 100% "é" it's $HOME 日本`);
    renameSync(project.dir, dir);
    // As asdf, mise and Volta put one into PATH: a script that finds the Node of the folder it is started in.
    const shims = path.join(home, "shims");
    mkdirSync(shims);
    writeFileSync(path.join(shims, "node"), `#!/bin/sh\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
    const link = path.join(home, "current");
    symlinkSync(dir, link);
    mkdirSync(project.dir);
    const env = { PATH: `${shims}:${process.env["PATH"] ?? ""}` };
    const { stdout } = await project.runner(["install", "--systemd", "--dry-run", "--json", "-C", link], env);
    const { changes } = JSON.parse(stdout) as { changes: { target: string; text: string }[] };
    const unit = changes.find(({ target }) => target.endsWith(".service"))?.text ?? "";
    const values = (key: string): string[] =>
      [...unit.matchAll(new RegExp(`^\\+?${key}=(.*)$`, "gm"))].map(([, value = ""]) => value);
    const [program = "", ...args] = values("ExecStart").flatMap(wordsOf);
    expect(program).toBe(process.execPath);
    const written = Object.fromEntries(
      values("Environment")
        .flatMap(wordsOf)
        .map((one) => one.split(/=(.*)/s, 2) as [string, string]),
    );
    // What systemd itself adds.
    const own = { HOME: home, USER: "me", LOGNAME: "me", SHELL: "/bin/sh", NOTIFY_SOCKET: socket, WATCHDOG_USEC: "400000" };
    const [folder = ""] = values("WorkingDirectory").map((value) => value.replaceAll("%%", "%"));
    const child = spawn(program, args, { cwd: folder, env: { ...own, ...written }, stdio: ["ignore", "pipe", "pipe"] });
    context.onTestFinished(() => void child.kill("SIGKILL"));
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (said += text));
    const closed = once(child, "close");
    const told = async (...words: string[]): Promise<void> => {
      for (const word of words)
        for (let message = ""; !message.includes(word);) {
          message = await next();
          expect(message).toContain(`MAINPID=${child.pid}`);
        }
    };
    await told("READY=1", "WATCHDOG=1");
    child.kill("SIGHUP");
    await told("RELOADING=1", "READY=1", "WATCHDOG=1");
    child.kill("SIGTERM");
    await told("STOPPING=1");
    expect(await closed).toEqual([0, null]);
    expect(said).toContain(`project ${link}: 1 job`);
  } finally {
    project.close();
  }
});
