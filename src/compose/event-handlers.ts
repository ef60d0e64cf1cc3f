/** The event handlers that jobs and providers name, looked at before a stream needs them. */
import path from "node:path";
import type { Issue } from "../errors.ts";
import type { Job } from "../job/job.ts";
import { displayName } from "../load/display-name.ts";
import type { Project } from "./project.ts";

/** Why a module cannot be an event handler; undefined if it can. */
export async function handlerProblem(module: string): Promise<string | undefined> {
  const { eventHandlerProblem } = await import("../provider/event-handler/host.ts");
  return eventHandlerProblem(module);
}

/** What is wrong with the modules that these jobs name, and that the providers do. Loads each once, in a worker, and sends it nothing. */
export async function eventHandlerIssues(project: Project, jobs: readonly Job[] = project.jobs): Promise<Issue[]> {
  const named = [
    ...jobs.map(({ eventHandler, source }) => ({
      module: eventHandler,
      file: source.file,
      line: source.line,
      path: "eventHandler",
    })),
    ...[...project.providers.values()].map(({ id, eventHandler }) => ({
      module: eventHandler,
      file: displayName(project.configFiles[0] ?? project.place.dir, path.resolve(project.place.dir)),
      path: `providers.${id}.eventHandler`,
    })),
  ];
  const modules = new Set(named.map(({ module }) => module).filter((module) => module !== undefined));
  if (modules.size === 0) return [];
  const problems = new Map<string, string>();
  for (const module of modules) {
    const problem = await handlerProblem(module);
    if (problem !== undefined) problems.set(module, problem);
  }
  return named.flatMap(({ module, ...place }) => {
    const message = module === undefined ? undefined : problems.get(module);
    return message === undefined ? [] : [{ ...place, message }];
  });
}
