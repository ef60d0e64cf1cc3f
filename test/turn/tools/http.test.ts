import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { isAllowedHost, isPublicAddress } from "../../../src/turn/tools/addresses.ts";
import { httpTool } from "../../../src/turn/tools/http.ts";
import type { HttpGrant } from "../../../src/job/job.ts";

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const seen: { method: string; url: string; headers: IncomingMessage["headers"]; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      answer(request, response);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { port: address.port, seen };
}

async function ask(grant: Partial<HttpGrant>, input: Record<string, unknown>) {
  const whole = { allow: ["127.0.0.1"], methods: ["GET", "HEAD"], privateAddresses: true, timeoutMs: 5_000, ...grant };
  const { status, content, error } = await httpTool(whole).run(input);
  return { status, error, text: content.map((item) => (item.type === "text" ? item.text : "")).join("") };
}

const hello = (_: IncomingMessage, response: ServerResponse) =>
  void response.setHeader("content-type", "text/plain").end("hello é");

it("asks an allowed host, with no credentials and nothing kept", async () => {
  const { port, seen } = await serve(hello);
  const url = `http://127.0.0.1:${port}/path?q=1`;
  expect(await ask({}, { url, headers: { accept: "text/plain" } })).toEqual({
    status: "succeeded",
    error: undefined,
    text: "HTTP 200\ncontent-type: text/plain\n\nhello é",
  });
  expect(seen[0]).toMatchObject({
    method: "GET",
    url: "/path?q=1",
    headers: { accept: "text/plain", "user-agent": "turn-runner" },
  });
  expect(seen[0]?.headers).not.toHaveProperty("authorization");
  expect(seen[0]?.headers).not.toHaveProperty("cookie");
});

it("sends a body with a method that is granted, and no other method", async () => {
  const { port, seen } = await serve(hello);
  const url = `http://127.0.0.1:${port}/`;
  expect(await ask({ methods: ["POST"] }, { url, method: "post", body: "données" })).toMatchObject({ status: "succeeded" });
  expect(seen[0]).toMatchObject({ method: "POST", body: "données" });
  expect(await ask({}, { url, method: "POST" })).toMatchObject({ status: "refused" });
  expect(await ask({}, { url, method: "GET\r\nx: y" })).toMatchObject({ status: "refused" });
  expect(seen).toHaveLength(1);
});

it("an error status is a failure with its text; a long body is cut, and binary is not passed on", async () => {
  const { port } = await serve((request, response) => {
    if (request.url === "/404") response.writeHead(404).end("no such thing");
    else if (request.url === "/binary") response.end(Buffer.from([0, 255, 1]));
    else if (request.url === "/gzip") response.setHeader("content-encoding", "gzip").end("x");
    else response.end("x".repeat(5_000_000));
  });
  const get = (path: string) => ask({}, { url: `http://127.0.0.1:${port}${path}` });
  expect(await get("/404")).toMatchObject({
    status: "failed",
    error: "HTTP 404",
    text: expect.stringContaining("no such thing"),
  });
  expect((await get("/binary")).text).toContain("3 bytes that are no text");
  expect((await get("/gzip")).text).toContain("a body in gzip");
  const long = await get("/long");
  expect(long.text.length).toBeLessThan(70_000);
  expect(long.text).toContain("its first 1048576 bytes");
});

it("waits no longer than its limit, over all redirects, also for a body that drips", async () => {
  const { port } = await serve((request, response) => {
    if (request.url === "/drip") {
      response.write("x");
      const timer = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(timer));
    }
  });
  for (const path of ["/never", "/drip"]) {
    const began = performance.now();
    expect(await ask({ timeoutMs: 300 }, { url: `http://127.0.0.1:${port}${path}` })).toMatchObject({
      status: "failed",
      error: expect.stringContaining("did not come in time"),
    });
    expect(performance.now() - began).toBeLessThan(3_000);
  }
});

