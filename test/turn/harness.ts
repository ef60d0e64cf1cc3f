/** A gateway that answers as a test says, and specs that point to it. */
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { OpenSpec } from "../../src/turn/turn.ts";

/** The program of a turn's process in the form people get it: one bundled CommonJS file. The tests' set-up builds it. */
export const builtAgent = fileURLToPath(new URL("../../dist/agent-child.cjs", import.meta.url));

export const behave = fileURLToPath(new URL("../fixtures/programs/turn-behave.cjs", import.meta.url));

export interface SeenRequest {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

export interface ScriptedGateway {
  readonly url: string;
  readonly seen: SeenRequest[];
  /** Pids a fixture program announced, its own first. */
  readonly ready: Promise<number[]>;
  /** Serves a connection that did not come to the address; how many did so. */
  readonly connect: (connection: Duplex) => void;
  readonly connected: () => number;
  close(): Promise<void>;
}

export async function scriptedGateway(
  answer: (response: ServerResponse, request: SeenRequest) => void = () => {},
): Promise<ScriptedGateway> {
  const seen: SeenRequest[] = [];
  const { promise: ready, resolve: announce } = Promise.withResolvers<number[]>();
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://gateway");
      if (url.pathname === "/ready") {
        response.end(() => announce((url.searchParams.get("pids") ?? "").split(",").map(Number)));
        return;
      }
      const text = Buffer.concat(chunks).toString("utf8");
      const body: unknown = JSON.parse(text);
      const one = { path: request.url ?? "", headers: request.headers, body };
      seen.push(one);
      answer(response, one);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  };
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  let connections = 0;
  const connect = (connection: Duplex): void => {
    connections += 1;
    server.emit("connection", connection);
  };
  return { url: `http://127.0.0.1:${address.port}`, seen, ready, connect, connected: () => connections, close };
}

export function specFor(
  url: string,
  changes: Partial<Omit<OpenSpec, "limits">> & { limits?: Partial<OpenSpec["limits"]> } = {},
): OpenSpec {
  const { limits, ...rest } = changes;
  return {
    runId: `run-${randomUUID()}`,
    jobName: "a-job",
    attempt: 1,
    sessionId: randomUUID(),
    system: "",
    message: "answers",
    model: "fixture/model",
    dialect: "anthropic-messages",
    stream: false,
    maxTokens: 1000,
    gateway: { url, token: `token-${randomUUID()}` },
    ...rest,
    limits: { attemptMs: 20_000, killGraceMs: 5_000, outputBytes: 1024 * 1024, ...limits },
  };
}

/** Whether a process runs; one that has ended and waits to be collected does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return process.platform !== "linux";
  }
}

/** Pids of running processes whose environment names the run. Linux only; elsewhere nothing can be seen. */
export function carriersOf(runId: string): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(`RUNNER_RUN_ID=${runId}`) && isRunning(pid);
      } catch {
        return false;
      }
    });
}

/** Resolves when the condition holds; the test's own time limit ends it otherwise. */
export async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await wait(5);
}
