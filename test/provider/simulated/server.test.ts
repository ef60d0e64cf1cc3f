import { connect } from "node:net";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { parseSimulation, startSimulatedProvider } from "../../../src/provider/script.ts";
import type { RequestInfo, SimulatedDelays } from "../../../src/provider/script.ts";
import { ask, bodyFor, dialects, orderOf, textOf, withFault } from "./ask.ts";

/** Everything the body gave before it ended, and the error it ended with. */
async function drain(response: Response): Promise<{ text: string; error: unknown }> {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
  } catch (error) {
    return { text, error };
  }
  return { text, error: undefined };
}

describe("answers that do not end well", () => {
  test.each(["reset", "premature_close"])("%s cuts in mid-text, with all that was sent before it", async (fault) => {
    for (const dialect of dialects) {
      await withFault(fault, async (provider) => {
        const { text, error } = await drain(await ask(provider.url, dialect, bodyFor(true)));
        expect(orderOf(text)).toBe(dialect === "anthropic-messages" ? "S B0 P D0" : "R C");
        expect(error).toMatchObject({ cause: { code: fault === "reset" ? "ECONNRESET" : "UND_ERR_SOCKET" } });
        const plain = await drain(await ask(provider.url, dialect, bodyFor(false)));
        expect(() => JSON.parse(plain.text)).toThrow(SyntaxError);
        expect(plain.error).toBeInstanceOf(Error);
        expect(provider.log.map(({ ending }) => ending)).toEqual(["cut", "cut"]);
      });
    }
  });

  test("reset_before_headers leaves the client without a status", async () => {
    await withFault("reset_before_headers", async ({ url }) => {
      const asked = ask(url, "anthropic-messages", bodyFor(true));
      await expect(asked).rejects.toMatchObject({
        name: "TypeError",
        cause: { code: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/u) },
      });
    });
  });

  test("hang sends the first event and then nothing until the client leaves", async () => {
    await withFault("hang", async (provider) => {
      const leaving = new AbortController();
      const response = await ask(provider.url, "anthropic-messages", bodyFor(true), { signal: leaving.signal });
      const reader = response.body?.getReader();
      const first = await reader?.read();
      expect(orderOf(new TextDecoder().decode(first?.value))).toBe("S");
      expect(provider.log[0]?.ending).toBeUndefined();
      leaving.abort();
      await expect(reader?.read()).rejects.toThrow(/abort/u);
      await expect.poll(() => provider.log[0]?.ending).toBe("client_gone");
    });
  });

  test("hang sends half of a body that is not streamed, and then nothing", async () => {
    await withFault("hang", async (provider) => {
      const leaving = new AbortController();
      const response = await ask(provider.url, "openai-completions", bodyFor(false), { signal: leaving.signal });
      const reader = response.body?.getReader();
      const half = new TextDecoder().decode((await reader?.read())?.value);
      expect(half).toMatch(/^\{"id":/u);
      expect(() => JSON.parse(half)).toThrow(SyntaxError);
      leaving.abort();
      await reader?.closed.catch(() => undefined);
      await expect.poll(() => provider.log[0]?.ending).toBe("client_gone");
    });
  });

  test("open_after_stop and pings_without_stop never close by themselves", async () => {
    for (const [fault, last] of [
      ["open_after_stop", "event: message_stop"],
      ["pings_without_stop", "event: message_delta"],
    ] as const) {
      await withFault(fault, async (provider) => {
        const leaving = new AbortController();
        const response = await ask(provider.url, "anthropic-messages", bodyFor(true), { signal: leaving.signal });
        const decoder = new TextDecoder();
        let text = "";
        const reader = response.body?.getReader();
        const enough = fault === "open_after_stop" ? last : `${last}[^]*(?:event: ping[^]*){5}`;
        while (!new RegExp(enough, "u").test(text)) text += decoder.decode((await reader?.read())?.value, { stream: true });
        expect(text.includes("message_stop")).toBe(fault === "open_after_stop");
        expect(provider.log[0]?.ending).toBeUndefined();
        leaving.abort();
        await reader?.closed.catch(() => undefined);
        await expect.poll(() => provider.log[0]?.ending).toBe("client_gone");
      });
    }
  });

  test("hang_before_headers does not even send a status line", async () => {
    await withFault("hang_before_headers", async (provider) => {
      const { port } = new URL(provider.url);
      const socket = connect(Number(port), "127.0.0.1");
      const body = JSON.stringify(bodyFor(true));
      let received = "";
      socket.on("data", (chunk) => (received += chunk.toString()));
      socket.write(`POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      await expect.poll(() => provider.requests).toBe(1);
      const closed = once(socket, "close");
      socket.on("error", () => undefined);
      await provider.close();
      await closed;
      expect(received).toBe("");
    });
  });
});

/** Servers and timers that keep this process alive. */
function handles(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap" || name === "Timeout").length;
}

/** How long one answer takes, in milliseconds. */
async function timed({ url }: { readonly url: string }): Promise<number> {
  const before = performance.now();
  await ask(url, "anthropic-messages", bodyFor(true)).then((response) => response.text());
  return performance.now() - before;
}

function took(delays: SimulatedDelays): Promise<number> {
  return withFault(undefined, timed, { delays, answer: () => ({ text: "short" }) });
}

describe("the server", () => {
  test("close ends hanging, slow and idle connections at once and frees the port", async () => {
    const provider = await startSimulatedProvider({
      simulation: parseSimulation("hang:0.4,slow:0.3"),
      delays: { slowMs: 60_000, betweenFramesMs: 1 },
    });
    const port = Number(new URL(provider.url).port);
    const idle = connect(port, "127.0.0.1");
    await once(idle, "connect");
    const idleClosed = once(idle, "close");
    idle.on("error", () => undefined);
    const responses = await Promise.all(Array.from({ length: 20 }, () => ask(provider.url, "anthropic-messages", bodyFor(true))));
    expect(provider.log.filter(({ ending }) => ending === undefined).length).toBeGreaterThan(10);
    const before = performance.now();
    await Promise.all([provider.close(), provider.close()]);
    await idleClosed;
    await Promise.all(responses.map((response) => drain(response)));
    expect(performance.now() - before).toBeLessThan(1000);
    const again = await startSimulatedProvider({ port });
    expect(again.url).toBe(provider.url);
    await again.close();
    await expect(fetch(provider.url)).rejects.toThrow(TypeError);
  });

  test("leaves no handle behind", async () => {
    const before = handles();
    const provider = await startSimulatedProvider({ simulation: parseSimulation("slow"), delays: { slowMs: 60_000 } });
    const response = await ask(provider.url, "openai-completions", bodyFor(true));
    await provider.close();
    await drain(response);
    await expect.poll(handles).toBeLessThanOrEqual(before);
  });

  test("a port in use is an error, not a hang", async () => {
    const provider = await startSimulatedProvider();
    await expect(startSimulatedProvider({ port: Number(new URL(provider.url).port) })).rejects.toThrow(/EADDRINUSE/u);
    await provider.close();
  });

  test("listens on loopback only", async () => {
    await withFault(undefined, async ({ url }) => expect(new URL(url).hostname).toBe("127.0.0.1"));
  });

  test("tells a test what came, with headers, and keeps them out of the log", async () => {
    const seen: RequestInfo[] = [];
    const log = await withFault(
      "dup_start",
      async (provider) => {
        await ask(provider.url, "anthropic-messages", bodyFor(true), {
          headers: { "x-api-key": "sk-planted", "accept-encoding": "identity" },
        }).then((r) => r.text());
        return provider.log;
      },
      { onRequest: (info) => void seen.push(info) },
    );
    expect(seen).toMatchObject([
      {
        number: 1,
        path: "/coding/v1/messages",
        query: "?beta=true",
        fault: "dup_start",
        headers: { "x-api-key": "sk-planted", "accept-encoding": "identity" },
      },
    ]);
    expect(seen[0]?.body).toEqual(bodyFor(true));
    expect(log).toEqual([
      {
        number: 1,
        path: "/coding/v1/messages",
        dialect: "anthropic-messages",
        model: "kimi-for-coding",
        stream: true,
        fault: "dup_start",
        status: 200,
        ending: "whole",
      },
    ]);
  });

  test("waits as told before the headers and between the frames", async () => {
    expect(await took({ beforeHeadersMs: 80 })).toBeGreaterThanOrEqual(79);
    // Seven or eight frames: start, block, ping, one or two deltas, stop, delta, stop.
    expect(await took({ betweenFramesMs: 20 })).toBeGreaterThanOrEqual(100);
  });

  test("answers many at once", async () => {
    await withFault("stream_order:0.5", async (provider) => {
      const bodies = await Promise.all(
        Array.from({ length: 100 }, () => ask(provider.url, "anthropic-messages", bodyFor(true)).then((r) => r.text())),
      );
      const numbers = bodies.map((body) => /End of simulated answer (?<number>\d+)\./u.exec(textOf(body))?.groups?.["number"]);
      expect(new Set(numbers).size).toBe(100);
      expect(provider.requests).toBe(100);
      expect(provider.log.every(({ ending }) => ending === "whole")).toBe(true);
    });
  });
});
