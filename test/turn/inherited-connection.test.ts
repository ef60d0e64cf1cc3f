/** A turn without tools asks over the connection that its process was born with; everything else goes to the gateway's address. */
import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { createAgentTurn } from "../../src/turn/agent.ts";
import { builtAgent, eventually, scriptedGateway, specFor, type ScriptedGateway } from "./harness.ts";

let gateway: ScriptedGateway | undefined;

afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});

const never = new AbortController().signal;

async function ask(answer: (response: ServerResponse) => void, changes: Parameters<typeof specFor>[1] = {}, signal = never) {
  gateway = await scriptedGateway(answer);
  const { url, connect } = gateway;
  const spec = specFor(url, changes);
  const door = { url, token: spec.gateway.token, connect };
  const ended = await createAgentTurn({ entry: builtAgent }).run({ ...spec, gateway: door }, { signal, env: process.env });
  return { ...ended, spec, gateway };
}

const message = (text: string) => ({
  type: "message",
  role: "assistant",
  model: "real-1",
  content: [{ type: "text", text }],
  stop_reason: "end_turn",
});

function send(status: number, body: string, headers: Record<string, string> = {}) {
  const bytes = Buffer.from(body);
  const all = { "content-type": "application/json", "content-length": String(bytes.length), ...headers };
  return (response: ServerResponse) => response.writeHead(status, all).end(bytes);
}

describe("a turn without tools", () => {
  it("asks as it would at the address, and everything of it ends", async () => {
    const {
      result,
      cleanup,
      spec,
      gateway: its,
    } = await ask(send(200, JSON.stringify(message("news 🗞"))), { system: "be brief" });
    expect(result).toEqual({ status: "answered", text: "news 🗞", stopReason: "end_turn", model: "real-1", toolRuns: 0 });
    expect(cleanup).toEqual({ killed: 0, confirmed: true });
    expect(its.connected()).toBe(1);
    expect(its.seen).toMatchObject([
      {
        path: "/v1/messages",
        headers: { host: new URL(its.url).host, "x-api-key": spec.gateway.token, "content-type": "application/json" },
        body: { model: "fixture/model", system: "be brief", messages: [{ role: "user", content: "answers" }] },
      },
    ]);
  });

  it("sends and reads what no buffer of the system holds at once", async () => {
    const question = `${"long ".repeat(400_000)}🗞`;
    const { result, gateway: its } = await ask(send(200, JSON.stringify(message("x🗞".repeat(150_000)))), { message: question });
    expect(result).toMatchObject({ status: "answered", text: "x🗞".repeat(150_000) });
    expect(its.seen).toMatchObject([{ body: { messages: [{ content: question }] } }]);
  });

  it("is told why a call was given up", async () => {
    const refusal = JSON.stringify({ type: "error", error: { type: "overloaded_error", message: "all are busy" } });
    const { result } = await ask(send(529, refusal, { "x-runner-fault": "overloaded" }));
    expect(result).toMatchObject({ status: "failed", fault: "overloaded", error: "all are busy", httpStatus: 529, toolRuns: 0 });
  });

  it.each([
    {
      what: "an answer that is cut off",
      answer: (response: ServerResponse) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "500" });
        response.write(JSON.stringify(message("news")), () => response.destroy());
      },
      failed: { fault: "stream_broken", error: "the gateway's answer was cut off", httpStatus: 200 },
    },
    {
      what: "no answer",
      answer: (response: ServerResponse) => response.destroy(),
      failed: { fault: "network", error: "the gateway cannot be reached: the connection ended without an answer" },
    },
    {
      what: "what is no HTTP",
      answer: (response: ServerResponse) => response.socket?.end("SSH-2.0-OpenSSH_9.9\r\n\r\n"),
      failed: { fault: "network", error: "the gateway cannot be reached: the answer is no HTTP" },
    },
    {
      what: "a head without end",
      answer: (response: ServerResponse) => response.socket?.end(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}`),
      failed: { fault: "network", error: "the gateway cannot be reached: the head of the answer is longer than 65536 bytes" },
    },
    {
      what: "an answer whose length is not said",
      answer: (response: ServerResponse) =>
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(message("news"))),
      failed: {
        fault: "network",
        error: "the gateway cannot be reached: the answer comes in a form that was not asked for",
      },
    },
  ])("fails at $what, and is never a part of an answer", async ({ answer, failed }) => {
    const { result } = await ask(answer);
    expect(result).toMatchObject({ status: "failed", ...failed, toolRuns: 0 });
  });

  it("is ended while it waits, and hangs up by that", async () => {
    const stop = new AbortController();
    let hungUp = false;
    const answer = (response: ServerResponse): void => {
      response.once("close", () => (hungUp = true));
      stop.abort();
    };
    const { result, cleanup } = await ask(answer, {}, stop.signal);
    expect(result).toMatchObject({ status: "failed", fault: "aborted" });
    expect(cleanup).toEqual({ killed: 0, confirmed: true });
    await eventually(() => hungUp);
  });
});

const others: readonly { readonly what: string; readonly changes: Parameters<typeof specFor>[1] }[] = [
  { what: "with tools", changes: { tools: { shell: { allow: [], shellStrings: false, timeoutMs: 1_000 } } } },
  { what: "that is streamed to", changes: { stream: true } },
];

it.each(others)("a turn $what asks at the address", async ({ changes }) => {
  const { result, gateway: its } = await ask(send(200, JSON.stringify(message("news"))), changes);
  expect(result).toMatchObject({ status: "answered", text: "news" });
  expect(its.connected()).toBe(0);
});
