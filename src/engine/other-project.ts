/**
 * Two projects with one state folder, by mistake: one daemon leads there, so the other would stand by for ever and its jobs would never fire.
 */
import { realpathSync } from "node:fs";
import { ConfigError } from "../errors.ts";
import type { Leader, Owner } from "../ledger/ledger.ts";

/**
 * The folder of the project whose jobs the leader fires, if that is another than this one. Of a leader in another container nothing is said:
 * the same folder has another name there, and another one the same.
 */
export function otherProjectOf({ owner, report }: Leader, projectDir: string, self: Owner): string | undefined {
  if (owner.bootId !== self.bootId || owner.pidNamespace !== self.pidNamespace) return undefined;
  return real(report.projectDir) === real(projectDir) ? undefined : report.projectDir;
}

/** A link to the folder is the folder, as of a release that is swapped in. */
function real(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

export const otherProjectRemedy =
  "give this project a state folder of its own with --state-dir, or stateDir in its configuration; or stop that daemon first";

/** @throws ConfigError if the leader's project is another one */
export function refuseOtherProject(leader: Leader, projectDir: string, self: Owner): void {
  const other = otherProjectOf(leader, projectDir, self);
  if (other === undefined) return;
  const message = `the daemon with pid ${leader.owner.pid} fires the jobs of another project, ${other}, with the same state folder; those of this one would never fire`;
  throw new ConfigError([{ file: projectDir, path: "", message, suggestion: otherProjectRemedy }]);
}
