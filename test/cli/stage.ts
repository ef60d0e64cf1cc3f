/** A project in an empty folder and the real command line in it, as a person would use it: `bin/runner.js` in a process of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const bin = path.join(root, "bin/runner.js");
/** Where the command line keeps its compiled code; "" is below the project's own home. */
export const codeCache = process.env["RUNNER_TEST_CACHE"] ?? "";

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Where its stdout goes: read to the end, left unread, or a descriptor. */
type Stdout = "read" | "unread" | number;

export interface Stage {
  readonly dir: string;
  readonly stateDir: string;
  /** TMPDIR of the command line, and so of its turns. */
  readonly temporary: string;
  /** Writes a file of the project; an object is written as JSON. */
  write(file: string, content: unknown): void;
  /** Runs `runner ARGS` in the project to its end. */
  runner(args: readonly string[], env?: Readonly<Record<string, string>>, stdout?: Stdout): Promise<Ended>;
  start(args: readonly string[], env?: Readonly<Record<string, string>>, stdout?: Stdout): Running;
  /** Every byte below the folder (project, home and state), for looking for what must not be there. */
  everyByte(): string;
  close(): void;
}

export function stage(): Stage {
  const home = mkdtempSync(path.join(os.tmpdir(), "runner-cli-"));
  const dir = path.join(home, "project");
  const stateDir = path.join(home, "state", "runner");
  const temporary = path.join(home, "tmp");
  for (const folder of [path.join(dir, "jobs"), temporary]) mkdirSync(folder, { recursive: true });
  const start: Stage["start"] = (args, env = {}, target = "read") => {
    const child = spawn(process.execPath, [bin, ...args], {
      cwd: dir,
      stdio: ["ignore", typeof target === "number" ? target : "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: home,
        TMPDIR: temporary,
        XDG_STATE_HOME: path.join(home, "state"),
        XDG_CACHE_HOME: codeCache,
        ...env,
      },
    });
    let [stdout, stderr] = ["", ""];
    if (target === "read") child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const ended = new Promise<Ended>((resolve) => {
      // A stdout that nobody reads never closes, so its process's exit is the end.
      child.once(target === "unread" ? "exit" : "close", (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
    return { process: child, ended };
  };
  return {
    dir,
    stateDir,
    temporary,
    start,
    write(file, content) {
      const target = path.join(dir, file);
      mkdirSync(path.dirname(target), { recursive: true });
      writeFileSync(target, typeof content === "string" ? content : JSON.stringify(content, undefined, 2));
    },
    runner: (args, env, stdout) => start(args, env, stdout).ended,
    everyByte: () =>
      readdirSync(home, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), "latin1"))
        .join("\n"),
    close: () => rmSync(home, { recursive: true, force: true }),
  };
}

/** A job whose waits are short, so that a test does not wait. */
export function quickJob(
  over: { readonly payload?: object; readonly retry?: object; readonly limits?: object } & Record<string, unknown> = {},
): object {
  const { payload, retry, limits, ...rest } = over;
  return {
    name: "quick",
    payload: { kind: "agentTurn", message: "Say something.", model: "test/model-a", ...payload },
    retry: { maxAttempts: 1, delay: "5ms", maxDelay: "20ms", ...retry },
    limits: { triesPerCall: 8, maxWait: "200ms", ...limits },
    ...rest,
  };
}

/** A configuration whose provider `test` (and `other`) is at this address. */
export function configFor(url: string, over: object = {}): object {
  return {
    providers: {
      test: { baseUrl: url, dialect: "anthropic-messages", apiKey: "${TEST_API_KEY}", ...over },
      other: { baseUrl: `${url}/v1`, dialect: "openai-completions", apiKey: "${OTHER_API_KEY}" },
    },
  };
}

export const plantedKey = "sk-planted-0123456789abcdefghijklmnop";
export const keys = { TEST_API_KEY: plantedKey, OTHER_API_KEY: `${plantedKey}-other` };
