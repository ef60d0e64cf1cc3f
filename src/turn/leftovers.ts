/** What an attempt leaves when its own runner is killed: `kill -9` of a runner leaves its turn to itself. */
import { leftoverCgroups } from "./attempt-cgroup.ts";
import { endTree } from "./kill.ts";
import type { Marker, ProcessTable } from "./process-table.ts";
import { processTable } from "./processes.ts";
import { Tree } from "./tree.ts";
import type { Cleanup } from "./turn.ts";
import { leftoverWorkspaces, removeLeftoverWorkspaces } from "./workspace.ts";

/**
 * Ends whatever is in a group of the run or carries the marker in its environment, and removes the run's directories. `confirmed` says that nothing with the
 * marker lives; without such a group, a process that cleared its environment and lost its parent is not seen (docs/isolation.md). Where the system shows
 * no environments, nothing is found, so nothing is confirmed as long as a directory of the run says that an attempt of it was not
 * seen to its end. Never throws.
 */
export async function endLeftovers(
  marker: Marker,
  graceMs: number,
  env: Readonly<Record<string, string | undefined>> = process.env,
  known?: ProcessTable,
): Promise<Cleanup> {
  const table = known ?? (await processTable());
  const cgroups = await leftoverCgroups(marker, env);
  const cleanup = await endTree(new Tree(table, marker, undefined, cgroups), { graceMs });
  for (const cgroup of cgroups) cgroup.remove();
  if (!table.seesEnvironments && leftoverWorkspaces(marker.runId, env).length > 0) return { ...cleanup, confirmed: false };
  if (cleanup.confirmed) removeLeftoverWorkspaces(marker.runId, env);
  return cleanup;
}
