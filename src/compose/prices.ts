/** What tokens cost: the prices that are known of the providers' models, with the configuration's over them. */
import { priceOf } from "../provider/facts/model-facts.ts";
import type { ProviderConfig } from "../provider/provider.ts";
import { createMeter, type Meter } from "../run/cost.ts";

export function priceMeter(providers: ReadonlyMap<string, ProviderConfig>): Meter {
  return createMeter(({ provider, model }) => {
    const config = providers.get(provider);
    return {
      price: config === undefined ? undefined : priceOf(config, model),
      inputHoldsCache: config?.dialect === "openai-completions",
    };
  });
}
