/** What tokens cost: the prices that are known of the providers' models, with the configuration's over them. */
import { inputHoldsCache, priceOf } from "../provider/facts/model-facts.ts";
import type { ProviderConfig } from "../provider/provider.ts";
import { createMeter, type Meter } from "../run/cost.ts";

export function priceMeter(providers: ReadonlyMap<string, ProviderConfig>): Meter {
  return createMeter(({ provider, model }) => {
    const config = providers.get(provider);
    if (config === undefined) return { inputHoldsCache: false };
    return { price: priceOf(config, model), inputHoldsCache: inputHoldsCache(config.dialect) };
  });
}
