/** What `runner install` has made for a project, found again by its marks. Reads only. */
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import path from "node:path";
import { findProgram } from "../programs.ts";
import { blockFolders, findBlock, shellWords, toText, variablesOf } from "./crontab.ts";
import { readCrontab } from "./crontab-program.ts";
import { launchdFolder, stringsUnder } from "./launchd.ts";
import type { Manager, Scope } from "./service.ts";
import { unitFolder, unitMark, wantsLink } from "./systemd.ts";
import { wordsOf } from "./systemd-words.ts";
import { isSameFolder } from "./where.ts";

export interface Installed {
  readonly manager: Manager;
  readonly scope: Scope;
  readonly name: string;
  /** Files and links, absolute, the one that is enabled first; none for a crontab. */
  readonly files: readonly string[];
  readonly tick: boolean;
  /** What it starts: Node, its options, runner, its arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What its surroundings add: the variables that the crontab sets for all of its lines. */
  readonly inherited?: Readonly<Record<string, string>>;
}

export interface Where {
  readonly projectDir: string;
  readonly home: string;
  /** `$XDG_CONFIG_HOME`, or its default. */
  readonly configHome: string;
  readonly env: NodeJS.ProcessEnv;
}

export function findInstalled(where: Where): Installed[] {
  return [
    ...(["user", "system"] as const).flatMap((scope) => [...inSystemd(where, scope), ...inLaunchd(where, scope)]),
    ...inCrontab(where),
  ];
}

function inSystemd({ projectDir, configHome }: Where, scope: Scope): Installed[] {
  const folder = unitFolder({ scope, configHome });
  const own = filesIn(folder, /^runner-.*\.(?:service|timer)$/).filter(({ text }) => isOf(projectOfUnit(text), projectDir));
  return [...Map.groupBy(own, ({ file }) => path.parse(file).name)].map(([unit, files]): Installed => {
    const service = files.find(({ file }) => file.endsWith(".service"));
    const timerFirst = files
      .map(({ file }) => file)
      .toSorted((a, b) => Number(b.endsWith(".timer")) - Number(a.endsWith(".timer")));
    const [enabled = ""] = timerFirst;
    const link = path.join(folder, wantsLink(enabled, scope));
    const read = (key: string): string[] =>
      [...(service?.text ?? "").matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].flatMap(([, value = ""]) => wordsOf(value));
    return {
      manager: "systemd",
      scope,
      name: unit.slice("runner-".length),
      files: [...timerFirst.map((file) => path.join(folder, file)), ...(isLink(link) ? [link] : [])],
      tick: enabled.endsWith(".timer"),
      command: read("ExecStart"),
      environment: assignments(read("Environment")),
    };
  });
}

/** The project a unit was made for; undefined if somebody else wrote it. */
export function projectOfUnit(text: string): string | undefined {
  return text.startsWith(unitMark) ? text.slice(unitMark.length, text.indexOf("\n")) : undefined;
}

function inLaunchd({ projectDir, home }: Where, scope: Scope): Installed[] {
  const folder = launchdFolder(scope, home);
  return filesIn(folder, /^turn-runner\..*\.plist$/)
    .filter(({ text }) => isOf(stringsUnder(text, "WorkingDirectory")[0], projectDir))
    .map(({ file, text }): Installed => ({
      manager: "launchd",
      scope,
      name: file.slice("turn-runner.".length, -".plist".length),
      files: [path.join(folder, file)],
      tick: text.includes("<key>StartCalendarInterval</key>"),
      command: stringsUnder(text, "ProgramArguments"),
      environment: { PATH: /<key>PATH<\/key>\s*<string>([^<]*)</.exec(text)?.[1] ?? "" },
    }));
}

function inCrontab({ projectDir, env }: Where): Installed[] {
  if (findProgram("crontab", env) === undefined) return [];
  const crontab = readCrontab(env);
  const line = toText(findBlock(crontab, folderInCrontab(crontab, projectDir)) ?? "")
    .split("\n")
    .find((one) => one.startsWith("* * * * * "));
  if (line === undefined) return [];
  const [, ...words] = shellWords(line.slice("* * * * * ".length));
  const begin = words.findIndex((word) => word.startsWith("/"));
  const environment = assignments(words.slice(0, begin));
  const command = words.slice(begin);
  return [
    {
      manager: "crontab",
      scope: "user",
      name: "crontab",
      files: [],
      tick: true,
      command,
      environment,
      inherited: variablesOf(crontab),
    },
  ];
}

/** Whether the folder that stands there is that of the project. */
export function isOf(folder: string | undefined, projectDir: string): boolean {
  return folder !== undefined && isSameFolder(folder, projectDir);
}

/** The path by which the project's block is marked in a crontab: that of a link to it, if the block was made so. */
export function folderInCrontab(crontab: string, projectDir: string): string {
  const folders = blockFolders(crontab);
  return (
    folders.find((folder) => folder === projectDir) ?? folders.find((folder) => isSameFolder(folder, projectDir)) ?? projectDir
  );
}

function assignments(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]));
}

function filesIn(folder: string, name: RegExp): { readonly file: string; readonly text: string }[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => name.test(file))
    .flatMap((file) => {
      try {
        return [{ file, text: readFileSync(path.join(folder, file), "utf8") }];
      } catch {
        // A link to nothing, or not ours to read: then it is not of this project's user.
        return [];
      }
    });
}

function isLink(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/** What stands there now: a file's text, a link's target; undefined for nothing. */
export function contentOf(file: string): string | undefined {
  if (isLink(file)) return readlinkSync(file);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}
