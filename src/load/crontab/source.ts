/** Where a crontab is read from: a file, stdin, or the user's own by crontab(1); and who its users are. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { basename, dirname, resolve } from "node:path";
import { JobError, UsageError } from "../../errors.ts";
import { readableEnvironment } from "../../job/chosen-environment.ts";
import { maxFileBytes } from "../document.ts";
import type { Environment } from "../folders.ts";
import type { CronUser } from "./draft.ts";

export interface CrontabSource {
  readonly text: string;
  /** For messages: the file as it was named, or where else it came from. */
  readonly file: string;
  /** It lies where the crontabs of the system do, so a user stands before each command. */
  readonly system: boolean;
  /** Others may not read it: a command in it may hold a password that nobody can tell from a word. */
  readonly private: boolean;
  /** cron itself would pass over the file. */
  readonly passedOver?: string;
}

/**
 * @param file A path, `-` for stdin; absent: the user's own crontab.
 * @throws UsageError or JobError in words if there is none, or it cannot be read.
 */
export function readCrontabSource(file: string | undefined, cwd: string, env: Environment): CrontabSource {
  if (file === undefined) return { text: ownCrontab(env), file: "crontab -l", system: false, private: true };
  if (file === "-") return { text: bounded(readUpToLimit(0), "stdin"), file: "stdin", system: false, private: true };
  const path = resolve(cwd, file);
  const facts = statSync(path, { throwIfNoEntry: false });
  if (facts === undefined) throw new UsageError(`there is no file ${JSON.stringify(file)}`);
  if (facts.isDirectory())
    throw new UsageError(`${JSON.stringify(file)} is a folder`, {
      suggestion: "Name one crontab in it, or several one after the other.",
    });
  const inFolder = dirname(path) === "/etc/cron.d";
  const odd = inFolder && !/^[A-Za-z0-9_-]+$/.test(basename(path));
  return {
    text: bounded(read(path, file), file),
    file,
    private: (facts.mode & 0o044) === 0,
    system: inFolder || path === "/etc/crontab",
    ...(odd ? { passedOver: "Debian's cron passes over files in /etc/cron.d with such a name" } : {}),
  };
}

function read(path: string, file: string): Buffer {
  let open: number | undefined;
  try {
    open = openSync(path, "r");
    return readUpToLimit(open);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    const message = code === "EACCES" ? "may not be read by this user" : `cannot be read: ${code}`;
    throw new JobError([{ file, path: "", message }], { cause: error });
  } finally {
    if (open !== undefined) closeSync(open);
  }
}

/** To its end, or one byte further than is allowed: a pipe is as good as a file (`<(ssh host crontab -l)`), and a device may have no end. */
function readUpToLimit(descriptor: number): Buffer {
  const bytes = Buffer.alloc(maxFileBytes + 1);
  let length = 0;
  while (length < bytes.length) {
    const got = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (got === 0) break;
    length += got;
  }
  return bytes.subarray(0, length);
}

/** What is not UTF-8 becomes U+FFFD, so that a comment in another encoding is no hindrance. */
function bounded(bytes: Buffer, file: string): string {
  if (bytes.length > maxFileBytes)
    throw new JobError([{ file, path: "", message: `has more than ${maxFileBytes} bytes`, suggestion: "is this a crontab?" }]);
  return bytes.toString("utf8").replace(/^\uFEFF/, "");
}

function ownCrontab(env: Environment): string {
  try {
    const bytes = execFileSync("crontab", ["-l"], {
      env: readableEnvironment(env),
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 10_000,
      maxBuffer: 4 * maxFileBytes,
    });
    return bounded(bytes, "crontab -l");
  } catch (error) {
    if (error instanceof JobError) throw error;
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim().split("\n")[0] : "";
    throw new UsageError(missing ? "there is no program crontab here" : `crontab -l: ${said === "" ? "failed" : said}`, {
      cause: error,
      suggestion: "Name a file: runner import crontab FILE, or - for stdin.",
    });
  }
}

/** The user who imports. */
export function ownUser(): CronUser {
  const { username, homedir } = userInfo();
  return { name: username, home: homedir };
}

/** A user of this machine by name, from /etc/passwd. */
export function userNamed(name: string, passwd = "/etc/passwd"): CronUser {
  try {
    const line = readFileSync(passwd, "utf8")
      .split("\n")
      .find((one) => one.startsWith(`${name}:`));
    return { name, home: line?.split(":")[5] };
  } catch {
    return { name, home: undefined };
  }
}

/** Longest script that is looked into. */
const maxScript = 65_536;

/** The text of a script, if it is a regular file of a moderate size that can be read; undefined otherwise. */
export function readScript(path: string): string | undefined {
  try {
    const facts = statSync(path);
    return facts.isFile() && facts.size <= maxScript ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}
