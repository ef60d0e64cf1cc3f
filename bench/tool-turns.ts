/**
 * What the benchmark of agent turns and the chaos test share: jobs whose turns use tools, a tool that counts, and the reading of both
 * afterwards. The simulated provider says by the job's message which tools the model calls (docs/simulate.md).
 */
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";

/**
 * The counting tool: appends its second argument to the file of its first, whole, in one write. What is counted is therefore what was
 * really run, whatever runner says of it.
 */
export function writeCounter(folder: string): string {
  const file = path.join(folder, "count");
  // The shell's own printf: one process, and one write of less than a pipe's size.
  writeFileSync(
    file,
    `#!/bin/sh\nprintf '%s\\n' "\${RUNNER_RUN_ID:-none} \${RUNNER_ATTEMPT:-0} $2" >> "$1"\nif [ -n "$3" ]; then sleep "$3"; fi\necho "counted $2"\n`,
  );
  chmodSync(file, 0o755);
  return file;
}

/** An MCP server (stdio) with one tool, `count { id }`, that does the same. Written by hand so that it starts at once. */
export function writeMcpCounter(folder: string): string {
  const file = path.join(folder, "count-mcp.cjs");
  writeFileSync(
    file,
    `const { appendFileSync } = require("node:fs");
const tool = { name: "count", description: "counts", inputSchema: { type: "object", properties: { id: { type: "string" } }, required: ["id"] } };
const answer = ({ method, params }) => {
  if (method === "initialize")
    return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "counter", version: "1" } };
  if (method === "tools/list") return { tools: [tool] };
  if (method === "tools/call") {
    const { RUNNER_RUN_ID: run = "none", RUNNER_ATTEMPT: attempt = "0" } = process.env;
    appendFileSync(process.argv[2], run + " " + attempt + " " + params.arguments.id + "\\n");
    return { content: [{ type: "text", text: "counted " + params.arguments.id }] };
  }
  return {};
};
let rest = "";
process.stdin.setEncoding("utf8").on("data", (chunk) => {
  const lines = (rest + chunk).split("\\n");
  rest = lines.pop();
  for (const line of lines) {
    const message = JSON.parse(line);
    if (message.id === undefined) continue;
    const said = JSON.stringify({ jsonrpc: "2.0", id: message.id, result: answer(message) }) + "\\n";
    setTimeout(() => process.stdout.write(said), message.method === "tools/call" ? Number(process.argv[3] ?? 0) : 0);
  }
});
process.stdin.on("end", () => process.exit(0));
`,
  );
  return file;
}

export interface PlannedCall {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** One answer of the model for each list of calls, each with thinking and text before them; then the provider's own text. */
export function planned(question: string, rounds: readonly (readonly PlannedCall[])[]): string {
  const plan = rounds.map((toolCalls, at) => ({ thinking: `Step ${at + 1} – first this.`, text: `Step ${at + 1}.`, toolCalls }));
  return `${question}\nsimulate-plan: ${JSON.stringify(plan)}`;
}

export interface Marks {
  /** How often each mark was left: `RUN ATTEMPT ID`. */
  readonly counts: ReadonlyMap<string, number>;
}

export function readMarks(file: string): Marks {
  const counts = new Map<string, number>();
  if (existsSync(file))
    for (const mark of readFileSync(file, "utf8").split("\n")) if (mark !== "") counts.set(mark, (counts.get(mark) ?? 0) + 1);
  return { counts };
}

/** How often each id was counted, whatever the run. */
export function countsById(marks: Marks): Map<string, number> {
  const byId = new Map<string, number>();
  for (const [mark, times] of marks.counts) {
    const id = mark.split(" ")[2] ?? mark;
    byId.set(id, (byId.get(id) ?? 0) + times);
  }
  return byId;
}

/** Ids of counts that were begun, by the ledger, with the number of their records: the ids stand in the tools' inputs. */
export function recordedCounts(database: DatabaseSync, ids: Iterable<string>): Map<string, number> {
  const inputs = database
    .prepare("SELECT input FROM tool_runs")
    .all()
    .map((row) => String(row["input"]));
  return new Map([...ids].map((id) => [id, inputs.filter((input) => input.includes(JSON.stringify(id))).length]));
}

/** Files below the folder that hold the text. */
export function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && readFileSync(path.join(entry.parentPath, entry.name), "latin1").includes(text))
    .map((entry) => path.join(entry.parentPath, entry.name));
}
