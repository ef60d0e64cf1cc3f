/**
 * Prices in US dollars for a million tokens, as data; a configuration may replace any (`providers.ID.models.NAME.price`). What is not
 * listed is unpriced: its tokens are counted and its money is not. Gathered on 2026-11-25 from what stands at each table.
 *
 * A price that depends on something a usage does not say cannot be listed as one number, and is left out or marked.
 */
import type { ModelFacts } from "../provider.ts";

const million = 1_000_000;

type Row = readonly [input: number, output: number, cacheRead?: number, cacheWrite?: number];

function priced([input, output, cacheRead, cacheWrite]: Row, facts: Omit<ModelFacts, "price"> = {}): ModelFacts {
  return {
    ...facts,
    price: {
      input,
      output,
      ...(cacheRead === undefined ? {} : { cacheRead }),
      ...(cacheWrite === undefined ? {} : { cacheWrite }),
    },
  };
}

const claude = (contextTokens: number, maxOutputTokens: number) => ({ contextTokens, maxOutputTokens, images: true });

/**
 * platform.claude.com/docs/en/about-claude/pricing, copies of October 2026; cache writes are those of five minutes. Windows and limits:
 * BerriAI/litellm's table of July 2026. claude-haiku-5-5 costs five times as much for prompts above 100,000 tokens, so it is unpriced.
 */
export const anthropicModels: Readonly<Record<string, ModelFacts>> = {
  "claude-fable-5-1*": priced([10, 50, 0.25, 12.5], { images: true }),
  "claude-mythos-5-1*": priced([10, 50, 0.25, 12.5], { images: true }),
  "claude-fable-5": priced([10, 50, 1, 12.5], claude(million, 128_000)),
  "claude-mythos-5": priced([10, 50, 1, 12.5], claude(million, 128_000)),
  "claude-opus-5-5*": priced([4, 20, 0.2, 5], { images: true }),
  "claude-opus-5": priced([5, 25, 0.5, 6.25], claude(million, 128_000)),
  "claude-opus-4-8*": priced([5, 25, 0.5, 6.25], claude(million, 128_000)),
  "claude-opus-4-7*": priced([5, 25, 0.5, 6.25], claude(million, 128_000)),
  "claude-opus-4-6*": priced([5, 25, 0.5, 6.25], claude(million, 128_000)),
  "claude-opus-4-5*": priced([5, 25, 0.5, 6.25], claude(200_000, 64_000)),
  "claude-sonnet-5-5*": priced([2, 10, 0.1, 2.5], { images: true }),
  "claude-sonnet-5": priced([2, 10, 0.2, 2.5], claude(million, 128_000)),
  "claude-sonnet-4-6*": priced([3, 15, 0.3, 3.75], claude(million, 64_000)),
  "claude-sonnet-4-5*": priced([3, 15, 0.3, 3.75], claude(200_000, 64_000)),
  "claude-haiku-4-5*": priced([1, 5, 0.1, 1.25], claude(200_000, 64_000)),
};

const gpt = (contextTokens: number, maxOutputTokens = 128_000) => ({ contextTokens, maxOutputTokens, images: true });

/**
 * BerriAI/litellm's table of July 2026 (model_prices_and_context_window.json). From gpt-5.4 on, prompts above 272,000 tokens cost more; these
 * are the prices below that.
 */
