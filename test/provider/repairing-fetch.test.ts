import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { gzipSync } from "node:zlib";
import Anthropic, { APIError } from "@anthropic-ai/sdk";
import * as fc from "fast-check";
import OpenAI, { APIError as OpenAIError } from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { repairingFetch, type RepairingFetchOptions } from "../../src/provider/repairing-fetch.ts";
import {
  anthropicEvents,
  B,
  BTool,
  D,
  DJson,
  E,
  type Event,
  frameOf,
  generation,
  M,
  openaiChunks,
  ping,
  run,
  runEvents,
  S,
  saidAnthropic,
  saidBy,
  saidOpenai,
  wire,
  X,
} from "../stream/wire.ts";

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void | Promise<void>;

let server: Server;
let base = "";
let handler: Handler;
let requests: { path: string; headers: IncomingMessage["headers"] }[] = [];
/** The provider sees its caller leave. */
let left = Promise.withResolvers<void>();

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push({ path: request.url ?? "", headers: request.headers });
    response.on("close", () => left.resolve());
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => (body += chunk));
    request.on("end", () => void handler(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests = [];
  left = Promise.withResolvers<void>();
});

const sends =
  (text: string, headers: Record<string, string> = { "content-type": "text/event-stream" }): Handler =>
  (_request, response) => {
    response.writeHead(200, headers).end(text);
  };

const anthropic = (options: RepairingFetchOptions = {}): Anthropic =>
  new Anthropic({ apiKey: "k", baseURL: `${base}/coding`, maxRetries: 0, fetch: repairingFetch(options) });
const openai = (options: RepairingFetchOptions = {}): OpenAI =>
  new OpenAI({ apiKey: "k", baseURL: `${base}/v1`, maxRetries: 0, fetch: repairingFetch(options) });
const ask = { model: "k2p5", max_tokens: 100, messages: [{ role: "user" as const, content: "hi" }] };
const askOpenai = { model: "gpt-x", messages: [{ role: "user" as const, content: "hi" }] };

const dup = [S("m"), S("m"), B(0), D(0, "Grüße "), S("m"), D(0, "😀"), E(0), E(0), M(), X];

async function iterate(): Promise<void> {
  for await (const _event of await anthropic().messages.create({ ...ask, stream: true })) await turn();
}

