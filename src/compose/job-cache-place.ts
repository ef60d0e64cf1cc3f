/** Where job files that were read are left for commands that only look, and for which readings they count. */
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Config } from "../load/config.ts";
import type { JobCachePlace } from "../load/job-cache.ts";

export interface ReadWith {
  /** The folder that job files are named relative to. */
  readonly cwd: string;
  readonly providers: readonly string[];
  readonly defaultModel: string | null | undefined;
}

/** Undefined for a program that was not built: of its sources nothing says whether they are still the same. */
export function jobCachePlace(
  { stateDir, jobsDir, projectDir }: Pick<Config, "stateDir" | "jobsDir" | "projectDir">,
  { cwd, providers, defaultModel = "(given)" }: ReadWith,
  use: JobCachePlace["use"],
): JobCachePlace | undefined {
  const build = buildId();
  if (build === undefined) return undefined;
  // Node brings the table of zones that schedules are checked against.
  const { node, icu, tz } = process.versions;
  const context = JSON.stringify([build, node, icu, tz, cwd, jobsDir, projectDir, providers, defaultModel]);
  return { folder: stateDir, context, use };
}

/** Written beside the built programs (scripts/build.ts). */
function buildId(): string | undefined {
  try {
    return readFileSync(path.join(path.dirname(fileURLToPath(import.meta.url)), "build-id"), "utf8").trim();
  } catch {
    return undefined;
  }
}
