/**
 * The variables of runner's own environment that a job hands to what it starts: `${NAME}` in an MCP server's environment or headers and in
 * a command's environment. Their values are secrets to everybody else.
 */
import type { Job, McpGrant } from "../job/job.ts";

export interface Reference {
  readonly variable: string;
  /** Where the job names it, such as `payload.tools.mcp.mail.env.TOKEN`. */
  readonly place: string;
}

const form = /\$\{([A-Za-z_][A-Za-z0-9_]{0,255})\}/g;

/** Pure. In the order of the job; a variable that stands in two places is there twice. */
export function referencesOf({ payload }: Pick<Job, "payload">): Reference[] {
  if (payload.kind === "command") return referencesIn("payload.env", payload.env);
  return Object.entries(payload.tools?.mcp ?? {}).flatMap(([name, grant]) => ofServer(`payload.tools.mcp.${name}`, grant));
}

function ofServer(place: string, grant: McpGrant): Reference[] {
  return grant.transport === "stdio" ? referencesIn(`${place}.env`, grant.env) : referencesIn(`${place}.headers`, grant.headers);
}

function referencesIn(place: string, values: Readonly<Record<string, string>> = {}): Reference[] {
  return Object.entries(values).flatMap(([key, value]) =>
    [...value.matchAll(form)].map(([, variable = ""]) => ({ variable, place: `${place}.${key}` })),
  );
}
