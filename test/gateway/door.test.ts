import { Agent } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { standardRetry } from "../../src/run/backoff.ts";
import { answer, clear, ladderOf, limits, openaiAnswer, question, Recorder, ScriptedProvider, send, stage } from "./stage.ts";

afterEach(clear);

const kimi = (): ScriptedProvider => new ScriptedProvider("kimi", [answer("whole")]);

/** Sends bytes as they are and returns what comes back until the connection closes. */
function raw(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(text));
    let got = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => (got += chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(got));
  });
}

describe("who may enter", () => {
  test("the token in any of the three headers", async () => {
    const provider = kimi();
    const { gateway, token } = await stage([provider]);
    for (const headers of [{ "x-api-key": token }, { authorization: `Bearer ${token}` }, { "x-goog-api-key": token }]) {
      const reply = await send(gateway, { headers, body: question });
      expect([reply.status, reply.json]).toEqual([200, expect.objectContaining({ stop_reason: "end_turn" })]);
    }
    expect(provider.asked).toHaveLength(3);
  });

  test("no other token, none, and no token after its door was closed", async () => {
    const provider = kimi();
    const { gateway, token, closeDoor, recorder } = await stage([provider]);
    const other = await stage([kimi()]);
    for (const wrong of [undefined, "", other.token, `${token}x`, token.slice(1)]) {
      const reply = await send(gateway, { token: wrong, body: question });
      expect(reply.status).toBe(401);
      expect(reply.json).toMatchObject({ type: "error", error: { type: "authentication_error", fault: "auth" } });
    }
    closeDoor();
    expect((await send(gateway, { token, body: question })).status).toBe(401);
    expect(provider.asked).toEqual([]);
    expect(recorder.lines).toEqual([]);
  });

  test("a wrong token is told so before a long body is read", async () => {
    const { gateway } = await stage([kimi()]);
    const head = `POST /v1/messages HTTP/1.1\r\nhost: ${new URL(gateway.url).host}\r\nx-api-key: no\r\ncontent-length: 20000000\r\n\r\n`;
    const got = await raw(gateway.url, `${head}{"model":`);
    expect(got).toMatch(/^HTTP\/1\.1 401 /);
    expect(got.toLowerCase()).toContain("connection: close");
  });

  test("two doors of one gateway are two attempts: each has its token, its record and its end", async () => {
    const provider = kimi();
    const { gateway, token, recorder, closeDoor } = await stage([provider]);
    const other = new Recorder();
    const grant = {
      runId: "other",
      attempt: 2,
      ladder: ladderOf("kimi/k2p5"),
      retry: standardRetry,
      limits,
      signal: new AbortController().signal,
    };
    const second = gateway.open({ ...grant, observer: other });
    expect(Buffer.from(token, "base64url")).toHaveLength(32);
    expect(second.token).not.toBe(token);
    await send(gateway, { token, body: question });
    await send(gateway, { token: second.token, body: question });
    expect([recorder.ends.length, other.ends.length]).toEqual([1, 1]);
    closeDoor();
    expect((await send(gateway, { token, body: question })).status).toBe(401);
    expect((await send(gateway, { token: second.token, body: question })).status).toBe(200);
  });

  test("a name that points to this machine is not this machine", async () => {
    const { gateway, token } = await stage([kimi()]);
    const { port } = new URL(gateway.url);
    for (const host of [`evil.example:${port}`, "127.0.0.1", `127.0.0.1:${Number(port) + 1}`, `127.0.0.1.evil.example:${port}`]) {
      const reply = await send(gateway, { token, headers: { host }, body: question });
      expect([host, reply.status]).toEqual([host, 403]);
    }
    expect((await send(gateway, { token, headers: { host: `localhost:${port}` }, body: question })).status).toBe(200);
  });
});

