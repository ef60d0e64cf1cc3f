/** What an attempt leaves when its own runner is killed: `kill -9` of a runner leaves its turn to itself. */
import { endTree } from "./kill.ts";
import type { Marker } from "./process-table.ts";
import { processTable } from "./processes.ts";
import { Tree } from "./tree.ts";
import type { Cleanup } from "./turn.ts";
import { removeLeftoverWorkspaces } from "./workspace.ts";

/**
 * Ends whatever carries the marker in its environment and removes the run's directories. `confirmed` says that nothing with the
 * marker lives; a process that cleared its environment and lost its parent is not seen (docs/isolation.md). Never throws.
 */
export async function endLeftovers(
  marker: Marker,
  graceMs: number,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Cleanup> {
  const cleanup = await endTree(new Tree(await processTable(), marker, undefined), { graceMs });
  if (cleanup.confirmed) removeLeftoverWorkspaces(marker.runId, env);
  return cleanup;
}