describe("with the official Anthropic SDK", () => {
  test("the failure that started it: 29 starts", async () => {
    handler = sends(wire([...Array<Event>(29).fill(S()), B(0), D(0, "hello"), E(0), M(), X]));
    await expect(
      new Anthropic({ apiKey: "k", baseURL: base, maxRetries: 0 }).messages.stream(ask).finalMessage(),
    ).rejects.toThrow("Unexpected event order");
    const codes: string[] = [];
    const message = await anthropic({ onRepair: (repair) => codes.push(repair.code) })
      .messages.stream(ask)
      .finalMessage();
    expect(message.content).toMatchObject([{ type: "text", text: "hello" }]);
    expect(codes).toEqual(Array(28).fill("dup_start"));
    expect(requests[1]?.path).toBe("/coding/v1/messages");
    expect(requests[1]?.headers["accept-encoding"]).toBe("identity");
  });

  test("a repaired stream read event by event", async () => {
    handler = sends(wire(dup));
    const types: string[] = [];
    for await (const event of await anthropic().messages.create({ ...ask, stream: true })) types.push(event.type);
    expect(types).toEqual([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
  });

  test("what cannot be proven ends in an APIError, never in a message", async () => {
    handler = sends(wire([S("a"), B(0), D(0, "half"), S("b"), B(0), D(0, "whole"), E(0), M(), X]));
    const faults: string[] = [];
    const stream = anthropic({ onFault: (error) => faults.push(error.reason) }).messages.stream(ask);
    const error: unknown = await stream.finalMessage().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(APIError);
    expect((error as APIError).error).toMatchObject({
      error: { type: "api_error", reason: "spliced_message", action: "retry" },
    });
    expect(faults).toEqual(["spliced_message"]);
  });

  test.each<[string, Event[], string]>([
    ["a cut", [S(), B(0), D(0, "a")], "truncated"],
    [
      "tool input cut, then a forged end",
      [S(), BTool(0), DJson(0, '{"path":"a'), E(0), M("tool_use"), X],
      "tool_input_incomplete",
    ],
    [
      "an overloaded provider",
      [S(), B(0), D(0, "a"), { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }],
      "upstream_error",
    ],
  ])("%s: iterating throws", async (_name, events, reason) => {
    handler = sends(wire(events));
    await expect(iterate()).rejects.toMatchObject({ error: { error: { reason } } });
  });

  test("the provider's own error keeps its type", async () => {
    handler = sends(wire([S(), { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }]));
    await expect(anthropic().messages.stream(ask).finalMessage()).rejects.toMatchObject({ type: "overloaded_error" });
  });

  test("JSON to a streamed request, events to a request without streaming", async () => {
    const body = {
      id: "m",
      type: "message",
      role: "assistant",
      model: "k2p5",
      content: [{ type: "text", text: "a" }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    };
    handler = sends(JSON.stringify(body), { "content-type": "application/json" });
    expect(saidAnthropic(await anthropic().messages.stream(ask).finalMessage()).text).toBe("a");
    expect(saidAnthropic(await anthropic().messages.create(ask)).text).toBe("a");
    handler = sends(wire(dup));
    expect(saidAnthropic(await anthropic().messages.create(ask)).text).toBe("Grüße 😀");
  });

  test("a broken answer without streaming is an HTTP 502 that the SDK may ask again", async () => {
    let calls = 0;
    handler = (request, response, body) => {
      calls += 1;
      return sends(
        calls === 1
          ? '{"id":"m","type":"message","content":[],"stop_reason":null}'
          : JSON.stringify(runEvents(dup).message?.body),
        { "content-type": "application/json" },
      )(request, response, body);
    };
    const client = anthropic();
    await expect(client.messages.create(ask)).rejects.toMatchObject({
      status: 502,
      error: { error: { reason: "empty_stream" } },
    });
    calls = 0;
    expect(saidAnthropic(await client.messages.create(ask, { maxRetries: 1 })).text).toBe("Grüße 😀");
    expect(calls).toBe(2);
  });

  test("strict mode", async () => {
    handler = sends(wire(dup));
    await expect(anthropic({ tolerateOutOfOrderEvents: false }).messages.stream(ask).finalMessage()).rejects.toMatchObject({
      error: { error: { reason: "irregular" } },
    });
  });

  test("headers of a compressed body that is now re-framed", async () => {
    const packed = gzipSync(wire(dup));
    handler = (_request, response) => {
      response
        .writeHead(200, {
          "content-type": "text/event-stream",
          "content-encoding": "gzip",
          "content-length": packed.length,
          "request-id": "r1",
        })
        .end(packed);
    };
    const { data, response } = await anthropic()
      .messages.create({ ...ask, stream: true })
      .withResponse();
    let text = "";
    for await (const event of data)
      if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text;
    expect(text).toBe("Grüße 😀");
    expect(response.headers.get("content-length")).toBeNull();
    expect(response.headers.get("content-encoding")).toBeNull();
    expect(response.headers.get("request-id")).toBe("r1");
    expect(response.url).toBe(`${base}/coding/v1/messages`);
  });
});

describe("with the official OpenAI SDK", () => {
  test("a repaired stream", async () => {
    const chunks = [
      { choices: [{ index: 0, delta: { content: "a" }, finish_reason: "" }] },
      { choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id: "t", function: { name: "f", arguments: '{"a":1}' } }] } }] },
      { choices: [{ index: 0, delta: {}, finish_reason: "stop", usage: { prompt_tokens: 1, completion_tokens: 2 } }] },
    ].map((each) => ({ id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-x", ...each }));
    handler = sends(chunks.map((each) => `data: ${JSON.stringify(each)}\n\n`).join(""));
    const completion = await openai().chat.completions.stream(askOpenai).finalChatCompletion();
    expect(saidOpenai(completion)).toEqual({
      text: "a",
      thinking: "",
      tools: [{ id: "t", name: "f", input: { a: 1 } }],
      stop: "tool_calls",
    });
    expect(completion.usage).toMatchObject({ completion_tokens: 2 });
  });

  test("what cannot be proven ends in an APIError", async () => {
    handler = sends(`data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"half"}}]}\n\n`);
    await expect(openai().chat.completions.stream(askOpenai).finalChatCompletion()).rejects.toBeInstanceOf(OpenAIError);
    await expect(openai().chat.completions.stream(askOpenai).finalChatCompletion()).rejects.toMatchObject({
      code: "truncated",
      error: { action: "retry" },
    });
  });

  test("without streaming", async () => {
    handler = sends('{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"error"}]}', {
      "content-type": "application/json",
    });
    await expect(openai().chat.completions.create(askOpenai)).rejects.toMatchObject({ status: 502, code: "upstream_error" });
  });
});

const broken =
  (events: Event[]): Handler =>
  (_request, response) => {
    response.writeHead(200).write(wire(events), () => response.destroy());
  };

describe("the connection", () => {
  test("the first text is there before the second was sent", async () => {
    const second = Promise.withResolvers<void>();
    handler = async (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).write(wire([S(), S(), B(0), D(0, "first ")]));
      await second.promise;
      response.end(wire([D(0, "second"), E(0), M(), X]));
    };
    const stream = anthropic().messages.stream(ask);
    const texts: string[] = [];
    for await (const event of stream) {
      if (event.type !== "content_block_delta" || event.delta.type !== "text_delta") continue;
      texts.push(event.delta.text);
      second.resolve();
    }
    expect(texts).toEqual(["first ", "second"]);
  });

  test("finished at message_stop though the body never closes (36): the provider sees us leave", async () => {
    handler = (_request, response) => void response.writeHead(200).write(wire([S(), B(0), D(0, "a"), E(0), M(), X]));
    expect(saidAnthropic(await anthropic().messages.stream(ask).finalMessage()).text).toBe("a");
    await left.promise;
  });

  test("pings for ever after the stop reason (35)", async () => {
    let timer: NodeJS.Timeout | undefined;
    handler = (_request, response) => {
      response.writeHead(200).write(wire([S(), B(0), D(0, "a"), E(0), M()]));
      timer = setInterval(() => response.write(wire([ping])), 5);
    };
    expect(saidAnthropic(await anthropic({ graceMs: 50 }).messages.stream(ask).finalMessage()).text).toBe("a");
    await left.promise;
    clearInterval(timer);
  });

  test("silence before the stop reason", async () => {
    handler = (_request, response) => void response.writeHead(200).write(wire([S(), B(0), D(0, "a")]));
    await expect(anthropic({ idleMs: 50 }).messages.stream(ask).finalMessage()).rejects.toMatchObject({ type: "timeout_error" });
    await left.promise;
  });

  test("a reset in mid-answer is an error, after the stop reason it is none", async () => {
    handler = broken([S(), B(0), D(0, "a")]);
    await expect(anthropic().messages.stream(ask).finalMessage()).rejects.toMatchObject({
      error: { error: { reason: "transport" } },
    });
    handler = broken([S(), B(0), D(0, "a"), E(0), M()]);
    expect(saidAnthropic(await anthropic().messages.stream(ask).finalMessage()).text).toBe("a");
  });

  test("the reader's cancel and the caller's abort reach the provider", async () => {
    handler = (_request, response) => void response.writeHead(200).write(wire([S(), B(0), D(0, "a")]));
    for await (const _event of anthropic().messages.stream(ask)) break;
    await left.promise;
    left = Promise.withResolvers<void>();
    const abort = new AbortController();
    const read = async (): Promise<void> => {
      const response = await repairingFetch()(`${base}/v1/messages`, {
        method: "POST",
        body: JSON.stringify({ stream: true }),
        signal: abort.signal,
      });
      const reader = response.body?.getReader();
      await reader?.read();
      abort.abort(new Error("enough"));
      await reader?.read();
    };
    await expect(read()).rejects.toThrow("enough");
    await left.promise;
  });

  test("nothing is read ahead of the reader", async () => {
    let pulled = 0;
    const upstream = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += 1;
          controller.enqueue(
            new TextEncoder().encode(pulled === 1 ? wire([S(), B(0), D(0, "a")]) : wire([D(0, `more${pulled}`)])),
          );
        },
      },
      { highWaterMark: 0 },
    );
    const send = repairingFetch({ fetch: () => Promise.resolve(new Response(upstream)) });
    const response = await send(`${base}/v1/messages`, { method: "POST", body: '{"stream":true}' });
    const reader = response.body?.getReader();
    expect(pulled).toBe(0);
    await reader?.read();
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(pulled).toBe(1);
    await reader?.cancel();
  });
});

