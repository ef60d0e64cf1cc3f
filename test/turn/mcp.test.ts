/** MCP servers of a turn, real ones made with the SDK, well and badly behaved, over stdio and HTTP. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { McpGrant } from "../../src/job/job.ts";
import { agentEntry } from "../../src/turn/agent.ts";
import { programFile } from "../fixtures/programs.ts";
import { toolServer } from "../fixtures/programs/mcp-tools.ts";
import { toolStage, type ToolStage, type ToolStageOptions } from "./tool-stage.ts";

const program = programFile("mcp-server");

let stage: ToolStage;
let base: string;
const closers: (() => void)[] = [];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "turn-mcp-"));
});
afterEach(async () => {
  await stage.close();
  for (const close of closers.splice(0)) close();
  rmSync(base, { recursive: true, force: true });
});

const server = (mode: string, more: Partial<McpGrant> & { env?: Record<string, string>; file?: string } = {}): McpGrant => {
  const { file, ...rest } = more;
  return {
    transport: "stdio",
    argv: [process.execPath, program, mode, ...(file === undefined ? [] : [file])],
    timeoutMs: 10_000,
    ...rest,
  } as McpGrant;
};

async function open(mcp: Readonly<Record<string, McpGrant>>, more: Partial<ToolStageOptions> = {}): Promise<ToolStage> {
  stage = await toolStage({ dialect: "anthropic-messages", tools: { mcp }, ...more });
  return stage;
}

const call = (name: string, input: Readonly<Record<string, unknown>> = {}) => ({ name, input });
const callsOf = (...names: string[]) => [{ toolCalls: names.map((name) => call(name)) }];

/** Names of the tools the model was offered. */
function offered(): string[] {
  const tools = stage.bodies[0]?.["tools"];
  return Array.isArray(tools) ? tools.map((tool) => String(tool.name)) : [];
}

