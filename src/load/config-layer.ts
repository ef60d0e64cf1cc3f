/** One configuration file: read, and checked by itself. What the files say together is for config.ts. */
import { statSync } from "node:fs";
import { dirname, isAbsolute } from "node:path";
import { ConfigError, type Issue } from "../errors.ts";
import { check, maxProblems, type Problem } from "../job/check.ts";
import { byPlace, describe, formatPath, type Path } from "../job/words.ts";
import type { ConfigDocument, Place } from "./config-file.ts";
import type { ConfigValues, ProviderValues } from "./config-shape.ts";
import { resolveFolder, type Environment } from "./folders.ts";

/** What one file says. */
export interface Layer {
  readonly path: string;
  readonly place: ConfigDocument["place"];
  readonly values: ConfigValues;
}

/**
 * Reads one file and finds out all that is wrong with it by itself.
 * @param warnings What is odd about it is added here.
 * @throws ConfigError with every problem of the file.
 */
export async function readLayer(
  path: string,
  { cwd, env }: { readonly cwd: string; readonly env: Environment },
  warnings: Issue[],
  ofUser: boolean,
): Promise<Layer> {
  const [{ readConfigFile }, { configShape, namingProblems }] = await Promise.all([
    import("./config-file.ts"),
    import("./config-shape.ts"),
  ]);
  const document = await readConfigFile(path, cwd);
  const shaped = check(configShape, document.value);
  const problems = [...("problems" in shaped ? shaped.problems : []), ...namingProblems(document.value)];
  if ("value" in shaped && ofUser) problems.push(...relativeFolders(shaped.value));
  const values = "value" in shaped ? withHandlers(shaped.value, dirname(path), env, problems) : undefined;
  if (values === undefined || problems.length > 0) {
    const told = withoutRepeats(problems).slice(0, maxProblems);
    throw new ConfigError(told.map((problem) => toIssue(problem, document.place)).toSorted(byPlace));
  }
  warnings.push(...plainHttp(values).map((problem) => toIssue(problem, document.place)));
  return { path, place: document.place, values };
}

/** Event handlers as absolute paths of files that are there. */
function withHandlers(values: ConfigValues, folder: string, env: Environment, problems: Problem[]): ConfigValues {
  if (values.providers === undefined) return values;
  const providers = Object.entries(values.providers).map(([id, entry]): [string, ProviderValues] => {
    if (entry.eventHandler === undefined) return [id, entry];
    const eventHandler = resolveFolder(entry.eventHandler, folder, env);
    if (statSync(eventHandler, { throwIfNoEntry: false })?.isFile() === true) return [id, { ...entry, eventHandler }];
    const message = `${describe(entry.eventHandler)} names no file`;
    const suggestion = "a path is relative to the file that names it";
    problems.push({ path: ["providers", id, "eventHandler"], of: "value", message, suggestion });
    return [id, entry];
  });
  return { ...values, providers: Object.fromEntries(providers) };
}

export function toIssue({ path, of, message, suggestion }: Problem, place: (path: Path, of: "key" | "value") => Place): Issue {
  return { ...place(path, of), path: formatPath(path), message, ...(suggestion === undefined ? {} : { suggestion }) };
}

function withoutRepeats(problems: readonly Problem[]): Problem[] {
  const places = problems.map(({ path }) => JSON.stringify(path));
  return problems.filter((_, at) => places.indexOf(places[at] ?? "") === at);
}

/** The user's file applies to every project, so a relative folder in it has no meaning of its own. */
function relativeFolders(values: ConfigValues): Problem[] {
  return (["jobsDir", "stateDir"] as const).flatMap((key) => {
    const written = values[key];
    if (written === undefined || isAbsolute(written) || written.startsWith("~/")) return [];
    return [
      {
        path: [key],
        of: "value" as const,
        message: `${describe(written)} is relative, and this file belongs to no project`,
        suggestion: `begin it with "/" or "~/"`,
      },
    ];
  });
}

function plainHttp(values: ConfigValues): Problem[] {
  return Object.entries(values.providers ?? {}).flatMap(([id, { baseUrl }]) => {
    if (baseUrl === undefined || !baseUrl.startsWith("http:")) return [];
    const { hostname } = new URL(baseUrl);
    if (hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.")) return [];
    return [
      {
        path: ["providers", id, "baseUrl"],
        of: "value" as const,
        message: "is not https: the key and every prompt travel readable",
        suggestion: "write https://",
      },
    ];
  });
}
