/** MCP servers that are broken in one way each: the turn does not begin, or the tool is a failed one and the turn goes on. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { good, hear } from "./stage.ts";

const server = fileURLToPath(new URL("../fixtures/programs/mcp-broken.cjs", import.meta.url));

/** `used`: all went well. `unstarted`: no question was asked, for this reason. Else how the tool ended, and what is said of it. */
type Ending = "used" | { readonly unstarted: string } | { readonly failed: string } | { readonly refused: string };

const rows: readonly (readonly [way: string, ending: Ending])[] = [
  ["none", "used"],
  ["exits", { unstarted: "Connection closed" }],
  ["crashes", { unstarted: "(mcp broken: Error: no database" }],
  ["banner", "used"],
  ["garbage", "used"],
  ["initialize-error", { unstarted: "licence expired" }],
  ["old-protocol", { unstarted: "protocol version is not supported: 1999-01-01" }],
  ["initialize-odd", { unstarted: "its answer is not what MCP asks for: protocolVersion: Invalid input: expected string" }],
  ["list-error", { unstarted: "no tools today" }],
  ["tools-missing", { unstarted: "its answer is not what MCP asks for: tools: Invalid input: expected array" }],
  ["tools-text", { unstarted: "tools: Invalid input: expected array, received string" }],
  ["tool-nameless", { unstarted: "tools.0.name: Invalid input: expected string" }],
  ["tool-schemaless", { unstarted: "tools.0.inputSchema: Invalid input: expected object" }],
  ["tool-schema-list", { unstarted: "tools.0.inputSchema: Invalid input: expected object, received array" }],
  ["tool-twice", "used"],
  ["tools-many", { refused: "there is no tool of this name" }],
  ["tools-for-ever", { refused: "lists more tools than 500" }],
  ["tool-odd-name", { refused: "there are mcp__broken__look_at_this" }],
  ["call-no-content", "used"],
  ["call-empty", "used"],
  ["call-control", "used"],
  ["call-other-id", "used"],
  ["call-twice", "used"],
  ["call-asks-back", "used"],
  ["call-text-content", { failed: "content: Invalid input: expected array, received string" }],
  ["call-odd-content", { failed: "its answer is not what MCP asks for" }],
  ["call-not-image", { failed: "Invalid Base64 string" }],
  ["call-error-result", { failed: "the disk is full" }],
  ["call-error", { failed: "no such place" }],
  ["call-dies", { failed: "ended in the middle; whether it was done is not known" }],
  ["call-silent", { failed: "did not answer within 1.5 s; whether it was done is not known" }],
  ["call-cut", { failed: "whether it was done is not known" }],
  ["call-not-utf8", { failed: "whether it was done is not known" }],
];

async function endingOf(way: string): Promise<unknown> {
  const call = { type: "tool_use", id: "toolu_1", name: "mcp__broken__look", input: { at: "here" } };
  const ask = JSON.stringify({ ...good["anthropic-messages"], content: [call], stop_reason: "tool_use" });
  const answers = [{ body: ask }, { body: JSON.stringify(good["anthropic-messages"]) }];
  const grant = { transport: "stdio", argv: [process.execPath, server, way], timeoutMs: 1_500 } as const;
  const { result, requests, tools } = await hear("anthropic-messages", () => answers, { tools: { mcp: { broken: grant } } });
  const warnings = result.warnings ?? [];
  if (result.status === "failed") return { unstarted: result.error, fault: result.fault, requests: requests.length, tools };
  const told = { text: result.text, requests: requests.length };
  if (tools.join() === "mcp__broken__look succeeded" && warnings.length === 0) return { ...told, used: true };
  const status = tools[0]?.endsWith("refused") === true ? "refused" : "failed";
  return { ...told, [status]: warnings.join("; "), tools: tools.length };
}

const two = { text: "all done", requests: 2 };
const expected = (ending: Ending): unknown =>
  ending === "used"
    ? { ...two, used: true }
    : "unstarted" in ending
      ? {
          unstarted: oneLine(`the MCP server broken did not start: `, ending.unstarted),
          fault: "not_ready",
          requests: 0,
          tools: [],
        }
      : "failed" in ending
        ? { ...two, failed: oneLine("", ending.failed), tools: 1 }
        : { ...two, refused: oneLine("", ending.refused), tools: 1 };
const literal = (words: string): string => words.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
const oneLine = (start: string, words: string): unknown =>
  expect.stringMatching(new RegExp(`^${literal(start)}[^\\n]{0,900}${literal(words)}[^\\n]{0,900}$`));

describe("an MCP server", () => {
  it.each(rows)("%s", async (way, ending) => {
    expect(await endingOf(way)).toEqual(expected(ending));
  });
});
