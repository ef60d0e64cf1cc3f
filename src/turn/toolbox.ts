/** The tools of one attempt, as the job grants them: what is not granted does not exist for the model. */
import type { ToolGrants } from "../job/job.ts";
import { fileTools } from "./tools/files.ts";
import { httpTool } from "./tools/http.ts";
import { shellTool } from "./tools/shell.ts";
import type { Tool } from "./tools/tool.ts";
import type { OpenSpec, TurnResult } from "./turn.ts";

export interface Toolbox {
  readonly tools: readonly Tool[];
  /** Ends what the tools keep running between two calls. */
  close(): Promise<void>;
}

/** The tools that are known without starting anything. `work` is the folder they work in. */
export function builtInTools({ files, shell, http }: ToolGrants, work: string): Tool[] {
  return [
    ...(files === undefined ? [] : fileTools(files, work)),
    ...(shell === undefined ? [] : [shellTool(shell, work)]),
    ...(http === undefined ? [] : [httpTool(http)]),
  ];
}

export async function openToolbox(
  spec: OpenSpec,
): Promise<{ readonly toolbox: Toolbox } | { readonly failed: Extract<TurnResult, { status: "failed" }> }> {
  const tools = builtInTools(spec.tools ?? {}, process.cwd());
  return { toolbox: { tools, close: async () => {} } };
}
