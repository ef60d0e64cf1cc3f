import type http from "node:http";
import zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { ProviderError } from "../../src/errors.ts";
import { agentFor } from "../../src/provider/connections.ts";
import { dialects } from "../../src/provider/index.ts";
import { type Dialect, type JsonObject, type ProviderConfig } from "../../src/provider/provider.ts";
import {
  key,
  config,
  ask,
  told,
  serving,
  frame,
  startFrame,
  textFrames,
  stopFrames,
  endFrame,
  pingFrame,
  everything,
} from "./asking.ts";
import { type Wire, byteServer, httpServer, onRequest } from "./wire.ts";

const on = (server: Wire): ProviderConfig => config("anthropic-messages", server.url);

/** Connections to this address that are kept for the next request. */
function idleConnections(url: string): number {
  const { freeSockets } = agentFor(new URL(url), {});
  return Object.entries(freeSockets).flatMap(([name, sockets]) => (name.includes(`:${new URL(url).port}`) ? (sockets ?? []) : []))
    .length;
}

describe.concurrent("the end of a stream", () => {
  it("is not waited for longer than 2 s once the provider has certified it: silence", async () => {
    await using server = await serving((response) => void response.write(startFrame + textFrames + stopFrames));
    const started = performance.now();
    expect(await ask(on(server))).toMatchObject({ text: "All is well.", stopReason: "end_turn" });
    expect(performance.now() - started).toBeGreaterThan(1_900);
    expect(performance.now() - started).toBeLessThan(4_000);
  });

  it("is not waited for longer than 2 s once the provider has certified it: pings, cut anywhere", async () => {
    await using server = await serving((response) => {
      response.write(startFrame + textFrames + stopFrames);
      let at = 0;
      const timer = setInterval(() => {
        const pings = pingFrame + ": still here\n\n" + pingFrame;
        response.write(pings.slice(at % pings.length, (at % pings.length) + 7));
        at += 7;
        if (at >= pings.length) at = 0;
      }, 20);
      response.on("close", () => clearInterval(timer));
    });
    const started = performance.now();
    expect(await ask(on(server))).toMatchObject({ text: "All is well." });
    expect(performance.now() - started).toBeLessThan(4_000);
  });

  it("is at once when the terminal event has come, though the connection stays open", async () => {
    await using server = await serving((response) => void response.write(startFrame + textFrames + stopFrames + endFrame));
    const started = performance.now();
    expect(await ask(on(server))).toMatchObject({ text: "All is well." });
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it.each([
    ["before the stop reason", startFrame + textFrames, "stream_broken"],
    ["after the stop reason", startFrame + textFrames + stopFrames, "answer end_turn"],
  ])("is a reset %s", async (_, bytes, expected) => {
    await using server = await byteServer((socket) =>
      onRequest(socket, () =>
        socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${bytes}`, () =>
          setTimeout(() => socket.resetAndDestroy(), 50),
        ),
      ),
    );
    const one = await ask(on(server));
    expect(told(one)).toBe(expected);
    expect(one).toMatchObject(
      expected === "stream_broken" ? { reason: "transport", usage: { inputTokens: 3 } } : { stopReason: "end_turn" },
    );
  });

  it("is silence in the middle: a stall, with what was paid for", async () => {
    await using server = await serving((response) => void response.write(startFrame + textFrames));
    expect(await ask(on(server), { limits: { firstByteMs: 1_000, idleMs: 100, tryMs: 5_000 } })).toMatchObject({
      fault: "stream_stall",
      status: 200,
      usage: { inputTokens: 3 },
    });
  });

  it("is an idle limit shorter than the grace, once the provider has certified it", async () => {
    await using server = await serving((response) => void response.write(startFrame + textFrames + stopFrames));
    const started = performance.now();
    const one = await ask(on(server), { limits: { firstByteMs: 1_000, idleMs: 300, tryMs: 5_000 } });
    expect(one).toMatchObject({ text: "All is well." });
    expect(performance.now() - started).toBeLessThan(1_800);
  });

  it.each([0, 60])("gives the connection back when the body ends %i ms after it", async (ms) => {
    const ports = new Set<number | undefined>();
    await using server = await serving((response) => {
      ports.add(response.socket?.remotePort);
      response.write(startFrame + textFrames + stopFrames + endFrame);
      setTimeout(() => response.end(), ms);
    });
    for (let n = 0; n < 3; n += 1) {
      expect(told(await ask(on(server)))).toBe("answer end_turn");
      await expect.poll(() => idleConnections(server.url), { interval: 5 }).toBe(1);
    }
    expect(ports.size).toBe(1);
  });

  it("frees a connection whose body does not end, soon and without a word", async ({ expect: ours }) => {
    let open = 0;
    await using server = await serving((response) => {
      open += 1;
      response.on("close", () => (open -= 1));
      response.write(startFrame + textFrames + stopFrames + endFrame);
    });
    expect(told(await ask(on(server)))).toBe("answer end_turn");
    await ours.poll(() => open, { timeout: 3_000 }).toBe(0);
  });

  it("is our wish, also while the words of an error are waited for", async () => {
    await using server = await serving((response) => void response.writeHead(529).write("{"));
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    expect(told(await ask(on(server), { signal: controller.signal }))).toBe("aborted");
  });

  it("is our wish", async () => {
    await using server = await serving((response) => void response.write(startFrame + textFrames));
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    expect(told(await ask(on(server), { signal: controller.signal }))).toBe("aborted");
  });

  it("does not wait for the words of an error for ever", async () => {
    await using server = await serving((response) => void response.writeHead(529).write('{"error":{"type":"overloaded_error"'));
    const started = performance.now();
    expect(await ask(config("anthropic-messages", server.url))).toMatchObject({ fault: "overloaded", status: 529 });
    expect(performance.now() - started).toBeLessThan(8_000);
  });
});

const chat = (message: JsonObject, finish: string, more: JsonObject = {}): string =>
  JSON.stringify({
    id: "c1",
    object: "chat.completion",
    created: 1,
    model: "m-1",
    choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason: finish }],
    usage: { prompt_tokens: 3, completion_tokens: 9 },
    ...more,
  });
const message = (content: readonly JsonObject[], stopReason: string): string =>
  JSON.stringify({
    id: "m1",
    type: "message",
    role: "assistant",
    model: "m-1",
    content,
    stop_reason: stopReason,
    stop_sequence: null,
    usage: { input_tokens: 3, output_tokens: 2 },
  });

describe("answers that say nothing, or say that they are none", () => {
  it.each<[Dialect, string, string]>([
    ["openai-completions", chat({ content: "" }, "stop"), "empty"],
    ["openai-completions", chat({ content: null }, "stop"), "empty"],
    ["openai-completions", chat({ content: "  \n" }, "stop"), "empty"],
    ["openai-completions", chat({ content: "" }, "length"), "output_truncated"],
    ["openai-completions", chat({ content: "Half" }, "length"), "answer max_tokens"],
    ["openai-completions", chat({ content: "" }, "content_filter"), "content_policy"],
    [
      "openai-completions",
      chat(
        { content: null, tool_calls: [{ id: "t", type: "function", function: { name: "f", arguments: "{}" } }] },
        "tool_calls",
      ),
      "answer tool_use",
    ],
    ["openai-completions", chat({ content: "fine" }, "stop"), "answer end_turn"],
    [
      "openai-completions",
      chat({ content: "" }, "stop", { base_resp: { status_code: 1027, status_msg: "output sensitive" } }),
      "content_policy",
    ],
    [
      "openai-completions",
      chat({ content: "fine" }, "stop", { base_resp: { status_code: 0, status_msg: "" } }),
      "answer end_turn",
    ],
    ["openai-completions", '{"choices":null,"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}', "billing"],
    [
      "openai-completions",
      '{"error":{"code":429,"message":"limited","metadata":{"error_type":"rate_limit_exceeded"}}}',
      "rate_limit",
    ],
    ["openai-completions", '{"choices":[{"index":0,"error":{"code":502,"message":"gone"},"finish_reason":"error"}]}', "server"],
    ["openai-completions", '"{\\"error\\":{\\"type\\":\\"overloaded_error\\",\\"message\\":\\"x\\"}}"', "overloaded"],
    ["openai-completions", '{"code":1302,"msg":"High concurrency","success":false}', "rate_limit"],
    ["openai-completions", "", "empty"],
    ["openai-completions", "null", "stream_broken"],
    ["openai-completions", '{"hello":"world"}', "stream_broken"],
    ["openai-completions", "plain words", "stream_broken"],
    ["openai-completions", "<html><title>Login</title></html>", "server"],
    ["anthropic-messages", message([], "end_turn"), "empty"],
    ["anthropic-messages", message([{ type: "thinking", thinking: "hm", signature: "s" }], "end_turn"), "empty"],
    ["anthropic-messages", message([{ type: "thinking", thinking: "hm", signature: "s" }], "max_tokens"), "output_truncated"],
    ["anthropic-messages", message([], "refusal"), "content_policy"],
    ["anthropic-messages", message([{ type: "text", text: "I" }], "refusal"), "answer refusal"],
    ["anthropic-messages", message([{ type: "tool_use", id: "t", name: "f", input: {} }], "tool_use"), "answer tool_use"],
    ["anthropic-messages", '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "overloaded"],
    [
      "anthropic-messages",
      '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long"}}',
      "context_overflow",
    ],
  ])("%s %s is %s", async (dialect, body, expected) => {
    await using server = await serving((response) => response.end(body));
    expect(told(await ask(config(dialect, server.url), { stream: false }))).toBe(expected);
    expect(told(await ask(config(dialect, server.url), { stream: true }))).toBe(expected);
  });

  it("takes the words of a broken answer for no error of the provider, and shows none of them", async () => {
    for (const bytes of [
      `${startFrame}event: content_block_start\ndata: {"oops": "overloaded, rate limit, insufficient balance`,
      '{"id":"m1","type":"message","role":"assistant","content":[{"type":"text","text":"The server is overloaded, rate limit',
      `data: {"type":"message_start","message":{"content":[{"type":"text","text":"insufficient balance, overloaded"}]`,
    ]) {
      await using server = await serving((response) => response.end(bytes));
      const one = await ask(config("anthropic-messages", server.url));
      expect([bytes, told(one)]).toEqual([bytes, "stream_broken"]);
      expect(everything(one)).not.toMatch(/rate limit|insufficient|overloaded,/);
    }
  });

  it("keeps what the reader found beside what the provider said", async () => {
    await using server = await serving((response) =>
      response.end(frame({ type: "error", error: { type: "overloaded_error", message: "x" } })),
    );
    expect(await ask(config("anthropic-messages", server.url))).toMatchObject({
      fault: "overloaded",
      status: 200,
      reason: "upstream_error",
    });
  });

  it("reads a compressed answer, and refuses one that hides that it is", async () => {
    await using open = await serving((response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end(zlib.gzipSync(startFrame + textFrames + stopFrames + endFrame)),
    );
    expect(told(await ask(config("anthropic-messages", open.url)))).toBe("answer end_turn");
    await using hidden = await serving((response) =>
      response.end(zlib.gzipSync(startFrame + textFrames + stopFrames + endFrame)),
    );
    expect(await ask(config("anthropic-messages", hidden.url))).toMatchObject({
      fault: "stream_broken",
      reason: "compressed_body",
    });
  });

  it("takes the status of an error whose words break off", async () => {
    await using server = await byteServer((socket) =>
      onRequest(socket, () => socket.end('HTTP/1.1 402 Payment Required\r\ncontent-length: 500\r\n\r\n{"err')),
    );
    expect(await ask(config("anthropic-messages", server.url))).toMatchObject({ fault: "billing", status: 402 });
  });

  it("does not take the key to another address", async () => {
    let followed = 0;
    await using other = await httpServer((_, response) => {
      followed += 1;
      response.end();
    });
    await using server = await serving((response) => response.writeHead(307, { location: `${other.url}/v1/messages?a=b` }).end());
    const one = await ask(config("anthropic-messages", server.url));
    expect(one).toMatchObject({
      fault: "bad_request",
      status: 307,
      message: expect.stringContaining(`${other.url}/v1/messages [redirects`),
    });
    expect(followed).toBe(0);
  });

  it("asks for as long as the provider wants to be left alone", async () => {
    await using server = await serving((response) =>
      response
        .writeHead(429, { "retry-after": "17", "x-should-retry": "true", "request-id": "req_7" })
        .end('{"error":{"type":"rate_limit_error","message":"slow"}}'),
    );
    expect(await ask(config("anthropic-messages", server.url))).toMatchObject({
      fault: "rate_limit",
      retryAfterMs: 17_000,
      shouldRetry: true,
      requestId: "req_7",
      code: "rate_limit_error",
    });
  });
});

describe("the key", () => {
  it("is in no record of a good answer", async () => {
    const bytes = frame({ type: key, a: 1 }) + startFrame + textFrames + stopFrames + endFrame;
    await using server = await serving((response) => response.end(bytes));
    const one = await ask(config("anthropic-messages", server.url));
    expect(one).toMatchObject({ stopReason: "end_turn", repairs: [{ code: "unknown_event", event: "[redacted]" }] });
    expect(everything(one)).not.toContain("planted");
  });

  it("is in no error, however the provider echoes it", async () => {
    const replies: ((response: http.ServerResponse) => void)[] = [
      (response) =>
        response
          .writeHead(401, { "x-request-id": key, "request-id": key })
          .end(JSON.stringify({ error: { type: key, code: key, message: `Incorrect API key provided: ${key}` } })),
      (response) => response.writeHead(500).end(`Traceback: headers={'x-api-key': '${key}', 'Authorization': 'Bearer ${key}'}`),
      (response) => response.writeHead(400).end(Buffer.from(`"${encodeURIComponent(key)} ${btoa(key)}"`)),
      (response) => response.writeHead(302, { location: `https://${key}.example/${key}?k=${key}` }).end(),
      (response) => response.end(frame({ type: "error", error: { type: "overloaded_error", message: `for ${key}`, code: key } })),
      (response) => response.end(startFrame + frame({ type: "error", error: { type: key, message: key } })),
      (response) => response.end(`<html><title>${key}</title></html>`),
      (response) => response.end(`event: ${key}\ndata: {"${key}": "${key}"}\n\ndata: ${key}\n\n`),
      (response) => response.end(`{"error":"${key}"`),
      (response) => response.end(JSON.stringify({ base_resp: { status_code: 1004, status_msg: key } })),
      (response) => response.writeHead(502).end(`${"x".repeat(3_990)}${key}`),
      (response) => response.socket?.end(`HTTP/1.1 ${key}\r\n\r\n`),
    ];
    for (const reply of replies) {
      await using server = await serving(reply);
      for (const dialect of dialects) {
        const one = await ask(config(dialect, server.url, { headers: { "x-other-secret": `Token ${key}2` } }));
        expect(one).toBeInstanceOf(ProviderError);
        expect(everything(one)).not.toContain("planted");
        expect(everything(one)).not.toContain(btoa(key).slice(0, 20));
      }
    }
  });
});

it("a provider that gives the key back as an id or as its model's name does not get it written down", async () => {
  await using server = await serving((response) => {
    const start = startFrame.replace(/"id":"[^"]*"/, `"id":"msg_${key}"`).replace(/"model":"[^"]*"/, `"model":"${key}"`);
    response.end(start + textFrames + stopFrames + endFrame);
  });
  const answer = await ask(on(server));
  expect(answer).toMatchObject({ model: "[redacted]", requestId: expect.stringContaining("[redacted]") });
});
