/** What OpenClaw's configuration (openclaw.json, JSON5) says of models and providers, as far as jobs need it. A key is never taken over. */
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Issue } from "../../errors.ts";
import { namesKey } from "../../job/command-leaves.ts";
import { looksSecret } from "../../job/secret.ts";
import { isRecord } from "../../job/shape.ts";
import { displayName } from "../display-name.ts";
import { readDocument, readText } from "../document.ts";
import type { Environment } from "../folders.ts";
import { resolveFolder } from "../folders.ts";
import type { Stored } from "./stored.ts";

export interface ModelChoice {
  readonly model?: string;
  readonly fallbacks?: readonly string[];
}

export interface OpenClawConfig {
  /** For messages; absent if there is none. */
  readonly file?: string;
  /** What a job that names no model asks, by its agent. */
  readonly choiceOf: (agentId: string | undefined) => ModelChoice;
  /** A model by an alias of OpenClaw's. */
  readonly modelOf: (written: string) => string;
  /** A provider as runner's configuration has it; undefined for one that is not said there, or whose wire format is not spoken. */
  readonly provider: (
    id: string,
  ) => { readonly entry: Stored; readonly notes: readonly string[] } | { readonly problem: string } | undefined;
  /** `cron.store`: where its jobs are, absolute; absent where that is the usual place. */
  readonly store?: string;
  /** Further settings of its scheduler, `cron.maxConcurrentRuns`, which mean something there and are not taken over. */
  readonly scheduling: readonly string[];
  readonly warnings: readonly Issue[];
}

/** Most files deep that `$include` is followed, as in OpenClaw. */
const maxIncludes = 10;

export async function readOpenClawConfig(stateDir: string, cwd: string, env: Environment): Promise<OpenClawConfig> {
  const set = env["OPENCLAW_CONFIG_PATH"];
  const path = set === undefined || set === "" ? join(stateDir, "openclaw.json") : resolveFolder(set, cwd, env);
  const warnings: Issue[] = [];
  const there = existsSync(path);
  const value = there ? await readWhole(path, cwd, 0, warnings) : {};
  const config: Stored = isRecord(value) ? value : {};
  const aliases = aliasesOf(config);
  const scheduling = config["cron"];
  const store = at(scheduling, "store");
  return {
    ...(there ? { file: displayName(path, cwd) } : {}),
    choiceOf: (agentId) => choiceOf(config, agentId),
    modelOf: (written) => aliases.get(written.toLowerCase()) ?? written,
    provider: (id) => providerOf(config, id),
    ...(typeof store === "string" && store !== "" ? { store: resolveFolder(store, dirname(path), env) } : {}),
    scheduling: Object.keys(isRecord(scheduling) ? scheduling : {})
      .filter((key) => key !== "store")
      .map((key) => `cron.${key}`),
    warnings,
  };
}

/** A file with what it includes; a file that includes wins over what it names, key by key. */
async function readWhole(path: string, cwd: string, depth: number, warnings: Issue[]): Promise<unknown> {
  const file = displayName(path, cwd);
  if (depth > maxIncludes) {
    warnings.push({ file, path: "$include", message: `is nested deeper than ${maxIncludes} files; the rest is not read` });
    return {};
  }
  const text = readText(path, file);
  const read = "issues" in text ? text : await readDocument(text.text, "json5", file);
  if ("issues" in read) {
    warnings.push(...read.issues);
    return {};
  }
  return await withIncludes(
    read.document.value,
    async (name) => await readWhole(resolve(dirname(path), name), cwd, depth + 1, warnings),
  );
}

async function withIncludes(value: unknown, load: (name: string) => Promise<unknown>): Promise<unknown> {
  if (!isRecord(value)) return value;
  let merged: unknown = {};
  const { $include: named, ...own } = value;
  for (const name of [named].flat()) if (typeof name === "string") merged = deepMerge(merged, await load(name));
  const entries = await Promise.all(
    Object.entries(own).map(async ([key, item]) => [key, await withIncludes(item, load)] as const),
  );
  return deepMerge(merged, Object.fromEntries(entries));
}

