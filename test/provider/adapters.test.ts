import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtInProviders, createProvider, dialects } from "../../src/provider/index.ts";
import { type Dialect, type JsonObject, type ProviderConfig, type UpstreamRequest } from "../../src/provider/provider.ts";
import { expectedText, type RequestInfo, startSimulatedProvider, type SimulatedProvider } from "../../src/provider/script.ts";
import { key, env, config, request, outcome, ask, told, everything, question, limits } from "./asking.ts";
import { httpServer } from "./wire.ts";

describe.each(dialects)("%s", (dialect) => {
  const seen: RequestInfo[] = [];
  let simulated: SimulatedProvider;
  beforeAll(async () => {
    simulated = await startSimulatedProvider({ requireKey: key, onRequest: (info) => seen.push(info) });
  });
  afterAll(() => simulated.close());

  it.each([true, false])("asks and proves a clean answer, stream %s", async (stream) => {
    const answer = await createProvider(config(dialect, simulated.url), { env }).ask(request({ stream }));
    const text = expectedText({ seed: 1, request: seen.at(-1)?.number ?? 0, model: "m-1", prompt: "What is new?" });
    expect(answer).toMatchObject({
      dialect,
      text,
      model: "m-1",
      stopReason: "end_turn",
      toolCalls: 0,
      repairs: [],
      changes: [],
      requestId: `req_simulated_${seen.at(-1)?.number}`,
    });
    expect(answer.usage.outputTokens).toBeGreaterThan(0);
    expect(answer.firstByteMs).toBeGreaterThanOrEqual(0);
    expect(answer.sse()).toContain(dialect === "anthropic-messages" ? "event: message_stop" : "data: [DONE]");
    expect(JSON.stringify(answer.message)).toContain(JSON.stringify(text).slice(1, -1));
  });

  it("previews what it sends, with the key's name in the key's place, and reads no key for it", async () => {
    const configured = config(dialect, simulated.url, { headers: { "X-Note": "n", "x-extra-token": key } });
    const asked = request({
      headers: { "anthropic-beta": "b-1", authorization: "Bearer turn-token", host: "evil", "x-stainless-os": "Linux" },
      query: "?beta=true",
    });
    const shown = createProvider(configured, { env: {} }).preview(asked);
    await createProvider(configured, { env }).ask(asked);
    const sent = seen.at(-1);
    expect(shown.url).toBe(`${simulated.url}${sent?.path}${sent?.query}`);
    expect(shown.body).toEqual(sent?.body);
    const { "content-length": length, host, connection, ...headers } = sent?.headers ?? {};
    expect([Number(length), host, connection]).toEqual([
      Buffer.byteLength(JSON.stringify(shown.body)),
      new URL(simulated.url).host,
      "keep-alive",
    ]);
    const [name, value] =
      dialect === "anthropic-messages" ? ["x-api-key", "${ACME_KEY}"] : ["authorization", "Bearer ${ACME_KEY}"];
    expect(shown.headers).toEqual({ ...headers, [name]: value, "x-extra-token": "[redacted]" });
    expect(shown.headers).toMatchObject({
      "anthropic-beta": "b-1",
      "x-note": "n",
      "x-stainless-os": "Linux",
      "accept-encoding": "identity",
      "user-agent": "turn-runner/0.1.0",
    });
    expect(JSON.stringify(shown)).not.toContain("planted");
    expect(headers[name]).toBe(value.replace("${ACME_KEY}", key));
  });

  it("refuses to ask without the key, in words that name it", async () => {
    const answer = await outcome(createProvider(config(dialect, simulated.url), { env: {} }).ask(request()));
    expect(answer).toMatchObject({ fault: "auth", message: expect.stringContaining("ACME_KEY") });
  });

  it("reads the key once", async () => {
    let reads = 0;
    const counting = {
      get ACME_KEY() {
        reads += 1;
        return key;
      },
    };
    const provider = createProvider(config(dialect, simulated.url), { env: counting });
    expect(reads).toBe(0);
    await provider.ask(request());
    const once = reads;
    await provider.ask(request());
    expect([once > 0, reads]).toEqual([true, once]);
  });

  it("is told by the provider that the key is wrong, and which variable to check", async () => {
    const answer = await outcome(
      createProvider(config(dialect, simulated.url), { env: { ACME_KEY: "sk-planted-wrong" } }).ask(request()),
    );
    expect(answer).toMatchObject({ fault: "auth", status: 401, message: expect.stringContaining("ACME_KEY") });
  });

  it("needs no key where none is configured", async () => {
    await using server = await httpServer((incoming, response) =>
      response.writeHead((incoming.headers["x-api-key"] ?? incoming.headers.authorization) ? 400 : 529).end(),
    );
    expect(told(await ask(config(dialect, server.url, { apiKey: undefined })))).toBe("overloaded");
  });
});

