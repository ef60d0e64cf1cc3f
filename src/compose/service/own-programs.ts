/** The programs that a service starts, by paths that will still be there: Node itself, and runner. */
import { realpathSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Check } from "../doctor/check.ts";
import { findProgram } from "../programs.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface OwnPrograms {
  readonly node: string;
  readonly entry: string;
  /** What a person should know of them. */
  readonly notes: readonly string[];
  /** What makes them unfit for a service. */
  readonly problems: readonly Check[];
}

/** Version managers, by a part of the paths of the Nodes they keep. */
const versionManagers: readonly (readonly [part: RegExp, name: string])[] = [
  [/\/\.nvm\/versions\//, "nvm"],
  [/\/fnm\/node-versions\/|\/\.fnm\//, "fnm"],
  [/\/\.volta\/tools\//, "Volta"],
  [/\/\.asdf\/installs\/|\/asdf\/installs\//, "asdf"],
  [/\/mise\/installs\//, "mise"],
  [/\/\.nodenv\/versions\//, "nodenv"],
  [/\/n\/versions\/node\//, "n"],
];

/** Folders that are emptied or named anew by themselves. */
const passing = /\/_npx\/|\/fnm_multishells\/|\/\.yarn\/berry\/cache\/|\/dlx-[^/]+\//;

/** npm puts this folder into PATH for what it starts. */
const npmsOwn = /\/node_modules\/\.bin\//;

/** @param execPath and `entry`: what this process is, `process.execPath` and `process.argv[1]`. */
export function ownPrograms(execPath: string, entry: string, env: Environment): OwnPrograms {
  const onPath = findProgram("node", env);
  const same = onPath !== undefined && real(onPath) === real(execPath);
  // A link such as /opt/homebrew/bin/node outlives the folder of one release that it leads to.
  const node = same && lasts(onPath) ? onPath : execPath;
  const manager = versionManagers.find(([part]) => part.test(real(node)))?.[1];
  const notes: string[] = [];
  if (onPath !== undefined && !same && lasts(onPath))
    notes.push(`The service uses ${node}, which runs this command; the node of this shell's PATH is ${onPath}.`);
  else if (node !== onPath && onPath !== undefined)
    notes.push(`${onPath} is there for this shell only; the service uses ${node}.`);
  if (manager !== undefined)
    notes.push(`This Node belongs to ${manager}: after an update or removal there, run the same installation again.`);
  return { node, entry, notes, problems: [...passingProblems("runner", entry), ...passingProblems("Node", node)] };
}

function passingProblems(what: string, file: string): Check[] {
  if (!passing.test(file) && !passing.test(real(file))) return [];
  const message = `${what} lies at ${file}, in a folder that is emptied by itself: the service would find nothing one day`;
  const remedy = "Install it to stay, and install the service from there: npm install -g turn-runner";
  return [{ area: "service", name: what === "Node" ? "node" : "runner", status: "fail", message, remedy }];
}

function lasts(file: string): boolean {
  return !passing.test(file) && !npmsOwn.test(file) && !isBelow(file, os.tmpdir()) && !file.startsWith("/run/");
}

function isBelow(file: string, folder: string): boolean {
  return !path.relative(folder, file).startsWith("..");
}

function real(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}