export const openaiModels: Readonly<Record<string, ModelFacts>> = {
  "gpt-5.6-luna*": priced([1, 6, 0.1, 1.25], gpt(400_000)),
  "gpt-5.6-terra*": priced([2.5, 15, 0.25, 3.125], gpt(400_000)),
  "gpt-5.6-sol*": priced([5, 30, 0.5, 6.25], gpt(400_000)),
  "gpt-5.6": priced([5, 30, 0.5, 6.25], gpt(1_050_000)),
  "gpt-5.5": priced([5, 30, 0.5], gpt(1_050_000)),
  "gpt-5.4-mini": priced([0.75, 4.5, 0.075], gpt(400_000)),
  "gpt-5.4-nano": priced([0.2, 1.25, 0.02], gpt(400_000)),
  "gpt-5.4": priced([2.5, 15, 0.25], gpt(1_050_000)),
  "gpt-5.2": priced([1.75, 14, 0.175], gpt(272_000)),
  "gpt-5.1": priced([1.25, 10, 0.125], gpt(272_000)),
  "gpt-5-mini*": priced([0.25, 2, 0.025], gpt(272_000)),
  "gpt-5-nano*": priced([0.05, 0.4, 0.005], gpt(272_000)),
  "gpt-5": priced([1.25, 10, 0.125], gpt(272_000)),
  "gpt-4.1-mini*": priced([0.4, 1.6, 0.1], gpt(1_047_576, 32_768)),
  "gpt-4.1-nano*": priced([0.1, 0.4, 0.025], gpt(1_047_576, 32_768)),
  "gpt-4.1*": priced([2, 8, 0.5], gpt(1_047_576, 32_768)),
  "gpt-4o-mini": priced([0.15, 0.6, 0.075], gpt(128_000, 16_384)),
  "gpt-4o": priced([2.5, 10, 1.25], gpt(128_000, 16_384)),
  "o4-mini*": priced([1.1, 4.4, 0.275], gpt(200_000, 100_000)),
  o3: priced([2, 8, 0.5], gpt(200_000, 100_000)),
};

const kimi = { contextTokens: 262_144, images: true };

/** platform.kimi.ai/docs/pricing, as in the crate aicost 0.2.4. Later models (kimi-k3.1-…) are unpriced. */
export const moonshotModels: Readonly<Record<string, ModelFacts>> = {
  "kimi-k3": priced([3, 15, 0.3], { images: true }),
  "kimi-k2.7-code-highspeed": priced([1.9, 8, 0.38], kimi),
  "kimi-k2.7-code": priced([0.95, 4, 0.19], kimi),
  "kimi-k2.6": priced([0.95, 4, 0.16], kimi),
  "kimi-k2.5": priced([0.6, 3, 0.1], kimi),
};

/** docs.z.ai/guides/overview/pricing (VladoIvankovic/Codeep v2.20.0, ryoppippi/ccusage#1225). The coding plan costs nothing by the token. */
export const zaiModels: Readonly<Record<string, ModelFacts>> = {
  "glm-5.3": priced([1.4, 4.4, 0.26], { contextTokens: 1_048_576, maxOutputTokens: 131_072, images: false }),
  "glm-5.2": priced([1.4, 4.4, 0.26], { contextTokens: 1_048_576, images: false }),
  "glm-5.1": priced([1.4, 4.4], { contextTokens: 200_000, images: false }),
  "glm-5": priced([1, 3.2], { contextTokens: 200_000, images: false }),
  "glm-4.7": priced([0.6, 2.2, 0.11], { contextTokens: 200_000, images: false }),
  "glm-4.6": priced([0.6, 2.2, 0.11], { contextTokens: 200_000, images: false }),
};

/** platform.minimax.io/docs/guides/pricing-paygo (getagentseal/codeburn#118). MiniMax-M3: up to 512,000 tokens of prompt, September 2026. */
export const minimaxModels: Readonly<Record<string, ModelFacts>> = {
  "MiniMax-M3": priced([0.3, 1.2, 0.06], { contextTokens: million, images: true }),
  "MiniMax-M2.7-highspeed": priced([0.6, 2.4, 0.06, 0.375], { contextTokens: 204_800, images: false }),
  "MiniMax-M2.7": priced([0.3, 1.2, 0.06, 0.375], { contextTokens: 204_800, images: false }),
  "MiniMax-M2.5": priced([0.3, 1.2, 0.03, 0.375], { contextTokens: 204_800, images: false }),
};

/** Prices depend on the hour of the day in China (api-docs.deepseek.com/quick_start/pricing), so they are left out. */
export const deepseekModels: Readonly<Record<string, ModelFacts>> = {
  "deepseek-v4-pro": { contextTokens: million, maxOutputTokens: 393_216, images: false },
  "deepseek-flash": { contextTokens: million, maxOutputTokens: 393_216, images: true },
};

/** What runs on one's own machine costs no dollars. */
export const localModels: Readonly<Record<string, ModelFacts>> = { "*": priced([0, 0]) };
