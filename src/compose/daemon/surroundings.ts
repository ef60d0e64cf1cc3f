/** What a person should know before a daemon fires anything: keys that are not there, folders that cannot be written. Nothing is asked and nothing is sent. */
import { accessSync, constants } from "node:fs";
import os from "node:os";
import type { Job } from "../../job/job.ts";
import { keyFindings } from "../preflight.ts";
import type { Project } from "../project.ts";

export interface Warning {
  /** A word for programs. */
  readonly event: "key_missing" | "no_temporary_folder" | "bare_init";
  readonly text: string;
}

/** Keys that enabled jobs need and that are not there, one warning a provider; where the daemon runs, as far as it matters. */
export function warningsBefore(project: Project, options: { readonly simulated: boolean; readonly pid: number }): Warning[] {
  const { env } = project.place;
  return [...(options.simulated ? [] : missingKeys(project)), ...temporaryFolder(env), ...bareInit(options.pid)];
}

function missingKeys(project: Project): Warning[] {
  const jobs = project.jobs.filter(({ enabled, schedule }) => enabled && schedule.kind !== "manual");
  const first = Map.groupBy(jobs, (job) => firstProvider(job, project));
  return [...first].flatMap(([id, asking]): Warning[] => {
    const provider = project.providers.get(id);
    const [finding] = provider === undefined ? [] : keyFindings(provider, project.place.env);
    if (finding === undefined) return [];
    const names = asking.slice(0, 3).map(({ name }) => name);
    const whose = `${names.join(", ")}${asking.length > 3 ? ` and ${asking.length - 3} more` : ""}`;
    return [{ event: "key_missing", text: `${finding.what}, so ${whose} cannot ask it. ${finding.remedy}` }];
  });
}

function firstProvider({ payload }: Job, { defaultModel }: Project): string {
  if (payload.kind === "command") return "";
  const model = payload.model ?? defaultModel ?? "";
  return model.slice(0, model.indexOf("/"));
}

/** Each attempt has a folder of its own there; in a container with a read-only root it has to be mounted. */
function temporaryFolder(env: Readonly<Record<string, string | undefined>>): Warning[] {
  const folder = env["TMPDIR"] ?? os.tmpdir();
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return [];
  } catch {
    const text = `the temporary folder ${folder} cannot be written, and every turn needs one: mount one there, or set TMPDIR`;
    return [{ event: "no_temporary_folder", text }];
  }
}

/** The first process of a container gets every process whose parent died, and Node does not wait for those that are not its own. */
function bareInit(pid: number): Warning[] {
  if (pid !== 1) return [];
  const text =
    "runs as process 1, where dead processes of turns pile up because Node waits only for its own children: start the container with an init (docker run --init, or tini; docs/daemon.md)";
  return [{ event: "bare_init", text }];
}
