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

/**
 * The price of a try in millionths of a US dollar, rounded up.
 * @param inputHoldsCache OpenAI-style counts include cached tokens in the input; Anthropic-style ones do not.
 */
export function costMicroUsd(usage: Usage, price: PerMillion, inputHoldsCache: boolean): number {
  const { inputTokens = 0, outputTokens = 0, cacheReadTokens = 0, cacheWriteTokens = 0 } = usage;
  const fresh = inputHoldsCache ? Math.max(0, inputTokens - cacheReadTokens - cacheWriteTokens) : inputTokens;
  const { input, output, cacheRead = input, cacheWrite = input } = price;
  // Dollars for a million tokens are millionths of a dollar for one.
  return Math.ceil(fresh * input + outputTokens * output + cacheReadTokens * cacheRead + cacheWriteTokens * cacheWrite);
}
