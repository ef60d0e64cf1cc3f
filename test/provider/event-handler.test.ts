import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { afterAll, describe, expect, it } from "vitest";
import { ProviderError } from "../../src/errors.ts";
import { eventHandlerProblem, handlerLimits, openEventHandler } from "../../src/provider/event-handler/host.ts";
import { handledReader } from "../../src/provider/event-handler/handled-reader.ts";
import { createProvider } from "../../src/provider/index.ts";
import type { ProviderConfig, ProvenAnswer, UpstreamRequest } from "../../src/provider/provider.ts";
import { anthropicEvents, B, D, E, M, S, wire, X } from "../stream/wire.ts";
import { bodyFor, dialects, withFault } from "./simulated/ask.ts";

const folder = mkdtempSync(path.join(tmpdir(), "handlers-"));
afterAll(() => rmSync(folder, { recursive: true }));

let modules = 0;
function handler(source: string, ending = "mjs"): string {
  const file = path.join(folder, `handler-${(modules += 1)}.${ending}`);
  writeFileSync(file, source);
  return file;
}

async function ask(
  url: string,
  more: Partial<ProviderConfig> & Partial<UpstreamRequest> = {},
): Promise<ProvenAnswer | ProviderError> {
  const { eventHandler, record, stream = true, dialect = "anthropic-messages", ...config } = more;
  const provider = createProvider({
    id: "p",
    dialect,
    baseUrl: url,
    apiKey: undefined,
    headers: {},
    sseQuirks: { tolerateOutOfOrderEvents: true },
    ...config,
  });
  const limits = { firstByteMs: 20_000, idleMs: 20_000, tryMs: 20_000 };
  const asked = {
    body: bodyFor(stream),
    model: "m",
    stream,
    headers: {},
    query: "",
    limits,
    signal: AbortSignal.timeout(25_000),
  };
  return provider
    .ask({ ...asked, ...(eventHandler === undefined ? {} : { eventHandler }), ...(record === undefined ? {} : { record }) })
    .catch((error: unknown) => {
      if (error instanceof ProviderError) return error;
      throw error;
    });
}

const failed = (answer: ProvenAnswer | ProviderError): { fault: string; message: string } =>
  answer instanceof ProviderError ? { fault: answer.fault, message: answer.message } : { fault: "none", message: answer.text };