describe("a server over stdio", () => {
  it("is started for the attempt, its tools are offered under its name, and it is dead afterwards", async () => {
    await open({ notes: server("", { file: join(base, "log") }) });
    const { result, cleanup } = await stage.run([
      { toolCalls: [call("mcp__notes__echo", { a: 1 }), call("mcp__notes__count", { text: "once" })] },
      { toolCalls: [call("mcp__notes__structured")] },
    ]);
    expect(result).toMatchObject({ status: "answered", toolRuns: 3 });
    expect(result.warnings).toBeUndefined();
    expect(cleanup).toEqual({ killed: 0, confirmed: true });
    expect(offered()).toContain("mcp__notes__huge");
    expect(stage.toolTexts()).toEqual(['{"a":1}', "counted", '{"answer":42}']);
    expect(readFileSync(join(base, "log"), "utf8")).toBe("once\n");
    expect(stage.steps[0]).toBe("start 1 mcp__notes__echo (call 1)");
    expect(stage.carriers()).toEqual([]);
  });

  it("works from the sources as well, which load the SDK from its package", async () => {
    await open({ notes: server("") }, { entry: agentEntry() });
    const { result } = await stage.run(callsOf("mcp__notes__echo", "mcp__notes__structured"));
    expect(result).toMatchObject({ status: "answered", toolRuns: 2 });
    expect(stage.toolTexts()).toEqual(["{}", '{"answer":42}']);
  });

  it("offers what is allowed only, and says which name it does not have", async () => {
    await open({ notes: server("", { tools: ["echo", "send"] }) });
    const { result } = await stage.run(callsOf("mcp__notes__echo", "mcp__notes__count"));
    expect(offered()).toEqual(["mcp__notes__echo"]);
    expect(result.warnings).toEqual([
      "the MCP server notes has no tool send",
      expect.stringContaining("tool mcp__notes__count refused: there is no tool of this name"),
    ]);
  });

  it("gets what it was granted by reference; the turn, the model and other servers do not", async () => {
    await open(
      { one: server("", { env: { MAIL: "key ${SECRET_OF_ONE}" } }), two: server("") },
      {
        tools: {
          mcp: { one: server("", { env: { MAIL: "key ${SECRET_OF_ONE}" } }), two: server("") },
          shell: { allow: [], shellStrings: true, timeoutMs: 5_000 },
        },
      },
    );
    const env = { ...process.env, SECRET_OF_ONE: "granted-0123456789", OTHER_KEY: "planted-0123456789" };
    const { result } = await stage.run(
      [
        {
          toolCalls: [
            call("mcp__one__environment"),
            call("mcp__two__environment"),
            call("shell", { command: "env; cat /proc/$PPID/environ" }),
          ],
        },
      ],
      { env },
    );
    expect(result.status).toBe("answered");
    const [one, two, shell] = stage.toolTexts();
    // It has it, and not even by its own words does it get further.
    expect(one).toContain("MAIL=key [removed]");
    expect(JSON.stringify(stage.bodies)).not.toContain("granted-0123456789");
    expect(one).toContain("RUNNER_RUN_ID=");
    expect(two).not.toContain("granted");
    expect(shell).not.toContain("granted");
    expect([one, two, shell].join("")).not.toContain("planted");
  });

  it("tells failures as failures, pictures as pictures, and everything else by its name", async () => {
    await open({ a: server("") });
    const { result } = await stage.run(callsOf("mcp__a__fails", "mcp__a__throws", "mcp__a__picture", "mcp__a__huge"));
    expect(result).toMatchObject({ status: "answered", toolRuns: 4 });
    expect(result.warnings).toEqual([
      "tool mcp__a__fails failed: no such mailbox",
      expect.stringContaining("tool mcp__a__throws failed: MCP error -32603: a bug in the server"),
    ]);
    const [fails, , picture, image, huge] = stage.toolTexts();
    expect(fails).toBe("no such mailbox\nsecond line");
    expect(picture?.split("\n")).toEqual([
      "a picture",
      expect.stringMatching(/^\[image of type image\/tiff/),
      expect.stringMatching(/^\[audio of type audio\/wav/),
      "file:///note:",
      "the note",
      expect.stringMatching(/^\[file:\/\/\/blob/),
      "[elsewhere: file:///elsewhere]",
    ]);
    expect(image).toBe("");
    expect(JSON.stringify(stage.bodies.at(-1))).toContain('"media_type":"image/png"');
    expect(huge?.length).toBeLessThan(70_000);
    expect(huge).toMatch(/^first h[\s\S]*left out here[\s\S]*h last$/);
  });

  it("that does not answer a call: it failed, in its time, and what came of it is not known", async () => {
    await open({ a: server("", { timeoutMs: 300 }) });
    const { result } = await stage.run(callsOf("mcp__a__never", "mcp__a__echo"));
    expect(result.warnings).toEqual([
      "tool mcp__a__never failed: it did not answer within 0.3 s; whether it was done is not known",
    ]);
    expect(stage.toolTexts()[1]).toBe("{}");
  });

  it("that dies in the middle of a call is not started again", async () => {
    await open({ a: server("", { file: join(base, "log") }) });
    const { result } = await stage.run([
      { toolCalls: [call("mcp__a__count", { text: "before" }), call("mcp__a__crash"), call("mcp__a__count", { text: "after" })] },
    ]);
    expect(result).toMatchObject({ status: "answered", toolRuns: 2 });
    expect(result.warnings).toEqual([
      "tool mcp__a__crash failed: the MCP server a ended in the middle; whether it was done is not known; it said: out of memory",
      "tool mcp__a__count refused: the MCP server a has ended and is not started again; it said: out of memory",
    ]);
    expect(readFileSync(join(base, "log"), "utf8")).toBe("before\n");
  });

  it("that prints what is no message is understood all the same", async () => {
    await open({ a: server("garbage") });
    const { result } = await stage.run(callsOf("mcp__a__echo"));
    expect(result).toMatchObject({ status: "answered", toolRuns: 1 });
    expect(result.warnings).toBeUndefined();
  });

  it("that leaves a daemon in a session of its own, deaf to TERM, leaves nothing", async () => {
    const file = join(base, "pid");
    const shell = { allow: [], shellStrings: true, timeoutMs: 20_000 };
    const limits = { attemptMs: 60_000, killGraceMs: 300, outputBytes: 100_000 };
    await open({}, { tools: { mcp: { a: server("daemon", { file }) }, shell }, limits });
    const wait = call("shell", { command: `while ! test -s ${file}; do sleep 0.05; done` });
    const { result, cleanup } = await stage.run([{ toolCalls: [wait] }]);
    expect(result.status).toBe("answered");
    expect(cleanup.confirmed).toBe(true);
    expect(existsSync(file)).toBe(true);
    expect(stage.carriers()).toEqual([]);
  });

  it("that lists tools without end is cut off, and odd names and schemas are made fit", async () => {
    await open({ a: server("many"), b: server("twice") });
    const { result } = await stage.run([]);
    const names = offered();
    expect(names.filter((name) => name.startsWith("mcp__a__"))).toHaveLength(500);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[A-Za-z0-9_-]{1,64}$/.test(name))).toEqual([]);
    expect(names.filter((name) => name.startsWith("mcp__b__echo"))).toHaveLength(2);
    expect(result.warnings).toEqual([
      "the MCP server a lists more tools than 500; the rest is not offered",
      "the tool vast of the MCP server b has too large a schema and is not offered",
    ]);
  });

  it.each([
    ["dies", "Connection closed", "no licence found"],
    ["endless-line", "", ""],
  ])("that cannot begin (%s) ends the turn before the model is asked", async (mode, words, stderr) => {
    await open({ good: server(""), bad: server(mode) });
    const { result, cleanup } = await stage.run([]);
    expect(result).toMatchObject({ status: "failed", fault: "not_ready", toolRuns: 0 });
    expect(result).not.toHaveProperty("missing");
    expect(result.status === "failed" ? result.error : "").toContain("the MCP server bad did not start");
    expect(result.status === "failed" ? result.error : "").toContain(words);
    expect(result.status === "failed" ? result.error : "").toContain(stderr);
    expect(stage.bodies).toEqual([]);
    expect(cleanup.confirmed).toBe(true);
    expect(stage.carriers()).toEqual([]);
  });

  it("that lists more tools at once than may be offered is cut off as well", async () => {
    await open({ big: server("crowd") });
    const { result } = await stage.run(callsOf("mcp__big__tool1"));
    expect(offered()).toHaveLength(500);
    expect(result.warnings?.join("\n")).toContain("more tools than 500");
  });

  it.each([
    ["that is not there", "nothing", undefined, 0],
    ["that may not be run", "plain", "#!/bin/sh\n", 0o644],
  ])("%s is named, and waiting would not help", async (_, name, text, mode) => {
    const file = join(base, name);
    if (text !== undefined) writeFileSync(file, text, { mode });
    await open({ bad: { transport: "stdio", argv: [file], timeoutMs: 1_000 } });
    const { result } = await stage.run([]);
    expect(result).toMatchObject({ status: "failed", fault: "not_ready", missing: true, toolRuns: 0 });
    expect(result.status === "failed" ? result.error : "").toMatch(
      /the MCP server bad did not start: .*(ENOENT|No such file|EACCES|Permission denied)/,
    );
  });

  it.each(["silent", "garbage-only"])("that never answers (%s) does not outlive the attempt", async (mode) => {
    await open({ bad: server(mode) }, { limits: { attemptMs: 1_500, killGraceMs: 300, outputBytes: 100_000 } });
    const { result, cleanup } = await stage.run([]);
    expect(result).toMatchObject({ status: "failed", fault: "timeout" });
    expect(cleanup.confirmed).toBe(true);
    expect(stage.carriers()).toEqual([]);
  });

  it("needs what it refers to", async () => {
    await open({ a: server("", { env: { TOKEN: "${NOT_SET_ANYWHERE}" } }) });
    const { result } = await stage.run([]);
    expect(result).toMatchObject({ status: "failed", fault: "auth", error: expect.stringContaining("NOT_SET_ANYWHERE") });
  });
});

/** Answers in JSON or in streams, with sessions; keeps the headers it saw. */
async function httpServer(json: boolean) {
  const seen: IncomingMessage["headers"][] = [];
  const notes: string[] = [];
  const deleted: string[] = [];
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => randomUUID(), enableJsonResponse: json });
  await toolServer({ note: (text) => void notes.push(text) }).connect(transport);
  const http = createServer((request, response) => {
    seen.push(request.headers);
    if (request.method === "DELETE") deleted.push(request.url ?? "");
    if (request.url === "/broken") response.writeHead(500).end("broken");
    else void transport.handleRequest(request, response);
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  closers.push(() => {
    http.closeAllConnections();
    http.close();
  });
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `http://127.0.0.1:${address.port}`, seen, notes, deleted };
}

