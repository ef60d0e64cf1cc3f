import type { Usage } from "../errors.ts";
import { isObject, type Json } from "./json.ts";

/**
 * Token counters of one answer, merged over every event that names them: the largest value of each counter wins, because
 * they are running totals of the whole message; they are never summed, and null or absent says nothing.
 */
export class UsageTally {
  readonly #values: Record<string, unknown> = {};
  /** Whether an event at the end of the answer has named counters; before that the output count is a lower bound. */
  final = false;

  merge(usage: unknown): void {
    if (!isObject(usage)) return;
    for (const [key, value] of Object.entries(usage)) this.#mergeOne(key, value);
  }

  #mergeOne(key: string, value: unknown): void {
    if (value === null || value === undefined) {
      // A null is kept only as the knowledge that the field exists.
      if (!Object.hasOwn(this.#values, key)) this.#values[key] = null;
      return;
    }
    const known = this.#values[key];
    if (typeof value === "number" && typeof known === "number") this.#values[key] = Math.max(known, value);
    else if (isObject(value) && isObject(known)) this.#values[key] = mergeNested(known, value);
    else this.#values[key] = value;
  }

  /** The counter's value, if it was named. */
  count(key: string): number | undefined {
    const value = this.#values[key];
    return typeof value === "number" ? value : undefined;
  }

  nested(key: string, inner: string): number | undefined {
    const value = this.#values[key];
    const count = isObject(value) ? value[inner] : undefined;
    return typeof count === "number" ? count : undefined;
  }

  /** All that is known, in the provider's own words. */
  raw(): Record<string, unknown> {
    return { ...this.#values };
  }

  /** True if a client that saw `start` and then `end` has every counter at its merged value. */
  agrees(start: unknown, end: unknown): boolean {
    const before = isObject(start) ? start : {};
    const after = isObject(end) ? end : {};
    return Object.entries(this.#values).every(
      ([key, value]) => typeof value !== "number" || (after[key] ?? before[key]) === value,
    );
  }
}

function mergeNested(known: Json, more: Json): Json {
  const merged: Record<string, unknown> = { ...known };
  for (const [key, value] of Object.entries(more)) {
    const old = merged[key];
    merged[key] = typeof old === "number" && typeof value === "number" ? Math.max(old, value) : (value ?? old);
  }
  return merged;
}

/** Counters in our words; absent counters stay absent. */
function usageOf(counts: { [Key in keyof Usage]: number | undefined }): Usage {
  return Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== undefined));
}

export function anthropicUsage(tally: UsageTally): Usage {
  return usageOf({
    inputTokens: tally.count("input_tokens"),
    outputTokens: tally.count("output_tokens"),
    cacheReadTokens: tally.count("cache_read_input_tokens"),
    cacheWriteTokens: tally.count("cache_creation_input_tokens"),
  });
}

export function openaiUsage(tally: UsageTally): Usage {
  return usageOf({
    inputTokens: tally.count("prompt_tokens"),
    outputTokens: tally.count("completion_tokens"),
    // Moonshot names the cached tokens beside the others, OpenAI inside the prompt's details.
    cacheReadTokens: tally.nested("prompt_tokens_details", "cached_tokens") ?? tally.count("cached_tokens"),
    cacheWriteTokens: undefined,
  });
}
