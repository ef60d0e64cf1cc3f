/**
 * Output tokens that can be written within a time limit, when the answer comes in one piece: Anthropic's own rule, as in its
 * official SDK, is 128,000 tokens an hour. A non-streamed request that asks for more may be cut after it was paid for.
 */
import type { JsonObject, ProviderConfig } from "./provider.ts";

const tokensPerHour = 128_000;
/** Anthropic refuses a smaller thinking budget. */
const leastThinkingTokens = 1_024;

/** Never below 1. At the default try limit of 600 s: 21,333. */
export function fittingTokens(config: ProviderConfig, model: string, tryMs: number): number {
  const byTime = Math.max(1, Math.floor((tryMs / 3_600_000) * tokensPerHour));
  const limits = config.nonStreamedMaxTokens ?? {};
  const byModel = Object.hasOwn(limits, model) ? (limits[model] ?? byTime) : byTime;
  return Math.min(byTime, byModel);
}

/** The body with `field` lowered to `fitting` where it is larger, and the change in words. */
export function lowerTokens(body: JsonObject, field: string, fitting: number): { body: JsonObject; changes: string[] } {
  const asked = body[field];
  if (typeof asked !== "number" || asked <= fitting) return { body, changes: [] };
  const lowered = { ...body, [field]: fitting };
  return {
    body: lowered,
    changes: [`${field} ${asked} → ${fitting}: more cannot be written within the try limit when the answer is not streamed`],
  };
}

/** Anthropic wants `thinking.budget_tokens` below `max_tokens`, so lowering the one may mean lowering the other. */
export function lowerThinking(body: JsonObject): { body: JsonObject; changes: string[] } {
  const thinking = body["thinking"];
  const most = body["max_tokens"];
  if (typeof thinking !== "object" || thinking === null || typeof most !== "number" || !("budget_tokens" in thinking))
    return { body, changes: [] };
  const budget = thinking.budget_tokens;
  if (typeof budget !== "number" || budget < most) return { body, changes: [] };
  const lowered = Math.floor(most / 2);
  if (lowered < leastThinkingTokens) {
    return {
      body: { ...body, thinking: { type: "disabled" } },
      changes: [`thinking is off: its least budget of ${leastThinkingTokens} tokens does not fit max_tokens ${most}`],
    };
  }
  return {
    body: { ...body, thinking: { ...thinking, budget_tokens: lowered } },
    changes: [`thinking.budget_tokens ${budget} → ${lowered}: it must stay below max_tokens`],
  };
}