describe("everything else passes untouched", () => {
  test.each([
    ["another path", "/v1/messages/count_tokens", { method: "POST", body: "{}" }, 200],
    ["another method", "/v1/messages", {}, 200],
    ["an answer that is not 2xx", "/v1/messages?beta=true", { method: "POST", body: '{"stream":true}' }, 529],
  ])("%s", async (_name, path, init, status) => {
    const odd = "event: message_start\ndata: broken\n\n";
    handler = (_request, response) => void response.writeHead(status, { "content-type": "text/event-stream" }).end(odd);
    const response = await repairingFetch()(`${base}${path}`, init);
    expect(response.status).toBe(status);
    expect(await response.text()).toBe(odd);
  });

  test("a query behind the path and a prefix before it do not hide it", async () => {
    handler = sends(wire(dup));
    const response = await repairingFetch()(new URL(`${base}/any/prefix/v1/messages?beta=true`), {
      method: "POST",
      body: '{"stream":true}',
    });
    expect(await response.text()).toBe(runEvents(dup).out);
  });

  test("a Request object", async () => {
    handler = sends(wire(dup));
    const request = new Request(`${base}/v1/messages`, {
      method: "POST",
      body: '{"stream":true}',
      headers: { "x-api-key": "k" },
    });
    const response = await repairingFetch()(request);
    expect(await response.text()).toBe(runEvents(dup).out);
    expect(requests[0]?.headers).toMatchObject({ "x-api-key": "k", "accept-encoding": "identity" });
  });
});