const preview = (
  on: ProviderConfig,
  more: Partial<UpstreamRequest> = {},
): ReturnType<ReturnType<typeof createProvider>["preview"]> => createProvider(on).preview(request(more));
const base = (dialect: Dialect, baseUrl: string): ProviderConfig => config(dialect, "", { baseUrl });
const version = (headers: Record<string, string>, configured: Record<string, string> = {}): unknown =>
  preview({ ...base("anthropic-messages", "https://x.example"), headers: configured }, { headers }).headers["anthropic-version"];

describe("what is sent", () => {
  it.each<[Dialect, string, string]>([
    ["anthropic-messages", "https://api.kimi.com/coding", "https://api.kimi.com/coding/v1/messages"],
    ["anthropic-messages", "https://api.kimi.com/coding/", "https://api.kimi.com/coding/v1/messages"],
    ["anthropic-messages", "https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"],
    ["anthropic-messages", "https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/messages"],
    ["openai-completions", "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"],
    ["openai-completions", "https://openrouter.ai/api/v1//", "https://openrouter.ai/api/v1/chat/completions"],
    ["openai-completions", "http://127.0.0.1:11434", "http://127.0.0.1:11434/chat/completions"],
    ["openai-completions", "https://x.example/v1/chat/completions", "https://x.example/v1/chat/completions"],
  ])("%s %s goes to %s", (dialect, baseUrl, url) => expect(preview(base(dialect, baseUrl)).url).toBe(url));

  it.each(["", "api.openai.com", "ftp://x.example", "file:///etc/passwd", "https://user:planted@x.example"])(
    "an address such as %j is refused",
    async (baseUrl) => {
      const one = await ask(base("openai-completions", baseUrl));
      expect(one).toMatchObject({ fault: "bad_request", code: "bad_base_url" });
      expect(everything(one)).not.toContain("planted");
    },
  );

  it("knows the built-in providers", () => {
    const known = builtInProviders.map((one) => {
      const sent = preview(one, { model: "k2p5" });
      return [one.id, sent.url, one.apiKey?.env, sent.body["model"]];
    });
    expect(known).toEqual([
      ["kimi-coding", "https://api.kimi.com/coding/v1/messages", "KIMI_API_KEY", "kimi-for-coding"],
      ["moonshot", "https://api.moonshot.ai/v1/chat/completions", "MOONSHOT_API_KEY", "k2p5"],
      ["anthropic", "https://api.anthropic.com/v1/messages", "ANTHROPIC_API_KEY", "k2p5"],
      ["openai", "https://api.openai.com/v1/chat/completions", "OPENAI_API_KEY", "k2p5"],
      ["openrouter", "https://openrouter.ai/api/v1/chat/completions", "OPENROUTER_API_KEY", "k2p5"],
      ["zai", "https://api.z.ai/api/anthropic/v1/messages", "ZAI_API_KEY", "k2p5"],
      ["minimax", "https://api.minimax.io/anthropic/v1/messages", "MINIMAX_API_KEY", "k2p5"],
      ["deepseek", "https://api.deepseek.com/chat/completions", "DEEPSEEK_API_KEY", "k2p5"],
      ["ollama", "http://127.0.0.1:11434/v1/chat/completions", undefined, "k2p5"],
      ["lmstudio", "http://127.0.0.1:1234/v1/chat/completions", undefined, "k2p5"],
    ]);
  });

  it("says Anthropic's version, unless the turn or the configuration says another", () => {
    expect(version({})).toBe("2023-06-01");
    expect(version({ "Anthropic-Version": "2024-01-01" })).toBe("2024-01-01");
    expect(version({ "anthropic-version": "2024-01-01" }, { "Anthropic-Version": "2025-01-01" })).toBe("2025-01-01");
  });

  it("lets no credential and no header of the turn's own connection through", () => {
    const headers = {
      authorization: "Bearer t",
      "x-api-key": "t",
      "api-key": "t",
      "x-goog-api-key": "t",
      cookie: "t",
      connection: "close",
      "transfer-encoding": "chunked",
      "content-length": "1",
      "content-encoding": "gzip",
      te: "t",
      "proxy-authorization": "t",
      expect: "100-continue",
      "accept-encoding": "br",
      "x-forwarded-for": "1",
    };
    const sent = preview(base("openai-completions", "https://x.example"), { headers }).headers;
    expect(sent).toEqual({
      "user-agent": "turn-runner/0.1.0",
      authorization: "Bearer ${ACME_KEY}",
      "content-type": "application/json",
      accept: "text/event-stream",
      "accept-encoding": "identity",
    });
  });

  it("sends the key as the configuration says", () => {
    expect(preview({ ...base("anthropic-messages", "https://x.example"), auth: "bearer" }).headers).toMatchObject({
      authorization: "Bearer ${ACME_KEY}",
    });
    expect(preview({ ...base("openai-completions", "https://x.example"), auth: "x-api-key" }).headers).toMatchObject({
      "x-api-key": "${ACME_KEY}",
    });
  });

  it("asks OpenAI-style streams for their usage, and other requests not", () => {
    const on = base("openai-completions", "https://x.example");
    expect(preview(on, { body: { ...question, stream_options: { include_obfuscation: false } } }).body["stream_options"]).toEqual(
      { include_obfuscation: false, include_usage: true },
    );
    expect(preview(on, { stream: false, body: { ...question, stream: true, stream_options: {} } }).body).toEqual({
      ...question,
      model: "m-1",
      stream: false,
    });
  });

  it("keeps every field it does not know", () => {
    const body = {
      ...question,
      thinking: { type: "adaptive" },
      context_management: { edits: [] },
      messages: [{ role: "system", content: "x" }],
      metadata: null,
    };
    expect(preview(base("anthropic-messages", "https://x.example"), { body }).body).toEqual({
      ...body,
      model: "m-1",
      stream: true,
    });
  });
});

