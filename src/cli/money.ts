/** Tokens and money as people read them. Pure. */
import type { Usage } from "../errors.ts";

/** `$1.25`, `$0.0134`, `under $0.0001`. @param micro millionths of a US dollar */
export function dollars(micro: number): string {
  if (micro === 0) return "$0";
  if (micro < 100) return "under $0.0001";
  const amount = micro / 1_000_000;
  return `$${amount < 1 ? amount.toFixed(4) : grouped(amount.toFixed(2))}`;
}

/** `1,234,567`. */
export function count(number: number): string {
  return grouped(String(Math.round(number)));
}

function grouped(digits: string): string {
  return digits.replaceAll(/\B(?<!\.\d*)(?=(?:\d{3})+(?!\d))/g, ",");
}

/** `1 try`, `2 tries`. */
export function several(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

export function tokensOf(usage: Usage): number {
  return (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0);
}

/** `1,500 tokens (1,200 in, 300 out, 1,000 from the cache)`; empty if nobody counted any. */
export function usageWords(usage: Usage): string {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = usage;
  const parts = [
    inputTokens === undefined ? "" : `${count(inputTokens)} in`,
    outputTokens === undefined ? "" : `${count(outputTokens)} out`,
    (cacheReadTokens ?? 0) === 0 ? "" : `${count(cacheReadTokens ?? 0)} from the cache`,
    (cacheWriteTokens ?? 0) === 0 ? "" : `${count(cacheWriteTokens ?? 0)} into the cache`,
  ].filter((part) => part !== "");
  return parts.length === 0 ? "" : `${several(tokensOf(usage), "token")} (${parts.join(", ")})`;
}
