import type { ServerResponse } from "node:http";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { agentEntry, createAgentTurn } from "../../src/turn/agent.ts";
import type { TurnSpec } from "../../src/turn/turn.ts";
import { builtAgent, scriptedGateway, specFor, type ScriptedGateway } from "./harness.ts";

let gateway: ScriptedGateway | undefined;

afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});

const never = new AbortController().signal;

async function ask(
  answer: (response: ServerResponse) => void,
  changes: Parameters<typeof specFor>[1] = {},
  options = { entry: builtAgent },
) {
  gateway = await scriptedGateway(answer);
  const spec = specFor(gateway.url, { message: "what is new?", ...changes });
  const { result, cleanup } = await createAgentTurn(options).run(spec, { signal: never, env: process.env });
  expect(cleanup).toEqual({ killed: 0, confirmed: true });
  return { result, spec, seen: gateway.seen };
}

const message = {
  type: "message",
  role: "assistant",
  model: "real-1",
  content: [{ type: "text", text: "news 🗞" }],
  stop_reason: "end_turn",
};
const completion = {
  id: "c",
  model: "real-1",
  choices: [{ index: 0, message: { role: "assistant", content: "news 🗞" }, finish_reason: "stop" }],
};
const answered = { status: "answered", text: "news 🗞", stopReason: "end_turn", model: "real-1", toolRuns: 0 };

function json(body: unknown, status = 200, headers: Record<string, string> = {}) {
  return (response: ServerResponse) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

const anthropicEvents = [
  { type: "message_start", message: { model: "real-1" } },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "news " } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "🗞" } },
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "end_turn" } },
  { type: "message_stop" },
]
  .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  .join("");

const openAiEvents = [
  JSON.stringify({ id: "c", model: "real-1", choices: [{ index: 0, delta: { content: "news 🗞" }, finish_reason: null }] }),
  JSON.stringify({ id: "c", model: "real-1", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
  "[DONE]",
]
  .map((data) => `data: ${data}\n\n`)
  .join("");

/** The body in pieces of seven bytes, so that characters, lines and events are cut. */
function stream(body: string, finish: (response: ServerResponse) => void = (response) => response.end()) {
  return (response: ServerResponse) => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    const bytes = Buffer.from(body);
    for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7));
    response.write("", () => finish(response));
  };
}

describe("the question", () => {
  it("goes out once, in Anthropic's form, with the token and nothing of the parent's", async () => {
    const { result, spec, seen } = await ask(json(message), { system: "be brief" });
    expect(result).toEqual(answered);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      path: "/v1/messages",
      headers: { "x-api-key": spec.gateway.token, "anthropic-version": "2023-06-01", "content-type": "application/json" },
      body: {
        model: "fixture/model",
        max_tokens: 1000,
        system: "be brief",
        messages: [{ role: "user", content: "what is new?" }],
        stream: false,
      },
    });
    expect(seen[0]?.headers["authorization"]).toBeUndefined();
  });

  it("goes out once, in OpenAI's form", async () => {
    const { result, spec, seen } = await ask(json(completion), { dialect: "openai-completions", system: "be brief" });
    expect(result).toEqual(answered);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      path: "/v1/chat/completions",
      headers: { authorization: `Bearer ${spec.gateway.token}` },
      body: { stream: false },
    });
    expect(seen[0]?.headers["x-api-key"]).toBeUndefined();
  });

  it("is the same from the sources, without a build", async () => {
    const { result } = await ask(json(message), {}, { entry: agentEntry() });
    expect(result).toEqual(answered);
  });
});