describe("which address", () => {
  test("any prefix and any query, in both dialects", async () => {
    const provider = kimi();
    const gpt = new ScriptedProvider("gpt", [openaiAnswer("whole")], "openai-completions");
    const one = await stage([provider]);
    const two = await stage([gpt], { ladder: [{ provider: "gpt", model: "gpt", stream: true }] });
    for (const path of ["/v1/messages", "/coding/v1/messages?beta=true", "/a/b/v1/messages/?"]) {
      expect((await send(one.gateway, { token: one.token, path, body: question })).status).toBe(200);
    }
    for (const path of ["/v1/chat/completions", "/openai/v1/chat/completions?x=1", "/chat/completions"]) {
      expect((await send(two.gateway, { token: two.token, path, body: question })).json).toMatchObject({
        object: "chat.completion",
      });
    }
    expect(provider.asked.map(({ query }) => query)).toEqual(["", "?beta=true", ""]);
    expect(gpt.asked.map(({ query }) => query)).toEqual(["", "?x=1", ""]);
  });

  test("models and count_tokens are answered without asking anybody", async () => {
    const provider = kimi();
    const { gateway, token } = await stage([provider]);
    const models = await send(gateway, { token, method: "GET", path: "/v1/models" });
    expect(models.json).toMatchObject({
      object: "list",
      has_more: false,
      data: [{ id: "kimi/k2p5", object: "model", type: "model" }],
    });
    const counted = await send(gateway, { token, path: "/v1/messages/count_tokens?beta=true", body: question });
    expect(counted.json).toEqual({ input_tokens: Math.ceil(JSON.stringify(question).length / 4) });
    expect(provider.asked).toEqual([]);
  });

  test("everything else is not here, in the words of the dialect", async () => {
    const { gateway, token } = await stage([kimi()]);
    const anthropic = await send(gateway, { token, method: "GET", path: "/v1/files" });
    expect([anthropic.status, anthropic.json]).toEqual([
      404,
      { type: "error", error: expect.objectContaining({ type: "not_found_error" }) },
    ]);
    const openai = await send(gateway, { headers: { authorization: `Bearer ${token}` }, method: "GET", path: "/v1/files" });
    expect([openai.status, openai.json]).toEqual([
      404,
      { error: expect.objectContaining({ code: "not_found_error", param: null }) },
    ]);
    expect((await send(gateway, { token, method: "HEAD", path: "/api/hello" })).status).toBe(404);
    expect((await send(gateway, { token, method: "HEAD", path: "/v1/messages" })).status).toBe(404);
    expect((await send(gateway, { token, method: "GET", path: "/v1/messages" })).status).toBe(405);
    expect((await send(gateway, { token, path: "/v1/responses", body: question })).status).toBe(404);
  });

  test("an upgrade is refused with 426", async () => {
    const { gateway, token } = await stage([kimi()]);
    const head = `GET /v1/responses HTTP/1.1\r\nhost: ${new URL(gateway.url).host}\r\nx-api-key: ${token}\r\n`;
    expect(await raw(gateway.url, `${head}connection: upgrade\r\nupgrade: websocket\r\n\r\n`)).toMatch(/^HTTP\/1\.1 426 /);
  });
});

