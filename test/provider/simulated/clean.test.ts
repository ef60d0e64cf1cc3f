import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { expectedText, judgeText } from "../../../src/provider/script.ts";
import type { ScriptedAnswer } from "../../../src/provider/script.ts";
import { ask, bodyFor, dialects, endpointOf, framesOf, withFault } from "./ask.ts";

const messages = [{ role: "user" as const, content: "Run FPL check..." }];
const facts = { seed: 1, model: "kimi-for-coding", prompt: "Run FPL check..." };

/** Both official SDKs without retries of their own. */
function clients(url: string): { anthropic: Anthropic; openai: OpenAI } {
  return {
    anthropic: new Anthropic({ baseURL: `${url}/coding`, apiKey: "k", maxRetries: 0 }),
    openai: new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0 }),
  };
}

describe("the official SDKs read exactly what was meant", () => {
  test.each(["frames", "bytes", "one"] as const)("the provider's own text, written in %s", async (split) => {
    await withFault(
      undefined,
      async (provider) => {
        const { anthropic, openai } = clients(provider.url);
        const request = { model: facts.model, max_tokens: 1000, messages };
        const texts = [
          await anthropic.messages
            .stream(request)
            .finalMessage()
            .then(({ content }) => content),
          (await anthropic.messages.create(request)).content,
        ].map((content) => (content[0]?.type === "text" ? content[0].text : ""));
        const streamed = await openai.chat.completions.stream({ model: facts.model, messages }).finalChatCompletion();
        const plain = await openai.chat.completions.create({ model: facts.model, messages });
        texts.push(...[streamed, plain].map(({ choices }) => choices[0]?.message.content ?? ""));
        expect(texts).toEqual([1, 2, 3, 4].map((number) => expectedText({ ...facts, request: number })));
        expect(texts.map((text) => judgeText(text))).toEqual(Array.from({ length: 4 }, () => "right"));
        expect(provider).toMatchObject({ requests: 4, faulted: 0 });
      },
      { split },
    );
  });

  const scripted: ScriptedAnswer = {
    thinking: "First look, then write – 先に見る 🙂.",
    text: 'Quotes " and \\ and\nlines, é and 🙂.',
    toolCalls: [
      { name: "read", input: { path: "/tmp/ü", deep: { list: [1, null, "x"] } } },
      { name: "write", input: {}, id: "toolu_own" },
    ],
    usage: { inputTokens: 11, outputTokens: 22 },
  };

  test.each([true, false])("a scripted answer with thinking and tools (stream %s)", async (stream) => {
    await withFault(
      undefined,
      async ({ url }) => {
        const { anthropic, openai } = clients(url);
        const request = { model: "m", max_tokens: 10, messages };
        const message = await (stream ? anthropic.messages.stream(request).finalMessage() : anthropic.messages.create(request));
        expect(message.content).toMatchObject([
          { type: "thinking", thinking: scripted.thinking },
          { type: "text", text: scripted.text },
          { type: "tool_use", name: "read", input: scripted.toolCalls?.[0]?.input },
          { type: "tool_use", name: "write", input: {}, id: "toolu_own" },
        ]);
        expect(message).toMatchObject({ stop_reason: "tool_use", usage: { input_tokens: 11, output_tokens: 22 } });
        const chat = { model: "m", messages, stream_options: { include_usage: true } };
        const completion = await (stream
          ? openai.chat.completions.stream(chat).finalChatCompletion()
          : openai.chat.completions.create({ model: "m", messages }));
        const choice = completion.choices[0];
        expect(choice).toMatchObject({ finish_reason: "tool_calls", message: { role: "assistant", content: scripted.text } });
        const calls = (choice?.message.tool_calls ?? []).map((call) => (call.type === "function" ? call.function : undefined));
        expect(calls.map((call) => [call?.name, JSON.parse(call?.arguments ?? "")])).toEqual([
          ["read", scripted.toolCalls?.[0]?.input],
          ["write", {}],
        ]);
        expect(completion.usage).toMatchObject({ prompt_tokens: 11, completion_tokens: 22, total_tokens: 33 });
      },
      { answer: () => scripted },
    );
  });

  // The SDK reads the whole input again with each piece of it, so a larger one would only measure the SDK.
  test("a tool input of 128 KiB", async () => {
    const input = { data: "0123456789abcdef".repeat(8_192) };
    await withFault(
      undefined,
      async ({ url }) => {
        const message = await clients(url).anthropic.messages.stream({ model: "m", max_tokens: 10, messages }).finalMessage();
        expect(message.content).toMatchObject([{ type: "tool_use", input }]);
      },
      { answer: () => ({ toolCalls: [{ name: "write", input }] }) },
    );
  });
});

