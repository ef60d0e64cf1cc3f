/** The machine: Node, and what cron would find of it. */
import { execFileSync } from "node:child_process";
import path from "node:path";
import { systemEnvironment } from "../../job/chosen-environment.ts";
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

/** Whether cron would find the programs that start runner itself. One PATH line mends both. */
export function checkService(env: Environment, own: Environment): Check[] {
  const cronPath = env["PATH"] ?? "";
  const node = nodeOf(env);
  const runner = findProgram("runner", env);
  const here = [node.usable ? undefined : process.execPath, runner === undefined ? findProgram("runner", own) : undefined];
  const folders = [...new Set(here.filter((file) => file !== undefined).map((file) => path.dirname(file)))];
  const remedy =
    folders.length === 0
      ? `Install it, and put its folder into the crontab's first line: PATH=…:${cronPath}`
      : `Put this line above the job's line of the crontab: PATH=${[...folders, cronPath].join(":")}`;
  const bad = { area: "service", status: "fail", remedy } as const;
  const where = `with cron's PATH (${cronPath})`;
  return [
    node.usable
      ? { area: "service", name: "node", status: "ok", message: `${node.words} is found ${where}` }
      : { ...bad, name: "node", message: `${node.words} ${where}` },
    runner === undefined
      ? { ...bad, name: "runner", message: `is not found ${where}` }
      : { area: "service", name: "runner", status: "ok", message: `${runner} is found ${where}` },
  ];
}

function nodeOf(env: Environment): { readonly usable: boolean; readonly words: string } {
  const found = findProgram("node", env);
  if (found === undefined) return { usable: false, words: "is not found" };
  const old = tooOld(found, env);
  return old === undefined
    ? { usable: true, words: found }
    : { usable: false, words: `${found} is Node ${old}, which is too old, and is found` };
}

/** The version of a Node that cannot run runner; undefined for one that can, or that does not tell. */
function tooOld(node: string, env: Environment): string | undefined {
  try {
    const told = execFileSync(node, ["--version"], {
      env: systemEnvironment(env),
      encoding: "utf8",
      timeout: 5_000,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [, version = "", major = "0", minor = "0"] = /^v((\d+)\.(\d+)\S*)/.exec(told) ?? [];
    return version !== "" && (Number(major) < 22 || (Number(major) === 22 && Number(minor) < 18)) ? version : undefined;
  } catch {
    return undefined;
  }
}