describe("an event handler", () => {
  it("sees every raw event and may leave all as it is, in both dialects, in TypeScript too", async () => {
    const same = handler("export default (event: { event?: string; data: string }): unknown => event;", "ts");
    await withFault(undefined, async ({ url }) => {
      for (const dialect of dialects) {
        const handled = await ask(url, { dialect, eventHandler: same });
        expect(failed(handled)).toEqual({ fault: "none", message: expect.stringContaining("End of simulated answer") });
        expect((handled as ProvenAnswer).repairs).toEqual([]);
      }
    });
  });

  it("heals by order what the proof would refuse: it drops the first of two spliced answers", async () => {
    const lastOnly = handler(`
      export default {
        create() {
          let held = [];
          return {
            event(e) {
              if (e.event === "message_start") held = [];
              held.push(e);
              return null;
            },
            flush: () => held,
          };
        },
      };`);
    await withFault("restart_new_id", async ({ url }) => {
      expect(failed(await ask(url)).fault).toBe("stream_order");
      expect(failed(await ask(url, { eventHandler: lastOnly })).fault).toBe("none");
    });
  });

  it("cannot forge a proof: what it gives back is proven like anything else", async () => {
    const losesEnd = handler("export default (e) => (/message_(delta|stop)/.test(e.event ?? '') ? null : e);");
    const twice = handler("export default (e) => (e.event === 'content_block_start' ? [e, e] : [e]);");
    await withFault(undefined, async ({ url }) => {
      expect(failed(await ask(url, { eventHandler: losesEnd }))).toMatchObject({ fault: "stream_broken" });
      const doubled = await ask(url, { eventHandler: twice });
      expect((doubled as ProvenAnswer).repairs.map(({ code }) => code)).toEqual(["dup_block_start"]);
    });
  });

  it("of a job wins over the provider's, and a recording holds what the provider sent", async () => {
    const drops = handler("export default () => null;");
    const keeps = handler("export default (e) => e;");
    await withFault(undefined, async ({ url }) => {
      const both = createProvider({
        id: "p",
        dialect: "anthropic-messages",
        baseUrl: url,
        apiKey: undefined,
        headers: {},
        sseQuirks: { tolerateOutOfOrderEvents: true },
        eventHandler: drops,
      });
      const limits = { firstByteMs: 20_000, idleMs: 20_000, tryMs: 20_000 };
      const asked = {
        body: bodyFor(true),
        model: "m",
        stream: true,
        headers: {},
        query: "",
        limits,
        signal: AbortSignal.timeout(25_000),
        record: "shape" as const,
      };
      expect((await both.ask({ ...asked, eventHandler: keeps })).text).not.toBe("");
      const error: unknown = await both.ask(asked).catch((thrown: unknown) => thrown);
      expect((error as ProviderError).reason).toBe("empty_stream");
      expect((error as ProviderError).recording?.text).toContain('"content_block_delta"');
    });
  });

  it("is not asked about answers that are no streams", async () => {
    const throws = handler("export default () => { throw new Error('seen'); };");
    await withFault(undefined, async ({ url }) => {
      expect(failed(await ask(url, { stream: false, eventHandler: throws })).fault).toBe("none");
    });
    await withFault("json_for_stream", async ({ url }) => {
      expect(failed(await ask(url, { eventHandler: throws })).fault).toBe("none");
    });
  });

  it.each([
    [
      "throws",
      "// one\nexport default () => {\n  throw new TypeError('no such field');\n};",
      /handler-\d+\.mjs:3 threw: TypeError: no such field$/,
    ],
    [
      "throws later",
      "export default async (e) => { await null; throw new Error('late'); };",
      /handler-\d+\.mjs:1 threw: Error: late$/,
    ],
    ["gives back a number", "export default () => 7;", /gave back a number, which is no event/],
    ["gives back data that is no text", "export default (e) => [e, { data: {} }];", /gave back an object, which is no event/],
    [
      "gives back a name of two lines",
      "export default (e) => ({ event: 'a\\nb', data: e.data });",
      /an event whose name is more than one line/,
    ],
    ["gives back without end", "export default (e) => Array.from({ length: 20_000 }, () => e);", /more than 10000 events/],
    ["ends its worker", "export default () => process.exit(1);", /ended its worker/],
    [
      "throws where nobody waits",
      "export default (e) => { setTimeout(() => { throw new Error('aside'); }); return new Promise(() => {}); };",
      /aside/,
    ],
  ])("that %s is a fault of its own, with its place", async (_, source, words) => {
    await withFault(undefined, async ({ url }) => {
      const { fault, message } = failed(await ask(url, { eventHandler: handler(source) }));
      expect(fault).toBe("event_handler");
      expect(message).toMatch(words);
      expect(message).not.toContain("\n");
    });
  });

  it("that hangs or eats memory is ended, and the next stream gets a fresh one", async () => {
    const file = handler("let n = 0; export default (e) => { if (e.event === 'ping') for (;;); return e; };");
    const quick = { ...handlerLimits, eventMs: 150 };
    const clean = wire(anthropicEvents({ thinking: [], text: ["a"], tools: [], more: [], parallel: false, usage: 0 }, "m"));
    const hung = handledReader("anthropic-messages", {}, openEventHandler(file, quick));
    await expect(hung.push(Buffer.from(clean))).rejects.toMatchObject({
      fault: "event_handler",
      message: expect.stringContaining("longer than 150 ms for one event"),
    });
    const fresh = handledReader("anthropic-messages", {}, openEventHandler(file, quick));
    await fresh.push(Buffer.from(wire([S("m"), B(0), D(0, "x"), E(0), M(), X])));
    expect(fresh.message().text).toBe("x");
    const eater = handler(
      "const all = []; export default (e) => { for (;;) all.push(new Array(1e5).fill(e.data + all.length)); };",
    );
    const eating = handledReader("anthropic-messages", {}, openEventHandler(eater, { ...handlerLimits, eventMs: 20_000 }));
    await expect(eating.push(Buffer.from(clean))).rejects.toMatchObject({
      fault: "event_handler",
      message: expect.stringContaining("more than 64 MiB of memory"),
    });
  }, 30_000);

  it("that takes too long in all is ended", async () => {
    const slow = handler("export default async (e) => { await new Promise((r) => setTimeout(r, 40)); return e; };");
    const reader = handledReader("anthropic-messages", {}, openEventHandler(slow, { ...handlerLimits, streamMs: 150 }));
    const many = wire([S("m"), B(0), ...Array.from({ length: 50 }, (_, at) => D(0, String(at))), E(0), M(), X]);
    await expect(reader.push(Buffer.from(many))).rejects.toMatchObject({
      message: expect.stringContaining("150 ms for one stream"),
    });
  });

  it("keeps its state for each stream apart, in one worker", async () => {
    const file = handler(`
      import { threadId } from "node:worker_threads";
      export default { create: () => { let seen = 0; return (e) => ({ event: e.event, data: e.data.replace("COUNT", "count " + ++seen + " in " + threadId) }); } };`);
    const texts: string[] = [];
    const run = async (): Promise<void> => {
      const reader = handledReader("anthropic-messages", {}, openEventHandler(file));
      for (const event of [S("m"), B(0), D(0, "COUNT"), E(0), M(), X]) await reader.push(Buffer.from(wire([event])));
      texts.push(reader.message().text);
    };
    await Promise.all([run(), run(), run()]);
    expect(texts[0]).toMatch(/^count 3 in [1-9]/);
    expect(new Set(texts).size).toBe(1);
  });

  it("gets nothing but events: no environment, no argument", async () => {
    process.env["EVENT_HANDLER_SECRET"] = "sk-live";
    const file = handler(
      "export default () => { throw new Error(JSON.stringify([process.env, process.argv.slice(2), process.execArgv])); };",
    );
    const reader = handledReader("anthropic-messages", {}, openEventHandler(file));
    await expect(reader.push(Buffer.from(wire([S("m")])))).rejects.toMatchObject({
      message: expect.stringContaining("[{},[],[]]"),
    });
    delete process.env["EVENT_HANDLER_SECRET"];
  });

  it("is taken at its first word", async () => {
    const file = handler(
      "export default (e) => { let n = 0; return { event: 'a', get data() { return n++ === 0 ? e.data : 5; } }; };",
    );
    const opened = openEventHandler(file);
    expect(await opened.take([{ event: "a", data: "1" }])).toEqual([{ event: "a", data: "1" }]);
    opened.close();
  });

  it("keeps no process alive that has nothing else to do", async () => {
    const host = new URL("../../src/provider/event-handler/host.ts", import.meta.url);
    const program = `
      const { openEventHandler } = await import(${JSON.stringify(host.href)});
      const handler = openEventHandler(${JSON.stringify(handler("export default (e) => e;"))});
      console.log(JSON.stringify(await handler.take([{ event: "a", data: "1" }])));
      handler.close();`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { timeout: 20_000 });
    expect(stdout).toBe('[{"event":"a","data":"1"}]\n');
  });

  it("runs in the built program as well", async () => {
    const progress = new SharedArrayBuffer(4);
    const worker = new Worker(new URL("../../dist/event-handler.cjs", import.meta.url), {
      workerData: { path: handler("export default (e) => [e, e];"), progress },
      env: {},
    });
    const said: unknown[] = [];
    await new Promise<void>((resolve, reject) => {
      worker.on("error", reject);
      worker.on("message", (message) => {
        said.push(message);
        if (said.length === 2) resolve();
      });
      worker.postMessage({ kind: "events", stream: 1, events: [{ event: "ping", data: "{}" }] }, []);
    });
    await worker.terminate();
    const ping = { event: "ping", data: "{}" };
    expect(said).toEqual([{ kind: "loaded" }, { kind: "out", stream: 1, events: [ping, ping] }]);
  });

  it("cuts anywhere in the bytes change nothing", async () => {
    const file = handler("export default (e) => e;");
    const bytes = Buffer.from(
      `\uFEFF ${wire(anthropicEvents({ thinking: ["hé"], text: ["😀", "b"], tools: [], more: [], parallel: false, usage: 0 }, "m"))}`,
    );
    const reader = handledReader("anthropic-messages", {}, openEventHandler(file));
    for (const byte of bytes) await reader.push(Uint8Array.of(byte));
    expect(reader.message().text).toBe("😀b");
  });
});