test("a tool input of a megabyte, with back-pressure", async () => {
  const input = { data: "0123456789abcdef".repeat(65_536) };
  await withFault(
    undefined,
    async ({ url }) => {
      const response = await ask(url, "anthropic-messages", bodyFor(true));
      const events = framesOf(await response.text()).map(({ data }) => JSON.parse(data) as { delta?: { partial_json?: string } });
      expect(JSON.parse(events.map(({ delta }) => delta?.partial_json ?? "").join(""))).toEqual(input);
    },
    { answer: () => ({ toolCalls: [{ name: "write", input }] }) },
  );
});

describe("the door", () => {
  test("takes any prefix and query, and tells the dialects apart by the end of the path", async () => {
    await withFault(undefined, async (provider) => {
      for (const path of [
        "/v1/messages",
        "/coding/v1/messages?beta=true",
        "/a/b/v1/messages/",
        "/chat/completions",
        "/api/v1/chat/completions?x=1",
      ]) {
        const response = await fetch(provider.url + path, { method: "POST", body: JSON.stringify(bodyFor(false)) });
        expect([path, response.status]).toEqual([path, 200]);
        expect(await response.json()).toHaveProperty(path.includes("chat") ? "choices" : "content");
      }
      expect(provider.log.map(({ path }) => path)).toContain("/a/b/v1/messages/");
    });
  });

  test("lists its model and counts tokens for both SDKs, without counting as requests", async () => {
    await withFault(
      "http_500",
      async (provider) => {
        const { anthropic, openai } = clients(provider.url);
        expect((await anthropic.models.list()).data).toMatchObject([{ id: "simulated", type: "model" }]);
        expect((await openai.models.list()).data).toMatchObject([{ id: "simulated", object: "model" }]);
        const counted = await anthropic.messages.countTokens({ model: "m", messages });
        expect(counted.input_tokens).toBeGreaterThan(0);
        expect(provider.requests).toBe(0);
      },
      { requireKey: true },
    );
  });

  test("refuses what a real provider would, in the dialect's own shape", async () => {
    await withFault(undefined, async (provider) => {
      const bad: readonly unknown[] = [
        [],
        {},
        { model: "m" },
        { model: "m", messages: [] },
        { model: "", messages },
        { messages },
      ];
      for (const dialect of dialects) {
        for (const body of [
          ...bad,
          ...(dialect === "anthropic-messages"
            ? [
                { model: "m", messages },
                { model: "m", messages, max_tokens: 0 },
              ]
            : []),
        ]) {
          const response = await ask(provider.url, dialect, body);
          expect([body, response.status]).toEqual([body, 400]);
          expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error", message: expect.any(String) } });
        }
        const broken = await fetch(endpointOf(provider.url, dialect), { method: "POST", body: "{" });
        expect(broken.status).toBe(400);
      }
      for (const [method, path] of [
        ["GET", "/v1/messages"],
        ["POST", "/v1/other"],
        ["HEAD", "/api/hello"],
        ["GET", "/"],
      ] as const) {
        expect([path, (await fetch(provider.url + path, { method })).status]).toEqual([path, 404]);
      }
      const anthropic = await fetch(`${provider.url}/v1/nothing`, { headers: { "anthropic-version": "2023-06-01" } });
      expect(await anthropic.json()).toMatchObject({ type: "error", error: { type: "not_found_error" } });
      const openai = await fetch(`${provider.url}/v1/nothing`);
      expect(await openai.json()).toMatchObject({ error: { code: null } });
      expect(provider.requests).toBe(0);
      expect(provider.log).toEqual([]);
    });
  });

  test("asks for a key if told to, by either header, and tells nobody which", async () => {
    await withFault(
      undefined,
      async ({ url }) => {
        const status = async (headers: Record<string, string>): Promise<number> =>
          (await ask(url, "anthropic-messages", bodyFor(false), { headers })).status;
        expect(await status({})).toBe(401);
        expect(await status({ "x-api-key": "sk-wrong" })).toBe(401);
        expect(await status({ authorization: "Bearer sk-wrong" })).toBe(401);
        expect(await status({ "x-api-key": "sk-right" })).toBe(200);
        expect(await status({ authorization: "Bearer sk-right" })).toBe(200);
        const refused = await ask(url, "openai-completions", bodyFor(false), { headers: { authorization: "Bearer sk-wrong" } });
        const text = await refused.text();
        expect(JSON.parse(text)).toMatchObject({ error: { code: "invalid_api_key" } });
        expect(text).not.toContain("sk-");
      },
      { requireKey: "sk-right" },
    );
  });

  test("an answer script that throws is a 500 that says so, not a dead provider", async () => {
    let calls = 0;
    const answer = (): ScriptedAnswer => {
      if (calls++ === 0) throw new Error("no such scene");
      return { text: "second" };
    };
    await withFault(
      undefined,
      async ({ url }) => {
        const first = await ask(url, "anthropic-messages", bodyFor(false));
        expect([first.status, await first.text()]).toEqual([500, expect.stringContaining("no such scene")]);
        expect((await ask(url, "anthropic-messages", bodyFor(false))).status).toBe(200);
      },
      { answer },
    );
  });
});
