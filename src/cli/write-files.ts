/** Writes the files that a command makes: all or none, and nothing that is there is overwritten unless that was asked for. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ConfigError, UsageError } from "../errors.ts";
import { shellWord } from "../load/shell-word.ts";

export interface NewFile {
  /** Relative to the folder that is written to. */
  readonly path: string;
  readonly text: string;
}

export interface WriteOptions {
  /** Replace files that are there, each whole or not at all. */
  readonly force: boolean;
  /** A file that is there with this very content is not in the way. Default false. */
  readonly mayBeSame?: boolean;
  /** Only their owner may read them. Default false. */
  readonly private?: boolean;
  /** What to do about a file that is there, told with it. */
  readonly remedy: string;
  /** How to name another folder, told where this one takes no files. Default `name another one with -C`. */
  readonly elsewhere?: string;
}

/**
 * All or nothing: what was made is taken back if the rest cannot be written, and what was there is replaced whole or not at all.
 * @returns the paths of the files that were written; without those that were there with the same content.
 * @throws UsageError for a file that is there; ConfigError if one cannot be written.
 */
export function writeFiles(
  dir: string,
  files: readonly NewFile[],
  { force, mayBeSame = false, private: own = false, remedy, elsewhere = "name another one with -C" }: WriteOptions,
): readonly string[] {
  const made: string[] = [];
  const written: string[] = [];
  for (const file of files) {
    const target = path.join(dir, file.path);
    const there = existsSync(target);
    if (there && mayBeSame && holds(target, file.text)) continue;
    try {
      makeFolders(path.dirname(target));
      // Reserves the name against anybody else, so that renaming overwrites nothing of theirs.
      if (!force || !there) writeFileSync(target, "", { flag: "wx" });
      if (!there) made.push(target);
      writeWhole(target, file.text, own ? 0o600 : 0o666);
      written.push(file.path);
    } catch (error) {
      for (const one of made) rmSync(one, { force: true });
      if (error instanceof FolderError) throw takesNoFiles(error, elsewhere);
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EEXIST" && !force && there)
        throw new UsageError(`${file.path} is there already, and nothing was written`, { cause: error, suggestion: remedy });
      const message = `cannot be written: ${reasonOf(error)}`;
      throw new ConfigError(
        [
          {
            file: file.path,
            path: "",
            message,
            suggestion:
              code === "ENOSPC" || code === "EDQUOT"
                ? `free some space, and try again: df -h ${shellWord(path.dirname(target))}`
                : `see what is there and whose it is: ls -ld ${shellWord(path.dirname(target))}`,
          },
        ],
        { cause: error },
      );
    }
  }
  return written;
}

function holds(target: string, text: string): boolean {
  try {
    return readFileSync(target, "utf8") === text;
  } catch {
    return false;
  }
}

function writeWhole(target: string, content: string, mode: number): void {
  const beside = `${target}.${process.pid}.new`;
  try {
    writeFileSync(beside, content, { flag: "wx", mode });
    renameSync(beside, target);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

/** One by one, for `recursive: true` never comes back from a place that is none for files, such as /proc (Node 24). */
function makeFolders(folder: string): void {
  const missing: string[] = [];
  for (let at = folder; !existsSync(at); at = path.dirname(at)) missing.unshift(at);
  for (const one of missing)
    try {
      mkdirSync(one);
    } catch (error) {
      throw new FolderError(one, { cause: error });
    }
}

/** A folder that is not there and cannot be made; its path is the message. */
class FolderError extends Error {}

function takesNoFiles({ message: folder, cause }: FolderError, elsewhere: string): ConfigError {
  const message = `this folder is not there and cannot be made: ${reasonOf(cause)}; nothing was written`;
  return new ConfigError([{ file: folder, path: "", message, suggestion: elsewhere }], { cause });
}

/** The system's words alone, without its code, its call and the path. */
function reasonOf(error: unknown): string {
  const words = error instanceof Error ? error.message.replace(/^[A-Z]+: /, "").replace(/, \w+(?: '.*)?$/, "") : String(error);
  // That of a place whose parent is there, such as /proc.
  return words === "no such file or directory" ? "nothing can be made there" : words;
}
