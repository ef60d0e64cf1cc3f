import { describe, expect, it } from "vitest";
import { turnRequest } from "../../src/turn/request.ts";
import { structured } from "../../src/turn/structured.ts";

const ask = { model: "p/m", maxTokens: 8_000, system: "", message: "how many?", stream: false };
const schema = {
  type: "object",
  properties: { count: { type: "integer" }, names: { type: "array", items: { type: "string", enum: ["a", "b"] } } },
  required: ["count", "names"],
  additionalProperties: false,
};

describe("the form of the answer", () => {
  it("is asked for in the model's own mode, and said in words", () => {
    const anthropic = turnRequest("anthropic-messages", { ...ask, outputSchema: schema });
    expect(anthropic).toMatchObject({ output_config: { format: { type: "json_schema", schema } } });
    expect(JSON.stringify(anthropic["messages"])).toContain("one JSON value that satisfies this JSON Schema");
    const openai = turnRequest("openai-completions", { ...ask, outputSchema: schema });
    expect(openai).toMatchObject({
      response_format: { type: "json_schema", json_schema: { name: "answer", strict: true, schema } },
    });
  });

  it.each([
    ["an open object", { ...schema, additionalProperties: true }],
    ["a property that may be absent", { ...schema, required: ["count"] }],
    ["a keyword they do not know", { ...schema, properties: { ...schema.properties, count: { type: "integer", minimum: 1 } } }],
    ["a list at its root", { type: "array", items: schema }],
    ["a reference to elsewhere", { ...schema, properties: { count: { $ref: "https://example.com/x" }, names: {} } }],
    ["more levels than they take", { ...schema, properties: { count: deep(12), names: {} } }],
  ])("of %s is said in words only, because they would refuse it", (_name, outputSchema) => {
    const body = turnRequest("anthropic-messages", { ...ask, outputSchema });
    expect(body).not.toHaveProperty("output_config");
    expect(JSON.stringify(body["messages"])).toContain("JSON Schema");
  });

  it("a plain one with its own definitions is theirs", () => {
    const own = {
      ...schema,
      $defs: { one: { type: "string" } },
      properties: { count: { $ref: "#/$defs/one" }, names: { anyOf: [{ type: "null" }] } },
    };
    expect(structured(own)).toBe(own);
    expect(structured(undefined)).toBeUndefined();
  });
});

function deep(levels: number): Record<string, unknown> {
  return levels === 0 ? { type: "string" } : { type: "array", items: deep(levels - 1) };
}

describe("thinking", () => {
  it.each([
    ["off", { type: "disabled" }, "none"],
    ["low", { type: "enabled", budget_tokens: 1_600 }, "low"],
    ["medium", { type: "enabled", budget_tokens: 4_000 }, "medium"],
    ["high", { type: "enabled", budget_tokens: 6_400 }, "high"],
  ] as const)("%s", (thinking, anthropic, openai) => {
    expect(turnRequest("anthropic-messages", { ...ask, thinking })["thinking"]).toEqual(anthropic);
    expect(turnRequest("openai-completions", { ...ask, thinking })["reasoning_effort"]).toBe(openai);
  });

  it("is left out where there is no room for it, and where nothing is said", () => {
    expect(turnRequest("anthropic-messages", { ...ask, maxTokens: 1_024, thinking: "high" })).not.toHaveProperty("thinking");
    expect(turnRequest("anthropic-messages", { ...ask, maxTokens: 1_100, thinking: "low" })["thinking"]).toEqual({
      type: "enabled",
      budget_tokens: 1_024,
    });
    expect(turnRequest("openai-completions", ask)).not.toHaveProperty("reasoning_effort");
  });
});

it("with tools nothing is streamed, and what was said since follows the opening", () => {
  const tool = { name: "a", description: "b", inputSchema: { type: "object" } };
  const body = turnRequest(
    "openai-completions",
    { ...ask, system: "s", stream: true },
    [tool],
    [{ role: "assistant", content: "x" }],
  );
  expect(body).toMatchObject({
    stream: false,
    messages: [{ role: "system" }, { role: "user", content: "how many?" }, { role: "assistant", content: "x" }],
    tools: [{ type: "function", function: { name: "a", description: "b", parameters: { type: "object" } } }],
  });
});