describe("which body", () => {
  test("only a JSON object, not compressed", async () => {
    const { gateway, token, recorder } = await stage([kimi()]);
    for (const body of ["", "{", "[]", "null", '"text"', "\u0000"]) {
      const reply = await send(gateway, { token, body });
      expect([body, reply.status]).toEqual([body, 400]);
      expect(reply.json).toMatchObject({ error: { message: "the request's body is not a JSON object" } });
    }
    expect((await send(gateway, { token, headers: { "content-encoding": "gzip" }, body: "x" })).status).toBe(415);
    expect(recorder.lines).toEqual([]);
  });

  test("tens of megabytes are taken, more than 32 MiB are not", async () => {
    const provider = kimi();
    const { gateway, token } = await stage([provider]);
    const large = { ...question, system: "x".repeat(20 * 1024 * 1024) };
    expect((await send(gateway, { token, body: large })).status).toBe(200);
    expect(provider.asked[0]?.body).toEqual(large);
    const head = `POST /v1/messages HTTP/1.1\r\nhost: ${new URL(gateway.url).host}\r\nx-api-key: ${token}\r\ncontent-length: 99999999\r\n\r\n`;
    expect(await raw(gateway.url, head)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("a body that does not say its length stops at the limit as well", async () => {
    const provider = kimi();
    const { gateway, token } = await stage([provider]);
    const reply = await send(gateway, {
      token,
      headers: { "transfer-encoding": "chunked" },
      body: Buffer.alloc(33 * 1024 * 1024, 32),
    });
    expect(reply.status).toBe(413);
    expect(provider.asked).toEqual([]);
  });

  test("nothing in it is checked or changed, and only headers that providers read go on", async () => {
    const provider = kimi();
    const { gateway, token } = await stage([provider]);
    const body = {
      ...question,
      messages: [{ role: "system", content: "odd place" }],
      thinking: { type: "adaptive" },
      context_management: { edits: [] },
      tools: [{ name: "t", defer_loading: true }],
    };
    const headers = {
      "anthropic-version": "2023-06-01",
      "anthropic-beta": "a,b",
      "x-stainless-lang": "js",
      "x-app": "cli",
      "user-agent": "some-cli/1",
      traceparent: "00-1-1-01",
      cookie: "secret=1",
      accept: "application/json",
      "accept-encoding": "gzip",
      "x-forwarded-for": "1.2.3.4",
    };
    await send(gateway, { headers: { ...headers, authorization: `Bearer ${token}` }, body });
    const { accept: _1, "accept-encoding": _2, cookie: _3, "x-forwarded-for": _4, ...kept } = headers;
    expect(provider.asked[0]).toMatchObject({ body, headers: kept, model: "k2p5", stream: true });
    expect(Object.keys(provider.asked[0]?.headers ?? {})).toHaveLength(Object.keys(kept).length);
    expect(JSON.stringify(provider.asked[0]?.headers)).not.toContain(token);
  });

  test("body.stream decides the form, whatever the client accepts", async () => {
    const { gateway, token } = await stage([kimi()]);
    const headers = { accept: "application/json" };
    const streamed = await send(gateway, { token, headers, body: { ...question, stream: true } });
    expect(streamed.headers["content-type"]).toMatch(/^text\/event-stream/);
    expect(streamed.text).toMatch(/^event: message_start\n/);
    const whole = await send(gateway, { token, headers: { accept: "text/event-stream" }, body: question });
    expect(whole.headers["content-type"]).toBe("application/json");
    expect(whole.headers).toMatchObject({
      "request-id": "req_1",
      "x-runner-rung": "kimi/k2p5; stream=on",
      "x-runner-tries": "1",
    });
  });
});

test("one connection serves many calls, and many calls run at once", async () => {
  let waiting = 0;
  let release: (() => void) | undefined;
  const all = new Promise<void>((resolve) => (release = resolve));
  const provider = new ScriptedProvider("kimi", [
    async ({ body }) => {
      waiting += 1;
      if (waiting === 5) release?.();
      await all;
      return answer(String(body["n"]));
    },
  ]);
  const { gateway, token } = await stage([provider]);
  const replies = await Promise.all([1, 2, 3, 4, 5].map((n) => send(gateway, { token, body: { ...question, n } })));
  expect(replies.map(({ json }) => json)).toEqual(
    ["1", "2", "3", "4", "5"].map((text) => expect.objectContaining({ content: [{ type: "text", text }] })),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set<string>();
  for (let n = 0; n < 3; n++) {
    const reply = await send(gateway, { token, body: { ...question, n }, agent });
    sockets.add(String(reply.headers.connection));
  }
  expect([...sockets]).toEqual(["keep-alive"]);
  agent.destroy();
});

test("a closed gateway is gone, and closing twice is closing once", async () => {
  const { gateway, token } = await stage([kimi()]);
  await Promise.all([gateway.close(), gateway.close()]);
  await expect(send(gateway, { token, body: question })).rejects.toThrow("ECONNREFUSED");
});
