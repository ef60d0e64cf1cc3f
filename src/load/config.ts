/** The configuration: the project's file over the user's, or the one file that was named. */
import { dirname, resolve } from "node:path";
import { ConfigError, type Issue } from "../errors.ts";
import { nearest, type Path } from "../job/words.ts";
import { unknownProvider } from "../job/leaves.ts";
import { readLayer, toIssue, type Layer } from "./config-layer.ts";
import { displayName } from "./display-name.ts";
import { defaultStateDir, findProject, findUserFiles, resolveFolder, type Environment, type Project } from "./folders.ts";
import { settingsOf, type Setting } from "./settings.ts";
import { machineZone } from "./machine-zone.ts";
import type { ConfigValues, ProviderValues } from "./config-shape.ts";
import { schedulerLimits, type SchedulerLimits } from "./scheduler-limits.ts";

/** What the files say of one provider. What they do not say comes from the built-in one of that id, if there is one. */
export type ProviderInput = ProviderValues;

export interface Config {
  /** The project's folder; also where files are named relative to. */
  readonly projectDir: string;
  /** Folder of the job files, absolute. */
  readonly jobsDir: string;
  /** Folder of the ledger, absolute. */
  readonly stateDir: string;
  readonly model?: string;
  readonly fallbacks?: readonly string[];
  /** Zone of cron schedules that name none; the machine's, if the files name none, found out when it is asked for. */
  readonly timezone: string;
  readonly providers: Readonly<Record<string, ProviderInput>>;
  /** How much the daemon may do at once, defaults filled in. */
  readonly scheduler: SchedulerLimits;
}

export interface LoadConfigOptions {
  readonly cwd: string;
  readonly env: Environment;
  /** `--config`: only this file is read. Relative to `cwd`. */
  readonly file?: string | undefined;
  /** `--state-dir`: wins over what the files say. Relative to `cwd`. */
  readonly stateDir?: string | undefined;
  /** Ids of the built-in providers: any other needs an address and a dialect. */
  readonly builtIns: readonly string[];
}

export interface LoadedConfig {
  readonly config: Config;
  /** The files that were read, the one that wins first; none is fine. */
  readonly files: readonly string[];
  readonly warnings: readonly Issue[];
  /** Every value that counts, with the place it comes from. Never a secret. */
  readonly settings: () => readonly Setting[];
}

/**
 * Finds, reads, checks and merges the configuration.
 * @throws ConfigError with every problem of every file.
 */
export async function loadConfig(options: LoadConfigOptions): Promise<LoadedConfig> {
  const { cwd, env } = options;
  const project = options.file === undefined ? findProject(cwd, env) : named(options.file, cwd, env);
  const warnings: Issue[] = [];
  const user = options.file === undefined ? findUserFiles(env) : [];
  const issues: Issue[] = [];
  const layers: Layer[] = [];
  for (const found of [project.files, user]) {
    const [path, ...passedOver] = found;
    if (path === undefined) continue;
    warnings.push(...passedOver.map((other) => notRead(other, path, cwd)));
    try {
      layers.push(await readLayer(path, { cwd, env }, warnings, found === user));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      issues.push(...error.issues);
    }
  }
  if (issues.length > 0) throw new ConfigError(issues);
  const merged = merge(layers);
  const problems = [...newProviders(merged, layers, options.builtIns), ...unknownModels(merged, layers, options.builtIns)];
  if (problems.length > 0) throw new ConfigError(problems);
  warnings.push(...notSent(layers, cwd));
  const config = toConfig(merged, layers, project, options);
  const settings = (): readonly Setting[] => settingsOf(merged, layers, config, options);
  return { config, files: layers.map(({ path }) => path), warnings, settings };
}

function named(file: string, cwd: string, env: Environment): Project {
  const path = resolveFolder(file, cwd, env);
  return { dir: dirname(path), files: [path] };
}

function notRead(other: string, winner: string, cwd: string): Issue {
  return {
    file: displayName(other, cwd),
    path: "",
    message: `is not read: ${displayName(winner, cwd)} comes first`,
    suggestion: "keep one",
  };
}

function merge(layers: readonly Layer[]): ConfigValues {
  let merged: ConfigValues = {};
  for (const { values } of layers.toReversed()) {
    const providers = { ...merged.providers };
    for (const [id, over] of Object.entries(values.providers ?? {})) providers[id] = mergeProvider(providers[id] ?? {}, over);
    const scheduler = mergeScheduler(merged.scheduler, values.scheduler);
    merged = { ...merged, ...values, providers, ...(scheduler === undefined ? {} : { scheduler }) };
  }
  return merged;
}

/** Field by field, and of the groups each by its name. */
function mergeScheduler(below: ConfigValues["scheduler"], over: ConfigValues["scheduler"]): ConfigValues["scheduler"] {
  if (below === undefined || over === undefined) return over ?? below;
  const groups = { ...below.groups, ...over.groups };
  return { ...below, ...over, ...(Object.keys(groups).length === 0 ? {} : { groups }) };
}

/**
 * Field by field, except for what may be secret: a key and headers were given for the address that stood beside or below them, and
 * a file above that names another address (a cloned project's) must say for itself what is to be sent there.
 */
