/** Whether the manager of services is there to take one: asked of it, changing nothing. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { readableEnvironment } from "../../job/chosen-environment.ts";
import type { Check } from "../doctor/check.ts";
import { findProgram } from "../programs.ts";
import type { Manager, Scope } from "./service.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const askMs = 5_000;

/** What is in the way of installing there, and what might be. */
export function managerProblems(manager: Manager, scope: Scope, env: Environment): Check[] {
  const root = process.getuid?.() === 0;
  if (scope === "system" && !root) {
    const message = "a service of the machine can only be installed by root";
    const remedy = "Run the same with sudo, or install it for yourself: --user";
    return [{ area: "service", name: manager, status: "fail", exitCode: 77, message, remedy }];
  }
  if (manager === "systemd") return systemdProblems(scope, env);
  if (manager === "launchd") return findProgram("launchctl", env) === undefined ? [missing(manager, "launchctl")] : [];
  if (findProgram("crontab", env) === undefined) return [missing(manager, "crontab")];
  return cronRuns() === false ? [noCron] : [];
}

function missing(manager: Manager, program: string): Check {
  const others = manager === "crontab" ? "--systemd or --launchd" : "--crontab";
  const message = `there is no ${program} here (not in PATH)`;
  const remedy = `Install with ${others}, or let whatever starts your programs start: runner start (docs/install.md); --dry-run shows the files.`;
  return { area: "service", name: manager, status: "fail", message, remedy };
}

export const noCron: Check = {
  area: "service",
  name: "cron",
  status: "warn",
  message: "no cron is running on this machine, so nothing reads the crontab",
  remedy: "Start it: systemctl enable --now cron (crond on Fedora, cronie on Arch)",
};

/** As `systemctl is-system-running` puts it; anything else is none that takes units. */
const taking = new Set(["initializing", "starting", "running", "degraded", "maintenance", "stopping"]);

function systemdProblems(scope: Scope, env: Environment): Check[] {
  if (findProgram("systemctl", env) === undefined) return [missing("systemd", "systemctl")];
  const args = [...(scope === "user" ? ["--user"] : []), "is-system-running"];
  const done = spawnSync("systemctl", args, { env: readableEnvironment(env), encoding: "utf8", timeout: askMs });
  if (taking.has(done.stdout.trim())) return [];
  const said = done.stderr.trim().split("\n")[0] ?? "";
  const base = { area: "service", name: "systemd", status: "fail" } as const;
  if (scope === "user" && existsSync("/run/systemd/system")) {
    const message = `systemd of this user cannot be reached${said === "" ? "" : `: ${said}`}`;
    const remedy = "Log in as this user itself (not by su or sudo), or: export XDG_RUNTIME_DIR=/run/user/$(id -u)";
    return [{ ...base, message, remedy }];
  }
  const message = "this machine was not started by systemd, so it would take no unit";
  const remedy = "Install with --crontab, or in a container: docs/install.md; --dry-run shows the files.";
  return [{ ...base, message, remedy }];
}

/** Names of cron daemons: Debian's and cronie's, fcron's, systemd-cron's is none. */
const cronDaemons = new Set(["cron", "crond", "fcron", "anacron", "supercronic"]);

/** Whether a cron daemon is among the processes; undefined where that cannot be seen. */
export function cronRuns(): boolean | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return readdirSync("/proc").some((pid) => /^\d+$/.test(pid) && cronDaemons.has(nameOf(pid)));
  } catch {
    return undefined;
  }
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

/** Whether the user's services go on without a login; undefined where there is no systemd-logind that would know. */
export function lingers(userName: string): boolean | undefined {
  if (!existsSync("/run/systemd/system")) return undefined;
  return existsSync(`/var/lib/systemd/linger/${userName}`);
}
