/** Where the things of a project's service are. */
import { realpathSync } from "node:fs";
import path from "node:path";
import { UsageError } from "../../errors.ts";
import { findProject } from "../../load/folders.ts";

/** As the command line names it. */
interface Place {
  readonly dir: string;
  readonly configFile: string | undefined;
}

/** The folder that the project is in, as every command finds it. */
export function projectFolder(place: Place, env: NodeJS.ProcessEnv): string {
  const dir = path.resolve(place.dir);
  return inOneLine(place.configFile === undefined ? findProject(dir, env).dir : dir);
}

/** Whether both paths lead to one folder: a service may have been made by the path of a link to it. */
export function isSameFolder(one: string, other: string): boolean {
  return one === other || realPath(one) === realPath(other);
}

function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

/**
 * The link that a shell came here by; undefined for none. A process starts in the folder itself, so a service keeps to that, also where the
 * link (`current`, of a release) leads elsewhere tomorrow.
 */
export function linkTo(projectDir: string, env: NodeJS.ProcessEnv): string | undefined {
  const { PWD: shown = "" } = env;
  return path.isAbsolute(shown) && shown !== projectDir && realPath(shown) === projectDir ? path.normalize(shown) : undefined;
}

/** A folder that units and crontabs can name: they are read line by line. @throws UsageError for another */
export function inOneLine(folder: string): string {
  if (!/\p{Cc}|[\s\\]$/u.test(folder)) return folder;
  throw new UsageError(`the project's folder ${JSON.stringify(folder)} has a name that no unit file or crontab can hold`, {
    suggestion: "Rename it: no control characters, and no blank or backslash at its end.",
  });
}

/** `$XDG_CONFIG_HOME`, or its default. */
export function configHomeOf(env: NodeJS.ProcessEnv, home: string): string {
  const set = env["XDG_CONFIG_HOME"];
  return set !== undefined && path.isAbsolute(set) ? set : path.join(home, ".config");
}

/** The name of a project's service, where none was given: its folder's, as far as a unit may have it. */
export function ownName(projectDir: string): string {
  const plain = path.basename(projectDir).normalize("NFKD");
  const made = plain.replaceAll(/[^A-Za-z0-9_.-]+/g, "-").replaceAll(/^[^A-Za-z0-9]+|-+$/g, "");
  return made.slice(0, 64) || "project";
}
