/** What a service finds in its environment, by manager. Names and harmless values only: keys come from the key file. */
import { statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { findProgram } from "../programs.ts";
import type { ServiceUser } from "./service.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Folders that every PATH of a service ends with. */
const standardFolders = ["/usr/local/bin", "/usr/bin", "/bin"];

/** Folders that a shell or npm put there for the moment. */
const passing = /\/fnm_multishells\/|\/_npx\/|\/node_modules\/\.bin\/?$|\/node-gyp-bin\/?$/;

/** What changes which ledger, zone, language or proxy is meant; an installation from a shell means this shell's. */
const passedOn = [
  "LANG",
  "LC_ALL",
  "TZ",
  "NODE_EXTRA_CA_CERTS",
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NO_PROXY",
  "https_proxy",
  "http_proxy",
  "no_proxy",
] as const;

/** Folders of the person who installs; those of another user are elsewhere. */
const ownFolders = ["XDG_CONFIG_HOME", "XDG_STATE_HOME"] as const;

export interface ServiceVariables {
  readonly environment: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/**
 * The variables that are written into the service.
 * @param forOther it runs as another user than the one who installs it.
 */
export function serviceVariables(env: Environment, node: string, forOther: boolean): ServiceVariables {
  const notes: string[] = [];
  const environment: Record<string, string> = { PATH: servicePath(env, node) };
  for (const name of [...passedOn, ...(forOther ? [] : ownFolders)]) {
    const value = env[name];
    if (value === undefined || value === "" || /\p{Cc}/u.test(value)) continue;
    if (/^(?:[a-z][a-z0-9+.-]*:\/\/)?[^/]*@/i.test(value))
      notes.push(`${name} holds a password and is not written into the service; put its line into the key file.`);
    else environment[name] = value;
  }
  // Managers give a process the home folder of passwd(5), and the ledger lies below HOME.
  if (!forOther && isOtherHome(env["HOME"])) environment["HOME"] = env["HOME"];
  return { environment, notes };
}

function isOtherHome(home: string | undefined): home is string {
  return home !== undefined && path.isAbsolute(home) && !/\p{Cc}/u.test(home) && home !== os.userInfo().homedir;
}

/** This shell's PATH without what will not be there tomorrow, so that jobs find what they find here. */
function servicePath(env: Environment, node: string): string {
  const folders = (env["PATH"] ?? "").split(path.delimiter).filter(lasts);
  const found = findProgram("node", { PATH: folders.join(path.delimiter) });
  const nodeFolder = path.dirname(node);
  const first = found === node || nodeFolder.includes(path.delimiter) ? [] : [nodeFolder];
  return [...new Set([...first, ...folders, ...standardFolders])].join(path.delimiter);
}

function lasts(folder: string): boolean {
  if (!path.isAbsolute(folder) || passing.test(`${folder}/`) || passing.test(folder) || /\p{Cc}/u.test(folder)) return false;
  if (folder.startsWith(`${os.tmpdir()}/`)) return false;
  try {
    return statSync(folder).isDirectory();
  } catch {
    return false;
  }
}

/**
 * The whole environment as the service's process will see it: what its manager sets, what is written into the service, and what stands in the
 * key file (and, for cron, in the crontab).
 */
export function environmentOf(
  user: ServiceUser,
  written: Readonly<Record<string, string>>,
  fromFiles: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return { ...fromFiles, HOME: user.home, LOGNAME: user.name, USER: user.name, SHELL: "/bin/sh", ...written };
}
