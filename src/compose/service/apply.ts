/** Carries a plan out: all of its changes or none, then the commands that were asked for. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ConfigError } from "../../errors.ts";
import { systemEnvironment } from "../../job/chosen-environment.ts";
import { codeOf } from "../doctor/providers.ts";
import { readCrontab, writeCrontab } from "./crontab-program.ts";
import type { Change, Step } from "./service.ts";

/** A manager answers within it, or is said not to. */
const stepMs = 120_000;

/** Whether it changes anything. */
export function isChange({ before, after }: Change): boolean {
  return before !== after;
}

/** @throws ConfigError if one of them cannot be made; then those before it were taken back. */
export function applyChanges(changes: readonly Change[], folders: readonly string[], env: NodeJS.ProcessEnv): void {
  const done: Change[] = [];
  let target = "";
  try {
    for (const folder of folders) mkdirSync((target = folder), { recursive: true });
    for (const change of changes.filter(isChange)) {
      ({ target } = change);
      put(change, env);
      done.push(change);
    }
  } catch (error) {
    for (const { before, after, ...rest } of done.toReversed()) put({ ...rest, before: after, after: before }, env);
    if (error instanceof ConfigError) throw error;
    const suggestion = "nothing was changed; see who owns the folder, or look at the files with --dry-run";
    throw new ConfigError([{ file: target, path: "", message: `cannot be written (${codeOf(error)})`, suggestion }], {
      cause: error,
    });
  }
}

function put({ kind, target, before, after, mode = 0o644, owner }: Change, env: NodeJS.ProcessEnv): void {
  if (kind === "crontab") {
    if (readCrontab(env) !== (before ?? "")) {
      const suggestion = "run it again";
      throw new ConfigError([{ file: "crontab", path: "", message: "was changed meanwhile, and stays as it is", suggestion }]);
    }
    writeCrontab(after ?? "", env);
    return;
  }
  if (after === undefined) return rmSync(target, { force: true });
  const folder = path.dirname(target);
  // Keys lie in folders that only their owner looks into.
  mkdirSync(folder, { recursive: true, mode: mode === 0o600 && owner === undefined ? 0o700 : 0o755 });
  if (kind === "link") return symlinkSync(after, target);
  const beside = path.join(folder, `.${path.basename(target)}.${process.pid}.new`);
  try {
    writeFileSync(beside, after, { flag: "wx", mode });
    chmodSync(beside, mode);
    if (owner !== undefined) chownSync(beside, owner.uid, owner.gid);
    renameSync(beside, target);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

export interface StepDone {
  readonly argv: readonly string[];
  readonly ok: boolean;
  /** What it said on stderr, or why it could not be started. */
  readonly said: string;
}

/** Runs the commands in turn, up to the first that fails. Those that are for a person are left out. */
export function runSteps(steps: readonly Step[], env: NodeJS.ProcessEnv): StepDone[] {
  const done: StepDone[] = [];
  for (const { argv, byHand } of steps) {
    if (byHand === true) continue;
    const [program = "", ...args] = argv;
    const result = spawnSync(program, args, {
      env: systemEnvironment(env),
      encoding: "utf8",
      timeout: stepMs,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ok = result.status === 0;
    done.push({ argv, ok, said: result.error?.message ?? result.stderr.trim() });
    if (!ok) break;
  }
  return done;
}
