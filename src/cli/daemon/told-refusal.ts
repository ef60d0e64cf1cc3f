/**
 * A crontab's `tick -q` that cannot even begin: a configuration that cannot be used, a ledger that cannot be opened, a folder that is gone. Cron
 * mails every word, so it is told once, and again when it changes or comes back. No ledger can be asked what was told, because where it lies
 * may be what cannot be read: the name of an empty file beside the project's own default ledger remembers it, as a digest. On a full disk, of
 * which it may be that is told, nothing can be written any more, and a file can still be made.
 */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
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
    .digest("hex")
    .slice(0, digestLength);
  try {
    const place = placeOf(context);
    const before = namesIn(place);
    const name = `${place.prefix}${digest}`;
    if (before.includes(name)) return true;
    for (const other of before) rmSync(path.join(place.folder, other), { force: true });
    mkdirSync(place.folder, { recursive: true, mode: 0o700 });
    writeFileSync(path.join(place.folder, name), "", { mode: 0o600 });
  } catch {
    // Told each time rather than never.
  }
  return false;
}

function forget(context: CommandContext): void {
  try {
    const place = placeOf(context);
    for (const name of namesIn(place)) rmSync(path.join(place.folder, name), { force: true });
  } catch {
    // Whoever has no such folder has remembered nothing.
  }
}

/** In hexadecimal digits. */
const digestLength = 32;

interface Place {
  readonly folder: string;
  readonly prefix: string;
}

/** What was told last; one name, unless two ticks came at once. */
function namesIn({ folder, prefix }: Place): readonly string[] {
  try {
    const isName = (name: string): boolean =>
      name.startsWith(prefix) && name.length === prefix.length + digestLength && /[0-9a-f]{32}$/.test(name);
    return readdirSync(folder).filter(isName);
  } catch {
    return [];
  }
}

/** One for each configuration that a crontab may name in the same folder. */
function placeOf({ place, env }: CommandContext): Place {
  const { dir, configFile, stateDir } = place;
  const cwd = path.resolve(dir);
  const isThere = statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true;
  const folder =
    stateDir === undefined ? defaultStateDir(isThere ? findProject(cwd, env).dir : cwd, env) : path.resolve(cwd, stateDir);
  return { folder, prefix: configFile === undefined ? "tick-told." : `tick-told-${path.basename(configFile)}.` };
}
