/** The official SDKs at the gateway's door, with the real adapters and the simulated provider behind it. */
import Anthropic, { APIError as AnthropicError } from "@anthropic-ai/sdk";
import OpenAI, { APIError as OpenAIError } from "openai";
import { afterEach, describe, expect, test } from "vitest";
import { createProvider } from "../../src/provider/index.ts";
import type { Dialect, Provider } from "../../src/provider/provider.ts";
import { judgeText, parseSimulation, startSimulatedProvider, type SimulatedProvider } from "../../src/provider/script.ts";
import { buildLadder } from "../../src/run/ladder.ts";
import { clear, failure, ScriptedProvider, stage, type Stage } from "./stage.ts";

const upstreams: SimulatedProvider[] = [];
afterEach(async () => {
  await clear();
  await Promise.all(upstreams.splice(0).map((one) => one.close()));
});

const retry = { maxAttempts: 1, delayMs: 1, factor: 2, maxDelayMs: 5, jitter: 0.25, set: ["delay", "maxDelay"] as const };
const messages = [{ role: "user" as const, content: "What is new?" }];
const question = { model: "any", max_tokens: 500, messages };

async function upstream(id: string, dialect: Dialect, faults: string): Promise<Provider> {
  const simulated = await startSimulatedProvider(faults === "" ? {} : { simulation: parseSimulation(faults, 5) });
  upstreams.push(simulated);
  const baseUrl = dialect === "openai-completions" ? `${simulated.url}/v1` : simulated.url;
  return createProvider({ id, dialect, baseUrl, apiKey: undefined, headers: {}, sseQuirks: { tolerateOutOfOrderEvents: true } });
}

async function behind(...providers: Provider[]): Promise<Stage> {
  const models = providers.map(({ id }) => ({ provider: id, model: "m" }));
  return await stage(providers, { retry, ladder: buildLadder({ models, stream: "auto", memories: [], now: 0 }).rungs });
}

const anthropicTo = ({ gateway, token }: Stage, fetcher: typeof fetch = fetch): Anthropic =>
  new Anthropic({ baseURL: gateway.url, apiKey: token, logLevel: "off", fetch: fetcher });
const openaiTo = ({ gateway, token }: Stage, fetcher: typeof fetch = fetch): OpenAI =>
  new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: token, logLevel: "off", fetch: fetcher });

const textOf = (message: Anthropic.Message): string =>
  message.content.map((block) => (block.type === "text" ? block.text : "")).join("");

async function streamedText(client: OpenAI): Promise<string> {
  let text = "";
  for await (const chunk of await client.chat.completions.create({ model: "any", messages, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? "";
  }
  return text;
}

describe("healed answers", () => {
  test("the Anthropic SDK reads them, streamed and not", async () => {
    const set = await behind(await upstream("kimi", "anthropic-messages", "stream_order:0.8"));
    const client = anthropicTo(set);
    const texts: string[] = [];
    for (let n = 0; n < 10; n++) {
      texts.push(textOf(await client.messages.stream(question).finalMessage()), textOf(await client.messages.create(question)));
    }
    expect(texts.map(judgeText)).toEqual(texts.map(() => "right"));
    expect(new Set(texts)).toHaveLength(20);
  });

  test("the OpenAI SDK reads them, streamed and not", async () => {
    const set = await behind(await upstream("gpt", "openai-completions", "stream_order:0.8"));
    const client = openaiTo(set);
    const texts: string[] = [];
    for (let n = 0; n < 10; n++) {
      const whole = await client.chat.completions.create({ model: "any", messages });
      texts.push(await streamedText(client), whole.choices[0]?.message.content ?? "");
    }
    expect(texts.map(judgeText)).toEqual(texts.map(() => "right"));
  });

  test("a fallback of the other dialect reads like the first", async () => {
    const broken = await upstream("kimi", "anthropic-messages", "http_401");
    const fallback = await upstream("gpt", "openai-completions", "stream_order:0.5");
    const client = anthropicTo(await behind(broken, fallback));
    const streamed = await client.messages.stream({ ...question, system: "Be short." }).finalMessage();
    const whole = await client.messages.create(question);
    expect([streamed, whole].map((message) => [judgeText(textOf(message)), message.stop_reason])).toEqual([
      ["right", "end_turn"],
      ["right", "end_turn"],
    ]);
    const other = openaiTo(
      await behind(await upstream("gpt", "openai-completions", "http_401"), await upstream("kimi", "anthropic-messages", "")),
    );
    expect(judgeText(await streamedText(other))).toBe("right");
  });
});

describe("given up", () => {
  test("both SDKs raise the status and do not try again on top", async () => {
    const limits = { triesPerCall: 3 };
    const set = await stage([new ScriptedProvider("kimi", [failure("overloaded")])], { retry, limits });
    await expect(anthropicTo(set).messages.create(question)).rejects.toMatchObject({ status: 529, type: "overloaded_error" });
    await expect(openaiTo(set).chat.completions.create({ model: "any", messages })).rejects.toMatchObject({
      status: 529,
      code: "server_is_overloaded",
    });
    await expect(anthropicTo(set).messages.stream(question).finalMessage()).rejects.toMatchObject({ status: 529 });
    expect(set.recorder.ends).toHaveLength(3);
    expect(set.recorder.lines.filter((line) => line.startsWith("try "))).toHaveLength(9);
  });

  test("after a ping, both SDKs raise the error event", async () => {
    const { set, told } = await failsAfterPing();
    await expect(anthropicTo(set, told).messages.stream(question).finalMessage()).rejects.toSatisfy(
      (error) => error instanceof AnthropicError && error.message.includes("overloaded_error"),
    );
    const other = await failsAfterPing();
    await expect(streamedText(openaiTo(other.set, other.told))).rejects.toSatisfy(
      (error) => error instanceof OpenAIError && error.code === "server_is_overloaded",
    );
    expect([set, other.set].map(({ recorder }) => recorder.ends[0]?.httpStatus)).toEqual([200, 200]);
  });
});

/** A gateway whose provider fails only when the client has the headers, which come with the first ping; `told` is the client's `fetch`. */
async function failsAfterPing(): Promise<{ set: Stage; told: typeof fetch }> {
  let pinged: (() => void) | undefined;
  const ping = new Promise<void>((resolve) => (pinged = resolve));
  const told: typeof fetch = async (...args) => {
    const response = await fetch(...args);
    pinged?.();
    return response;
  };
  const late = new ScriptedProvider("kimi", [() => ping.then(() => Promise.reject(failure("overloaded")))]);
  const set = await stage([late], { retry, limits: { triesPerCall: 1 }, options: { pings: { firstMs: 1, everyMs: 1_000 } } });
  return { set, told };
}
