/** The file with the keys of a service: NAME=value lines that only its owner may read. Values are looked at, never shown. */
import { readFileSync, statSync } from "node:fs";
import { parseEnv } from "node:util";
import type { Check } from "../doctor/check.ts";
import { codeOf } from "../doctor/providers.ts";
import { shellWord } from "../../load/shell-word.ts";
import type { Manager, Scope } from "./service.ts";

export interface KeyFile {
  readonly path: string;
  /** Undefined: there is none yet, or it cannot be read. */
  readonly values: Readonly<Record<string, string | undefined>> | undefined;
  readonly there: boolean;
  readonly problems: readonly Check[];
}

export function keyFilePath(scope: Scope, configHome: string, name: string): string {
  return scope === "system" ? `/etc/runner/${name}.env` : `${configHome}/runner/${name}.env`;
}

/** @param manager systemd reads the file itself (systemd.exec(5), EnvironmentFile=); for the others Node does (`--env-file-if-exists`). */
export function readKeyFile(path: string, manager: Manager): KeyFile {
  const base = { area: "service", name: "key file" } as const;
  try {
    const { mode } = statSync(path);
    const open = (mode & 0o077) !== 0;
    const message = `${path} can be read by others (mode ${(mode & 0o777).toString(8)})`;
    const remedy = `chmod 600 ${shellWord(path)}`;
    const text = readFileSync(path, "utf8");
    const problems: Check[] = open ? [{ ...base, status: "fail", exitCode: 77, message, remedy }] : [];
    for (const [at, line] of text.split(/\r?\n/).entries()) {
      const problem = lineProblem(line, manager);
      if (problem !== undefined)
        problems.push({ ...base, status: "fail", message: `line ${at + 1} of ${path}: ${problem}`, remedy: quoteIt });
    }
    return { path, there: true, values: parseEnv(text), problems };
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return { path, there: false, values: undefined, problems: [] };
    const message = `${path} cannot be read by this user (${code}), so what stands in it was not looked at`;
    return { path, there: true, values: undefined, problems: [{ ...base, status: "warn", message }] };
  }
}

const quoteIt = "Write NAME='value', in single quotes: systemd and Node read that alike.";

/** Why the value that is read would be another one than is written, or none; undefined if all is well. Shows nothing of the value. */
function lineProblem(line: string, manager: Manager): string | undefined {
  if (/^\s*(?:[#;].*)?$/.test(line)) return undefined;
  const [, exported, name = "", value = ""] = /^\s*(export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
  if (name === "") return "it is no NAME=value, so it is passed over";
  if (exported !== undefined && manager === "systemd") return `systemd knows no "export", so it passes over ${name}`;
  if (/^'[^']*'$|^"[^"\\]*"$/.test(value)) return undefined;
  if (/^['"]/.test(value)) return `the quotation of ${name} is not read alike by systemd and Node`;
  if (manager === "systemd") return value.includes("\\") ? `systemd takes the backslash out of ${name}` : undefined;
  return value.includes("#") ? `Node reads ${name} up to its "#" only` : undefined;
}

/** What a key file begins as: the names that jobs reference, without values. */
export function emptyKeyFile(projectDir: string, names: readonly string[]): string {
  return [
    `# Keys of the jobs of ${projectDir}, one a line: NAME=value, or NAME='value' if it holds # or \\. Keep the mode 0600.`,
    "# Read when the service starts; after a change, start it again.",
    ...names.map((name) => `# ${name}=`),
    "",
  ].join("\n");
}

/** How a variable gets into the file without its value being written on a command line. */
export function howToAdd(path: string, name: string, setHere: boolean): string {
  const folder = path.slice(0, path.lastIndexOf("/"));
  if (!setHere) return `Put a line ${name}=… into ${path} (mode 0600).`;
  return `Put it into ${path}: (umask 077; mkdir -p ${shellWord(folder)}; echo "${name}='$${name}'" >> ${shellWord(path)})`;
}
