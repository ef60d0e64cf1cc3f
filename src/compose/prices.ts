/** What tokens cost: the prices that are known of the providers' models, with the configuration's over them. */
import type { ModelFacts, ProviderConfig } from "../provider/provider.ts";
import { createMeter, type Meter } from "../run/cost.ts";

export function priceMeter(providers: ReadonlyMap<string, ProviderConfig>): Meter {
  return createMeter(({ provider, model }) => {
    const config = providers.get(provider);
    return {
      price: config === undefined ? undefined : factsOf(config, model)?.price,
      inputHoldsCache: config?.dialect === "openai-completions",
    };
  });
}

/** What is known of a model, under the name that people write or the one that the provider knows. The first entry that fits counts. */
export function factsOf(config: Pick<ProviderConfig, "models" | "modelNames">, model: string): ModelFacts | undefined {
  const names = [model, config.modelNames?.[model]].filter((name) => name !== undefined);
  const entry = Object.entries(config.models ?? {}).find(([pattern]) => names.some((name) => fits(pattern, name)));
  return entry?.[1];
}

function fits(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
