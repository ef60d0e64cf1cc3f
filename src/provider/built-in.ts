/** The providers that are known without configuration, as data. A configuration under the same id replaces single fields. */
import type { ProviderConfig } from "./provider.ts";

const tolerant = { tolerateOutOfOrderEvents: true } as const;

export const builtInProviders: readonly ProviderConfig[] = [
  {
    id: "kimi-coding",
    dialect: "anthropic-messages",
    baseUrl: "https://api.kimi.com/coding",
    apiKey: { env: "KIMI_API_KEY" },
    headers: {},
    sseQuirks: tolerant,
    // OpenClaw's names for the plan's one model.
    modelNames: { k2p5: "kimi-for-coding", "kimi-code": "kimi-for-coding" },
  },
  {
    id: "moonshot",
    dialect: "openai-completions",
    baseUrl: "https://api.moonshot.ai/v1",
    apiKey: { env: "MOONSHOT_API_KEY" },
    headers: {},
    sseQuirks: tolerant,
  },
  {
    id: "anthropic",
    dialect: "anthropic-messages",
    baseUrl: "https://api.anthropic.com",
    apiKey: { env: "ANTHROPIC_API_KEY" },
    headers: {},
    sseQuirks: tolerant,
    // The official SDK's own list (@anthropic-ai/sdk 1.12.0, MODEL_NONSTREAMING_TOKENS).
    nonStreamedMaxTokens: {
      "claude-opus-4@20250514": 8_192,
      "claude-opus-4-1@20250805": 8_192,
      "anthropic.claude-opus-4-1-20250805-v1:0": 8_192,
    },
  },
  {
    id: "openai",
    dialect: "openai-completions",
    baseUrl: "https://api.openai.com/v1",
    apiKey: { env: "OPENAI_API_KEY" },
    headers: {},
    sseQuirks: tolerant,
    maxTokensField: "max_completion_tokens",
  },
  {
    id: "openrouter",
    dialect: "openai-completions",
    baseUrl: "https://openrouter.ai/api/v1",
    apiKey: { env: "OPENROUTER_API_KEY" },
    // What OpenRouter shows as the application's name.
    headers: { "x-title": "turn-runner" },
    sseQuirks: tolerant,
  },
];
