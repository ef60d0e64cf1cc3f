/** What the jobs need of the environment they are fired in, held against the one that a service will have. */
import { referencesOf } from "../../engine/references.ts";
import type { Check } from "../doctor/check.ts";
import { checkPrograms } from "../doctor/programs.ts";
import { providerUses, some } from "../doctor/providers.ts";
import type { Project } from "../project.ts";
import { howToAdd } from "./key-file.ts";

type Environment = Readonly<Record<string, string | undefined>>;

interface Need {
  readonly variable: string;
  /** Who needs it, in words. */
  readonly by: string;
  /** `fail`: some run cannot begin without it. */
  readonly status: "fail" | "warn";
}

/** Variables that jobs reference, each once, the most urgent use of each. */
export function neededVariables(project: Project): Need[] {
  const needs = [...ofProviders(project), ...ofJobs(project)];
  return [...Map.groupBy(needs, ({ variable }) => variable).values()].flatMap((group) => {
    const need = group.find(({ status }) => status === "fail") ?? group[0];
    return need === undefined ? [] : [need];
  });
}

function ofProviders(project: Project): Need[] {
  return providerUses(project)
    .filter(({ use }) => use !== "none")
    .flatMap(({ config, use, jobs }) => {
      const key = config.apiKey === undefined ? [] : [config.apiKey.env];
      const headers = Object.values(config.headers).flatMap((value) =>
        [...value.matchAll(/\$\{([A-Za-z_]\w*)\}/g)].map(([, variable = ""]) => variable),
      );
      const by = `${config.id}, ${use === "first" ? "asked by" : "fallback of"} ${some(jobs)}`;
      return [...key, ...headers].map((variable): Need => ({ variable, by, status: use === "first" ? "fail" : "warn" }));
    });
}

function ofJobs({ jobs }: Project): Need[] {
  return jobs
    .filter(({ enabled }) => enabled)
    .flatMap((job) =>
      referencesOf(job).map(({ variable, place }): Need => ({ variable, by: `${job.name} (${place})`, status: "fail" })),
    );
}

/**
 * @param env what the service will have.
 * @param own what this shell has, to say how a key gets from here to there.
 */
export function checkNeeds(project: Project, env: Environment, own: Environment, keyFile: string): Check[] {
  const missing = neededVariables(project).filter(({ variable }) => (env[variable] ?? "").trim() === "");
  return [
    ...missing.map(({ variable, by, status }): Check => {
      const message = `is not in the service's environment; needed by ${by}`;
      const remedy = howToAdd(keyFile, variable, (own[variable] ?? "").trim() !== "");
      return { area: "service", name: variable, status, exitCode: 77, message, remedy };
    }),
    ...checkPrograms(project, env)
      .filter(({ status }) => status !== "ok")
      .map((check): Check => ({ ...check, area: "service" })),
  ];
}
