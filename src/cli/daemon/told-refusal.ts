/**
 * A crontab's `tick -q` that cannot even begin: a configuration that cannot be used, a ledger that cannot be opened, a folder that is gone. Cron
 * mails every word, so it is told once, and again when it changes or comes back. No ledger can be asked what was told, because where it lies
 * may be what cannot be read: a file beside the project's own default ledger remembers it, as a digest.
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ConfigError, LedgerError, UsageError } from "../../errors.ts";
import { defaultStateDir, findProject } from "../../load/folders.ts";
import type { CommandContext } from "../command.ts";
import { toldOf, wordsOf } from "../report.ts";

/**
 * Resolves with the exit code of `work`, or with that of an error that was told already; what must be told is thrown on.
 * What is a fault of runner's own is always told.
 */
export async function tellOnce(context: CommandContext, work: () => Promise<number>): Promise<number> {
  try {
    const exitCode = await work();
    forget(context);
    return exitCode;
  } catch (error) {
    if (![ConfigError, LedgerError, UsageError].some((known) => error instanceof known)) throw error;
    if (await isTold(context, error)) return toldOf(error).exitCode;
    throw error;
  }
}

/** Whether the last tick told the very same; if not, this one is taken to do so. Where nothing can be kept, nothing was told. */
async function isTold(context: CommandContext, error: unknown): Promise<boolean> {
  const { createHash } = await import("node:crypto");
  const digest = createHash("sha256")
    .update(wordsOf(toldOf(error)).join("\n"))
    .digest("hex");
  try {
    const file = fileOf(context);
    if (readIf(file) === digest) return true;
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, digest, { mode: 0o600 });
  } catch {
    // Told each time rather than never.
  }
  return false;
}

function forget(context: CommandContext): void {
  try {
    rmSync(fileOf(context), { force: true });
  } catch {
    // Whoever has no such folder has remembered nothing.
  }
}

function readIf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** One for each configuration that a crontab may name in the same folder. */
function fileOf({ place, env }: CommandContext): string {
  const { dir, configFile, stateDir } = place;
  const cwd = path.resolve(dir);
  const isThere = statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true;
  const folder =
    stateDir === undefined ? defaultStateDir(isThere ? findProject(cwd, env).dir : cwd, env) : path.resolve(cwd, stateDir);
  return path.join(folder, configFile === undefined ? "tick-told" : `tick-told-${path.basename(configFile)}`);
}
