/**
 * Answers of providers with tool calls in them that are broken in one way each. Either the gateway asks again (`healed`), or the turn
 * refuses the call and tells the model (`refused`), or the turn fails with a fault that says why; a tool runs only where its call is whole.
 */
import { describe, expect, it } from "vitest";
import { good, hear, type BrokenAnswer, type Dialect } from "./stage.ts";

type Counting = (id: string) => object;
/** `ran`: the tool ran once. `healed`: nothing ran, the provider was asked again. Else the words of a refusal, or a fault and its words. */
type Ending = "ran" | "healed" | { readonly refused: string } | { readonly fault: string; readonly says: string };
type Row = readonly [name: string, body: (counting: Counting) => string, ending: Ending];

const tool = (input: unknown, over: object = {}): object => ({ type: "tool_use", id: "toolu_1", name: "shell", input, ...over });
const message = (content: unknown, stopReason: unknown = "tool_use"): string =>
  JSON.stringify({ ...good["anthropic-messages"], content, stop_reason: stopReason });
/** As it stands, where `JSON.stringify` would not write it so. */
const verbatim = (input: string): string => message([tool("HERE")]).replace('"HERE"', input);

const noArgv = { refused: "argv must be a list of texts, the program first" };
const cut = { fault: "output_truncated", says: "cut off at its limit" };

const anthropic: readonly Row[] = [
  ["nothing wrong", (c) => message([tool(c("x"))]), "ran"],
  ["no id", (c) => message([tool(c("x"), { id: undefined })]), "ran"],
  ["an empty id", (c) => message([tool(c("x"), { id: "" })]), "ran"],
  ["no name", (c) => message([tool(c("x"), { name: undefined })]), "healed"],
  ["an empty name", (c) => message([tool(c("x"), { name: "" })]), "healed"],
  ["a number for a name", (c) => message([tool(c("x"), { name: 7 })]), "healed"],
  ["the input as a text", (c) => message([tool(JSON.stringify(c("x")))]), "healed"],
  ["the input as a list", (c) => message([tool([c("x")])]), "healed"],
  ["no input", () => message([tool(undefined)]), noArgv],
  ["null for an input", () => message([tool(null)]), noArgv],
  ["two calls of one id", (c) => message([tool(c("x")), tool(c("y"))]), "healed"],
  ["a call announced and lost", () => message([{ type: "text", text: "Let me look:" }]), "healed"],
  ["a call beside end_turn", (c) => message([tool(c("x"))], "end_turn"), "ran"],
  ["a whole call in an answer that was cut", (c) => message([tool(c("x"))], "max_tokens"), cut],
  [
    "a call in an answer that was refused",
    (c) => message([tool(c("x"))], "refusal"),
    { fault: "content_policy", says: "refused to answer" },
  ],
  ["a pause", (c) => message([tool(c("x"))], "pause_turn"), { fault: "bad_request", says: 'cannot act on: "pause_turn"' }],
  ["an unknown stop reason", (c) => message([tool(c("x"))], "because"), "healed"],
  ["no stop reason", (c) => message([tool(c("x"))], null), "healed"],
  [
    "a tool nobody granted",
    (c) => message([tool(c("x"), { name: "rm_rf" })]),
    { refused: "there is no tool of this name; there are shell" },
  ],
  ["the name __proto__", (c) => message([tool(c("x"), { name: "__proto__" })]), { refused: "there is no tool of this name" }],
  [
    "a name with control characters",
    (c) => message([tool(c("x"), { name: "shell\0\n" })]),
    { refused: "there is no tool of this name" },
  ],
  ["a name of 100,000 characters", (c) => message([tool(c("x"), { name: "n".repeat(100_000) })]), { refused: "" }],
  ["a block of an unknown kind", (c) => message([{ type: "hologram" }, tool(c("x"))]), "ran"],
  ["null among the blocks", (c) => message([null, tool(c("x"))]), "healed"],
  ["an object for the content", () => message({ type: "text" }), "healed"],
  ["null for the content", () => message(null), "healed"],
  ["a text for the content", () => message("x"), "healed"],
  ["an input that sets a prototype", () => verbatim('{"__proto__":{"argv":["x"]}}'), noArgv],
  ["an input 20,000 levels deep", () => verbatim('{"a":'.repeat(20_000) + "1" + "}".repeat(20_000)), "healed"],
  ["NUL in an argument", () => message([tool({ argv: ["a\0b"] })]), { refused: "texts without NUL only" }],
  ["no arguments at all", () => message([tool({ argv: [] })]), noArgv],
  ["a shell line for arguments", () => message([tool({ argv: "rm -rf /" })]), noArgv],
  ["a number among the arguments", () => message([tool({ argv: ["count", 1] })]), { refused: "argv must hold texts" }],
  ["a program that is not allowed", () => message([tool({ argv: ["rm", "-rf", "/"] })]), { refused: '"rm" is not allowed' }],
  ["a program by another way", () => message([tool({ argv: ["../count"] })]), { refused: '"../count" is not allowed' }],
  ["half a pair of surrogates in its stdin", (c) => message([tool({ ...c("x"), stdin: "\ud800" })]), "ran"],
];

