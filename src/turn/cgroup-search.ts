/** Whether and where this machine gives us control groups: found out once in a process, by making one. */
import { accessSync, constants, existsSync, mkdtempSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { chosen, systemEnvironment } from "../job/chosen-environment.ts";
import { cgroupPlace, type CgroupPlace } from "./cgroup-place.ts";
import { Cgroup, foldersIn, read } from "./cgroup.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Switches it off: `off`. */
const offSwitch = "RUNNER_CGROUP";

/** systemd answers in some milliseconds; one that takes longer cannot be relied on. */
const askMs = 2_000;

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

/** A group that nobody has used for so long is of a runner that died, and whose run nobody has looked after since. */
const staleMs = 3_600_000;

function removeStale(folder: string): void {
  for (const name of foldersIn(folder)) {
    const group = new Cgroup(join(folder, name));
    const stale = name.startsWith("runner-") && !group.isPopulated() && Date.now() - statSync(group.folder).mtimeMs > staleMs;
    if (stale) group.remove();
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
