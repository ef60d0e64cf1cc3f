/** Where things lie: the project's folder, the user's configuration, the state. */
import { lstatSync, readFileSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { UsageError } from "../errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Configuration files of a project folder; the first that is there is read. */
const projectFiles = [
  "runner.config.ts",
  "runner.config.js",
  "runner.config.mjs",
  "runner.config.cjs",
  "runner.config.json",
  "runner.config.yaml",
  "runner.config.yml",
  ".runnerrc",
  ".runnerrc.json",
  ".runnerrc.yaml",
  ".runnerrc.yml",
  "package.json",
] as const;

/** Configuration files of the user, in `$XDG_CONFIG_HOME/runner`. */
const userFiles = ["config.ts", "config.js", "config.mjs", "config.cjs", "config.json", "config.yaml", "config.yml"] as const;

export interface Project {
  readonly dir: string;
  /** Configuration files found in it, the one to read first. */
  readonly files: readonly string[];
}

/**
 * The project folder: the nearest from the current one upwards that holds a configuration, a `jobs` folder, a `package.json`
 * or a `.git`; without any, the current one. Above the current folder it is looked for only in folders that belong to this
 * user or root (a configuration may be a program, so a stranger's must not be picked up), and never in the home folder or above it.
 */
export function findProject(cwd: string, env: Environment): Project {
  const home = homeOf(env);
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    const files = projectFiles.map((name) => join(dir, name)).filter((path) => isConfiguration(path));
    if (files.length > 0 || isProjectRoot(dir)) return { dir, files };
    const parent = dirname(dir);
    if (parent === dir || dir === home || parent === home || !isTrusted(parent)) return { dir: resolve(cwd), files: [] };
  }
}

/** Every path at which a configuration would be read, there or not: of the project's folder, and of the user. */
export function configPlaces(projectDir: string, env: Environment): readonly string[] {
  const ofUser = userFolder(env);
  const places = ofUser === undefined ? [] : userFiles.map((name) => join(ofUser, name));
  return [...projectFiles.map((name) => join(projectDir, name)), ...places];
}

/** The user's configuration files that are there, the one to read first. */
export function findUserFiles(env: Environment): string[] {
  const dir = userFolder(env);
  return dir === undefined ? [] : userFiles.map((name) => join(dir, name)).filter((path) => exists(path));
}

function userFolder(env: Environment): string | undefined {
  const dir = xdg(env, "XDG_CONFIG_HOME", ".config");
  return dir === undefined ? undefined : join(dir, "runner");
}

/**
 * `$XDG_STATE_HOME/runner/PROJECT`, by default below `~/.local/state`. Each project has a folder of its own, named after its
 * place: two projects may each have a `jobs/daily.json`, and one must not skip or list the runs of the other.
 */
export function defaultStateDir(projectDir: string, env: Environment): string {
  const place = realPath(projectDir);
  const state = xdg(env, "XDG_STATE_HOME", ".local/state") ?? homeToUse(env, "the ledger lies in the home folder");
  return join(state, "runner", `${basename(place) || "root"}-${fingerprint(place)}`);
}

function realPath(dir: string): string {
  try {
    return realpathSync(dir);
  } catch {
    return dir;
  }
}

/** 53 bits of a text in 11 characters. Not for secrets; a cryptographic hash would cost 5 ms of every start. */
function fingerprint(text: string): string {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 2_654_435_761);
    low = Math.imul(low ^ unit, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return (4_294_967_296 * (2_097_151 & low) + (high >>> 0)).toString(36).padStart(11, "0");
}

/** A folder as a person wrote it: `~/` is the home folder, and what is relative starts from `base`. */
export function resolveFolder(written: string, base: string, env: Environment): string {
  if (written === "~" || written.startsWith("~/"))
    return join(homeToUse(env, `${JSON.stringify(written)} begins in the home folder`), written.slice(1));
  return resolve(base, written);
}

/** Undefined for a user whom the system does not know, as containers run them, and who has no HOME. */
function homeOf(env: Environment): string | undefined {
  const home = env["HOME"];
  if (home !== undefined && isAbsolute(home)) return resolve(home);
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

function homeToUse(env: Environment, what: string): string {
  const home = homeOf(env);
  if (home !== undefined) return home;
  throw new UsageError(`${what}, and this user has no home folder (HOME is not set, and the system knows of none)`, {
    suggestion: "Name a folder: --state-dir FOLDER, or stateDir in the configuration; or set HOME.",
  });
}

/** The XDG rule: a relative or empty value is to be ignored. */
function xdg(env: Environment, name: string, fallback: string): string | undefined {
  const set = env[name];
  if (set !== undefined && isAbsolute(set)) return set;
  const home = homeOf(env);
  return home === undefined ? undefined : join(home, fallback);
}

/** A link to nothing counts as there, so that it is reported and not passed over. */
function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

/** A package.json counts only with a `runner` key of its own. */
function isConfiguration(path: string): boolean {
  if (!exists(path)) return false;
  if (!path.endsWith("package.json")) return true;
  try {
    const text = readFileSync(path, "utf8");
    if (!text.includes('"runner"')) return false;
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && Object.hasOwn(value, "runner");
  } catch {
    // Somebody else's broken package.json is reported by the tools whose file it is.
    return false;
  }
}

function isProjectRoot(dir: string): boolean {
  return exists(join(dir, "jobs")) || exists(join(dir, "package.json")) || exists(join(dir, ".git"));
}

function isTrusted(dir: string): boolean {
  const me = process.getuid?.();
  try {
    const { uid } = statSync(dir);
    return me === undefined || uid === me || uid === 0;
  } catch {
    return false;
  }
}
