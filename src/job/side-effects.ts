import type { Job } from "./job.ts";

/**
 * What of a job may change something outside of it, in the words of its file; empty for one that only asks and reads. Whoever repeats
 * the job without being its schedule says these first.
 */
export function sideEffectsOf({ payload }: Pick<Job, "payload">): string[] {
  if (payload.kind === "command") return ["payload.kind: command"];
  const { mcp = {}, shell, files, http } = payload.tools ?? {};
  const found = Object.keys(mcp).map((name) => `tools.mcp.${name}`);
  if (shell !== undefined) found.push("tools.shell");
  if (files?.access === "rw") found.push("tools.files: rw");
  const writing = http?.methods.filter((method) => !["GET", "HEAD", "OPTIONS"].includes(method.toUpperCase())) ?? [];
  if (writing.length > 0) found.push(`tools.http: ${writing.join(", ")}`);
  return found;
}
