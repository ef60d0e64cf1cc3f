import { readFileSync } from "node:fs";
import https from "node:https";
import zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { ProviderError } from "../../src/errors.ts";
import { type HttpRequest, bodyLimit, post } from "../../src/provider/http.ts";
import { byteServer, httpServer, onRequest, portOf } from "./wire.ts";

const patient = { tryMs: 10_000 };

function ask(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return {
    provider: "acme",
    url: new URL(url),
    headers: { "content-type": "application/json" },
    body: '{"a":1}',
    limits: patient,
    signal: new AbortController().signal,
    env: {},
    ...more,
  };
}

async function readAll(
  request: HttpRequest,
): Promise<{ status: number; text: string; headers: Record<string, string>; firstByteMs: number }> {
  const answer = await post(request);
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  return {
    status: answer.status,
    text: Buffer.concat(chunks).toString(),
    headers: { ...answer.headers },
    firstByteMs: answer.firstByteMs(),
  };
}

async function failure(request: HttpRequest): Promise<ProviderError> {
  try {
    const answer = await readAll(request);
    throw new Error(`an answer came: ${answer.status} ${answer.text.slice(0, 100)}`);
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
}

/** Class, status and words of a failure below HTTP. */
async function network(request: HttpRequest): Promise<string> {
  const error = await failure(request);
  return `${error.fault} ${error.status ?? "-"} ${error.message}`;
}

async function countBytes(url: string): Promise<number> {
  let bytes = 0;
  for await (const chunk of (await post(ask(url))).body) bytes += chunk.length;
  return bytes;
}

describe("a whole answer", () => {
  it("posts the body with its length and gives back status, headers and text, without those of one hop", async () => {
    const seen: unknown[] = [];
    await using server = await httpServer((request, response) => {
      request
        .setEncoding("utf8")
        .on("data", (text) => seen.push(request.method, request.url, request.headers["content-length"], text));
      request.on("end", () =>
        response.writeHead(201, { "x-one": "1", "set-cookie": "a=b", "keep-alive": "timeout=9" }).end("fine"),
      );
    });
    const answer = await readAll(ask(`${server.url}/v1/messages?beta=true`));
    expect(seen).toEqual(["POST", "/v1/messages?beta=true", "7", '{"a":1}']);
    expect(answer).toMatchObject({ status: 201, text: "fine" });
    expect(Object.keys(answer.headers).toSorted()).toEqual(["date", "x-one"]);
  });

  it("uses a connection again after a whole answer", async () => {
    const ports = new Set<number | undefined>();
    await using server = await httpServer((request, response) => {
      ports.add(request.socket.remotePort);
      response.end("ok");
    });
    for (let n = 0; n < 3; n += 1) await readAll(ask(server.url));
    expect(ports.size).toBe(1);
  });

  it("sends again when a kept connection had died in the meantime", async () => {
    await using server = await byteServer((socket, connection) => {
      let requests = 0;
      onRequest(socket, () => {
        requests += 1;
        if (connection === 1 && requests === 2) socket.resetAndDestroy();
        else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n" + connection);
      });
    });
    expect((await readAll(ask(server.url))).text).toBe("1");
    expect((await readAll(ask(server.url))).text).toBe("2");
  });

  it("does not mind 100, 102 and 103 before the answer", async () => {
    await using server = await byteServer((socket) =>
      onRequest(socket, () =>
        socket.end(
          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        ),
      ),
    );
    expect(await readAll(ask(server.url))).toMatchObject({ status: 200, text: "ok" });
  });

  it.each([
    ["gzip", zlib.gzipSync],
    ["x-gzip", zlib.gzipSync],
    ["deflate", zlib.deflateSync],
    ["br", zlib.brotliCompressSync],
  ] as const)("reads %s although identity was asked for", async (encoding, compress) => {
    await using server = await httpServer((_, response) =>
      response.writeHead(200, { "content-encoding": encoding }).end(compress("event: ping\n\n")),
    );
    const answer = await readAll(ask(server.url));
    expect(answer.text).toBe("event: ping\n\n");
    expect(answer.headers["content-encoding"]).toBeUndefined();
  });

  it.each([
    ["gzip", (): zlib.Gzip => zlib.createGzip({ flush: zlib.constants.Z_SYNC_FLUSH })],
    ["br", (): zlib.BrotliCompress => zlib.createBrotliCompress({ flush: zlib.constants.BROTLI_OPERATION_FLUSH })],
  ] as const)("reads %s events as they come and not when the body ends", async (encoding, create) => {
    await using server = await httpServer((_, response) => {
      const compressor = create();
      compressor.pipe(response.writeHead(200, { "content-encoding": encoding }));
      compressor.write("event: one\n\n");
    });
    const answer = await post(ask(server.url));
    for await (const chunk of answer.body) {
      expect(Buffer.from(chunk).toString()).toBe("event: one\n\n");
      break;
    }
  });

  it("does not follow a redirect", async () => {
    let requests = 0;
    await using server = await httpServer((_, response) => {
      requests += 1;
      response.writeHead(302, { location: "/elsewhere" }).end();
    });
    expect(await readAll(ask(server.url))).toMatchObject({ status: 302, headers: { location: "/elsewhere" } });
    expect(requests).toBe(1);
  });

  it("ends a body without an error when it is told to stop", async () => {
    await using server = await httpServer((_, response) => void response.writeHead(200).write("first"));
    const answer = await post(ask(server.url));
    const seen: string[] = [];
    for await (const chunk of answer.body) {
      seen.push(Buffer.from(chunk).toString());
      setImmediate(() => answer.stop());
    }
    expect(seen).toEqual(["first"]);
    answer.stop();
  });
});

describe("limits", () => {
  it("tells a first byte that does not come, before the headers and after them", async () => {
    await using silent = await httpServer(() => undefined);
    await using headersOnly = await httpServer((_, response) => response.writeHead(200).flushHeaders());
    for (const { url } of [silent, headersOnly]) {
      const error = await failure(ask(url, { limits: { firstByteMs: 60, idleMs: 5_000, tryMs: 5_000 } }));
      expect(error).toMatchObject({ fault: "stream_stall", code: "first_byte_limit", reason: "idle_timeout" });
      expect(error.message).toBe("acme: no first byte within the limit of 60 ms");
    }
  });

  it("tells silence between two chunks, and no silence while chunks come", async () => {
    await using server = await httpServer((_, response) => {
      let chunks = 0;
      const timer = setInterval(() => {
        response.write("x");
        chunks += 1;
        if (chunks === 20) clearInterval(timer);
      }, 30);
    });
    const started = performance.now();
    const error = await failure(ask(server.url, { limits: { firstByteMs: 400, idleMs: 300, tryMs: 8_000 } }));
    expect(error).toMatchObject({ fault: "stream_stall", code: "idle_limit" });
    expect(performance.now() - started).toBeGreaterThan(20 * 30 + 200);
  });

  it("ends the whole try in time although bytes keep coming", async () => {
    await using server = await httpServer((_, response) => {
      const timer = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(timer));
    });
    const error = await failure(ask(server.url, { limits: { firstByteMs: 1_000, idleMs: 1_000, tryMs: 150 } }));
    expect(error).toMatchObject({
      fault: "timeout",
      code: "try_limit",
      message: "acme: no whole answer within the try limit of 150 ms",
    });
  });

  it("knows no limit but the try's when the answer is not streamed", async () => {
    await using server = await httpServer((_, response) => void setTimeout(() => response.end("late"), 200));
    expect((await readAll(ask(server.url, { limits: { tryMs: 5_000 } }))).text).toBe("late");
    expect(await failure(ask(server.url, { limits: { tryMs: 60 } }))).toMatchObject({ fault: "timeout" });
  });

  it("takes a body as large as the limit and no larger", async () => {
    const mebibyte = Buffer.alloc(1024 * 1024, "x");
    const served = (bytes: number): Promise<Awaited<ReturnType<typeof httpServer>>> =>
      httpServer((_, response) => {
        response.on("error", () => undefined);
        let left = bytes;
        const write = (): void => {
          for (let open = true; open && left > 0;) {
            const chunk = mebibyte.subarray(0, left);
            left -= chunk.length;
            open = response.write(chunk);
          }
          if (left <= 0) response.end();
          else response.once("drain", write);
        };
        write();
      });
    await using fits = await served(bodyLimit);
    await using tooLarge = await served(bodyLimit + 1);
    expect(await countBytes(fits.url)).toBe(bodyLimit);
    await expect(countBytes(tooLarge.url)).rejects.toMatchObject({ fault: "stream_broken", code: "body_limit" });
  });

  it("counts a compressed body by what it unfolds to", async () => {
    const bomb = zlib.gzipSync(Buffer.alloc(bodyLimit + 1));
    await using server = await httpServer((_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(bomb));
    expect(bomb.length).toBeLessThan(bodyLimit / 100);
    await expect(countBytes(server.url)).rejects.toMatchObject({ code: "body_limit" });
  });
});

describe("stopping", () => {
  it("stops before sending, while waiting for headers, and in the middle of the body; and nothing is left open", async () => {
    const [headers, body] = [new AbortController(), new AbortController()];
    let open = 0;
    await using server = await httpServer((request, response) => {
      open += 1;
      response.on("close", () => (open -= 1));
      if (request.url === "/body") response.write("half");
      else headers.abort();
    });
    const before = AbortSignal.abort(new Error("enough"));
    expect(await failure(ask(server.url, { signal: before }))).toMatchObject({ fault: "aborted", cause: { message: "enough" } });
    expect(await failure(ask(`${server.url}/headers`, { signal: headers.signal }))).toMatchObject({ fault: "aborted" });
    const half = await post(ask(`${server.url}/body`, { signal: body.signal }));
    const reading = (async () => {
      for await (const _ of half.body) body.abort();
    })();
    await expect(reading).rejects.toMatchObject({ fault: "aborted" });
    await expect.poll(() => open).toBe(0);
  });

  it("keeps the first cause: an abort after a limit is still the limit", async () => {
    const hungUp = Promise.withResolvers<void>();
    await using server = await httpServer((_, response) => {
      response.once("close", hungUp.resolve);
      response.writeHead(200).flushHeaders();
    });
    const controller = new AbortController();
    const limits = { firstByteMs: 200, tryMs: 10_000 };
    await expect(async () => {
      const answer = await post(ask(server.url, { signal: controller.signal, limits }));
      // The limit hangs up, and only then comes the abort.
      await hungUp.promise;
      controller.abort();
      for await (const chunk of answer.body) expect(chunk).toBe("never");
    }).rejects.toMatchObject({ fault: "stream_stall", code: "first_byte_limit" });
  });
});

describe("the network", () => {
  it("says that a port is refused", async () => {
    const server = await byteServer(() => undefined);
    await server[Symbol.asyncDispose]();
    expect(await network(ask(server.url))).toMatch(
      /^network - acme: .*nothing listens at 127\.0\.0\.1:\d+ \(connection refused\)$/,
    );
    expect(await network(ask(`http://localhost:${server.port}`))).toMatch(/^network - acme: .*connection refused/);
  });

  it("says that a name does not resolve", async () => {
    expect(await network(ask("https://no-such-provider.invalid/v1"))).toMatch(
      /^network - acme: .*the name no-such-provider\.invalid (?:does not resolve|cannot be resolved)/,
    );
  });

  it("says that a connection was closed before the headers and in the body", async () => {
    await using early = await byteServer((socket) => onRequest(socket, () => socket.resetAndDestroy()));
    expect(await network(ask(early.url))).toMatch(/^network - acme: .*closed the connection before it had answered/);
    await using silent = await byteServer((socket) => onRequest(socket, () => socket.end()));
    expect(await network(ask(silent.url))).toMatch(/^network - acme: .*closed the connection before it had answered/);
    await using late = await byteServer((socket) =>
      onRequest(socket, () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf", () => socket.resetAndDestroy())),
    );
    expect(await network(ask(late.url))).toMatch(/^network - acme: .*closed the connection before it had answered/);
    await using short = await byteServer((socket) =>
      onRequest(socket, () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf")),
    );
    expect(await network(ask(short.url))).toMatch(/^network - acme: .*closed the connection before it had answered/);
    await using chunked = await byteServer((socket) =>
      onRequest(socket, () => socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")),
    );
    expect(await network(ask(chunked.url))).toMatch(/^network - acme: .*closed the connection before it had answered/);
  });

  it("says that the bytes are not HTTP, that headers are too large, and that an upgrade is no answer", async () => {
    await using garbage = await byteServer((socket) => onRequest(socket, () => socket.end("SSH-2.0-OpenSSH_9.9\r\n")));
    expect(await network(ask(garbage.url))).toMatch(/^network - acme: .*answered with something that is not HTTP/);
    await using headers = await byteServer((socket) =>
      onRequest(socket, () => socket.end(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}\r\n\r\n`)),
    );
    expect(await network(ask(headers.url))).toMatch(/^network - acme: .*larger headers than the limit/);
    await using upgrade = await byteServer((socket) =>
      onRequest(socket, () =>
        socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"),
      ),
    );
    expect(await network(ask(upgrade.url))).toMatch(/^network - acme: .*closed the connection/);
  });

  it("says that a compressed body is cut or no such thing", async () => {
    const whole = zlib.gzipSync("x".repeat(10_000) + Math.PI);
    await using cut = await httpServer((_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end(whole.subarray(0, -20)),
    );
    expect(await network(ask(cut.url))).toMatch(/^network - acme: .*the compressed answer of 127\.0\.0\.1:\d+ cannot be read/);
    await using plain = await httpServer((_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end("not gzip at all"),
    );
    expect(await network(ask(plain.url))).toMatch(/^network - acme: .*cannot be read/);
  });

  it("says that the other side does not speak TLS", async () => {
    await using server = await byteServer((socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
    expect(await network(ask(`https://127.0.0.1:${server.port}`))).toMatch(/^network - acme: .*does not speak TLS as expected/);
  });

  it("says that a certificate is self-signed", async () => {
    const [key, cert] = ["key", "cert"].map((name) => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url)));
    const server = https.createServer({ key, cert }, (_, response) => response.end("never"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const port = portOf(server);
    expect(await network(ask(`https://127.0.0.1:${port}`))).toMatch(
      /^network - acme: .*self-signed certificate.*NODE_EXTRA_CA_CERTS/,
    );
    server.close();
    server.closeAllConnections();
  });

  it("says that a header cannot be sent, and not its value", async () => {
    const error = await failure(ask("http://127.0.0.1:9", { headers: { "x-note": "planted\nvalue" } }));
    expect(error).toMatchObject({ fault: "bad_request", code: "unsendable" });
    expect(error.message).toContain("x-note");
    expect(error.message).not.toContain("planted");
  });

  it("goes through the proxy of the environment for an outside address and never for this machine", async () => {
    const asked: string[] = [];
    await using proxy = await byteServer((socket) =>
      onRequest(socket, (request) => {
        asked.push(request.split("\r\n")[0] ?? "");
        socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nby proxy!");
      }),
    );
    await using direct = await httpServer((_, response) => response.end("direct"));
    const env = { HTTP_PROXY: proxy.url, http_proxy: proxy.url };
    expect((await readAll(ask("http://provider.invalid/v1", { env }))).text).toBe("by proxy!");
    expect((await readAll(ask(direct.url, { env }))).text).toBe("direct");
    expect(asked).toEqual(["POST http://provider.invalid/v1 HTTP/1.1"]);
  });

  it("says that a proxy is no address, refuses the tunnel or is not there, and not its password", async () => {
    await using refusing = await byteServer((socket) =>
      onRequest(socket, () => socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")),
    );
    const gone = await byteServer(() => undefined);
    await gone[Symbol.asyncDispose]();
    const url = "https://provider.invalid/v1";
    for (const proxy of [
      "http://me:planted@not a host",
      refusing.url.replace("//", "//me:planted@"),
      gone.url.replace("//", "//me:planted@"),
    ]) {
      const words = await network(ask(url, { env: { HTTPS_PROXY: proxy, https_proxy: proxy } }));
      expect([proxy, words]).toEqual([
        proxy,
        expect.stringMatching(/^network - acme: .*(?:proxy|127\.0\.0\.1|provider\.invalid)/),
      ]);
      expect(words).not.toContain("planted");
      expect(words).toMatch(
        !proxy.includes(String(gone.port)) ? /the proxy named in/ : new RegExp(`tried 127.0.0.1:${gone.port}`),
      );
    }
  });
});
