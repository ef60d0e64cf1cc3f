/** How an MCP server is reached: as a process of the attempt, or at an address. */
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { McpGrant } from "../../job/job.ts";
import { Tail } from "../output.ts";
import type { ProgramRoom } from "./shell.ts";

export interface Connection {
  readonly transport: Transport;
  /** The end of what it wrote to stderr. */
  stderr(): string;
  close(): Promise<void>;
}

/** Most bytes of one message of a server, and of one answer over HTTP. */
const messageBytes = 16 * 1024 * 1024;

/** Bytes of a server's stderr that are kept: more than is told, so that a secret at the cut is seen whole and taken out. */
const stderrBytes = 64 * 1024;

type Stdio = Extract<McpGrant, { transport: "stdio" }>;
type Http = Extract<McpGrant, { transport: "http" }>;

/** The server gets the turn's own environment and what it was granted; the marks by which it is found and ended are not its to set. */
export function stdioTransport({ argv, env = {} }: Stdio, { work, apart }: ProgramRoom): Connection {
  const [command = "", ...args] = [...apart, ...argv];
  const own = Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  const marks = own.filter(([name]) => name.startsWith("RUNNER_"));
  const transport = new StdioClientTransport({
    command,
    args,
    env: { ...Object.fromEntries(own), ...env, ...Object.fromEntries(marks) },
    cwd: work,
    stderr: "pipe",
    maxBufferSize: messageBytes,
  });
  const tail = new Tail(stderrBytes);
  transport.stderr?.on("data", (chunk: Buffer) => tail.push(chunk));
  return { transport, stderr: () => tail.text(), close: () => transport.close() };
}

/** Whether a server's program is where execvp(3) would look for it, and may be run. */
export function isThere({ argv: [program = ""], env = {} }: Pick<Stdio, "argv" | "env">, work: string): boolean {
  const folders = program.includes("/") ? ["."] : (env["PATH"] ?? process.env["PATH"] ?? "").split(path.delimiter);
  return folders.some((folder) => {
    const file = path.resolve(work, folder, program);
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

export function httpTransport({ url, headers = {} }: Http): Connection {
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { ...headers } },
    fetch: async (...asked) => bounded(await fetch(...asked)),
    // A stream that breaks is not taken up again: its call ends as failed, and what came of it is not known.
    reconnectionOptions: {
      maxRetries: 0,
      initialReconnectionDelay: 1_000,
      maxReconnectionDelay: 1_000,
      reconnectionDelayGrowFactor: 1,
    },
  });
  const close = async (): Promise<void> => {
    await transport.terminateSession().catch(() => undefined);
    await transport.close();
  };
  return { transport, stderr: () => "", close };
}

/** The answer, which breaks off with an error where it grows too large. */
function bounded(response: Response): Response {
  if (response.body === null) return response;
  let bytes = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > messageBytes) controller.error(new Error(`the answer has more than ${messageBytes} bytes`));
      else controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(counter), { status, statusText, headers });
}