const sent = async (
  dialect: Dialect,
  body: JsonObject,
  tryMs: number,
  more: Partial<ProviderConfig> = {},
): Promise<readonly [JsonObject, readonly string[]]> => {
  const bodies: JsonObject[] = [];
  const simulated = await startSimulatedProvider({ onRequest: (info) => bodies.push(info.body) });
  try {
    const answer = await createProvider(config(dialect, simulated.url, more), { env }).ask(
      request({ stream: false, body: { ...question, ...body }, limits: { ...limits, tryMs } }),
    );
    return [bodies[0] ?? {}, answer.changes];
  } finally {
    await simulated.close();
  }
};

describe("max_tokens of an answer that is not streamed", () => {
  it("is lowered to what can be written within the try limit, and the change is told", async () => {
    const [body, changes] = await sent("anthropic-messages", { max_tokens: 64_000 }, 600_000);
    expect(body["max_tokens"]).toBe(21_333);
    expect(changes).toEqual([
      "max_tokens 64000 → 21333: more cannot be written within the try limit when the answer is not streamed",
    ]);
  });

  it("is left alone when it fits, and when the answer is streamed", async () => {
    expect(await sent("anthropic-messages", { max_tokens: 21_333 }, 600_000)).toMatchObject([{ max_tokens: 21_333 }, []]);
    const streamed = preview(base("anthropic-messages", "https://x.example"), { body: { ...question, max_tokens: 64_000 } });
    expect(streamed.body["max_tokens"]).toBe(64_000);
  });

  it("is set where Anthropic's dialect requires it and the turn said nothing, and takes thinking down with it", async () => {
    expect(await sent("anthropic-messages", { max_tokens: undefined }, 60_000)).toMatchObject([
      { max_tokens: 2_133 },
      ["max_tokens set to 2133"],
    ]);
    const [half, changes] = await sent(
      "anthropic-messages",
      { max_tokens: 64_000, thinking: { type: "enabled", budget_tokens: 32_000 } },
      600_000,
    );
    expect(half).toMatchObject({ max_tokens: 21_333, thinking: { type: "enabled", budget_tokens: 10_666 } });
    expect(changes).toHaveLength(2);
    const [equal] = await sent(
      "anthropic-messages",
      { max_tokens: 64_000, thinking: { type: "enabled", budget_tokens: 21_333 } },
      600_000,
    );
    expect(equal).toMatchObject({ thinking: { type: "enabled", budget_tokens: 10_666 } });
    const [off] = await sent(
      "anthropic-messages",
      { max_tokens: 64_000, thinking: { type: "enabled", budget_tokens: 32_000 } },
      30_000,
    );
    expect(off).toMatchObject({ max_tokens: 1_066, thinking: { type: "disabled" } });
  });

  it("is lowered under each of OpenAI's names, and sent under the one the provider wants", async () => {
    expect(await sent("openai-completions", { max_tokens: 99_000, max_completion_tokens: 98_000 }, 600_000)).toMatchObject([
      { max_tokens: 21_333, max_completion_tokens: 21_333 },
      [{}, {}],
    ]);
    const [renamed, changes] = await sent("openai-completions", { max_tokens: 500 }, 600_000, {
      maxTokensField: "max_completion_tokens",
    });
    expect(renamed).toMatchObject({ max_completion_tokens: 500 });
    expect(renamed["max_tokens"]).toBeUndefined();
    expect(changes).toHaveLength(1);
  });

  it("obeys a model's own limit", async () => {
    const [body] = await sent("anthropic-messages", { max_tokens: 20_000 }, 600_000, { nonStreamedMaxTokens: { "m-1": 8_192 } });
    expect(body["max_tokens"]).toBe(8_192);
  });
});