describe("a server over HTTP", () => {
  it.each([true, false])("is asked with its headers, its session is ended (answers in JSON: %s)", async (json) => {
    const http = await httpServer(json);
    await open({
      web: { transport: "http", url: `${http.url}/mcp`, headers: { authorization: "Bearer ${WEB_TOKEN}" }, timeoutMs: 5_000 },
    });
    const { result } = await stage.run(
      [{ toolCalls: [call("mcp__web__count", { text: "a" }), call("mcp__web__fails"), call("mcp__web__huge")] }],
      { env: { ...process.env, WEB_TOKEN: "granted-0123456789" } },
    );
    expect(result).toMatchObject({ status: "answered", toolRuns: 3, warnings: ["tool mcp__web__fails failed: no such mailbox"] });
    expect(http.seen[0]).toMatchObject({ authorization: "Bearer granted-0123456789" });
    expect(http.notes).toEqual(["a\n"]);
    expect(http.deleted).toEqual(["/mcp"]);
  });

  it("that never answers a call, or breaks off, fails the call and is not asked twice", async () => {
    const http = await httpServer(false);
    await open({ web: { transport: "http", url: `${http.url}/mcp`, timeoutMs: 400 } });
    const { result } = await stage.run(callsOf("mcp__web__never"));
    expect(result.warnings).toEqual([expect.stringContaining("did not answer within 0.4 s")]);
  });

  it("that is broken, or not there, ends the turn before the model is asked", async () => {
    const http = await httpServer(true);
    await open({ web: { transport: "http", url: `${http.url}/broken`, timeoutMs: 1_000 } });
    const { result } = await stage.run([]);
    expect(result).toMatchObject({ status: "failed", error: expect.stringContaining("the MCP server web did not start") });
    await stage.close();
    await open({ web: { transport: "http", url: "http://127.0.0.1:1/mcp", timeoutMs: 1_000 } });
    expect((await stage.run([])).result).toMatchObject({ status: "failed", error: expect.stringContaining("did not start") });
  });
});