it("a server that leaves HTTP is a failure at once", async () => {
  const { createServer: createSocket } = await import("node:net");
  const server = createSocket((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  expect(await ask({ timeoutMs: 4_000 }, { url: `http://127.0.0.1:${port}/` })).toMatchObject({
    status: "failed",
    error: expect.stringContaining("101"),
  });
});

describe("redirects", () => {
  it("are followed within the list, with the method they ask for", async () => {
    const { port, seen } = await serve((request, response) => {
      if (request.url === "/end") hello(request, response);
      else response.writeHead(request.url === "/307" ? 307 : 303, { location: "/end" }).end();
    });
    const base = `http://127.0.0.1:${port}`;
    const methods = ["GET", "POST"];
    expect(await ask({ methods }, { url: `${base}/303`, method: "POST", body: "b" })).toMatchObject({ status: "succeeded" });
    expect(await ask({ methods }, { url: `${base}/307`, method: "POST", body: "b" })).toMatchObject({ status: "succeeded" });
    expect(seen.map(({ method, url, body }) => `${method} ${url} ${body}`)).toEqual([
      "POST /303 b",
      "GET /end ",
      "POST /307 b",
      "POST /end b",
    ]);
    expect(await ask({ methods: ["POST"] }, { url: `${base}/303`, method: "POST" })).toMatchObject({ status: "failed" });
  });

  it("to another host, to a file, or without end are not", async () => {
    const other = await serve(hello);
    const { port } = await serve((request, response) => {
      const to = new Map([
        ["/host", `http://localhost:${other.port}/`],
        ["/file", "file:///etc/passwd"],
        ["/login", `http://user:pass@127.0.0.1:${other.port}/`],
      ]).get(request.url ?? "");
      response.writeHead(302, { location: to ?? "/again" }).end();
    });
    for (const path of ["/host", "/file", "/login", "/again"]) {
      expect(await ask({}, { url: `http://127.0.0.1:${port}${path}` })).toMatchObject({
        status: "failed",
        error: expect.stringContaining("redirected"),
      });
    }
    expect(other.seen).toEqual([]);
  });
});

describe("addresses of this machine and its networks", () => {
  const ways = [
    (port: number) => `http://127.0.0.1:${port}/`,
    (port: number) => `http://localhost:${port}/`,
    (port: number) => `http://localhost.:${port}/`,
    (port: number) => `http://LOCALHOST:${port}/`,
    (port: number) => `http://2130706433:${port}/`,
    (port: number) => `http://0x7f000001:${port}/`,
    (port: number) => `http://0177.0.0.1:${port}/`,
    (port: number) => `http://127.1:${port}/`,
    (port: number) => `http://0:${port}/`,
    (port: number) => `http://0.0.0.0:${port}/`,
    (port: number) => `http://[::1]:${port}/`,
    (port: number) => `http://[::ffff:127.0.0.1]:${port}/`,
    (port: number) => `http://[::ffff:7f00:1]:${port}/`,
    (port: number) => `http://[::]:${port}/`,
    (port: number) => `http://①②⑦.0.0.1:${port}/`,
  ];
  const everything = ["127.0.0.1", "localhost", "0.0.0.0", "::1", "::ffff:7f00:1", "::"];

  it("are refused however they are written, although the host is allowed", async () => {
    const { port, seen } = await serve(hello);
    for (const way of ways) {
      const { status, text } = await ask({ allow: everything, privateAddresses: false }, { url: way(port) });
      expect([way(port), status]).toEqual([way(port), "refused"]);
      expect(text).toMatch(/private network or of this machine|not allowed/);
    }
    expect(seen).toEqual([]);
  });

  it.each([
    ["169.254.169.254", false],
    ["fd00:ec2::254", false],
    ["100.100.100.200", false],
    ["192.0.0.192", false],
    ["168.63.129.16", false],
    ["10.255.0.1", false],
    ["172.16.0.1", false],
    ["172.32.0.1", true],
    ["192.168.1.1", false],
    ["100.127.255.255", false],
    ["100.128.0.1", true],
    ["224.0.0.1", false],
    ["255.255.255.255", false],
    ["8.8.8.8", true],
    ["fe80::1", false],
    ["fe80::1%eth0", false],
    ["fc00::1", false],
    ["ff02::1", false],
    ["::", false],
    ["::1", false],
    ["::ffff:10.0.0.1", false],
    ["::ffff:8.8.8.8", true],
    ["::ffff:a00:1", false],
    ["::8.8.8.8", false],
    ["64:ff9b::a00:1", false],
    ["64:ff9b::808:808", true],
    ["64:ff9b:1::808:808", false],
    ["2002:a00:1::", false],
    ["2001:0:1::", false],
    ["2001:db8::1", false],
    ["2606:4700:4700::1111", true],
    ["not an address", false],
    ["", false],
  ])("%s is public: %s", (address, isPublic) => expect(isPublicAddress(address)).toBe(isPublic));
});

it.each([
  ["api.example.com", ["api.example.com"], true],
  ["API.example.com.", ["api.example.com"], true],
  ["a.b.example.com", ["*.example.com"], true],
  ["example.com", ["*.example.com"], false],
  ["evilexample.com", ["*.example.com"], false],
  [".example.com", ["*.example.com"], false],
  ["example.com.evil.org", ["example.com", "*.example.com"], false],
  ["[::1]", ["::1"], true],
  ["anything", [], false],
])("%s by %j: %s", (host, allow, expected) => expect(isAllowedHost(host, allow)).toBe(expected));

it.each([
  ["ftp://127.0.0.1/"],
  ["file:///etc/passwd"],
  ["http://user:secret@127.0.0.1/"],
  ["http://other.example/"],
  ["javascript:1"],
  ["not a url"],
])("%s is refused before anything is sent", async (url) => {
  await expect(
    ask({}, { url }).catch((error: unknown) => ({ status: error instanceof Error ? error.name : "" })),
  ).resolves.toMatchObject({
    status: expect.stringMatching(/refused|InputError/),
  });
});

it.each([
  { authorization: "Bearer x" },
  { Cookie: "a=b" },
  { host: "other" },
  { "x\r\ny": "z" },
  { "x-a": "b\r\nc: d" },
  { "x-a": 7 },
])("the headers %j are not sent", async (headers) => {
  const { port, seen } = await serve(hello);
  await expect(ask({}, { url: `http://127.0.0.1:${port}/`, headers })).rejects.toThrow(/header/);
  expect(seen).toEqual([]);
});
