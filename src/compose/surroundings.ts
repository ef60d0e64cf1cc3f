/** What a folder is before it is a project: who could answer, whose key is there, what is configured already. Reads no job. */
import path from "node:path";
import { loadConfig } from "../load/config.ts";
import { findProject } from "../load/folders.ts";
import { builtInProviders } from "../provider/facts/built-in.ts";
import { mergeProviders } from "./models.ts";
import type { Place } from "./project.ts";

interface KnownProvider {
  readonly id: string;
  /** The variable its key is read from; undefined if it needs none. */
  readonly variable: string | undefined;
  readonly keySet: boolean;
}

export interface Surroundings {
  readonly providers: readonly KnownProvider[];
  /** The configuration file of this very folder, by its name. */
  readonly configFile: string | undefined;
  readonly timezone: string;
}

/** @throws ConfigError if there is a configuration that cannot be used. */
export async function surroundings(place: Place): Promise<Surroundings> {
  const cwd = path.resolve(place.dir);
  const { config } = await loadConfig({
    cwd,
    env: place.env,
    builtIns: builtInProviders.map(({ id }) => id),
    file: place.configFile,
    stateDir: place.stateDir,
  });
  const project = findProject(cwd, place.env);
  const [configFile] = project.dir === cwd ? project.files : [];
  return {
    providers: [...mergeProviders(config).values()].map(({ id, apiKey }) => ({
      id,
      variable: apiKey?.env,
      keySet: apiKey === undefined || (place.env[apiKey.env] ?? "").trim() !== "",
    })),
    configFile: configFile === undefined ? undefined : path.basename(configFile),
    timezone: config.timezone,
  };
}
