/** The tools of one attempt, as the job grants them: what is not granted does not exist for the model. */
import type { ToolGrants } from "../job/job.ts";
import { fileTools } from "./tools/files.ts";
import { httpTool } from "./tools/http.ts";
import { shellTool, type ProgramRoom } from "./tools/shell.ts";
import type { Tool } from "./tools/tool.ts";
import type { OpenSpec, TurnResult } from "./turn.ts";

export interface Toolbox {
  readonly tools: readonly Tool[];
  /** What is not as the job says, but no reason to stop. */
  readonly warnings: readonly string[];
  /** What the servers wrote to stderr, for the record of a failure. */
  evidence(): string;
  /** Ends what the tools keep running between two calls. */
  close(): Promise<void>;
}

/** The tools that are known without starting anything. */
export function builtInTools({ files, shell, http }: ToolGrants, room: ProgramRoom): Tool[] {
  return [
    ...(files === undefined ? [] : fileTools(files, room.work)),
    ...(shell === undefined ? [] : [shellTool(shell, room)]),
    ...(http === undefined ? [] : [httpTool(http)]),
  ];
}

export async function openToolbox(
  spec: OpenSpec,
): Promise<{ readonly toolbox: Toolbox } | { readonly failed: Extract<TurnResult, { status: "failed" }> }> {
  const granted = spec.tools ?? {};
  const room = { work: process.cwd(), apart: spec.apart ?? [] };
  const builtIn = builtInTools(granted, { ...room, apart: spec.shellApart ?? room.apart });
  if (granted.mcp === undefined || Object.keys(granted.mcp).length === 0)
    return { toolbox: { tools: builtIn, warnings: [], evidence: () => "", close: async () => {} } };
  try {
    const { openMcpServers } = await import("./tools/mcp.ts");
    const servers = await openMcpServers(granted.mcp, room, spec.secrets);
    return { toolbox: { ...servers, tools: [...builtIn, ...servers.tools] } };
  } catch (error) {
    // Without one of its tools a turn is not the one that was meant.
    const message = error instanceof Error ? error.message : String(error);
    const missing = error instanceof Error && "missing" in error && error.missing === true ? { missing: true as const } : {};
    const unready = error instanceof Error && "unready" in error && typeof error.unready === "string" ? error.unready : undefined;
    const what = unready === undefined ? {} : { unready };
    return { failed: { status: "failed", fault: "not_ready", error: message, toolRuns: 0, ...missing, ...what } };
  }
}
