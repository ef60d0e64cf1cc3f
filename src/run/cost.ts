/** What tokens cost. Pure; prices are the provider's facts or the configuration's. */
import type { Usage } from "../errors.ts";

/** US dollars for a million tokens, as in `Price` of provider/provider.ts. */
interface PerMillion {
  readonly input: number;
  readonly output: number;
  /** Default: `input`. */
  readonly cacheRead?: number;
  /** Default: `input`. */
  readonly cacheWrite?: number;
}

/** What a try has used. */
interface Metered {
  /** Input, cached input and output together. */
  readonly tokens: number;
  /** Millionths of a US dollar; absent if the price of the model is not known. */
  readonly costMicroUsd?: number;
}

/** Says what a try on a model has used, from the counts that its provider gave. */
export type Meter = (of: { readonly provider: string; readonly model: string }, usage: Usage) => Metered;

/** What a meter has to know of a model. */
interface MeterFacts {
  readonly price?: PerMillion | undefined;
  /** OpenAI-style counts include cached tokens in the input; Anthropic-style ones do not. */
  readonly inputHoldsCache: boolean;
}

export function createMeter(factsOf: (of: { readonly provider: string; readonly model: string }) => MeterFacts): Meter {
  return (of, usage) => {
    const { price, inputHoldsCache } = factsOf(of);
    const tokens = tokensOf(usage, inputHoldsCache);
    // Where nothing was counted, nothing is known to have been paid; that is no price of zero.
    return price === undefined || tokens === 0
      ? { tokens }
      : { tokens, costMicroUsd: costMicroUsd(usage, price, inputHoldsCache) };
  };
}

function tokensOf(
  { inputTokens = 0, outputTokens = 0, cacheReadTokens = 0, cacheWriteTokens = 0 }: Usage,
  holds: boolean,
): number {
  const cached = cacheReadTokens + cacheWriteTokens;
  return outputTokens + (holds ? Math.max(inputTokens, cached) : inputTokens + cached);
}

/**
 * The price of a try in millionths of a US dollar, rounded up.
 * @param inputHoldsCache OpenAI-style counts include cached tokens in the input; Anthropic-style ones do not.
 */
function costMicroUsd(usage: Usage, price: PerMillion, inputHoldsCache: boolean): number {
  const { inputTokens = 0, outputTokens = 0, cacheReadTokens = 0, cacheWriteTokens = 0 } = usage;
  const fresh = inputHoldsCache ? Math.max(0, inputTokens - cacheReadTokens - cacheWriteTokens) : inputTokens;
  const { input, output, cacheRead = input, cacheWrite = input } = price;
  // Dollars for a million tokens are millionths of a dollar for one.
  return Math.ceil(fresh * input + outputTokens * output + cacheReadTokens * cacheRead + cacheWriteTokens * cacheWrite);
}
