/** The machine: Node, and what cron would find of it. */
import { execFileSync } from "node:child_process";
import type { Check } from "./check.ts";
import { findProgram } from "../programs.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What cron(8) and systemd give a program: no profile was read. */
export function serviceEnvironment(env: Environment): Environment {
  const { HOME, LOGNAME, USER } = env;
  return { HOME, LOGNAME: LOGNAME ?? USER, SHELL: "/bin/sh", PATH: "/usr/bin:/bin" };
}

export function checkNode(): Check {
  const base = { area: "machine", name: "Node" } as const;
  const version = process.versions.node;
  const [major = 0] = version.split(".").map(Number);
  // Odd releases end half a year after they begin (https://nodejs.org/about/previous-releases).
  if (major % 2 === 1)
    return {
      ...base,
      status: "warn",
      message: `${version} is not a long-lived release`,
      remedy: "Use an even one: 22, 24 or 26.",
    };
  return { ...base, status: "ok", message: `${version} on ${process.platform} ${process.arch}` };
}

/** Whether cron would find the programs that start runner itself. */
export function checkService(env: Environment, own: Environment): Check[] {
  return ["node", "runner"].map((program): Check => {
    const base = { area: "service", name: program } as const;
    const found = findProgram(program, env);
    const old = program === "node" && found !== undefined ? tooOld(found) : undefined;
    if (found !== undefined && old === undefined)
      return { ...base, status: "ok", message: `${found} is found with cron's PATH (${env["PATH"]})` };
    const here = program === "node" ? process.execPath : findProgram(program, own);
    const folder = here?.slice(0, here.lastIndexOf("/"));
    const remedy =
      folder === undefined
        ? `Install it, and put its folder into the crontab's first line: PATH=…:${env["PATH"]}`
        : `Put this line above the job's line of the crontab: PATH=${folder}:${env["PATH"]}`;
    const message = old === undefined ? "is not found" : `${found} is found, which is Node ${old} and too old,`;
    return { ...base, status: "fail", message: `${message} with cron's PATH (${env["PATH"]})`, remedy };
  });
}

/** The version of a Node that cannot run runner; undefined for one that can, or that does not tell. */
function tooOld(node: string): string | undefined {
  try {
    const told = execFileSync(node, ["--version"], { encoding: "utf8", timeout: 5_000, stdio: ["ignore", "pipe", "ignore"] });
    const [, version = "", major = "0", minor = "0"] = /^v((\d+)\.(\d+)\S*)/.exec(told) ?? [];
    return version !== "" && (Number(major) < 22 || (Number(major) === 22 && Number(minor) < 18)) ? version : undefined;
  } catch {
    return undefined;
  }
}
