/** What `runner uninstall` takes away: only what `runner install` made for this project. The key file stays; it holds what a person wrote. */
import os from "node:os";
import { existsSync } from "node:fs";
import { withoutBlock } from "./crontab.ts";
import { readCrontab } from "./crontab-program.ts";
import type { Wish } from "./install-plan.ts";
import { configHomeOf, projectFolder } from "./where.ts";
import { contentOf, findInstalled, folderInCrontab, type Installed, type Where } from "./installed.ts";
import { keyFilePath } from "./key-file.ts";
import { bootoutSteps } from "./launchd.ts";
import type { Change, Manager, Plan, Scope } from "./service.ts";
import { disableSteps } from "./systemd.ts";
import path from "node:path";

export interface Removal {
  readonly plan: Plan;
  readonly found: readonly Installed[];
  readonly projectDir: string;
  /** Key files that stay. */
  readonly kept: readonly string[];
}

export interface RemovalWish extends Pick<Wish, "place" | "env"> {
  /** Undefined: whatever is found. */
  readonly manager: Manager | undefined;
  readonly scope: Scope | undefined;
  readonly name: string | undefined;
}

/** Changes nothing, and needs no job file that can be read. */
export function planRemoval({ place, env, manager, scope, name }: RemovalWish): Removal {
  const projectDir = projectFolder(place, env);
  const home = env["HOME"] ?? os.userInfo().homedir;
  const where: Where = { projectDir, home, configHome: configHomeOf(env, home), env };
  const found = findInstalled(where).filter(
    (one) =>
      (manager === undefined || one.manager === manager) &&
      (scope === undefined || one.scope === scope) &&
      (name === undefined || one.name === name),
  );
  const plans = found.map((one) => planOf(one, where));
  const kept = found
    .map((one) => keyFilePath(one.scope, where.configHome, one.manager === "crontab" ? crontabKeyName(one) : one.name))
    .filter((file) => existsSync(file));
  return {
    plan: {
      changes: plans.flatMap(({ changes }) => changes),
      folders: [],
      before: plans.flatMap(({ before }) => before),
      after: plans.flatMap(({ after }) => after),
    },
    found,
    projectDir,
    kept: [...new Set(kept)],
  };
}

/** The line of a crontab names its key file. */
function crontabKeyName({ command }: Installed): string {
  const option = command.find((word) => word.startsWith("--env-file-if-exists=")) ?? "";
  return path.parse(option).name;
}

function planOf(one: Installed, { projectDir, env }: Where): Plan {
  const { manager, scope, name, files } = one;
  const none = { folders: [], before: [], after: [] };
  if (manager === "crontab") {
    const before = readCrontab(env);
    const after = withoutBlock(before, folderInCrontab(before, projectDir));
    return { ...none, changes: [{ kind: "crontab", target: `crontab of ${os.userInfo().username}`, before, after }] };
  }
  const changes = files.map((target): Change => {
    const kind = target.includes(".wants/") ? "link" : "file";
    return { kind, target, before: contentOf(target), after: undefined };
  });
  const units = files.filter((file) => !file.includes(".wants/")).map((file) => path.basename(file));
  const { uid, gid, username, homedir } = os.userInfo();
  const user = { name: username, uid, gid, home: homedir };
  const steps = manager === "systemd" ? disableSteps(scope, units) : bootoutSteps({ scope, user, name });
  return { ...none, ...steps, changes };
}