const events = (list: readonly object[]): string =>
  list.map((event) => `event: ${"type" in event ? String(event.type) : ""}\ndata: ${JSON.stringify(event)}\n\n`).join("");
const head = { type: "message_start", message: { ...good["anthropic-messages"], content: [], stop_reason: null } };
const tail = [
  { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 9 } },
  { type: "message_stop" },
];
const begin = (index: number, over: object = {}): object => ({
  type: "content_block_start",
  index,
  content_block: { type: "tool_use", id: `toolu_${index}`, name: "shell", input: {}, ...over },
});
const piece = (index: number, partial_json: string): object => ({
  type: "content_block_delta",
  index,
  delta: { type: "input_json_delta", partial_json },
});
const end = (index: number): object => ({ type: "content_block_stop", index });
/** A stream of one call whose input is written so. */
const streamed = (input: string): string => events([head, begin(0), piece(0, input), end(0), ...tail]);

const anthropicStreams: readonly Row[] = [
  ["nothing wrong", (c) => streamed(JSON.stringify(c("x"))), "ran"],
  ["an input that breaks off", (c) => streamed(JSON.stringify(c("x")).slice(0, -3)), "healed"],
  ["an input with something after it", (c) => streamed(`${JSON.stringify(c("x"))}}`), "healed"],
  ["an input that comes twice", (c) => streamed(JSON.stringify(c("x")).repeat(2)), "healed"],
  ["a number for an input", () => streamed("7"), "healed"],
  ["null for an input", () => streamed("null"), "healed"],
  ["a list for an input", () => streamed("[]"), "healed"],
  ["no piece of an input", () => events([head, begin(0), end(0), ...tail]), noArgv],
  ["no name", (c) => events([head, begin(0, { name: "" }), piece(0, JSON.stringify(c("x"))), end(0), ...tail]), "healed"],
  [
    "one id twice",
    (c) =>
      events([
        head,
        begin(0),
        piece(0, JSON.stringify(c("x"))),
        end(0),
        begin(1, { id: "toolu_0" }),
        piece(1, JSON.stringify(c("y"))),
        end(1),
        ...tail,
      ]),
    "healed",
  ],
  [
    "a block begun twice",
    (c) =>
      events([head, begin(0), piece(0, JSON.stringify(c("x"))), begin(0), piece(0, JSON.stringify(c("y"))), end(0), ...tail]),
    "healed",
  ],
  ["no end after a whole call", (c) => events([head, begin(0), piece(0, JSON.stringify(c("x"))), end(0)]), "healed"],
];

const called = (args: unknown, over: object = {}): object => ({
  id: "call_1",
  type: "function",
  function: { name: "shell", arguments: args },
  ...over,
});
const completion = (said: object, finish: unknown = "tool_calls"): string =>
  JSON.stringify({
    ...good["openai-completions"],
    choices: [{ index: 0, message: { role: "assistant", content: null, ...said }, finish_reason: finish }],
  });
const calls = (...tool_calls: readonly unknown[]): string => completion({ tool_calls });

const openai: readonly Row[] = [
  ["nothing wrong", (c) => calls(called(JSON.stringify(c("x")))), "ran"],
  ["null for the calls", () => completion({ tool_calls: null }), "healed"],
  ["an object for the calls", (c) => completion({ tool_calls: called(JSON.stringify(c("x"))) }), "healed"],
  ["null among the calls", () => calls(null), "healed"],
  ["no function", () => calls({ id: "c", type: "function" }), "healed"],
  ["no name", () => calls({ id: "c", type: "function", function: { arguments: "{}" } }), "healed"],
  ["no id", (c) => calls(called(JSON.stringify(c("x")), { id: undefined })), "ran"],
  ["arguments as an object", (c) => calls(called(c("x"))), "ran"],
  ["empty arguments", () => calls(called("")), noArgv],
  ["null for arguments", () => calls(called(null)), noArgv],
  ["the text null for arguments", () => calls(called("null")), "healed"],
  ["a list for arguments", () => calls(called("[1]")), "healed"],
  ["arguments that break off", (c) => calls(called(JSON.stringify(c("x")).slice(0, -3))), "healed"],
  ["arguments in Python's words", () => calls(called("{'argv': ['x']}")), "healed"],
  ["arguments encoded twice", (c) => calls(called(JSON.stringify(JSON.stringify(c("x"))))), "healed"],
  ["a call announced and lost", () => completion({ content: "Let me look:" }), "healed"],
  ["a call beside stop", (c) => completion({ tool_calls: [called(JSON.stringify(c("x")))] }, "stop"), "ran"],
  ["a whole call in an answer that was cut", (c) => completion({ tool_calls: [called(JSON.stringify(c("x")))] }, "length"), cut],
  [
    "a call in an answer that was filtered",
    (c) => completion({ tool_calls: [called(JSON.stringify(c("x")))] }, "content_filter"),
    { fault: "content_policy", says: "refused to answer" },
  ],
  ["no finish reason", (c) => completion({ tool_calls: [called(JSON.stringify(c("x")))] }, null), "healed"],
  ["two calls of one id", (c) => calls(called(JSON.stringify(c("x"))), called(JSON.stringify(c("y")))), "healed"],
  ["no choice", () => JSON.stringify({ ...good["openai-completions"], choices: [] }), "healed"],
  [
    "two choices",
    (c) => {
      const choice = {
        message: { role: "assistant", tool_calls: [called(JSON.stringify(c("x")))] },
        finish_reason: "tool_calls",
      };
      return JSON.stringify({
        ...good["openai-completions"],
        choices: [
          { index: 0, ...choice },
          { index: 1, ...choice },
        ],
      });
    },
    "healed",
  ],
  ["thinking and nothing else", () => completion({ reasoning_content: "hm" }, "stop"), "healed"],
];