describe("a streamed answer", () => {
  it.each([
    ["anthropic-messages", `: hello\n\nevent: ping\ndata: {"type":"ping"}\n\n${anthropicEvents}`],
    ["openai-completions", `: hello\n\n: ping\n\n${openAiEvents}`],
  ] as const)("of %s is read through pings and comments, cut anywhere", async (dialect, body) => {
    const { result, seen } = await ask(stream(body), { dialect, stream: true });
    expect(result).toEqual(answered);
    expect(seen[0]?.body).toMatchObject({ stream: true });
  });

  it("may come as one message", async () => {
    expect((await ask(json(message), { stream: true })).result).toEqual(answered);
  });

  it("that ends in an error event is that error, with the fault the gateway names", async () => {
    const error = { type: "error", error: { type: "overloaded_error", message: "every model is\nbusy", fault: "overloaded" } };
    const { result } = await ask(
      stream(`event: ping\ndata: {"type":"ping"}\n\nevent: error\ndata: ${JSON.stringify(error)}\n\n`),
      { stream: true },
    );
    expect(result).toEqual({ status: "failed", fault: "overloaded", error: "every model is busy", httpStatus: 200, toolRuns: 0 });
  });

  it.each([
    ["cut off by a reset", stream(anthropicEvents.slice(0, 300), (response) => response.destroy()), "stream_broken"],
    ["cut off by a clean end", stream(anthropicEvents.slice(0, 300)), "stream_broken"],
    ["without a byte", stream(""), "stream_broken"],
    [
      "that is HTML",
      (response: ServerResponse) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
      "stream_broken",
    ],
    [
      "that is half a JSON",
      (response: ServerResponse) => response.writeHead(200, { "content-type": "application/json" }).end('{"type":"mess'),
      "stream_broken",
    ],
    [
      "that is not UTF-8",
      (response: ServerResponse) =>
        response.writeHead(200, { "content-type": "application/json" }).end(Buffer.from([0x22, 0xff, 0x22])),
      "stream_broken",
    ],
    [
      "that ends inside a character",
      (response: ServerResponse) =>
        response.writeHead(200, { "content-type": "application/json" }).end(Buffer.from([0x22, 0xf0, 0x9f])),
      "stream_broken",
    ],
    [
      "that starts twice",
      stream(anthropicEvents.slice(0, anthropicEvents.indexOf("event: content_block_stop")) + anthropicEvents),
      "stream_order",
    ],
    [
      "of a success that says error",
      json({ type: "error", error: { type: "api_error", message: "x", fault: "server" } }),
      "server",
    ],
  ])("%s is a failure", async (_name, answer, fault) => {
    expect((await ask(answer, { stream: true })).result).toMatchObject({ status: "failed", fault, httpStatus: 200, toolRuns: 0 });
  });
});

describe("a call that was given up", () => {
  it.each([
    [
      529,
      "overloaded",
      { "x-runner-fault": "overloaded" },
      { type: "error", error: { type: "overloaded_error", message: "busy" } },
      "overloaded",
    ],
    [402, "billing by the body", {}, { error: { type: "billing_error", message: "busy", fault: "billing" } }, "billing"],
    [500, "a fault nobody knows", { "x-runner-fault": "constructor" }, { error: { message: "busy" } }, "unknown"],
  ])("with HTTP %i (%s) is that fault", async (status, _name, headers: Record<string, string>, body, fault) => {
    const { result, seen } = await ask(json(body, status, headers));
    expect(result).toEqual({ status: "failed", fault, error: "busy", httpStatus: status, toolRuns: 0 });
    expect(seen).toHaveLength(1);
  });

  it("without a readable reason is still a failure", async () => {
    const { result } = await ask((response) => response.writeHead(502, { "x-runner-fault": "server" }).end("<html>bad gateway"));
    expect(result).toMatchObject({ status: "failed", fault: "server", httpStatus: 502 });
  });
});

it("an answer that is too long for limits.outputBytes is not cut and passed off as whole", async () => {
  const { result } = await ask(json({ ...message, content: [{ type: "text", text: "x".repeat(101) }] }), {
    limits: { outputBytes: 100 },
  });
  expect(result).toMatchObject({ status: "failed", fault: "budget", partial: "x".repeat(100) });
});

it("a text of control characters up to limits.outputBytes comes through whole", async () => {
  const text = `${"\u0001".repeat(99_999)}x`;
  const { result } = await ask(json({ ...message, content: [{ type: "text", text }] }), { limits: { outputBytes: 100_000 } });
  expect(result).toEqual({ ...answered, text });
});

it("a gateway that is gone is a network failure", async () => {
  const gone = await scriptedGateway();
  await gone.close();
  const { result } = await createAgentTurn({ entry: builtAgent }).run(specFor(gone.url), { signal: never, env: process.env });
  expect(result).toMatchObject({ status: "failed", fault: "network", error: expect.stringContaining("ECONNREFUSED") });
});

it("a gateway that never answers is waited for until the attempt's limit, and no longer", async () => {
  const limits: Partial<TurnSpec["limits"]> = { attemptMs: 500 };
  const { result } = await ask(() => {}, { limits });
  expect(result).toMatchObject({ status: "failed", fault: "timeout" });
});

it("a gateway that hangs up is noticed at once", async () => {
  const { result } = await ask((response) => response.destroy());
  expect(result).toMatchObject({ status: "failed", fault: "network" });
});

it("the program lies beside the bundle, above the library, or is the source", () => {
  expect(agentEntry("file:///app/dist/runner.cjs")).toBe("/app/dist/agent-child.cjs");
  expect(agentEntry("file:///app/dist/turn/agent.js")).toBe("/app/dist/agent-child.cjs");
  expect(agentEntry("file:///app/src/turn/agent.ts")).toBe("/app/src/turn/agent-child.ts");
  const own = pathToFileURL(fileURLToPath(new URL("../../src/turn/agent.ts", import.meta.url))).href;
  expect(agentEntry(own)).toBe(agentEntry());
});