/** A client that is given this body, without a network between. */
const given =
  (body: string): typeof globalThis.fetch =>
  () =>
    Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }));

describe("whatever is released, the official SDKs accept and read as the same message", () => {
  const spots = fc.array(fc.record({ verb: fc.constantFrom("dup", "drop", "swap"), at: fc.nat(1000) }), { maxLength: 3 });

  test("anthropic", async () => {
    const result = await fc.check(
      fc.asyncProperty(generation("a"), spots, async (one, changes) => {
        const events = anthropicEvents(one, "m");
        for (const { verb, at } of changes) {
          const place = at % events.length;
          const event = events[place] as Event;
          if (event.type === "content_block_delta" || event.type === "message_stop" || event.type === "message_delta") continue;
          if (verb === "swap") events.splice(place, 2, ...events.slice(place, place + 2).toReversed());
          else events.splice(place, verb === "drop" ? 1 : 0, ...(verb === "dup" ? [event] : []));
        }
        const outcome = runEvents(events);
        const client = new Anthropic({
          apiKey: "k",
          maxRetries: 0,
          fetch: repairingFetch({
            fetch: given(
              events
                .map(frameOf)
                .map(({ event, data }) => `event: ${event}\ndata: ${data}\n\n`)
                .join(""),
            ),
          }),
        });
        const read = client.messages.stream(ask).finalMessage();
        const message = await read.catch((error: unknown) => error);
        if (outcome.message === undefined) return message instanceof APIError;
        if (message instanceof Error) throw message;
        const { content, usage } = message as Awaited<typeof read>;
        return isDeepStrictEqual(
          [saidAnthropic(message), content, usage.output_tokens],
          [saidBy(one, "m"), outcome.message.body["content"], outcome.message.usage.outputTokens ?? 0],
        );
      }),
      { numRuns: 300 },
    );
    expect(fc.defaultReportMessage(result) ?? "held").toBe("held");
  });

  test("openai", async () => {
    const result = await fc.check(
      fc.asyncProperty(generation("a"), spots, async (one, changes) => {
        const chunks = openaiChunks(one, "c");
        for (const { verb, at } of changes) {
          const place = at % chunks.length;
          const each = chunks[place];
          if (each === undefined || each.kind === "content" || verb === "swap") continue;
          chunks.splice(place, verb === "drop" ? 1 : 0, ...(verb === "dup" ? [each] : []));
        }
        const outcome = run(
          "openai-completions",
          chunks.map((each) => each.frame),
        );
        const client = new OpenAI({
          apiKey: "k",
          maxRetries: 0,
          fetch: repairingFetch({ fetch: given(chunks.map(({ frame }) => `data: ${frame.data}\n\n`).join("")) }),
        });
        const read = client.chat.completions.stream(askOpenai).finalChatCompletion();
        const completion = await read.catch((error: unknown) => error);
        if (outcome.message === undefined) return completion instanceof OpenAIError;
        // The SDK keeps only the last piece of fields it does not know, such as reasoning_content; the machine keeps all of it.
        if (completion instanceof Error) throw completion;
        const truth = saidBy(one, "c", { tool: "tool_calls", end: "stop" });
        return isDeepStrictEqual(
          [saidOpenai(outcome.message.body), { ...saidOpenai(completion), thinking: "" }],
          [truth, { ...truth, thinking: "" }],
        );
      }),
      { numRuns: 300 },
    );
    expect(fc.defaultReportMessage(result) ?? "held").toBe("held");
  });
});
