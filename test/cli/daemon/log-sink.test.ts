/** A real process whose stderr nobody reads, is read late, is closed, or is a full disk. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { programFile } from "../../fixtures/programs.ts";

const program = programFile("log-flood");
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

function flood(lines: number): ChildProcess {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, String(lines)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  started.push(child);
  return child;
}

async function written(child: ChildProcess): Promise<void> {
  const [text] = await once(child.stdout ?? child, "data");
  expect(String(text)).toBe("written\n");
}

describe("a log whose reader does not read", () => {
  it("keeps nobody waiting, keeps a bounded part, and says how much was lost when it is read again", async () => {
    const child = flood(5_000);
    // 5 MB went to a pipe of 64 KiB that nobody has read yet.
    await written(child);
    let text = "";
    child.stderr?.setEncoding("utf8").on("data", (more: string) => (text += more));
    const first = Promise.withResolvers<void>();
    child.stderr?.on("data", () => text.length > 1_000_000 && first.resolve());
    await first.promise;
    child.stdin?.write("go\n");
    const [code] = await once(child, "close");
    expect(code).toBe(0);
    const lines = text.trimEnd().split("\n");
    expect(lines.at(-1)).toBe("the last line");
    const kept = lines.filter((line) => line.startsWith("0"));
    expect(lines.at(-2)).toBe(`${5_000 - kept.length} lines of the log lost: nobody took them`);
    // Whole lines, in order, from the first one on.
    expect(kept.map((line) => Number(line.slice(0, 8)))).toEqual(kept.map((_, at) => at));
    expect(kept.every((line) => line.length === 999)).toBe(true);
  });

  it("goes on when its reader has gone", async () => {
    const child = flood(10);
    child.stderr?.destroy();
    await written(child);
    child.stdin?.write("go\n");
    const [code] = await once(child, "close");
    expect(code).toBe(0);
  });

  it("goes on when the disk is full", (context) => {
    if (!existsSync("/dev/full")) context.skip("this system has no /dev/full");
    const shell = `exec "$0" --disable-warning=ExperimentalWarning "$1" 10 2>/dev/full`;
    const { status, stdout } = spawnSync("sh", ["-c", shell, process.execPath, program], { input: "go\n", encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "written\n" });
  });
});