function mergeProvider(below: ProviderValues, over: ProviderValues): ProviderValues {
  const { apiKey: _apiKey, headers: _headers, ...harmless } = below;
  const under: ProviderValues = over.baseUrl === undefined ? below : harmless;
  return {
    ...under,
    ...over,
    ...(under.headers === undefined && over.headers === undefined ? {} : { headers: { ...under.headers, ...over.headers } }),
    ...(under.sseQuirks === undefined && over.sseQuirks === undefined
      ? {}
      : { sseQuirks: { ...under.sseQuirks, ...over.sseQuirks } }),
    ...mergedFacts(under, over),
  };
}

/** Facts of models by id, field by field; what stands above comes first, because the first that fits counts. */
function mergedFacts(under: ProviderValues, over: ProviderValues): Pick<ProviderValues, "models" | "modelNames"> {
  const below = under.models ?? {};
  const above = Object.entries(over.models ?? {}).map(([id, facts]) => [id, { ...below[id], ...facts }] as const);
  const models = {
    ...Object.fromEntries(above),
    ...Object.fromEntries(Object.entries(below).filter(([id]) => over.models?.[id] === undefined)),
  };
  const modelNames = { ...under.modelNames, ...over.modelNames };
  return {
    ...(Object.keys(models).length === 0 ? {} : { models }),
    ...(Object.keys(modelNames).length === 0 ? {} : { modelNames }),
  };
}

/** A key or headers of the user's file that the project's own address does not get: said, because the provider will only say 401. */
function notSent(layers: readonly Layer[], cwd: string): Issue[] {
  const [over, below] = layers;
  if (over === undefined || below === undefined) return [];
  return Object.entries(over.values.providers ?? {}).flatMap(([id, { baseUrl, apiKey, headers }]) => {
    const under = below.values.providers?.[id];
    if (baseUrl === undefined || under === undefined) return [];
    const dropped = (["apiKey", "headers"] as const).filter((key) => under[key] !== undefined);
    const again = { apiKey, headers };
    const lost = dropped.filter((key) => again[key] === undefined).map((key) => `"${key}"`);
    if (lost.length === 0) return [];
    const words = lost.join(" and ");
    const message = `is an address of its own, and ${words} of ${displayName(below.path, cwd)} ${lost.length === 1 ? "is" : "are"} not sent there`;
    const suggestion = `set ${words} beside it, if that is meant`;
    return [toIssue({ path: ["providers", id, "baseUrl"], of: "value", message, suggestion }, over.place)];
  });
}

/** A provider that is not built in must say where it is and what it speaks, in one of the files. */
function newProviders(merged: ConfigValues, layers: readonly Layer[], builtIns: readonly string[]): Issue[] {
  return Object.entries(merged.providers ?? {}).flatMap(([id, entry]) => {
    if (builtIns.includes(id)) return [];
    const missing = (["baseUrl", "dialect"] as const).filter((key) => entry[key] === undefined);
    const layer = layers.find(({ values }) => values.providers?.[id] !== undefined);
    if (missing.length === 0 || layer === undefined) return [];
    const near = nearest(id, builtIns);
    const path = ["providers", id];
    const suggestion =
      near === undefined
        ? 'write "baseUrl": "https://…" and "dialect": "openai-completions" or "anthropic-messages"'
        : `did you mean "${near}"?`;
    const message = `is not built in (${builtIns.join(", ")}), so it needs ${missing.map((key) => `"${key}"`).join(" and ")}`;
    return [toIssue({ path, of: "key", message, suggestion }, layer.place)];
  });
}

/** A model of the configuration whose provider nobody knows. */
function unknownModels(merged: ConfigValues, layers: readonly Layer[], builtIns: readonly string[]): Issue[] {
  const ids = [...builtIns, ...Object.keys(merged.providers ?? {})];
  const asked: { path: Path; model: string }[] = (merged.fallbacks ?? []).map((model, at) => ({
    path: ["fallbacks", at],
    model,
  }));
  if (merged.model !== undefined) asked.unshift({ path: ["model"], model: merged.model });
  return asked.flatMap(({ path, model }) => {
    const problem = unknownProvider(model, ids);
    const layer = layers.find(({ values }) => values[path[0] === "model" ? "model" : "fallbacks"] !== undefined);
    return problem === undefined || layer === undefined ? [] : [toIssue({ path, of: "value", ...problem }, layer.place)];
  });
}

function toConfig(
  merged: ConfigValues,
  layers: readonly Layer[],
  project: Project,
  { cwd, env, stateDir }: LoadConfigOptions,
): Config {
  const folder = (key: "jobsDir" | "stateDir"): string | undefined => {
    const layer = layers.find(({ values }) => values[key] !== undefined);
    return layer === undefined ? undefined : resolveFolder(layer.values[key] ?? "", dirname(layer.path), env);
  };
  const { model, fallbacks, timezone, providers = {} } = merged;
  return {
    projectDir: project.dir,
    jobsDir: folder("jobsDir") ?? resolve(project.dir, "jobs"),
    stateDir:
      stateDir === undefined ? (folder("stateDir") ?? defaultStateDir(project.dir, env)) : resolveFolder(stateDir, cwd, env),
    ...(model === undefined ? {} : { model }),
    ...(fallbacks === undefined ? {} : { fallbacks }),
    get timezone() {
      return timezone ?? machineZone(env);
    },
    providers,
    scheduler: schedulerLimits(merged),
  };
}
