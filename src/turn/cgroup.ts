/** The control group of one process and all it starts, where the machine gives us one. Everything here is a few reads and writes of small files. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { chosen, systemEnvironment } from "../job/chosen-environment.ts";
import { cgroupPlace, type CgroupPlace } from "./cgroup-place.ts";
import type { Marker } from "./process-table.ts";
import { findProgram } from "./tools/programs.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Switches it off: `off`. */
const offSwitch = "RUNNER_CGROUP";

/** systemd answers in some milliseconds; one that takes longer cannot be relied on. */
const askMs = 2_000;

/** A command line as it is started. */
export interface CommandLine {
  readonly file: string;
  readonly args: readonly string[];
}

let found: Promise<CgroupPlace> | undefined;

/** Where groups may be made; found out once in a process. Never rejects. */
export function cgroupFor(env: Environment): Promise<CgroupPlace> {
  if (env[offSwitch] === "off") return Promise.resolve({ kind: "none", why: `it is switched off by ${offSwitch}=off` });
  return (found ??= find());
}

/** `below FOLDER`, or `none: …` with the reason, for people. */
export function cgroupWords(place: CgroupPlace): string {
  return place.kind === "cgroup" ? `below ${place.folder === "" ? "/" : place.folder}` : `none: ${place.why}`;
}

async function find(): Promise<CgroupPlace> {
  if (process.platform !== "linux") return { kind: "none", why: `${process.platform} has no cgroups` };
  const place = await cgroupPlace({
    own: read("/proc/self/cgroup"),
    mounts: read("/proc/self/mountinfo"),
    systemd: existsSync("/run/systemd/system"),
    writable: (folder) => isWritable(folder) && isWritable(join(folder, "cgroup.procs")),
    delegated,
  });
  return place.kind === "none" ? place : tried(place.folder);
}

function delegated(unit: string, user: boolean): Promise<boolean> {
  const { execFile } = process.getBuiltinModule("node:child_process");
  const args = [...(user ? ["--user"] : []), "show", "--property=Delegate", "--value", "--", unit];
  return new Promise((resolve) => {
    execFile("systemctl", args, { env: systemEnvironment(process.env), timeout: askMs }, (error, stdout) =>
      resolve(error === null && stdout.trim() === "yes"),
    );
  });
}

/** Does it once with a shell that does nothing: what forbids it (a kernel before 5.14, a threaded group, a security module) has many names. */
async function tried(folder: string): Promise<CgroupPlace> {
  try {
    removeStale(folder);
    const group = new Cgroup(mkdtempSync(join(folder, "runner-probe-")));
    try {
      if (!existsSync(join(group.folder, "cgroup.kill"))) return { kind: "none", why: "the kernel is older than 5.14" };
      const problem = await enteringProblem(group);
      return problem === undefined ? { kind: "cgroup", folder } : { kind: "none", why: problem };
    } finally {
      group.remove();
    }
  } catch (error) {
    return { kind: "none", why: error instanceof Error ? error.message : String(error) };
  }
}

function enteringProblem(group: Cgroup): Promise<string | undefined> {
  const { execFile } = process.getBuiltinModule("node:child_process");
  const { file, args } = group.entering({ file: "/bin/sh", args: ["-c", "cat /proc/self/cgroup"] }, {});
  return new Promise((resolve) => {
    execFile(file, [...args], { env: chosen(process.env, ["PATH"]), timeout: askMs }, (error, stdout) => {
      if (error !== null) return resolve(error.message);
      resolve(stdout.includes(basename(group.folder)) ? undefined : "this system does not let a process into a group of its own");
    });
  });
}

/** Makes the group of a process that is about to be started; undefined where there can be none. Never rejects. */
export async function openCgroup(
  marker: Marker,
  { file }: CommandLine,
  cwd: string,
  env: Environment,
  own: Environment,
): Promise<Cgroup | undefined> {
  const place = await cgroupFor(own);
  if (place.kind === "none" || !canBeStarted(findProgram(file, { path: env["PATH"], work: cwd }))) return undefined;
  try {
    return new Cgroup(mkdtempSync(join(place.folder, `${prefixOf(marker.runId)}${marker.attempt ?? 0}-`)));
  } catch {
    // No more groups are allowed here, for one; the other signs of a tree are there all the same.
    return undefined;
  }
}

/**
 * A process enters its group by a shell that then becomes the program. What the system itself would not start is to fail as it would without a
 * group: the shell would speak of itself, or take a file without a first line for one of its own scripts.
 */
function canBeStarted(program: string | undefined): boolean {
  if (program === undefined) return false;
  const head = Buffer.alloc(256);
  try {
    const descriptor = openSync(program, "r");
    try {
      readSync(descriptor, head);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // A program that may be run and not read.
    return true;
  }
  if (head.subarray(0, 4).equals(elf)) return true;
  const [, interpreter] = /^#![ \t]*(\S+)/.exec(head.toString("latin1")) ?? [];
  return interpreter !== undefined && existsSync(interpreter);
}

/** How a program of the machine's own begins. */
const elf = Buffer.from("\x7fELF", "latin1");

/** The groups of a run, or of one attempt of it, whose runner has died, as far as they can be seen from here. Never rejects. */
export async function leftoverCgroups({ runId, attempt, tool }: Marker, own: Environment): Promise<readonly Cgroup[]> {
  const place = await cgroupFor(own);
  // A tool has no group of its own.
  if (place.kind === "none" || tool !== undefined) return [];
  const prefix = prefixOf(runId);
  return foldersIn(place.folder)
    .filter((name) => name.startsWith(prefix) && ofAttempt(name.slice(prefix.length), attempt))
    .map((name) => new Cgroup(join(place.folder, name)));
}

/** The six characters are mkdtemp's. */
function ofAttempt(rest: string, attempt: number | undefined): boolean {
  const of = /^(\d+)-.{6}$/.exec(rest)?.[1];
  return of !== undefined && (attempt === undefined || Number(of) === attempt);
}

/** A group that nobody has used for so long is of a runner that died, and whose run nobody has looked after since. */
const staleMs = 3_600_000;

function removeStale(folder: string): void {
  for (const name of foldersIn(folder)) {
    const group = new Cgroup(join(folder, name));
    const stale = name.startsWith("runner-") && !group.isPopulated() && Date.now() - statSync(group.folder).mtimeMs > staleMs;
    if (stale) group.remove();
  }
}

function prefixOf(runId: string): string {
  return `runner-${runId.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, 64)}-`;
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

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
