/** A provider that answers byte for byte as a row of the corpus says, the real gateway, the turn's own loop, and a tool that counts. */
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { countsById, readMarks, writeCounter } from "../../bench/tool-turns.ts";
import type { CallObserver } from "../../src/gateway/gateway.ts";
import { createGateway } from "../../src/gateway/server.ts";
import { createProvider } from "../../src/provider/index.ts";
import { buildLadder } from "../../src/run/ladder.ts";
import { agentLoop } from "../../src/turn/agent-loop.ts";
import type { ToolGrants } from "../../src/job/job.ts";
import type { TurnResult } from "../../src/turn/turn.ts";

export type Dialect = "anthropic-messages" | "openai-completions";

/** What the provider answers to the first request; the last one is given for ever. */
export interface BrokenAnswer {
  readonly body: string | Buffer;
  /** Default `application/json`, or `text/event-stream` if the body begins like one. */
  readonly type?: string;
  readonly status?: number;
}

export interface Heard {
  readonly result: TurnResult;
  /** Bodies of the requests the provider got. */
  readonly requests: readonly string[];
  /** Ids that the counting tool was run with, each as often as it was. */
  readonly counted: Readonly<Record<string, number>>;
  /** Tools begun by the record, as `NAME status`. */
  readonly tools: readonly string[];
}

const limits = {
  firstByteMs: 5_000,
  idleMs: 5_000,
  tryMs: 10_000,
  callMs: 20_000,
  triesPerCall: 2,
  callsPerAttempt: 50,
  maxWaitMs: 100,
};
const retry = { maxAttempts: 1, delayMs: 1, factor: 1, maxDelayMs: 1, jitter: 0, set: ["delay", "maxDelay"] as const };

export const good: Readonly<Record<Dialect, object>> = {
  "anthropic-messages": {
    id: "msg_good",
    type: "message",
    role: "assistant",
    model: "m",
    content: [{ type: "text", text: "all done" }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 },
  },
  "openai-completions": {
    id: "chatcmpl-good",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "all done" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  },
};

/** Asks one turn that may count, by program `count`; `answers(counter)` are given one after the other, the last one for ever. */
export async function hear(
  dialect: Dialect,
  answers: (counting: (id: string) => object) => readonly BrokenAnswer[],
  options: { readonly stream?: boolean; readonly maxTurns?: number; readonly tools?: ToolGrants } = {},
): Promise<Heard> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "runner-corpus-"));
  const counter = writeCounter(folder);
  const marks = path.join(folder, "marks");
  const listed = answers((id) => ({ argv: [counter, marks, id] }));
  const requests: string[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      requests.push(Buffer.concat(chunks).toString("utf8"));
      const { body, status = 200, type } = listed[Math.min(requests.length, listed.length) - 1] ?? { body: "" };
      const isStream = /^(?:event|data|:)/.test(body.toString("utf8", 0, 10));
      response.writeHead(status, { "content-type": type ?? (isStream ? "text/event-stream" : "application/json") }).end(body);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const provider = createProvider({
    id: "test",
    dialect,
    baseUrl: `http://127.0.0.1:${port}${dialect === "openai-completions" ? "/v1" : ""}`,
    apiKey: undefined,
    headers: {},
    sseQuirks: { tolerateOutOfOrderEvents: true },
  });
  const gateway = await createGateway({ providers: new Map([["test", provider]]) });
  const { rungs } = buildLadder({
    models: [{ provider: "test", model: "m" }],
    stream: options.stream ?? false,
    memories: [],
    now: 0,
  });
  const book = toolBook();
  const signal = new AbortController().signal;
  const door = gateway.open({ runId: "r", attempt: 1, ladder: rungs, retry, limits, signal, observer: book.observer });
  try {
    const result = await agentLoop({
      runId: "r",
      jobName: "corpus",
      attempt: 1,
      sessionId: "s",
      system: "",
      message: "Count.",
      model: "test/m",
      dialect,
      stream: false,
      maxTokens: 1_000,
      maxTurns: options.maxTurns ?? 5,
      tools: options.tools ?? { shell: { allow: [counter], shellStrings: false, timeoutMs: 20_000 } },
      gateway: { url: gateway.url, token: door.token },
      limits: { attemptMs: 60_000, killGraceMs: 1_000, outputBytes: 1 << 20 },
    });
    return { result, requests, counted: Object.fromEntries(countsById(readMarks(marks))), tools: book.lines() };
  } finally {
    door.close();
    await gateway.close();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const nothing = async (): Promise<void> => {};

function toolBook(): { readonly observer: CallObserver; lines(): string[] } {
  const names = new Map<number, string>();
  const ends = new Map<number, string>();
  const observer: CallObserver = {
    callStarted: nothing,
    waiting: () => {},
    tryStarted: nothing,
    tryAnswered: nothing,
    tryFailed: nothing,
    callFinished: nothing,
    toolStarted: async (plan) => void names.set(plan.tool, plan.name),
    toolFinished: async (tool, end) => void ends.set(tool, end.status),
  };
  return { observer, lines: () => [...names].map(([tool, name]) => `${name} ${ends.get(tool) ?? "open"}`) };
}
