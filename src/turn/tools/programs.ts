/**
 * Which program a name means, and whether it is on an allow-list. Programs are compared by the place they lie in, not by what they are
 * links to: on a system whose `ls` and `sh` are links to one busybox, allowing the one must not allow the other.
 */
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";

export interface ProgramSearch {
  /** `PATH` of whoever runs it. */
  readonly path: string | undefined;
  /** Folder a relative path starts from. Programs in it are never found by name: whoever may write there could put a `git` of its own. */
  readonly work: string;
}

/** The file that would be run; undefined if there is none. */
export function findProgram(name: string, search: ProgramSearch): string | undefined {
  if (name === "" || name.includes("\0")) return undefined;
  if (name.includes("/")) return placed(resolve(search.work, name));
  for (const folder of foldersOutside(search)) {
    const found = placed(join(folder, name));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The folders of `PATH` in which programs are found by name. */
export function foldersOutside({ path, work }: ProgramSearch): string[] {
  const realWork = realOf(work) ?? work;
  return (path ?? "").split(":").filter((folder) => {
    const real = isAbsolute(folder) ? realOf(folder) : undefined;
    return real !== undefined && real !== realWork && !real.startsWith(`${realWork}/`);
  });
}

/** The program to run if one of the allowed ones is meant; else why not. */
export function allowedProgram(
  name: string,
  allow: readonly string[],
  search: ProgramSearch,
): { readonly file: string } | { readonly refusal: string } {
  const file = findProgram(name, search);
  const listed = allow.length === 0 ? "none" : allow.join(", ");
  const refusal = `${JSON.stringify(name.slice(0, 200))} is not allowed; allowed are: ${listed}`;
  if (file === undefined) return { refusal: allow.includes(name) ? `there is no program ${name}` : refusal };
  return allow.some((one) => findProgram(one, search) === file) ? { file } : { refusal };
}

/** An executable file's path with the links of its folder resolved, and its own name as it is. */
function placed(file: string): string | undefined {
  try {
    const real = join(realpathSync(dirname(file)), basename(file));
    if (!statSync(real).isFile()) return undefined;
    accessSync(real, constants.X_OK);
    return real;
  } catch {
    return undefined;
  }
}

function realOf(folder: string): string | undefined {
  try {
    return realpathSync(folder);
  } catch {
    return undefined;
  }
}
