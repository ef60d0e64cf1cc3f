/** One attempt in directories of its own, from their making to their removal: the same for every kind of turn. */
import { failed, unstarted } from "./ending.ts";
import type { Cleanup, TurnHooks, TurnResult, TurnSpec } from "./turn.ts";
import { createWorkspace, type Workspace } from "./workspace.ts";

interface Ended {
  readonly result: TurnResult;
  readonly cleanup: Cleanup;
}

/**
 * Makes the directories, carries the attempt out in them, lets `hooks.inspect` look at the result while they are there, and removes them.
 * Where they cannot be made nothing is carried out, and the result is a failed one; throws only what `attempt` throws.
 */
export async function inWorkspace(
  spec: Pick<TurnSpec, "runId" | "workDir">,
  hooks: TurnHooks,
  attempt: (workspace: Workspace) => Promise<Ended>,
): Promise<Ended> {
  let workspace: Workspace;
  try {
    workspace = createWorkspace(spec.runId, hooks.env, spec.workDir);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return unstarted("turn_died", `the turn's directory cannot be made: ${words}`);
  }
  try {
    const { result, cleanup } = await attempt(workspace);
    return { result: await inspected(result, workspace.work, hooks), cleanup };
  } finally {
    workspace.remove();
  }
}

async function inspected(result: TurnResult, workDir: string, { inspect }: TurnHooks): Promise<TurnResult> {
  if (inspect === undefined) return result;
  try {
    return await inspect(result, workDir);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { ...failed("internal", `the attempt's result could not be looked at: ${words}`), toolRuns: result.toolRuns };
  }
}
