/** What keeps a turn's tools apart from runner itself, and so from its keys. */
import { needsSandbox, sandboxFor, sandboxWords } from "../../turn/index.ts";
import type { Project } from "../project.ts";
import type { Check } from "./check.ts";

export async function checkSandbox(
  { jobs }: Pick<Project, "jobs">,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Check> {
  const base = { area: "machine", name: "sandbox" } as const;
  const sandbox = await sandboxFor(env);
  const message = sandboxWords(sandbox);
  if (sandbox.kind === "namespaces") return { ...base, status: "ok", message };
  const exposed = jobs
    .filter(({ payload }) => payload.kind === "agentTurn" && needsSandbox(payload.tools))
    .map(({ name }) => name);
  if (exposed.length === 0) return { ...base, status: "ok", message: `${message}; no job here starts programs as tools` };
  return {
    ...base,
    status: "warn",
    message: `${message}; the tools of ${exposed.join(", ")} could read what this user can, runner's keys too`,
    remedy: "Run these jobs as a user of their own, or see docs/isolation.md.",
  };
}
