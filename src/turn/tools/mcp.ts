/**
 * The `mcp` grants of a job: servers that are started for the attempt, their tools under names of their own, and their end with it. This
 * file is loaded only where one is granted, because the SDK in it costs more than the rest of the turn's process.
 */
import type { McpGrant } from "../../job/job.ts";
import { withoutSecrets } from "../environment.ts";
import { McpServer, type Clean } from "./mcp-server.ts";
import type { ProgramRoom } from "./shell.ts";
import type { Tool } from "./tool.ts";

export interface McpServers {
  readonly tools: readonly Tool[];
  readonly warnings: readonly string[];
  /** What the servers wrote to stderr, its end, one paragraph a server; "" if they wrote nothing. */
  evidence(): string;
  close(): Promise<void>;
}

/**
 * Starts all of them at once. A server that tells what it was granted tells it to nobody: the `secrets` are taken out of all that it says.
 * @throws NotStarted (mcp-server.ts) naming the first that did not start, after the others were ended.
 */
export async function openMcpServers(
  grants: Readonly<Record<string, McpGrant>>,
  room: ProgramRoom,
  secrets: readonly string[] = [],
): Promise<McpServers> {
  const clean: Clean = (text) => withoutSecrets(text, secrets);
  const names = Object.keys(grants).toSorted();
  const opening = names.map(async (name) => {
    const grant = grants[name];
    if (grant === undefined) throw new Error("a grant is missing");
    const server = new McpServer(name, grant, room, clean);
    await server.open();
    return server;
  });
  const settled = await Promise.allSettled(opening);
  const servers = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const broken = settled.find((one) => one.status === "rejected");
  if (broken !== undefined) {
    await Promise.all(servers.map((server) => server.close()));
    throw broken.reason instanceof Error ? broken.reason : new Error(String(broken.reason));
  }
  const taken = new Set<string>();
  return {
    tools: servers.flatMap((server) => server.tools(taken)),
    warnings: servers.flatMap((server) => server.warnings),
    evidence: () =>
      servers
        .map((server) => server.evidence())
        .filter((text) => text !== "")
        .join("\n"),
    async close() {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}