/** How the turn ended, told so that it can be compared with a row. */
async function endingOf(dialect: Dialect, stream: boolean, [, body]: Row): Promise<unknown> {
  const answers = (counting: Counting): BrokenAnswer[] => [{ body: body(counting) }, { body: JSON.stringify(good[dialect]) }];
  const { result, requests, counted, tools } = await hear(dialect, answers, { stream });
  const { warnings = [] } = result;
  const told = result.status === "failed" ? result.error : result.text;
  if (/\n|node:internal|undefined|\[object Object\]/.test([told, ...warnings].join(" "))) return { unclear: told, warnings };
  if (result.status === "failed") return { fault: result.fault, says: result.error, counted, tools };
  if (told !== "all done" || requests.length !== 2) return { told, requests };
  if (tools.join() === "shell succeeded" && counted["x"] === 1 && warnings.length === 0) return "ran";
  if (tools.length === 0 && Object.keys(counted).length === 0 && warnings.length === 0) return "healed";
  // The model is told, and may do better.
  const toldModel = requests[1]?.includes(dialect === "anthropic-messages" ? '"is_error":true' : '"Error: ') === true;
  const isRefused = tools.length === 1 && tools[0]?.endsWith(" refused") === true && toldModel;
  return isRefused ? { refused: warnings.join(), counted } : { told, tools, counted, warnings };
}

const expected = (ending: Ending): unknown =>
  typeof ending === "string" ? ending : "refused" in ending ? refusal(ending.refused) : failure(ending.fault, ending.says);
const refusal = (words: string): unknown => ({ refused: expect.stringContaining(words), counted: {} });
const failure = (fault: string, says: string): unknown => ({
  fault,
  says: expect.stringContaining(says),
  counted: {},
  tools: [],
});

const named = (rows: readonly Row[]): [string, Row][] => rows.map((row) => [row[0], row]);

describe("an answer with a tool call", () => {
  it.each(named(anthropic))("anthropic-messages: %s", async (_name, row) => {
    expect(await endingOf("anthropic-messages", false, row)).toEqual(expected(row[2]));
  });
  it.each(named(anthropicStreams))("anthropic-messages, streamed: %s", async (_name, row) => {
    expect(await endingOf("anthropic-messages", true, row)).toEqual(expected(row[2]));
  });
  it.each(named(openai))("openai-completions: %s", async (_name, row) => {
    expect(await endingOf("openai-completions", false, row)).toEqual(expected(row[2]));
  });
});

it("500 calls in one answer: the first 64 run, the rest is refused", async () => {
  const { result, counted, tools } = await hear("anthropic-messages", (c) => [
    { body: message(Array.from({ length: 500 }, (_, at) => tool(c(`x${at}`), { id: `t${at}` }))) },
    { body: JSON.stringify(good["anthropic-messages"]) },
  ]);
  expect(Object.keys(counted)).toHaveLength(64);
  expect(tools.filter((line) => line === "shell refused")).toHaveLength(436);
  expect(result.warnings?.length).toBeLessThanOrEqual(20);
  expect(result.warnings?.[0]).toContain("64 tools at most");
});

it("a model that never stops calling is stopped by maxTurns, and what it did is told", async () => {
  const { result, counted } = await hear("anthropic-messages", (c) => [{ body: message([tool(c("x"))]) }], { maxTurns: 3 });
  expect(result).toMatchObject({
    status: "failed",
    fault: "budget",
    toolRuns: 2,
    error: expect.stringContaining("payload.maxTurns"),
  });
  expect(counted).toEqual({ x: 2 });
});

it("an argument that no system takes is a failed tool, not a failed turn", async () => {
  const { result, tools } = await hear("anthropic-messages", () => [
    { body: message([tool({ argv: ["count", "x".repeat(3_000_000)] })]) },
    { body: JSON.stringify(good["anthropic-messages"]) },
  ]);
  expect(result).toMatchObject({ status: "answered", text: "all done" });
  expect(tools).toHaveLength(1);
});
