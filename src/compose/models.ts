/** Which providers there are, and what `provider/model` means among them. */
import { UsageError, type Issue } from "../errors.ts";
import { unknownProvider } from "../job/leaves.ts";
import type { Config } from "../load/config.ts";
import { builtInProviders } from "../provider/facts/built-in.ts";
import type { ProviderConfig } from "../provider/provider.ts";

type ProviderInput = Config["providers"][string];

/** Built-in providers with what the configuration says on top, field by field; headers and facts of models are merged. */
export function mergeProviders(config: Pick<Config, "providers">): Map<string, ProviderConfig> {
  const merged = new Map(builtInProviders.map((provider) => [provider.id, provider]));
  for (const [id, input] of Object.entries(config.providers)) merged.set(id, mergedProvider(id, merged.get(id), input));
  return merged;
}

function mergedProvider(id: string, base: ProviderConfig | undefined, input: ProviderInput): ProviderConfig {
  const { baseUrl = base?.baseUrl, dialect = base?.dialect } = input;
  if (baseUrl === undefined || dialect === undefined) throw new Error(`provider ${id} was not checked`);
  const { auth, maxTokensField, quota, structuredOutput, eventHandler } = input;
  const modelNames = { ...base?.modelNames, ...input.modelNames };
  const models = mergedModels(input.models ?? {}, base?.models ?? {});
  return {
    ...(base?.dialect === dialect ? base : withoutDialect(base)),
    id,
    baseUrl,
    dialect,
    // An address of one's own does not get the built-in provider's key unless the configuration says which.
    apiKey: input.apiKey ?? (input.baseUrl === undefined ? base?.apiKey : undefined),
    headers: { ...base?.headers, ...input.headers },
    sseQuirks: { tolerateOutOfOrderEvents: true, ...base?.sseQuirks, ...input.sseQuirks },
    ...(Object.keys(models).length === 0 ? {} : { models }),
    ...(Object.keys(modelNames).length === 0 ? {} : { modelNames }),
    ...(auth === undefined ? {} : { auth }),
    ...(maxTokensField === undefined ? {} : { maxTokensField }),
    ...(quota === undefined ? {} : { quota }),
    ...(structuredOutput === undefined ? {} : { structuredOutput }),
    ...(eventHandler === undefined ? {} : { eventHandler }),
  };
}

/** What is known of a provider whatever dialect it is spoken to in. */
function withoutDialect(base: ProviderConfig | undefined): Partial<ProviderConfig> {
  if (base === undefined) return {};
  const {
    auth: _1,
    structuredOutput: _2,
    maxTokensField: _3,
    thinkingField: _4,
    adaptiveThinking: _5,
    thinkingHistory: _6,
    ...rest
  } = base;
  return rest;
}

type Models = NonNullable<ProviderConfig["models"]>;

/** The configuration's entries first, because the first that fits counts; under one name field by field. */
function mergedModels(own: Models, known: Models): Models {
  const both = Object.entries(own).map(([name, facts]) => [name, { ...known[name], ...facts }] as const);
  return {
    ...Object.fromEntries(both),
    ...Object.fromEntries(Object.entries(known).filter(([name]) => !Object.hasOwn(own, name))),
  };
}

/** `provider/model`; the model may itself hold slashes, as OpenRouter's do. */
function splitModel(name: string): { provider: string; model: string } {
  const slash = name.indexOf("/");
  return { provider: name.slice(0, slash), model: name.slice(slash + 1) };
}

/** A built-in provider at another address whose key is not sent there: said, because the provider will only say 401. */
export function keyWarnings({ providers }: Pick<Config, "providers">, file: string): Issue[] {
  return Object.entries(providers).flatMap(([id, input]) => {
    const variable = builtInProviders.find((provider) => provider.id === id)?.apiKey?.env;
    if (variable === undefined || input.baseUrl === undefined || input.apiKey !== undefined) return [];
    const message = `has an address of its own and no "apiKey", so the key in ${variable} is not sent there`;
    return [{ file, path: `providers.${id}`, message, suggestion: `to send it, add "apiKey": "\${${variable}}"` }];
  });
}

/** `provider/model` → where it is asked. @throws UsageError for a provider nobody knows or a name that is not of that form. */
export function modelResolver(providers: ReadonlyMap<string, ProviderConfig>) {
  return (name: string): { provider: string; model: string; dialect: ProviderConfig["dialect"] } => {
    const { provider, model } = splitModel(name);
    if (provider === "" || model === "" || !name.includes("/") || /[\s\p{Cc}]/u.test(name)) {
      throw new UsageError(`"${name}" does not name a model`, { suggestion: "Write provider/model, such as kimi-coding/k2p5." });
    }
    const config = providers.get(provider);
    if (config === undefined) {
      const issue = unknownProvider(name, [...providers.keys()]);
      throw new UsageError(issue?.message ?? name, issue === undefined ? {} : { suggestion: issue.suggestion });
    }
    return { provider, model, dialect: config.dialect };
  };
}

/** Every provider with the simulated one in its place: no key, no address of its own. */
export function simulatedProviders(providers: ReadonlyMap<string, ProviderConfig>, url: string): Map<string, ProviderConfig> {
  return new Map([...providers].map(([id, config]) => [id, { ...config, baseUrl: url, apiKey: undefined, headers: {} }]));
}

/** Which quota a provider's models share: two ids with one key or plan may name the same. */
export function quotas(providers: ReadonlyMap<string, ProviderConfig>): (provider: string) => string {
  return (provider) => providers.get(provider)?.quota ?? provider;
}

/** Every provider with its streams taken as they come: an irregularity is a fault, and no handler mends it. */
export function unrepaired(providers: ReadonlyMap<string, ProviderConfig>): Map<string, ProviderConfig> {
  return new Map([...providers].map(([id, config]) => [id, withoutRepair(config)]));
}

function withoutRepair(config: ProviderConfig): ProviderConfig {
  const { eventHandler: _none, ...rest } = config;
  return { ...rest, sseQuirks: { ...config.sseQuirks, tolerateOutOfOrderEvents: false } };
}
