/** The control group of one process and all it starts. Everything here is a few reads and writes of small files. */
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** A command line as it is started. */
export interface CommandLine {
  readonly file: string;
  readonly args: readonly string[];
}

/** A shell that goes into the group and then becomes the program: nothing the program does is before that. */
const enter = (unset: readonly string[]): string =>
  `echo 0 > "$0/cgroup.procs"; ${unset.map((name) => `unset ${name}; `).join("")}exec "$@"`;
/** What a shell sets of itself and would hand on. */
const ofTheShell = ["PWD", "OLDPWD", "SHLVL"];

export class Cgroup {
  readonly folder: string;
  constructor(folder: string) {
    this.folder = folder;
  }

  /** The command line that starts the same in this group, with the environment it would have without. */
  entering({ file, args }: CommandLine, env: Environment): CommandLine {
    const unset = ofTheShell.filter((name) => env[name] === undefined);
    return { file: "/bin/sh", args: ["-c", enter(unset), this.folder, file, ...args] };
  }

  /** The living processes of the group and of those that were made below it. */
  pids(): number[] {
    return this.#folders().flatMap((folder) =>
      read(join(folder, "cgroup.procs"))
        .split("\n")
        .map(Number)
        .filter((pid) => pid > 0),
    );
  }

  /** Whether anything lives in it, as the kernel counts: a process that is just being forked is in no list yet, but it is counted. */
  isPopulated(): boolean {
    return /^populated 1$/m.test(read(join(this.folder, "cgroup.events")));
  }

  /** Kills all of them at once, also those that are just being forked. */
  kill(): void {
    try {
      writeFileSync(join(this.folder, "cgroup.kill"), "1");
    } catch {
      // It is gone already.
    }
  }

  /** Removes it, with the groups that were made below it. False: something still lives in it. */
  remove(): boolean {
    try {
      for (const folder of this.#folders().toReversed()) rmdirSync(folder);
      return true;
    } catch {
      return !existsSync(this.folder);
    }
  }

  /** Its own folder first. */
  #folders(folder = this.folder): string[] {
    return [folder, ...foldersIn(folder).flatMap((name) => this.#folders(join(folder, name)))];
  }
}

/** Names of the folders in it; none if it cannot be read. */
export function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

/** Its text; "" if it cannot be read. */
export function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
