/**
 * How long the model may think: Anthropic's `thinking` budget and OpenAI's `reasoning_effort`. A budget is an effort by its share of
 * `max_tokens`: 20 % low, 50 % medium, 80 % high, as OpenRouter translates them (openrouter.ai/docs, "Reasoning Tokens").
 */
import type { JsonObject } from "../provider.ts";
import { isObject, type Problems, unknownKeys } from "./problems.ts";

const shares = { minimal: 0.1, low: 0.2, medium: 0.5, high: 0.8, xhigh: 0.95 } as const;
type Effort = keyof typeof shares;

/** Anthropic refuses a smaller budget. */
const leastBudget = 1_024;

const isEffort = (value: unknown): value is Effort => typeof value === "string" && Object.hasOwn(shares, value);

export function effortToOpenai(body: JsonObject, problems: Problems): JsonObject {
  const { thinking } = body;
  const output = isObject(body["output_config"]) ? body["output_config"] : {};
  const named = output["effort"] === "max" ? "xhigh" : output["effort"];
  if (named !== undefined && named !== null && !isEffort(named)) problems.push("output_config.effort (unknown)");
  const effort = isEffort(named) ? { reasoning_effort: named } : {};
  if (thinking === undefined || thinking === null) return effort;
  const { type, budget_tokens: budget } = isObject(thinking) ? thinking : {};
  if (isObject(thinking))
    for (const key of unknownKeys(thinking, ["type", "budget_tokens", "display"])) problems.push(`thinking.${key}`);
  if (type === "disabled") return { reasoning_effort: "none" };
  if (type === "adaptive") return { reasoning_effort: "high", ...effort };
  if (type === "enabled" && typeof budget === "number")
    return { reasoning_effort: effortOf(budget, body["max_tokens"]), ...effort };
  problems.push("thinking (neither disabled, nor adaptive, nor enabled with budget_tokens)");
  return {};
}

/** The effort that a budget is, by its share of `max_tokens`. */
export function effortOf(budget: unknown, maxTokens: unknown): "low" | "medium" | "high" {
  const share = Number(budget) / Number(maxTokens);
  if (share < 0.35) return "low";
  return share < 0.65 ? "medium" : "high";
}

export function effortToAnthropic(effort: unknown, maxTokens: unknown, problems: Problems): JsonObject {
  if (effort === undefined || effort === null) return {};
  if (effort === "none") return { thinking: { type: "disabled" } };
  if (!isEffort(effort)) {
    problems.push("reasoning_effort (unknown)");
    return {};
  }
  // Where not even the least budget fits, the answer is too short to think about.
  if (typeof maxTokens !== "number" || maxTokens <= leastBudget) return {};
  const budget = Math.max(leastBudget, Math.floor(maxTokens * shares[effort]));
  return { thinking: { type: "enabled", budget_tokens: Math.min(budget, maxTokens - 1) } };
}