describe("looking at an event handler before it is needed", () => {
  it.each([
    ["export default 7;", /its default export is a number; it must be a function/],
    ["export const x = 1;", /its default export is nothing/],
    ["export default { create: () => 7 };", /its create\(\) gives a number/],
    ["export default { create() { throw new Error('no'); } };", /could not be loaded: Error: no/],
    ["export default (", /could not be loaded: SyntaxError/],
    ["import 'no-such-package'; export default (e) => e;", /could not be loaded: .*no-such-package/],
    ["await new Promise(() => {}); export default (e) => e;", /could not be loaded within 300 ms|ended its worker/],
  ])("says what is wrong with %j", async (source, words) => {
    expect(
      await eventHandlerProblem(handler(source), { ...handlerLimits, loadMs: 300 * (words.source.includes("300") ? 1 : 30) }),
    ).toMatch(words);
  });

  it("says nothing about a good one, and that there is none", async () => {
    expect(await eventHandlerProblem(handler("export default (e) => e;"))).toBeUndefined();
    expect(await eventHandlerProblem(handler("module.exports = (e) => e;", "cjs"))).toBeUndefined();
    expect(await eventHandlerProblem(path.join(folder, "none.mjs"))).toMatch(
      /none\.mjs could not be loaded: .*(?:Cannot find|ENOENT)/,
    );
  });
});
