/**
 * What one isolated turn costs that has nothing to do: `node bench/turn.ts [ROUNDS]` (default 21).
 * Every row is measured once a round, interleaved; the table gives medians and their ratio to `node -e 0` of the same rounds.
 * The gateway is a loopback server that answers at once. Programs are bundled as the build bundles them.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { build } from "esbuild";
import { createAgentTurn } from "../src/turn/agent.ts";
import { linuxTable } from "../src/turn/processes.ts";
import type { TurnSpec } from "../src/turn/turn.ts";

const rounds = Number(process.argv[2] ?? 21);
const directory = mkdtempSync(join(tmpdir(), "turn-bench-"));
const source = (name: string): string => fileURLToPath(new URL(`../src/turn/${name}`, import.meta.url));
const entry = join(directory, "agent-child.cjs");
const parent = join(directory, "parent.cjs");
const starter = join(directory, "start.cjs");

const message = JSON.stringify({
  type: "message",
  model: "m",
  content: [{ type: "text", text: "done" }],
  stop_reason: "end_turn",
});
const server = http.createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200, { "content-type": "application/json" }).end(message));
});

function specFor(port: number): TurnSpec {
  return {
    runId: "bench",
    jobName: "bench",
    attempt: 1,
    sessionId: "bench",
    system: "",
    message: "hi",
    model: "p/m",
    dialect: "anthropic-messages",
    stream: false,
    maxTokens: 10,
    gateway: { url: `http://127.0.0.1:${port}`, token: "t" },
    limits: { attemptMs: 60_000, killGraceMs: 5_000, outputBytes: 1 << 20 },
  };
}

/** A fresh process that opens a gateway, carries one turn out and exits, as `runner run` does. */
const parentSource = `
import http from "node:http";
import { createAgentTurn } from ${JSON.stringify(source("agent.ts"))};
const server = http.createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200, { "content-type": "application/json" }).end(${JSON.stringify(message)}));
});
server.listen(0, "127.0.0.1", async () => {
  const spec = ${JSON.stringify(specFor(0))};
  spec.gateway.url = "http://127.0.0.1:" + server.address().port;
  const { result, cleanup } = await createAgentTurn().run(spec, { signal: new AbortController().signal, env: process.env });
  process.exit(result.status === "answered" && cleanup.confirmed ? 0 : 1);
});
`;

/** Wall time of a process in ms; it must succeed. */
function processMs(args: readonly string[], env: NodeJS.ProcessEnv = process.env): number {
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"], env });
  if (status !== 0) throw new Error(`${args.join(" ")} exited with ${status}: ${stderr.toString()}`);
  return performance.now() - began;
}

async function turnMs(port: number): Promise<number> {
  const began = performance.now();
  const { result } = await createAgentTurn({ entry }).run(specFor(port), {
    signal: new AbortController().signal,
    env: process.env,
  });
  if (result.status !== "answered") throw new Error(result.error);
  return performance.now() - began;
}

function tableMs(): number {
  const began = performance.now();
  linuxTable.list();
  return performance.now() - began;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const options = {
  bundle: true,
  platform: "node",
  target: "node22.18",
  format: "cjs",
  minifySyntax: true,
  minifyWhitespace: true,
  logLevel: "error",
} as const;
const metaUrl = {
  define: { "import.meta.url": "__importMetaUrl" },
  banner: { js: 'var __importMetaUrl=require("node:url").pathToFileURL(__filename).href;' },
};
await build({ ...options, ...metaUrl, entryPoints: [source("agent-child.ts")], outfile: entry });
await build({ ...options, ...metaUrl, stdin: { contents: parentSource, resolveDir: directory, loader: "js" }, outfile: parent });
writeFileSync(
  starter,
  `require("node:module").enableCompileCache(${JSON.stringify(join(directory, "cache"))}); require("./parent.cjs");`,
);
await new Promise<void>((resolve) => {
  server.listen(0, "127.0.0.1", resolve);
});
const address = server.address();
const port = typeof address === "object" && address !== null ? address.port : 0;

const rows: [string, () => number | Promise<number>][] = [
  ["node -e 0", () => processMs(["-e", "0"])],
  ["one turn in a running process", () => turnMs(port)],
  ["one turn, all processes, from a fresh bundled parent", () => processMs([starter])],
];
if (process.platform === "linux")
  rows.push([`of it one look at the process table (${linuxTable.list().length} processes)`, tableMs]);
const measured = rows.map((): number[] => []);
try {
  // The first round fills caches and does not count.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [i, [, measure]] of rows.entries()) {
      const ms = await measure();
      if (round > 0) measured[i]?.push(ms);
    }
  }
} finally {
  server.close();
  rmSync(directory, { recursive: true, force: true });
}
const base = median(measured[0] ?? []);
console.log(`node bench/turn.ts ${rounds}   Node ${process.versions.node}, ${process.platform}, medians`);
for (const [i, [name]] of rows.entries()) {
  const ms = median(measured[i] ?? []);
  console.log(`${name.padEnd(62)} ${ms.toFixed(1).padStart(8)} ms ${(ms / base).toFixed(2).padStart(6)} ×`);
}
