import { describe, expect, it } from "vitest";
import { mergeProviders } from "../../src/compose/models.ts";
import { anthropicMessages } from "../../src/provider/anthropic-messages.ts";
import { builtInProviders, createProvider, inputHoldsCache, modelFacts, priceOf } from "../../src/provider/index.ts";
import { openaiCompletions } from "../../src/provider/openai-completions.ts";
import type { JsonObject, ProviderConfig } from "../../src/provider/provider.ts";

const known = new Map(builtInProviders.map((one) => [one.id, one]));
function provider(id: string, more: Partial<ProviderConfig> = {}): ProviderConfig {
  const found = known.get(id);
  if (found === undefined) throw new Error(id);
  return { ...found, ...more };
}

/** The body as it goes out to a provider, and what was changed in it. */
function sent(config: ProviderConfig, body: JsonObject, model = "m", stream = true) {
  const adapter = config.dialect === "anthropic-messages" ? anthropicMessages : openaiCompletions;
  return adapter.body({ body: { messages: [], ...body }, model, stream, config, fittingTokens: 1e9 });
}

describe("the known providers", () => {
  it("are the ten that the manual lists, each with an address of its own", () => {
    expect([...known.keys()]).toEqual(
      "kimi-coding moonshot anthropic openai openrouter zai minimax deepseek ollama lmstudio".split(" "),
    );
    expect(new Set(builtInProviders.map(({ baseUrl }) => baseUrl)).size).toBe(builtInProviders.length);
  });

  it.each(builtInProviders.map(({ id, dialect }) => [id, dialect] as const))("%s can be asked: %s", (id, dialect) => {
    const preview = createProvider(provider(id)).preview({
      body: { messages: [{ role: "user", content: "hi" }], max_tokens: 10 },
      model: "some-model",
      stream: true,
      headers: {},
      query: "",
      limits: { firstByteMs: 1, idleMs: 1, tryMs: 1e6 },
    });
    const ending = dialect === "anthropic-messages" ? /\/v1\/messages$/ : /\/chat\/completions$/;
    expect(preview.url).toMatch(ending);
    const variable = provider(id).apiKey?.env;
    expect(JSON.stringify(preview.headers).includes("_API_KEY}")).toBe(variable !== undefined);
  });

  it("have prices that are numbers of dollars a million, none below zero, cache reads no dearer than input", () => {
    const prices = builtInProviders
      .flatMap(({ models = {} }) => Object.values(models).map(({ price }) => price))
      .filter((price) => price !== undefined);
    expect(prices.length).toBeGreaterThan(40);
    for (const { input, output, cacheRead = 0, cacheWrite = 0 } of prices) {
      expect([input, output, cacheRead, cacheWrite].every((one) => Number.isFinite(one) && one >= 0 && one <= 100)).toBe(true);
      expect(cacheRead).toBeLessThanOrEqual(input);
      expect(output).toBeGreaterThanOrEqual(input);
    }
  });
});

describe("what is known of a model", () => {
  it("is found by its name, by the name people write, and by the beginning of it; unknown is unpriced", () => {
    expect(priceOf(provider("anthropic"), "claude-opus-4-5-20251101")).toMatchObject({ input: 5, output: 25 });
    expect(priceOf(provider("anthropic"), "claude-opus-5-5")).toMatchObject({ input: 4 });
    expect(priceOf(provider("anthropic"), "claude-opus-5")).toMatchObject({ input: 5 });
    expect(priceOf(provider("anthropic"), "claude-haiku-5-5")).toBeUndefined();
    expect(priceOf(provider("openai"), "gpt-5-mini-2025-08-07")).toMatchObject({ input: 0.25 });
    expect(priceOf(provider("openai"), "gpt-9")).toBeUndefined();
    expect(priceOf(provider("openrouter"), "anything/at-all")).toBeUndefined();
    expect(priceOf(provider("ollama"), "llama")).toEqual({ input: 0, output: 0 });
    expect(modelFacts(provider("kimi-coding"), "k2p5")).toEqual({ contextTokens: 262_144 });
  });

  it("counts cached tokens as the provider's dialect does", () => {
    expect([inputHoldsCache("anthropic-messages"), inputHoldsCache("openai-completions")]).toEqual([false, true]);
  });

  it("is what the configuration says first, fact by fact", () => {
    const merged = mergeProviders({
      providers: {
        openai: {
          models: { "gpt-5": { price: { input: 1, output: 2 } }, "gpt-*": { price: { input: 7, output: 7 } } },
          quota: "team",
          eventHandler: "/x.mjs",
        },
        zai: { dialect: "openai-completions", baseUrl: "https://api.z.ai/api/paas/v4" },
        mine: {
          baseUrl: "http://127.0.0.1:1/v1",
          dialect: "openai-completions",
          structuredOutput: "json_object",
          models: { "*": { contextTokens: 8_192 } },
        },
      },
    });
    const openai = merged.get("openai");
    expect(modelFacts(openai ?? provider("openai"), "gpt-5")).toEqual({
      price: { input: 1, output: 2 },
      contextTokens: 272_000,
      maxOutputTokens: 128_000,
      images: true,
    });
    expect(modelFacts(openai ?? provider("openai"), "gpt-4.1")).toMatchObject({
      price: { input: 7, output: 7 },
      contextTokens: 1_047_576,
    });
    expect(openai).toMatchObject({
      quota: "team",
      eventHandler: "/x.mjs",
      structuredOutput: "response_format",
      maxTokensField: "max_completion_tokens",
    });
    // A key sent as the other dialect's door wants it would be refused.
    expect(merged.get("zai")).not.toHaveProperty("auth");
    expect(merged.get("mine")).toMatchObject({ structuredOutput: "json_object", models: { "*": { contextTokens: 8_192 } } });
  });
});

