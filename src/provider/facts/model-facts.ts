/** What is known of one model of a provider. */
import type { Dialect, ModelFacts, Price, ProviderConfig } from "../provider.ts";

/**
 * Every field from the first entry of `models` that fits the name and says it; nothing for a model nobody has described.
 * @param model as people write it or as the provider knows it.
 */
export function modelFacts(config: Pick<ProviderConfig, "models" | "modelNames">, model: string): ModelFacts {
  const id = knownId(config, model);
  const fitting = Object.entries(config.models ?? {}).filter(([name]) =>
    name.endsWith("*") ? id.startsWith(name.slice(0, -1)) : id === name,
  );
  return Object.assign({}, ...fitting.map(([, facts]) => facts).toReversed());
}

function knownId({ modelNames = {} }: Pick<ProviderConfig, "modelNames">, model: string): string {
  return Object.hasOwn(modelNames, model) ? (modelNames[model] ?? model) : model;
}

/** Undefined for a model whose price is not known; its money is then not counted. */
export function priceOf(config: Pick<ProviderConfig, "models" | "modelNames">, model: string): Price | undefined {
  return modelFacts(config, model).price;
}

/**
 * OpenAI-style providers count cached tokens into the input, Anthropic-style ones beside it.
 * @param dialect the provider's own, not the turn's: usage stays as the provider counted it, whatever the answer was carried into.
 */
export function inputHoldsCache(dialect: Dialect): boolean {
  return dialect === "openai-completions";
}
