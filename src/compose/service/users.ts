/** Users of this machine, as passwd(5) has them. */
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import os from "node:os";
import { UsageError } from "../../errors.ts";
import { systemEnvironment } from "../../job/chosen-environment.ts";
import type { Scope, ServiceUser } from "./service.ts";

/**
 * Whom a service runs as: of a user's own, that user; of the machine, the one that was named, else the project folder's owner, so that what
 * its jobs write belongs to whom the folder belongs.
 * @throws UsageError for a name that nobody has.
 */
export function serviceUser(scope: Scope, projectDir: string, named: string | undefined, home: string | undefined): ServiceUser {
  if (scope === "user") {
    const { username, uid, gid, homedir } = os.userInfo();
    return { name: username, uid, gid, home: home !== undefined && home.startsWith("/") ? home : homedir };
  }
  const wanted = named ?? String(statSync(projectDir).uid);
  const found = lookUp(wanted);
  if (found !== undefined) return found;
  throw new UsageError(`there is no user ${JSON.stringify(wanted)} here`, { suggestion: "Name one with --run-as USER." });
}

/** By name or number, from wherever the machine keeps its users. */
function lookUp(wanted: string): ServiceUser | undefined {
  const line = told("getent", ["passwd", wanted]) ?? told("id", ["-P", wanted]) ?? inFile(wanted);
  const fields = line?.trim().split(":") ?? [];
  const [name = "", , uid = "", gid = ""] = fields;
  // id -P of macOS has three fields more than passwd(5) before the home folder.
  const home = fields.length >= 10 ? fields[8] : fields[5];
  if (name === "" || home === undefined || !home.startsWith("/")) return undefined;
  return { name, uid: Number(uid), gid: Number(gid), home };
}

function told(program: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(program, args, {
      env: systemEnvironment(process.env),
      encoding: "utf8",
      timeout: 5_000,
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return undefined;
  }
}

function inFile(wanted: string): string | undefined {
  try {
    const lines = readFileSync("/etc/passwd", "utf8").split("\n");
    return lines.find((line) => line.startsWith(`${wanted}:`) || line.split(":")[2] === wanted);
  } catch {
    return undefined;
  }
}