function deepMerge(below: unknown, over: unknown): unknown {
  if (!isRecord(below) || !isRecord(over)) return over;
  const keys = new Set([...Object.keys(below), ...Object.keys(over)]);
  return Object.fromEntries(
    [...keys].map((key) => [key, Object.hasOwn(over, key) ? deepMerge(below[key], over[key]) : below[key]]),
  );
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((here, key) => (isRecord(here) && Object.hasOwn(here, key) ? here[key] : undefined), value);
}

/** `agents.entries.ID` or an item of `agents.list`, else `agents.defaults`; a model is a text or `{ primary, fallbacks }`. */
function choiceOf(config: Stored, agentId: string | undefined): ModelChoice {
  const list = at(config, "agents", "list");
  const listed = Array.isArray(list) ? list.find((agent) => at(agent, "id") === (agentId ?? "main")) : undefined;
  const own = agentId === undefined ? undefined : at(config, "agents", "entries", agentId, "model");
  for (const found of [own, at(listed, "model"), at(config, "agents", "defaults", "model")]) {
    if (typeof found === "string") return { model: found };
    const [primary, fallbacks] = [at(found, "primary"), at(found, "fallbacks")];
    if (typeof primary !== "string") continue;
    return {
      model: primary,
      ...(Array.isArray(fallbacks) ? { fallbacks: fallbacks.filter((one) => typeof one === "string") } : {}),
    };
  }
  return {};
}

/** `agents.defaults.models: { "provider/model": { alias: "Kimi" } }`. */
function aliasesOf(config: Stored): ReadonlyMap<string, string> {
  const models = at(config, "agents", "defaults", "models");
  const entries = isRecord(models) ? Object.entries(models) : [];
  return new Map(
    entries.flatMap(([model, facts]) => {
      const alias = at(facts, "alias");
      return typeof alias === "string" ? [[alias.toLowerCase(), model] as const] : [];
    }),
  );
}

const dialects: Readonly<Record<string, string>> = {
  "openai-completions": "openai-completions",
  "anthropic-messages": "anthropic-messages",
  ollama: "openai-completions",
};

function providerOf(config: Stored, id: string): ReturnType<OpenClawConfig["provider"]> {
  const found = at(config, "models", "providers", id);
  if (!isRecord(found)) return undefined;
  const { baseUrl, api = "openai-completions", apiKey, headers, authHeader } = found;
  const dialect = typeof api === "string" && Object.hasOwn(dialects, api) ? dialects[api] : undefined;
  if (dialect === undefined) return { problem: `speaks ${JSON.stringify(api)}, which runner does not speak` };
  if (typeof baseUrl !== "string") return { problem: "has no baseUrl" };
  const notes: string[] = [];
  const own = `${id
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_")
    .replace(/^(?=\d)/, "_")}_API_KEY`;
  const [, named] = typeof apiKey === "string" ? (/^\$\{([A-Z_][A-Z0-9_]*)\}$/.exec(apiKey) ?? []) : [];
  const referred = at(apiKey, "source") === "env" ? at(apiKey, "id") : undefined;
  const variable = named ?? (typeof referred === "string" ? referred : apiKey === undefined ? undefined : own);
  if (variable === own && named === undefined) notes.push(`its key is not taken over: set ${own} in runner's environment`);
  if (api === "ollama") notes.push("is asked by Ollama's OpenAI-style door, below /v1");
  const address = api === "ollama" && !/\/v1\/?$/.test(baseUrl) ? `${baseUrl.replace(/\/+$/, "")}/v1` : baseUrl;
  if (address.includes("${")) notes.push("its address holds a variable: write it out");
  const entry = {
    baseUrl: address,
    dialect,
    ...(variable === undefined ? {} : { apiKey: `\${${variable}}` }),
    ...(authHeader === true && dialect === "anthropic-messages" ? { auth: "bearer" } : {}),
    ...(isRecord(headers) ? { headers: headersOf(headers, notes) } : {}),
  };
  return { entry, notes };
}

/** Plain ones as they are; one that carries a key as a reference. */
function headersOf(headers: Stored, notes: string[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      if (typeof value !== "string") return [];
      const secret =
        !value.includes("${") && (looksSecret(value) || namesKey(name.replaceAll("-", "_")) || /^authorization$/i.test(name));
      if (!secret) return [[name, value] as const];
      const variable = name.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_");
      notes.push(`the value of its header ${name} is not taken over: set ${variable}`);
      return [[name, `\${${variable}}`] as const];
    }),
  );
}
