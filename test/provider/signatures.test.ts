import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { createProvider } from "../../src/provider/index.ts";
import type { JsonObject } from "../../src/provider/provider.ts";

const content = (signature: string) => [
  { type: "thinking", thinking: "hm", signature },
  { type: "tool_use", id: "t", name: "look", input: {} },
];

const asked = (messages: unknown[], model: string) => ({
  body: { max_tokens: 2_000, thinking: { type: "enabled", budget_tokens: 1_024 }, messages },
  model,
  stream: false,
  headers: {},
  query: "",
  limits: { firstByteMs: 9_000, idleMs: 9_000, tryMs: 600_000 },
  signal: AbortSignal.timeout(9_000),
});

it("thinking is sent back to the provider that signed it, and to no other", async () => {
  const bodies: JsonObject[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const body = JSON.parse(text) as JsonObject;
      bodies.push(body);
      const message = {
        id: "m",
        type: "message",
        role: "assistant",
        model: body["model"],
        content: content(`of ${String(body["model"])}`),
      };
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ ...message, stop_reason: "tool_use", usage: { input_tokens: 1, output_tokens: 9 } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const providerOf = (id: string) =>
      createProvider({
        id,
        dialect: "anthropic-messages",
        baseUrl: `http://127.0.0.1:${port}`,
        apiKey: undefined,
        headers: {},
        sseQuirks: { tolerateOutOfOrderEvents: true },
      });
    const [first, second] = [providerOf("first"), providerOf("second")];
    const result = { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "ok" }] };
    const question = { role: "user", content: "hi" };
    await first.ask(asked([question], "a"));
    const history = [question, { role: "assistant", content: content("of a") }, result];
    await first.ask(asked(history, "a"));
    expect(bodies.at(-1)).toMatchObject({ thinking: { type: "enabled" }, messages: history });
    const { changes } = await second.ask(asked(history, "b"));
    expect(bodies.at(-1)).toMatchObject({ thinking: { type: "disabled" } });
    expect(bodies.at(-1)?.["messages"]).toEqual([question, { role: "assistant", content: content("").slice(1) }, result]);
    expect(changes).toEqual([expect.stringContaining("thinking is off")]);
    // The ladder comes back: each gets its own, and what nobody is known to have signed passes.
    const mixed = [
      ...history,
      { role: "assistant", content: content("of b") },
      result,
      { role: "assistant", content: content("of nobody") },
      result,
    ];
    await first.ask(asked(mixed, "a"));
    expect(JSON.stringify(bodies.at(-1)).match(/of (?:a|b|nobody)/g)).toEqual(["of a", "of nobody"]);
  } finally {
    server.close();
  }
});