describe("a request is fitted to its provider", () => {
  const schema = { type: "object", properties: {} };
  const responseFormat = { type: "json_schema", json_schema: { name: "output", schema } };
  const outputConfig = { format: { type: "json_schema", schema } };

  it("the schema of the answer is asked for as it is taken, or left out and said", () => {
    expect(sent(provider("openai"), { response_format: responseFormat })).toMatchObject({
      body: { response_format: responseFormat },
      changes: [],
    });
    const json = sent(provider("deepseek"), { response_format: responseFormat });
    expect(json.body["response_format"]).toEqual({ type: "json_object" });
    expect(json.changes).toEqual([expect.stringContaining("left to the prompt")]);
    const none = sent(provider("deepseek", { structuredOutput: undefined as never }), { response_format: responseFormat });
    expect(none.body).not.toHaveProperty("response_format");
    expect(none.changes).toEqual(["the schema of the answer is left to the prompt: deepseek has no mode for it"]);
    expect(sent(provider("anthropic"), { output_config: outputConfig })).toMatchObject({
      body: { output_config: outputConfig },
      changes: [],
    });
    const kimi = sent(provider("kimi-coding"), { output_config: { ...outputConfig, effort: "low" } });
    expect(kimi.body["output_config"]).toEqual({ effort: "low" });
    expect(kimi.changes).toEqual([expect.stringContaining("kimi-coding has no mode")]);
    // What is no schema is the turn's own business.
    expect(sent(provider("moonshot"), { response_format: { type: "json_object" } })).toMatchObject({ changes: [] });
  });

  it("thinking is asked for as the model takes it", () => {
    const thinking = { type: "enabled", budget_tokens: 4_000 };
    const asked = { thinking, max_tokens: 8_000 };
    expect(sent(provider("anthropic"), asked, "claude-haiku-4-5")).toMatchObject({ body: { thinking }, changes: [] });
    expect(sent(provider("anthropic"), asked, "claude-opus-5-5")).toMatchObject({
      body: { thinking: { type: "adaptive" }, output_config: { effort: "medium" } },
      changes: [expect.stringContaining("effort medium")],
    });
    expect(sent(provider("deepseek"), { reasoning_effort: "high" }).body).toMatchObject({ thinking: { type: "enabled" } });
    expect(sent(provider("deepseek"), { reasoning_effort: "none" }).body).toMatchObject({ thinking: { type: "disabled" } });
    expect(sent(provider("openai"), { reasoning_effort: "high" })).toMatchObject({
      body: { reasoning_effort: "high" },
      changes: [],
    });
  });

  it("a model is not asked for more than it writes", () => {
    const { body, changes } = sent(
      provider("anthropic"),
      { max_tokens: 100_000, thinking: { type: "enabled", budget_tokens: 90_000 } },
      "claude-haiku-4-5",
    );
    expect(body).toMatchObject({ max_tokens: 64_000, thinking: { budget_tokens: 32_000 } });
    expect(changes).toEqual([
      "max_tokens 100000 → 64000: claude-haiku-4-5 writes no more",
      expect.stringContaining("budget_tokens"),
    ]);
    expect(sent(provider("openai"), { max_tokens: 50_000 }, "gpt-4.1").body).toMatchObject({ max_completion_tokens: 32_768 });
  });

  it("another model's thinking goes along only where calls without it are refused", () => {
    const messages = [
      {
        role: "assistant",
        content: null,
        reasoning_content: "hm",
        reasoning_details: [{ type: "reasoning.encrypted", format: "turn-runner/anthropic-messages", data: "W10" }],
        tool_calls: [{ id: "t", type: "function", function: { name: "f", arguments: "{}" } }],
      },
    ];
    const { reasoning_details: _, ...kept } = messages[0] ?? {};
    const { reasoning_content: _words, ...bare } = kept as JsonObject;
    expect(sent(provider("deepseek"), { messages }).body["messages"]).toEqual([kept]);
    expect(sent(provider("openai"), { messages }).body["messages"]).toEqual([bare]);
  });

  it("a model that is known to take no pictures is not asked with one", () => {
    const picture = { type: "image", source: { type: "url", url: "https://x.example/p.png" } };
    const withPicture = {
      messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: [picture] }] }],
    };
    const zai = createProvider(provider("zai"));
    expect(zai.cannotTake?.(withPicture, "glm-5.3")).toBe("zai/glm-5.3 takes no pictures");
    expect(zai.cannotTake?.(withPicture, "glm-5v-turbo")).toBeUndefined();
    expect(zai.cannotTake?.({ messages: [{ role: "user", content: "hi" }] }, "glm-5.3")).toBeUndefined();
  });
});
