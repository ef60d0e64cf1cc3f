/** The providers that are known without configuration, as data. A configuration under the same id replaces single fields. */
import type { ProviderConfig } from "../provider.ts";
import {
  anthropicModels,
  deepseekModels,
  localModels,
  minimaxModels,
  moonshotModels,
  openaiModels,
  zaiModels,
} from "./prices.ts";

const tolerant = { tolerateOutOfOrderEvents: true } as const;
const plain = { headers: {}, sseQuirks: tolerant } as const;

export const builtInProviders: readonly ProviderConfig[] = [
  {
    ...plain,
    id: "kimi-coding",
    dialect: "anthropic-messages",
    baseUrl: "https://api.kimi.com/coding",
    apiKey: { env: "KIMI_API_KEY" },
    // OpenClaw's names for the plan's one model.
    modelNames: { k2p5: "kimi-for-coding", "kimi-code": "kimi-for-coding" },
    // A plan has one price a month and none by the token.
    models: { "kimi-for-coding": { contextTokens: 262_144 } },
  },
  {
    ...plain,
    id: "moonshot",
    dialect: "openai-completions",
    baseUrl: "https://api.moonshot.ai/v1",
    apiKey: { env: "MOONSHOT_API_KEY" },
    structuredOutput: "json_object",
    thinkingHistory: true,
    models: moonshotModels,
  },
  {
    ...plain,
    id: "anthropic",
    dialect: "anthropic-messages",
    baseUrl: "https://api.anthropic.com",
    apiKey: { env: "ANTHROPIC_API_KEY" },
    structuredOutput: "output_config",
    // Models that decide themselves how long they think; those from Opus 4.7 on refuse a budget
    // (platform.claude.com/docs/en/build-with-claude/adaptive-thinking).
    adaptiveThinking: /^claude-(?:(?:opus|sonnet)-4-[6-9]|(?:opus|sonnet|haiku|fable|mythos)-(?:[5-9]|preview))/,
    // The official SDK's own list (@anthropic-ai/sdk 1.12.0, MODEL_NONSTREAMING_TOKENS).
    nonStreamedMaxTokens: {
      "claude-opus-4@20250514": 8_192,
      "claude-opus-4-1@20250805": 8_192,
      "anthropic.claude-opus-4-1-20250805-v1:0": 8_192,
    },
    models: anthropicModels,
  },
  {
    ...plain,
    id: "openai",
    dialect: "openai-completions",
    baseUrl: "https://api.openai.com/v1",
    apiKey: { env: "OPENAI_API_KEY" },
    maxTokensField: "max_completion_tokens",
    structuredOutput: "response_format",
    models: openaiModels,
  },
  {
    id: "openrouter",
    dialect: "openai-completions",
    baseUrl: "https://openrouter.ai/api/v1",
    apiKey: { env: "OPENROUTER_API_KEY" },
    // What OpenRouter shows as the application's name.
    headers: { "x-title": "turn-runner" },
    sseQuirks: tolerant,
    // Which of its providers answers decides the price, so its models are unpriced.
    structuredOutput: "response_format",
  },
  {
    ...plain,
    id: "zai",
    // The door of its coding plan; the other one is https://api.z.ai/api/paas/v4, dialect openai-completions.
    dialect: "anthropic-messages",
    baseUrl: "https://api.z.ai/api/anthropic",
    apiKey: { env: "ZAI_API_KEY" },
    auth: "bearer",
    models: zaiModels,
  },
  {
    ...plain,
    id: "minimax",
    // The door it recommends for thinking between tools.
    dialect: "anthropic-messages",
    baseUrl: "https://api.minimax.io/anthropic",
    apiKey: { env: "MINIMAX_API_KEY" },
    models: minimaxModels,
  },
  {
    ...plain,
    id: "deepseek",
    dialect: "openai-completions",
    baseUrl: "https://api.deepseek.com",
    apiKey: { env: "DEEPSEEK_API_KEY" },
    maxTokensField: "max_tokens",
    structuredOutput: "json_object",
    thinkingField: "thinking",
    // It refuses calls of tools in the history that come without the thinking before them (api-docs.deepseek.com/guides/thinking_mode).
    thinkingHistory: true,
    models: deepseekModels,
  },
  {
    ...plain,
    id: "ollama",
    dialect: "openai-completions",
    baseUrl: "http://127.0.0.1:11434/v1",
    apiKey: undefined,
    maxTokensField: "max_tokens",
    structuredOutput: "response_format",
    models: localModels,
  },
  {
    ...plain,
    id: "lmstudio",
    dialect: "openai-completions",
    baseUrl: "http://127.0.0.1:1234/v1",
    apiKey: undefined,
    maxTokensField: "max_tokens",
    structuredOutput: "response_format",
    models: localModels,
  },
];
