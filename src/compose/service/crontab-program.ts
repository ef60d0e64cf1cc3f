/** Reading and writing the user's crontab by crontab(1). One byte a character, see crontab.ts. */
import { spawnSync } from "node:child_process";
import { ConfigError } from "../../errors.ts";
import { readableEnvironment } from "../../job/chosen-environment.ts";
import { codeOf } from "../doctor/providers.ts";

/** crontab(1) answers at once; one that asks somebody does not. */
const crontabMs = 10_000;

/**
 * The crontab of this user; "" if there is none.
 * @throws ConfigError if this user may have none, or crontab(1) fails.
 */
export function readCrontab(env: NodeJS.ProcessEnv): string {
  const done = call(["-l"], env);
  if (done.status === 0) return done.stdout;
  // Every crontab(1) says so in these words, with an exit code of 1.
  if (/no crontab for/i.test(done.stderr)) return "";
  throw refused("cannot be read", done.stderr);
}

/** @throws ConfigError if crontab(1) does not take it; then the old one is still there. */
export function writeCrontab(text: string, env: NodeJS.ProcessEnv): void {
  const done = text === "" ? call(["-r"], env) : call(["-"], env, text);
  if (done.status !== 0) throw refused("was not taken, and the old one stands", done.stderr);
}

function refused(what: string, stderr: string): ConfigError {
  const said = stderr.trim().split("\n").slice(0, 3).join("; ");
  const message = `${what}: ${said === "" ? "crontab(1) failed and said nothing" : said}`;
  const suggestion = "see crontab(1) for who may have one (cron.allow, cron.deny)";
  return new ConfigError([{ file: "crontab", path: "", message, suggestion }]);
}

function call(args: readonly string[], env: NodeJS.ProcessEnv, input?: string) {
  const bytes = input === undefined ? "" : Buffer.from(input, "latin1");
  const done = spawnSync("crontab", args, {
    // The program's words have to be the ones that are known.
    env: readableEnvironment(env),
    input: bytes,
    timeout: crontabMs,
    maxBuffer: 16 * 1024 * 1024,
  });
  // One that ends without reading its input has said why (EPIPE); one that was never there, or hung, has not.
  if (done.error !== undefined && (done.status === null || codeOf(done.error) !== "EPIPE"))
    throw refused("cannot be reached", done.error.message);
  return { status: done.status, stdout: done.stdout.toString("latin1"), stderr: done.stderr.toString("utf8") };
}
